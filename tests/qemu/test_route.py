# SPDX-License-Identifier: BSD-2-Clause
"""app=route between real Linux hosts, each in its own namespace: ping, traceroute, UDP, path-MTU
discovery and fragments work, and errors are reported by ICMP. Then a million routes from a boot
module, compared with a search that tries every prefix length."""
import logging
import os
import random
import re
import threading
import time

import pytest

import hosts
from conftest import balanced
from machine import PATIENCE_S, Failure, wait_until
from sharing import Watch

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import IP, UDP  # noqa: E402
from scapy.packet import Raw  # noqa: E402

# a 192.0.2.10 - .1 port0 router port1 198.51.100.1 - 198.51.100.10 b
LINE = "app=route port0.ip=192.0.2.1/24 port1.ip=198.51.100.1/24"
A, B = "192.0.2.10", "198.51.100.10"


def addresses(a, b):
    """Wait for the taps' carriers; set addresses and default routes."""
    for host, address, gateway in ((a, A, "192.0.2.1"), (b, B, "198.51.100.1")):
        host.wait_carrier()
        host.add_address(f"{address}/24")
        host.run("ip", "route", "add", "default", "via", gateway)


def ping(host, address, *options, count=5):
    """(number of replies, what ping printed)"""
    text = host.run("ping", "-n", "-c", str(count), "-i", "0.2", "-W", str(int(PATIENCE_S / 2)),
                    *options, address, check=False)
    seen = re.search(r"(\d+) received", text)
    return int(seen[1]) if seen else 0, text


def test_hosts_on_two_nets_ping_each_other_and_the_router(boot, pair):
    machine = boot(LINE, list(pair))
    a, b = pair
    addresses(a, b)
    for host, far, nearer in ((a, B, "198.51.100.1"), (b, A, "192.0.2.1")):
        for size in (0, 56, 1472):
            seen, text = ping(host, far, "-s", str(size), "-M", "do")
            assert seen == 5, text
            assert "ttl=63" in text, text
        assert ping(host, nearer)[0] == 5  # the router's address on its other port
    routes = machine.json("show routes -j")
    assert routes[-1]["hosts"] == 2, routes
    rows = {row["prefix"]: row for row in routes[:-1]}
    assert rows["192.0.2.0/24"]["via"] == "port0" and rows["198.51.100.0/24"]["port"] == 1
    found = machine.json(f"show routes {B} -j")[0]
    assert found["kind"] == "host" and found["mac"] == b.interface()["address"]
    assert not [n for n in balanced(machine)["drops"].values() if n]
    assert machine.poweroff() == 0


def test_traceroute_shows_the_router(boot, pair):
    boot(LINE, list(pair))
    a, b = pair
    addresses(a, b)
    assert ping(a, B)[0] == 5
    # By default b limits the rate of its answers to the probes.
    b.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit")
    for how in ([], ["-I"]):
        text = a.run("traceroute", "-n", "-q", "2", "-w", "20", *how, B, timeout_s=120)
        hops = [line.split()[:2] for line in text.splitlines()[1:]]
        assert hops == [["1", "192.0.2.1"], ["2", B]], text


def test_path_mtu_is_found_and_fragments_are_made(boot, pair):
    """The MTU towards b is 1000 bytes: a datagram with DF is refused with that number, and Linux then
    sends smaller ones; without DF it is fragmented and arrives whole."""
    machine = boot(LINE + " port1.mtu=1000", list(pair))
    a, b = pair
    addresses(a, b)
    assert ping(a, B)[0] == 5
    seen, text = ping(a, B, "-s", "1200", "-M", "do", count=3)
    assert seen == 0 and "mtu" in text and "1000" in text, text
    assert "mtu 1000" in a.run("ip", "route", "get", B)
    a.run("ip", "route", "flush", "cache")
    a.run("ip", "route", "change", "default", "via", "192.0.2.1", "mtu", "lock", "1500")
    for size in (1200, 972, 973, 1472, 4000):
        seen, text = ping(a, B, "-s", str(size), "-M", "dont")
        assert seen == 5, text
    drops = balanced(machine)["drops"]
    assert drops["route_too_big"] >= 1 and sum(drops.values()) == drops["route_too_big"], drops
    assert machine.poweroff() == 0


