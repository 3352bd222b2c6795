# SPDX-License-Identifier: BSD-2-Clause
"""Two Linux hosts, one on each side of app=forward, which is transparent to them."""
import json

import pytest

import hosts
from conftest import balanced
from machine import PATIENCE_S

RATE_BITS_PER_S, RATE_LEAST = 20_000_000, 2_000_000  # in each direction
IPERF_S = 5


@pytest.fixture
def pair(pair):
    """The two hosts of conftest.py, with addresses of one network."""
    for last, host in enumerate(pair, 1):
        host.add_address(f"192.0.2.{last}/24")
        host.add_address(f"fd00:540::{last}/64")
    return pair


def ping(host, address, size=56, count=5, patience_s=int(PATIENCE_S / 2)):
    """The number of replies; a request every 0.2 s."""
    text = host.run("ping", "-n", "-c", str(count), "-i", "0.2", "-W", str(patience_s), "-s", str(size),
                    "-M", "do", address, check=False)
    return int(text.split(" received")[0].split()[-1]) if " received" in text else 0


def test_hosts_ping_each_other_by_ipv4_and_ipv6(boot, pair):
    machine = boot("app=forward", list(pair))
    a, b = pair
    for host, other in ((a, b), (b, a)):
        host.wait_carrier()
        last = 2 if other is b else 1
        assert ping(host, f"192.0.2.{last}") == 5
        assert ping(host, f"192.0.2.{last}", size=1472) == 5
        assert ping(host, f"fd00:540::{last}") == 5
        assert ping(host, f"{other.link_local()}%tap0", size=1452) == 5
        neighbours = json.loads(host.run("ip", "-j", "neighbour"))
        macs = {n["dst"]: n.get("lladdr") for n in neighbours}
        assert macs[f"192.0.2.{last}"] == other.interface()["address"]
    balanced(machine)
    assert machine.poweroff() == 0


def lost_in_hosts(pair):
    """Datagrams that the hosts lost: a socket or a tap's queue was full."""
    lost = 0
    for host in pair:
        names, values = [row.split() for row in host.run("cat", "/proc/net/snmp").splitlines()
                         if row.startswith("Udp:")]
        lost += int(values[names.index("RcvbufErrors")])
        lost += sum(host.interface()["stats64"][direction]["dropped"] for direction in ("tx", "rx"))
    return lost


def iperf3(pair, bits_per_s):
    """UDP in both directions at once. Returns (datagrams sent, datagrams lost, out of order)."""
    window = min(int(pair[0].run("cat", f"/proc/sys/net/core/{w}mem_max")) for w in "rw")
    streams = hosts.iperf3(*pair, "192.0.2.2", "-l", "1400", "-w", str(window), "-b", str(bits_per_s),
                           "-t", str(IPERF_S))
    assert len(streams) == 2
    return [sum(s[key] for s in streams) for key in ("packets", "lost_packets", "out_of_order")]


def test_iperf3_udp_in_both_directions_loses_nothing(boot, pair):
    """At a rate that this machine sustains: when the sockets of a slow or busy machine overflow, the rate
    is halved, but then the hosts' own counters must account for every lost datagram."""
    machine = boot("app=forward", list(pair))
    assert ping(pair[0], "192.0.2.2") == 5
    rate = RATE_BITS_PER_S
    while True:
        in_hosts_before, before = lost_in_hosts(pair), balanced(machine)
        packets, lost, out_of_order = iperf3(pair, rate)
        in_hosts, after = lost_in_hosts(pair) - in_hosts_before, balanced(machine)
        print(f"{rate} bit/s in each direction: {packets} datagrams, {lost} lost, {in_hosts} in the hosts")
        assert sum(after["drops"].values()) == 0, after
        assert out_of_order == 0, f"{out_of_order} of {packets} datagrams out of order"
        assert lost <= in_hosts, f"{lost} lost, only {in_hosts} of them in the hosts"
        if lost == 0 or rate < 2 * RATE_LEAST:
            break
        rate //= 2
    assert lost == 0
    wanted = 2 * rate * IPERF_S / (1400 * 8)
    assert packets > 0.9 * wanted, f"iperf3 sent {packets} datagrams, {wanted:.0f} were asked for"
    assert after["sent"] - before["sent"] >= packets
    for i in (0, 1):  # the model drops only frames that came before the port was up
        truth = machine.settled_truth(i)
        dropped = {name: n for name, n in truth.items() if name.startswith("dropped_") and n}
        assert dropped.keys() <= {"dropped_link_down", "dropped_rx_off"}, truth
    assert machine.poweroff() == 0


def test_hosts_ping_again_after_a_pulled_cable(boot, pair):
    machine = boot("app=forward", list(pair))
    a, _ = pair
    assert ping(a, "192.0.2.2") == 5
    machine.set_cable(1, False)
    machine.wait_link(1, False)
    assert ping(a, "192.0.2.2", count=2, patience_s=3) == 0
    machine.set_cable(1, True)
    machine.wait_link(1, True)
    assert ping(a, "192.0.2.2") == 5
    balanced(machine)
