# SPDX-License-Identifier: BSD-2-Clause
"""Neighbours of a router: hundreds of hosts behind a port, present and absent; one that moves; static
ones by the boot line and the console; a gateway outside of the port's subnet; link-local addresses; two
ports in one subnet. The test plays the hosts. FERRULE_LONG=1: 4,000 hosts instead of 200."""
import os
import threading
import time

from conftest import balanced, settled
from machine import PATIENCE_S, Failure

HOSTS = 4000 if os.environ.get("FERRULE_LONG") else 200
LINE = "app=route port0.ip=192.0.2.1/24 port1.ip=172.16.0.1/16"
SENDER = (bytes.fromhex("02000000000a"), bytes([192, 0, 2, 10]))


def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    total = (total >> 16) + (total & 0xFFFF)
    return (~(total + (total >> 16)) & 0xFFFF).to_bytes(2, "big")


def echo(dst_mac, src, dst, number, kind=8):
    """An ICMP echo request (or reply) in a frame from `src`, (MAC, IP)."""
    icmp = bytes([kind, 0, 0, 0]) + number.to_bytes(4, "big") + bytes(10)
    icmp = icmp[:2] + checksum(icmp) + icmp[4:]
    ip = b"\x45\0" + (20 + len(icmp)).to_bytes(2, "big") + bytes(4) + b"\x40\1\0\0" + src[1] + dst
    return dst_mac + src[0] + b"\x08\0" + ip[:10] + checksum(ip) + ip[12:] + icmp


def arp(op, sender, target_mac, target_ip):
    return (b"\xff" * 6 if op == 1 else target_mac) + sender[0] + bytes.fromhex("0806000108000604") \
        + op.to_bytes(2, "big") + sender[0] + sender[1] + target_mac + target_ip + bytes(18)


class Crowd(threading.Thread):
    """The hosts at one wire: {IP address: MAC address} answers ARP, and the echo requests that come to
    its MAC address. Every other IP frame is stored."""

    def __init__(self, wire, macs):
        super().__init__(daemon=True)
        self.wire, self.macs, self.frames, self.asked = wire, macs, [], []
        self.news = threading.Condition()
        self.start()

    def run(self):
        while True:
            try:
                frame = self.wire.receive(1, 3600)[0]
            except Failure:
                return
            self.wire.forget()
            if frame[12:14] == b"\x08\x06":
                with self.news:
                    self.asked.append(frame[38:42])
                if frame[21] == 1 and frame[38:42] in self.macs:
                    us = self.macs[frame[38:42]], frame[38:42]
                    self.wire.send(arp(2, us, frame[6:12], frame[28:32]))
            elif frame[12:14] == b"\x08\0":
                us = frame[30:34]
                if frame[23] == 1 and frame[34] == 8 and frame[:6] == self.macs.get(us):
                    self.wire.send(echo(frame[6:12], (frame[:6], us), frame[26:30],
                                        int.from_bytes(frame[38:42], "big"), 0))
                with self.news:
                    self.frames.append(frame)
                    self.news.notify_all()

    def wait(self, wanted, what):
        """The IP frames so far, once wanted(frames) is true."""
        limit = time.monotonic() + PATIENCE_S
        with self.news:
            while not wanted(self.frames):
                left = limit - time.monotonic()
                if left <= 0:
                    raise Failure(f"{what}: not within {PATIENCE_S:.0f} s, "
                                  f"{len(self.frames)} frames received")
                self.news.wait(left)
            return list(self.frames)


def router_mac(machine, port=0):
    return bytes.fromhex(machine.ports()[port]["mac"].replace(":", ""))