def test_iperf3_udp_goes_through_on_all_cores(boot, pair):
    machine = boot(LINE, list(pair), cores=4)
    a, b = pair
    addresses(a, b)
    assert ping(a, B)[0] == 5
    streams = hosts.iperf3(a, b, B, "-P", "16", "-l", "1200", "-b", "125000", "-t", "5")
    packets, lost = (sum(s[key] for s in streams) for key in ("packets", "lost_packets"))
    assert packets > 0.9 * 32 * 125000 * 5 / (1200 * 8)
    drops = balanced(machine)["drops"]
    assert lost <= packets / 100 and sum(drops.values()) == 0, (lost, packets, drops)
    used = [row["rx_packets"] for row in machine.cores()]
    assert sum(n > 0 for n in used) >= 3, used
    assert machine.poweroff() == 0


def test_an_undeliverable_datagram_is_reported_by_icmp(boot, pair):
    boot(LINE + " route=203.0.113.0/24,reject", list(pair))
    a, b = pair
    addresses(a, b)
    seen, text = ping(a, "10.1.2.3", count=2)
    assert seen == 0 and "Destination Net Unreachable" in text, text
    seen, text = ping(a, "203.0.113.9", count=2)
    assert seen == 0 and "Packet filtered" in text, text
    seen, text = ping(a, "198.51.100.77", count=1)  # no such host; one frame waits for it
    assert seen == 0 and "Destination Host Unreachable" in text, text


def test_routes_by_gateways_are_set_and_cleared_on_the_console(boot, pair):
    """b is the gateway to another network."""
    machine = boot(LINE, list(pair))
    a, b = pair
    addresses(a, b)
    b.run("ip", "address", "add", "10.20.30.40/32", "dev", "lo")
    assert ping(a, "10.20.30.40", count=2)[0] == 0
    assert machine.run(f"set route 10.20.0.0/16 via {B}") == ""
    assert ping(a, "10.20.30.40")[0] == 5
    assert f"route=10.20.0.0/16,{B}" in machine.run("show config")
    for target in ("10.20.30.40", B, A):  # the console's ping uses the same table
        assert machine.json(f"ping {target} 2 -j", 2 * PATIENCE_S)[-1]["received"] == 2, target
    assert "error" in machine.json("ping 10.99.0.1 -j")[0]
    row = machine.json("show routes 10.20.30.40 -j")[0]
    assert (row["prefix"], row["via"], row["kind"]) == ("10.20.0.0/16", B, "gateway")
    machine.run("set route 10.20.30.0/24 via reject")
    assert "Packet filtered" in ping(a, "10.20.30.40", count=2)[1]
    machine.run("clear route 10.20.30.0/24")
    assert ping(a, "10.20.30.40")[0] == 5
    machine.run(f"set route 0.0.0.0/0 via {B}")  # changes every entry of the table
    machine.run("clear route 10.20.0.0/16")
    assert ping(a, "10.20.30.40")[0] == 5
    machine.run("clear route 0.0.0.0/0")
    assert ping(a, "10.20.30.40", count=2)[0] == 0
    for wrong in ("set route 10.0.0.1/8 via 192.0.2.7", "set route 224.0.0.0/4 via port0",
                  "set route 10.0.0.0/8 via 203.0.113.1", "clear route 10.99.0.0/16",
                  "clear route 192.0.2.0/24", "set route 192.0.2.1/32 via port1"):
        text = machine.run(wrong)
        assert text.strip() and "\n" not in text.strip(), (wrong, text)
    balanced(machine)


def test_a_router_whose_other_port_is_down_still_answers(boot, pair):
    machine = boot(LINE, list(pair))
    a, b = pair
    addresses(a, b)
    assert ping(a, B)[0] == 5
    machine.set_cable(1, False)
    machine.wait_link(1, False)
    seen, text = ping(a, B, count=2)
    assert seen == 0 and "Unreachable" in text, text
    assert ping(a, "192.0.2.1")[0] == 5
    machine.set_cable(1, True)
    machine.wait_link(1, True)
    assert ping(a, B)[0] == 5
    balanced(machine)


# ---- Tables from a boot module; the test plays the hosts ----

ROUTES, FRAMES = 1_000_000, 1500
GATEWAYS = [(0, "192.0.2.101"), (0, "192.0.2.102"), (1, "198.51.100.101"), (1, "198.51.100.102")]


def gateway_mac(gateway):
    return bytes([2, 0, 0, 0, gateway[0], int(gateway[1].split(".")[3])])


def text_of(ip):
    return ".".join(str(ip >> shift & 255) for shift in (24, 16, 8, 0))


def make_routes(n):
    """{(prefix, bits): gateway}: most of 24 bits, as in the Internet's table, some longer, some short
    ones that contain many others; all in 1.0.0.0 to 126.255.255.255."""
    numbers, routes = random.Random(1812), {}
    while len(routes) < n:
        dice = numbers.randrange(100)
        bits = 24 if dice < 60 else 16 + dice % 8 if dice < 98 else numbers.choice(
            (8, 9, 12, 15, 25, 27, 30, 32))
        prefix = (numbers.randrange(1, 127) << 24 | numbers.getrandbits(24)) >> (32 - bits)
        routes[prefix << (32 - bits), bits] = numbers.randrange(4)
    return routes


