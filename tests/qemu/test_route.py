# SPDX-License-Identifier: BSD-2-Clause
"""app=route between real Linux hosts, each in a namespace of its own: what works through any router
works through this one (ping, traceroute, UDP, path-MTU discovery, fragments), and what goes wrong is
told. Then a million routes from a boot module, checked against a search of our own."""
import bisect
import json
import random
import re
import time

import pytest

import hosts
from conftest import balanced
from machine import PATIENCE_S

WHY_NOT = hosts.why_not()
needs_hosts = pytest.mark.skipif(WHY_NOT is not None,
                                 reason=f"this machine lets nobody make Linux hosts: {WHY_NOT}")

# a 192.0.2.10 - .1 port0 router port1 198.51.100.1 - 198.51.100.10 b
LINE = "app=route port0.ip=192.0.2.1/24 port1.ip=198.51.100.1/24"
A, B = "192.0.2.10", "198.51.100.10"


@pytest.fixture
def pair(request):
    a, b = hosts.Host("a"), hosts.Host("b")
    request.addfinalizer(b.close)
    request.addfinalizer(a.close)
    return a, b


def addresses(a, b):
    """Addresses and default routes, when the taps have a carrier."""
    for host, address, gateway in ((a, A, "192.0.2.1"), (b, B, "198.51.100.1")):
        host.wait_carrier()
        host.add_address(f"{address}/24")
        host.run("ip", "route", "add", "default", "via", gateway)


def ping(host, address, *options, count=5):
    """Replies seen, and what ping printed."""
    text = host.run("ping", "-n", "-c", str(count), "-i", "0.2", "-W", str(int(PATIENCE_S / 2)),
                    *options, address, check=False)
    seen = re.search(r"(\d+) received", text)
    return int(seen[1]) if seen else 0, text


@needs_hosts
def test_hosts_on_two_nets_ping_each_other_and_the_router(boot, pair):
    machine = boot(LINE, list(pair))
    a, b = pair
    addresses(a, b)
    for host, far, nearer in ((a, B, "198.51.100.1"), (b, A, "192.0.2.1")):
        for size in (0, 56, 1472):
            seen, text = ping(host, far, "-s", str(size), "-M", "do")
            assert seen == 5, text
            assert "ttl=63" in text, text
        assert ping(host, nearer)[0] == 5  # our address on the other port
    routes = machine.json("show routes -j")
    assert routes[-1]["hosts"] == 2, routes
    rows = {row["prefix"]: row for row in routes[:-1]}
    assert rows["192.0.2.0/24"]["via"] == "port0" and rows["198.51.100.0/24"]["port"] == 1
    found = machine.json(f"show routes {B} -j")[0]
    assert found["kind"] == "host" and found["mac"] == b.interface()["address"]
    assert not [n for n in balanced(machine)["drops"].values() if n]
    assert machine.poweroff() == 0


@needs_hosts
def test_traceroute_shows_the_router(boot, pair):
    boot(LINE, list(pair))
    a, b = pair
    addresses(a, b)
    assert ping(a, B)[0] == 5
    for how in ([], ["-I"]):
        text = a.run("traceroute", "-n", "-q", "2", "-w", "20", *how, B, timeout_s=120)
        hops = [line.split()[:2] for line in text.splitlines()[1:]]
        assert hops == [["1", "192.0.2.1"], ["2", B]], text


@needs_hosts
def test_path_mtu_is_found_and_fragments_are_made(boot, pair):
    """The way to b takes 1000 bytes: what may not be cut is refused with that number, and Linux then
    sends less; what may be cut arrives whole."""
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


@needs_hosts
def test_iperf3_udp_goes_through_on_all_cores(boot, pair):
    machine = boot(LINE, list(pair), cores=4)
    a, b = pair
    addresses(a, b)
    assert ping(a, B)[0] == 5
    b.start("nice", "-n", "-15", "iperf3", "-s", "-1")
    time.sleep(0.5)
    report = json.loads(a.run("nice", "-n", "-15", "iperf3", "-J", "-c", B, "-u", "--bidir", "-P",
                              "4", "-l", "1200", "-b", "500000", "-t", "5", timeout_s=120))
    assert "error" not in report, report["error"]
    streams = [stream["udp"] for stream in report["end"]["streams"]]
    packets, lost = (sum(s[key] for s in streams) for key in ("packets", "lost_packets"))
    assert packets > 0.9 * 8 * 500000 * 5 / (1200 * 8)
    drops = balanced(machine)["drops"]
    assert lost <= packets / 100 and sum(drops.values()) == 0, (lost, packets, drops)
    used = [row["rx_packets"] for row in machine.json("show cores -j")]
    assert sum(n > 0 for n in used) >= 3, used
    assert machine.poweroff() == 0


@needs_hosts
def test_what_cannot_be_delivered_is_told(boot, pair):
    boot(LINE + " route=203.0.113.0/24,reject", list(pair))
    a, b = pair
    addresses(a, b)
    seen, text = ping(a, "10.1.2.3", count=2)
    assert seen == 0 and "Destination Net Unreachable" in text, text
    seen, text = ping(a, "203.0.113.9", count=2)
    assert seen == 0 and "Packet filtered" in text, text
    seen, text = ping(a, "198.51.100.77", count=3)  # nobody there
    assert seen == 0 and "Destination Host Unreachable" in text, text


@needs_hosts
def test_routes_by_gateways_come_and_go_on_the_console(boot, pair):
    """b is the gateway to a net behind it."""
    machine = boot(LINE, list(pair))
    a, b = pair
    addresses(a, b)
    b.run("ip", "address", "add", "10.20.30.40/32", "dev", "lo")
    assert ping(a, "10.20.30.40", count=2)[0] == 0
    assert machine.run(f"set route 10.20.0.0/16 via {B}") == ""
    assert ping(a, "10.20.30.40")[0] == 5
    assert f"route=10.20.0.0/16,{B}" in machine.run("show config")
    row = machine.json("show routes 10.20.30.40 -j")[0]
    assert (row["prefix"], row["via"], row["kind"]) == ("10.20.0.0/16", B, "gateway")
    machine.run("set route 10.20.30.0/24 via reject")
    assert "Packet filtered" in ping(a, "10.20.30.40", count=2)[1]
    machine.run("clear route 10.20.30.0/24")
    assert ping(a, "10.20.30.40")[0] == 5
    machine.run(f"set route 0.0.0.0/0 via {B}")  # all of the table changes
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


@needs_hosts
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