def host(n):
    return bytes([172, 16, 1 + n // 250, 1 + n % 250])


def crowds(machine, n):
    """The sender at port 0, and n hosts at port 1."""
    return Crowd(machine.wires[0], {SENDER[1]: SENDER[0]}), \
        Crowd(machine.wires[1], {host(i): b"\x02\1" + host(i) for i in range(n)})


def replies(frames):
    """The numbers in echo replies."""
    return {int.from_bytes(f[38:42], "big") for f in frames if f[23] == 1 and f[34] == 0}


def errors(frames):
    """Where the datagrams went that ICMP errors are about."""
    return {f[58:62] for f in frames if f[23] == 1 and f[34] == 3}


def is_text_of_80_columns(text):
    assert all(len(line) <= 80 for line in text.splitlines()), text
    return text


def test_every_ping_of_every_host_is_answered(boot):
    """All hosts are asked for at once, and then all of them again."""
    machine = boot(LINE)
    a, b = crowds(machine, HOSTS)
    mac = router_mac(machine)
    # The sender gets known first: of the replies to it that came before, one would wait.
    machine.wires[0].send(echo(mac, SENDER, host(0), 99999))
    a.wait(replies, "the first reply")
    for round_ in range(3):
        numbers = range(round_ * HOSTS, (round_ + 1) * HOSTS)
        for first in range(0, HOSTS, 100):
            machine.wires[0].send(*[echo(mac, SENDER, host(i - numbers[0]), i)
                                    for i in numbers[first:first + 100]])
        a.wait(lambda frames, n=numbers: replies(frames) >= set(n), "every echo is answered")
    assert not errors(a.frames)
    assert len(b.asked) >= HOSTS
    routes = machine.json("show routes -j")[-1]
    assert routes["hosts"] >= HOSTS and routes["waiting"] == routes["hosts_asking"] == 0, routes
    assert not [n for n in settled(machine)["drops"].values() if n]
    rows = machine.json("show arp -j")
    assert rows[-1].get("more", 0) >= HOSTS - 64, rows[-1]
    is_text_of_80_columns(machine.run("show arp"))
    assert machine.poweroff() == 0


def udp(dst_mac, src, dst, port):
    """A datagram whose source port chooses the core."""
    data = port.to_bytes(2, "big") + b"\0\7" + (26).to_bytes(2, "big") + bytes(2 + 18)
    ip = b"\x45\0" + (20 + len(data)).to_bytes(2, "big") + bytes(4) + b"\x40\x11\0\0" + src[1] + dst
    return dst_mac + src[0] + b"\x08\0" + ip[:10] + checksum(ip) + ip[12:] + data


def test_datagrams_on_all_cores_reach_every_host(boot):
    """Each core has its own waiting frames, and core 0 asks for the hosts of all of them."""
    machine = boot(LINE, cores=4)
    a, b = crowds(machine, HOSTS)
    mac = router_mac(machine)
    for first in range(0, HOSTS, 100):
        machine.wires[0].send(*[udp(mac, SENDER, host(i), 5000 + i)
                                for i in range(first, min(first + 100, HOSTS))])
        wanted = {host(i) for i in range(min(first + 100, HOSTS))}
        b.wait(lambda frames, w=wanted: {f[30:34] for f in frames} == w, "every datagram arrives")
    assert all(f[:6] == b.macs[f[30:34]] for f in b.frames)
    used = [row["rx_packets"] for row in machine.cores()]
    assert sum(n > HOSTS / 20 for n in used) >= 3, used
    assert len(b.frames) == HOSTS and not errors(a.frames)
    assert not [n for n in settled(machine)["drops"].values() if n]
    assert machine.poweroff() == 0


def test_an_absent_host_changes_nothing_for_twenty_live_ones(boot):
    """50 frames a second to the absent one, and each live one pinged for the first time meanwhile."""
    machine = boot(LINE)
    a, _ = crowds(machine, 20)
    mac, absent = router_mac(machine), host(240)
    sent, number = 0, 1000
    for i in range(20):
        for _ in range(10):
            machine.wires[0].send(echo(mac, SENDER, absent, number))
            number += 1
            time.sleep(0.02)  # the rate, which is the test's subject
        machine.wires[0].send(echo(mac, SENDER, host(i), i))
        sent += 1
        a.wait(lambda frames, n=sent: replies(frames) == set(range(n)), "the live host's reply")
    for i in range(20):
        machine.wires[0].send(echo(mac, SENDER, host(i), 100 + i))
    a.wait(lambda frames: replies(frames) == set(range(20)) | set(range(100, 120)), "the replies")
    a.wait(lambda frames: errors(frames) == {absent}, "an error about the absent host alone")
    drops = {name: n for name, n in settled(machine)["drops"].items() if n}
    assert set(drops) <= {"route_waiting", "route_no_host"}, drops
    assert sum(drops.values()) == number - 1000, drops
    assert machine.poweroff() == 0


def test_a_neighbour_that_moves_twice_is_found_after_each_move(boot):
    machine = boot(LINE)
    a, b = crowds(machine, 1)
    mac = router_mac(machine)
    machine.wires[0].send(echo(mac, SENDER, host(0), 0))
    a.wait(lambda frames: replies(frames) == {0}, "a reply before any move")
    for n in (1, 2, 3):
        b.macs[host(0)] = new = bytes([2, 2, 0, 0, 0, n])
        asked = len(b.asked)
        machine.wires[1].send(arp(1, (new, host(0)), bytes(6), host(0)))  # it announces itself
        limit = time.monotonic() + PATIENCE_S
        while [row["mac"] for row in machine.json("show arp -j") if row["ip"] == "172.16.1.1"] \
                != [new.hex(":")]:
            assert time.monotonic() < limit, machine.run("show arp")
        assert b.asked[asked:] == [host(0)]  # once: its reply came at once
        machine.wires[0].send(echo(mac, SENDER, host(0), n))
        a.wait(lambda frames, n=n: n in replies(frames), "a reply from the new MAC address")
    balanced(machine)
    assert machine.poweroff() == 0


def test_static_neighbours_by_the_boot_line_and_the_console(boot):
    machine = boot(LINE + " port1.arp=172.16.1.1,02:00:00:00:00:51 port1.arp=172.16.0.1,02:00:00:00:00:52"
                   " port1.arp=172.16.1.2,nonsense port0.arp=172.16.1.3,02:00:00:00:00:53")
    for line in ("port1.arp=172.16.0.1,02:00:00:00:00:52: not another host on the port's link",
                 "port1.arp=172.16.1.2,nonsense is invalid; expected an address and a MAC address",
                 "port0.arp=172.16.1.3,02:00:00:00:00:53: not another host on the port's link"):
        assert line in machine.console_text, machine.console_text
    a, b = crowds(machine, 0)
    mac = router_mac(machine)
    machine.wires[0].send(echo(mac, SENDER, host(0), 1))
    assert b.wait(lambda frames: frames, "a frame to it")[0][:6] == bytes.fromhex("020000000051")
    assert machine.run("set arp 1 172.16.1.1 02:00:00:00:00:61") == ""
    assert machine.run("set arp 1 172.16.1.2 02:00:00:00:00:62") == ""
    text = is_text_of_80_columns(machine.run("show arp"))
    assert [line.split()[1:4] for line in text.splitlines() if "static" in line] == \
        [["172.16.1.1", "02:00:00:00:00:61", "static"], ["172.16.1.2", "02:00:00:00:00:62", "static"]]
    assert "port1.arp=172.16.1.1,02:00:00:00:00:61 port1.arp=172.16.1.2,02:00:00:00:00:62" \
        in machine.run("show config")
    machine.wires[0].send(echo(mac, SENDER, host(1), 2))
    frames = b.wait(lambda frames: len(frames) == 2, "a frame to the second")
    assert frames[1][:6] == bytes.fromhex("020000000062")
    limit = time.monotonic() + PATIENCE_S
    while True:  # the changed one is in use once the next hops have been refreshed
        machine.wires[0].send(echo(mac, SENDER, host(0), 3))
        seen = len(frames)
        frames = b.wait(lambda frames, n=seen: len(frames) > n, "a frame to the first")
        if frames[-1][:6] == bytes.fromhex("020000000061"):
            break
        assert time.monotonic() < limit
    assert host(0) not in b.asked and host(1) not in b.asked
    # Claims by others change nothing, and clearing what ARP found neither.
    machine.wires[1].send(arp(1, (bytes.fromhex("020000000099"), host(0)), bytes(6), host(0)))
    machine.run("clear arp")
    assert machine.run("clear arp 1 172.16.1.2") == ""
    states = {row["ip"]: (row["state"], row["mac"]) for row in machine.json("show arp -j")}
    assert states["172.16.1.1"] == ("static", "02:00:00:00:00:61") and "172.16.1.2" not in states
    for wrong in ("set arp 1 172.17.0.1 02:00:00:00:00:61", "set arp 9 172.16.1.1 02:00:00:00:00:61",
                  "set arp 1 172.16.1.1 ff:ff:ff:ff:ff:ff", "set arp 1 172.16.1.1", "clear arp 1 172.16.9.9"):
        text = is_text_of_80_columns(machine.run(wrong))
        assert text.strip() and "\n" not in text.strip(), (wrong, text)
    assert "port1.arp=172.16.1.2" not in machine.run("show config")
    assert not errors(a.frames)
    balanced(machine)
    assert machine.poweroff() == 0


def test_static_neighbours_in_a_vlan(boot):
    machine = boot("app=route port0.10.ip=10.0.10.1/24 port1.ip=192.0.2.1/24 "
                   "port0.10.arp=10.0.10.7,02:00:00:00:00:07")
    assert machine.run("set arp port0.10 10.0.10.8 02:00:00:00:00:08") == ""
    text = is_text_of_80_columns(machine.run("show arp"))
    assert [line.split()[:4] for line in text.splitlines() if "static" in line] == \
        [["port0.10", "10.0.10.7", "02:00:00:00:00:07", "static"],
         ["port0.10", "10.0.10.8", "02:00:00:00:00:08", "static"]]
    assert "port0.10.arp=10.0.10.7,02:00:00:00:00:07 port0.10.arp=10.0.10.8,02:00:00:00:00:08" \
        in machine.run("show config")
    machine.wires[1].send(echo(router_mac(machine, 1), SENDER, bytes([10, 0, 10, 7]), 1))
    frame = machine.wires[0].receive_where(lambda frame: frame[16:18] == b"\x08\0")
    assert frame[:6] == bytes.fromhex("020000000007") and frame[12:16] == b"\x81\0\0\x0a"
    assert "is not a port" in machine.run("set arp port0.11 10.0.10.8 02:00:00:00:00:08")
    assert machine.run("clear arp port0.10 10.0.10.7; clear arp port0.10 10.0.10.8") == ""
    assert "arp=" not in machine.run("show config")
    assert machine.poweroff() == 0


def test_a_gateway_outside_of_an_address_that_stands_alone(boot):
    machine = boot("app=route port0.ip=192.0.2.1/24 port1.ip=100.64.0.1/32 port1.gw=10.255.0.1")
    gateway = bytes([10, 255, 0, 1])
    a, b = Crowd(machine.wires[0], {SENDER[1]: SENDER[0]}), \
        Crowd(machine.wires[1], {gateway: bytes.fromhex("0200000000fe")})
    far = bytes([203, 0, 113, 9])
    b.macs[far] = b.macs[gateway]  # it answers for the host behind it
    machine.wires[0].send(echo(router_mac(machine), SENDER, far, 7))
    assert replies(a.wait(replies, "a reply by the gateway")) == {7}
    assert far not in b.asked and gateway in b.asked
    assert machine.json("ping 203.0.113.9 2 -j", 2 * PATIENCE_S)[-1]["received"] == 2
    assert machine.json("ping 10.255.0.1 2 -j", 2 * PATIENCE_S)[-1]["received"] == 2
    assert not [n for n in settled(machine)["drops"].values() if n]
    assert machine.poweroff() == 0


def test_link_local_addresses_are_not_forwarded(boot):
    machine = boot(LINE + " port1.gw=172.16.1.1")
    a, b = crowds(machine, 1)
    mac, local = router_mac(machine), bytes([169, 254, 3, 4])
    machine.wires[0].send(echo(mac, SENDER, local, 1), echo(mac, (SENDER[0], local), host(0), 2),
                          echo(mac, SENDER, host(0), 3))
    assert replies(a.wait(replies, "the last one's reply")) == {3}
    assert len(b.frames) == 1 and not errors(a.frames)
    # The router itself answers such a host.
    machine.wires[0].send(echo(mac, (SENDER[0], local), bytes([192, 0, 2, 1]), 4))
    a.wait(lambda frames: replies(frames) == {3, 4}, "the router's own reply")
    drops = {name: n for name, n in settled(machine)["drops"].items() if n}
    assert drops == {"route_local": 2}, drops
    assert machine.poweroff() == 0


def test_two_ports_in_one_subnet_have_a_line_and_a_winner(boot):
    machine = boot("app=route port0.ip=172.16.0.1/16 port1.ip=172.16.0.2/16 port2.ip=192.0.2.1/24", 3)
    assert "port1: 172.16.0.0/16 is the subnet of port0 too: its hosts are reached by port0" \
        in machine.console_text
    first, second = (Crowd(machine.wires[i], {host(0): bytes([2, 0, 0, 0, 9, i])}) for i in (0, 1))
    a = Crowd(machine.wires[2], {SENDER[1]: SENDER[0]})
    machine.wires[2].send(echo(router_mac(machine, 2), SENDER, host(0), 1))
    assert replies(a.wait(replies, "a reply by the first port's host")) == {1}
    assert len(first.frames) == 1 and not second.frames and host(0) not in second.asked
    balanced(machine)
    assert machine.poweroff() == 0