def search(routes, ip):
    """The longest matching route for an address, found by trying every length."""
    for bits in range(32, -1, -1):
        found = routes.get((ip >> (32 - bits) << (32 - bits), bits))
        if found is not None:
            return found
    return None


class Neighbours(threading.Thread):
    """Answers ARP on a wire for the gateways there, and stores the IP datagrams."""

    def __init__(self, port, wire):
        super().__init__(daemon=True)
        self.port, self.wire, self.received = port, wire, []
        self.start()

    def run(self):
        ours = {text: gateway_mac((port, text)) for port, text in GATEWAYS if port == self.port}
        while True:
            try:
                frame = self.wire.receive(1, 3600)[0]
            except Failure:
                return
            asked = ".".join(map(str, frame[38:42]))
            if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\1" and asked in ours:
                mac = ours[asked]
                self.wire.send(frame[6:12] + mac + bytes.fromhex("08060001080006040002") + mac
                               + frame[38:42] + frame[22:32] + bytes(18))
            elif frame[12:14] == b"\x08\x00":
                self.received.append(frame)

    def wait(self, n):
        limit = time.monotonic() + PATIENCE_S
        while len(self.received) < n:
            assert time.monotonic() < limit, f"{len(self.received)} of {n} frames received"
            time.sleep(0.05)


