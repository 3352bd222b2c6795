# SPDX-License-Identifier: BSD-2-Clause
"""app=route between VLAN interfaces of Linux (8021q): a guest has a card on the wire of each port, in a
network namespace of its own, and judges ping, path MTU discovery and TCP from one VLAN to another."""
import pytest

from conftest import LOGS, balanced
from linux_guest import LinuxGuest, kernel

LINE = ("app=route port0.ip=192.0.2.1/24 port0.10.ip=10.0.10.1/24 port0.20.ip=10.0.20.1/24 "
        "port1.30.ip=10.0.30.1/24 port1.30.mtu=1300")
# Interface, its VLAN, and the third byte of its net, by namespace.
INTERFACES = {0: [("eth0", 0, None), ("eth0.10", 10, 10), ("eth0.20", 20, 20)],
              1: [("eth0.30", 30, 30)]}


@pytest.fixture
def linux(boot, folder):
    machine = boot(LINE, [f"stream,id=n{i},server=on,addr.type=unix,addr.path={folder}/wire{i}"
                          for i in (0, 1)], links=False)
    devices = []
    for i in (0, 1):
        devices += ["-netdev", f"stream,id=n{i},server=off,addr.type=unix,addr.path={folder}/wire{i}",
                    "-device", f"virtio-net-pci,netdev=n{i},mac=02:00:00:00:00:0{i + 1}"]
    guest = LinuxGuest(f"{LOGS}/linux-vlans", kernel(), devices, cores=2)
    try:
        guest.check("modprobe virtio_pci; modprobe virtio_net; modprobe 8021q", 120)
        for n, interfaces in INTERFACES.items():
            guest.check(f"ip netns add n{n}; ip link set eth{n} netns n{n} && "
                        f"ip -n n{n} link set eth{n} name eth0; ip -n n{n} link set eth0 up")
            for name, vlan, net in interfaces:
                if vlan:
                    guest.check(f"ip -n n{n} link add link eth0 name {name} type vlan id {vlan}")
                address = f"10.0.{net}.9/24" if net else "192.0.2.9/24"
                guest.check(f"ip -n n{n} addr add {address} dev {name}; ip -n n{n} link set {name} up")
        guest.check("ip -n n0 route add 10.0.30.0/24 via 10.0.10.1")
        guest.check("ip -n n1 route add default via 10.0.30.1")
        yield machine, guest
    finally:
        guest.stop()


def test_vlans_of_linux_reach_each_other(linux):
    machine, guest = linux
    for source, to in (("10.0.10.9", "10.0.10.1"), ("10.0.20.9", "10.0.20.1"),
                       ("192.0.2.9", "192.0.2.1"), ("10.0.10.9", "10.0.30.9")):
        text = guest.check(f"ip netns exec n0 ping -n -c 5 -i 0.1 -I {source} {to}", 60)
        assert "5 received" in text, text
    # From each address of n1's to the other VLANs; the answers come back by the same way or another.
    for to in ("10.0.10.9", "10.0.20.9", "192.0.2.9", "10.0.20.1"):
        text = guest.check(f"ip netns exec n1 ping -n -c 5 -i 0.1 {to}", 60)
        assert "5 received" in text, text
    # The MTU of VLAN 30 is found.
    _, text = guest.run("ip netns exec n0 ping -n -c 2 -i 0.1 -M do -s 1400 10.0.30.9", 60)
    assert "mtu = 1300" in text or "mtu=1300" in text, text
    text = guest.check("ip netns exec n0 ping -n -c 3 -i 0.1 -M dont -s 1400 10.0.30.9", 60)
    assert "3 received" in text, text
    ours = {row["ip"]: row.get("vlan") for row in machine.json("show arp -j") if row["state"] == "known"}
    assert ours["10.0.30.9"] == 30 and ours["10.0.10.9"] == 10, ours
    assert not guest.alarms(), guest.alarms()
    assert not [n for name, n in balanced(machine)["drops"].items() if n and name not in
                ("route_too_big", "eth_other", "ip_link_group", "ip_broadcast")]
    assert machine.poweroff() == 0
