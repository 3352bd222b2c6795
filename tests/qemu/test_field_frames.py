# SPDX-License-Identifier: BSD-2-Clause
"""Single frames that went wrong on real networks, through a router: a datagram with a priority tag, one from
a link-local address, and a pair of servers whose common address moves there and back within four seconds.
The frames: tests/data/frames."""
from conftest import balanced, settled
from machine import ROOT, wait_until
from test_neighbours import Crowd, echo

LINE = "app=route port0.ip=192.0.2.1/24 port1.ip=203.0.113.1/24 route=198.18.0.0/15,203.0.113.2"
GATEWAY = bytes([203, 0, 113, 2])
FIRST, SECOND = bytes.fromhex("020000000101"), bytes.fromhex("020000000102")


def frames(name):
    with open(f"{ROOT}/tests/data/frames/{name}.hex", encoding="ascii") as f:
        return [bytes.fromhex(line) for line in f if line.strip() and not line.startswith("#")]


def test_a_datagram_with_a_priority_tag_is_forwarded_without_it(boot):
    machine = boot(LINE, wires=2)
    crowd = Crowd(machine.wires[1], {GATEWAY: FIRST})
    tagged, = frames("vlan0_transit")
    machine.wires[0].send(tagged)
    passed, = crowd.wait(lambda found: found, "the datagram is forwarded")
    assert passed[:6] == FIRST and passed[12:14] == b"\x08\x00"
    assert passed[22] == tagged[26] - 1 and passed[26:] == tagged[30:]
    balanced(machine)


def test_a_datagram_from_a_link_local_address_is_dropped_by_name(boot):
    machine = boot(LINE, wires=2)
    machine.wires[0].send(*frames("linklocal_source"))
    wait_until(lambda: settled(machine)["drops"].get("route_local", 0), lambda n: n == 1, "the datagram is dropped")
    balanced(machine)


def test_an_address_that_moves_there_and_back_is_followed_both_times(boot):
    machine = boot(LINE, wires=2)
    crowd = Crowd(machine.wires[1], {GATEWAY: FIRST})
    router = bytes.fromhex(machine.ports()[0]["mac"].replace(":", ""))
    sender, numbers = (bytes.fromhex("02000000000a"), bytes([192, 0, 2, 10])), iter(range(1, 1 << 30))

    def owner():
        """The MAC address to which the next datagram goes."""
        number = next(numbers)
        machine.wires[0].send(echo(router, sender, bytes([198, 18, 0, 1]), number))
        found = crowd.wait(lambda all: any(f[38:42] == number.to_bytes(4, "big") for f in all), "it is forwarded")
        return next(f[:6] for f in found if f[38:42] == number.to_bytes(4, "big"))

    wait_until(owner, lambda mac: mac == FIRST, "the first server is found")
    for claim, mac in zip(frames("garp_failover_failback"), (SECOND, FIRST)):
        crowd.macs[GATEWAY] = mac
        machine.wires[1].send(claim)
        wait_until(owner, lambda found, mac=mac: found == mac, "the address has moved")
    balanced(machine)