def test_a_million_routes_from_a_module_agree_with_a_slow_search(boot, folder):
    routes = make_routes(ROUTES)
    path = f"{folder}/routes.txt"
    with open(path, "w", encoding="ascii") as f:
        f.write("# a million\n\n10.0.0.1/8 192.0.2.101\nnonsense\n")
        for (prefix, bits), gateway in routes.items():
            f.write(f"{text_of(prefix)}/{bits}\t{GATEWAYS[gateway][1]}\n")
        f.write("8.8.8.0/24 10.0.0.1 # on no connected network\n")
    machine = boot(LINE, 2, prompt=False, extra=["-initrd", path])
    os.unlink(path)
    machine.expect("routes.txt, line 3: bits are set after the prefix", 10 * PATIENCE_S)
    machine.expect("routes.txt, line 4: the prefix is invalid; expected A.B.C.D/BITS", 10 * PATIENCE_S)
    machine.expect(rf"routes.txt, line {ROUTES + 5}: the gateway is not a host", 10 * PATIENCE_S)
    machine.expect(f"{ROUTES} routes in {ROUTES + 5} lines, 3 left out", 10 * PATIENCE_S)
    sides = [Neighbours(port, wire) for port, wire in enumerate(machine.wires)]
    machine.prompt(10 * PATIENCE_S)
    machine.wait_links()
    limit = time.monotonic() + PATIENCE_S
    for _, gateway in GATEWAYS:  # found by ARP before any frame is routed
        while machine.json(f"show routes {gateway} -j")[0]["mac"] is None:
            assert time.monotonic() < limit, gateway
    counts = machine.json("show routes -j")[-1]
    assert counts["routes"] >= ROUTES and counts["gateways"] == len(GATEWAYS), counts
    assert counts["from_module"] == ROUTES
    assert int(counts["by_bits"]["27"]) == sum(bits == 27 for _, bits in routes)

    numbers = random.Random(7)
    edges = numbers.sample(list(routes), FRAMES)
    addresses = [numbers.choice((prefix, prefix + (1 << 32 - bits) - 1, prefix - 1,
                                 prefix + (1 << 32 - bits)))
                 for prefix, bits in edges] + [numbers.randrange(1 << 24, 127 << 24)
                                               for _ in range(FRAMES // 5)]
    addresses = [ip for ip in addresses if 1 << 24 <= ip < 127 << 24]
    ours = bytes.fromhex(machine.ports()[0]["mac"].replace(":", ""))
    expected, lost = [{}, {}], 0
    for i, ip in enumerate(addresses):
        to = search(routes, ip)
        if to is None:
            lost += 1
        else:
            expected[GATEWAYS[to][0]][i] = gateway_mac(GATEWAYS[to])
    for i in range(0, len(addresses), 20):  # as many as a side queue holds
        machine.wires[0].send(*[
            ours + b"\x02\0\0\0\0\x09\x08\0" + bytes(
                IP(src="203.0.113.9", dst=text_of(ip), id=n, ttl=9)
                / UDP(sport=1024 + n, dport=9) / Raw(n.to_bytes(4, "big")))
            for n, ip in enumerate(addresses[i:i + 20], i)])
        for port, side in enumerate(sides):
            side.wait(sum(n < i + 20 for n in expected[port]))
    for port, side in enumerate(sides):
        # UDP only: not the ICMP errors that go to the source.
        received = {int.from_bytes(f[42:46], "big"): f[:6] for f in side.received if f[23] == 17}
        assert received == expected[port]
    drops = {name: n for name, n in balanced(machine)["drops"].items() if n}
    assert drops == ({"route_none": lost} if lost else {}), drops
    assert machine.poweroff() == 0


def test_three_ports_route_between_each_other(boot):
    """Frames for a port that is not the output of the core's lane use the side queue of that port."""
    machine = boot("app=route port0.ip=192.0.2.1/24 port1.ip=198.51.100.1/24 "
                   "port2.ip=203.0.113.1/24 route=10.0.0.0/9,192.0.2.101 "
                   "route=10.128.0.0/9,198.51.100.101", 3)
    sides = [Neighbours(port, wire) for port, wire in enumerate(machine.wires)]
    for gateway in ("192.0.2.101", "198.51.100.101"):
        wait_until(lambda gateway=gateway: machine.json(f"show routes {gateway} -j")[0]["mac"],
                   lambda mac: mac is not None, f"{gateway} is found by ARP")
    ours = [bytes.fromhex(port["mac"].replace(":", "")) for port in machine.ports()]
    sent = [0, 0, 0]
    for n in range(240):
        port, to = n % 3, n // 3 % 2
        frame = ours[port] + b"\x02\0\0\0\0\x09\x08\0" + bytes(
            IP(src="172.16.0.9", dst=f"10.{128 * to}.0.1", ttl=9)
            / UDP(sport=1024 + n, dport=9) / Raw(n.to_bytes(4, "big")))
        machine.wires[port].send(frame)
        sent[to] += 1
        sides[to].wait(sent[to])
    for to in (0, 1):
        assert sorted(int.from_bytes(f[42:46], "big") for f in sides[to].received) == \
            [n for n in range(240) if n // 3 % 2 == to]
        assert all(f[6:12] == ours[to] and f[22] == 8 for f in sides[to].received)
    used = [row["rx_packets"] for row in machine.cores()]
    assert sum(n > 0 for n in used) >= 3, used
    assert not [n for n in balanced(machine)["drops"].values() if n]
    assert machine.poweroff() == 0


def test_without_memory_for_the_table_route_reports_it_and_is_not_started(boot):
    machine = boot(LINE, memory_mb=32, links=False)
    assert re.search(r"route: not started: not enough memory for the routing table \(\d+ MiB",
                     machine.console_text), machine.console_text
    assert "error" in machine.json("show routes -j")[0]
    assert "error" in machine.json("ping 10.0.0.1 -j")[0]
    assert "route=" not in machine.run("show config")
    assert machine.poweroff() == 0


@pytest.mark.parametrize("cores", [2, 8])
def test_cores_share_the_table_and_no_core_writes_it(boot, folder, cores):
    """As in test_sharing.py, once the neighbours are known: all cores read one table."""
    watch = Watch(folder, ["route_poll", "route_poll_busy"], ("run_service_step", 500))
    machine = boot(LINE + " route=10.0.0.0/9,192.0.2.101 route=10.128.0.0/9,198.51.100.101", 2,
                   cores=cores, prompt=False, extra=watch.options)
    sides = [Neighbours(port, wire) for port, wire in enumerate(machine.wires)]
    machine.prompt()
    machine.wait_links()
    watch.wait_begun()
    for gateway in ("192.0.2.101", "198.51.100.101"):
        assert machine.json(f"show routes {gateway} -j")[0]["mac"] is not None
    ours = [bytes.fromhex(port["mac"].replace(":", "")) for port in machine.ports()]
    flows, each = 64, 10
    for s in range(each):
        for port in (0, 1):
            machine.wires[port].send(*[
                ours[port] + b"\x02\0\0\0\0\x09\x08\0" + bytes(
                    IP(src="172.16.0.9", dst=f"10.{128 * (1 - port)}.0.1", ttl=9)
                    / UDP(sport=1024 + f, dport=9) / Raw(bytes(18))) for f in range(flows)])
        for side in sides:
            side.wait(flows * (s + 1))
    assert machine.poweroff() == 0
    seen = watch.totals()
    assert seen["loop_lines"] > flows * each / 4 and seen["accesses"] > 10 * flows * each, seen
