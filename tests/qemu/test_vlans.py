# SPDX-License-Identifier: BSD-2-Clause
"""app=route with addresses in VLANs, several on a port: frames between all nets, with scapy for a host in
each; ARP, ping, errors and fragments in the VLANs; tags of no address; the console; boot keys."""
import logging
import threading

import pytest

from conftest import balanced
from machine import Failure, wait_until

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, UDP  # noqa: E402
from scapy.layers.l2 import ARP, Dot1Q, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

LINE = ("app=route port0.ip=192.0.2.1/24 port0.10.ip=10.0.10.1/24 port0.20.ip=10.0.20.1/24 "
        "port0.20.mtu=1000 port1.vlan=30 port1.ip=10.0.30.1/24 port1.40.ip=10.0.40.1/24 "
        "port1.40.gw=10.0.40.254 route=10.9.0.0/16,port0.10")
# The nets by the third byte of their address.
NETS = {2: (0, 0), 10: (0, 10), 20: (0, 20), 30: (1, 30), 40: (1, 40)}


def address(net, host):
    return f"192.0.{net}.{host}" if net == 2 else f"10.0.{net}.{host}"


class Hosts:
    """The hosts behind a port: .9 of each net, and .254, answer ARP and ping in their VLAN. Other frames
    are kept."""

    def __init__(self, machine, port):
        self.wire = machine.wires[port]
        self.port = port
        self.mac = machine.ports()[port]["mac"]
        self.frames = []
        self.news = threading.Condition()
        threading.Thread(target=self._serve, daemon=True).start()

    @staticmethod
    def mac_of(net):
        return f"02:00:00:00:00:{net:02x}"

    def _serve(self):
        while True:
            try:
                frame = Ether(self.wire.receive(1, 3600)[0])
            except Failure:
                return
            vlan = frame[Dot1Q].vlan if Dot1Q in frame else 0
            net = [n for n, where in NETS.items() if where == (self.port, vlan)]
            if ARP in frame and frame[ARP].op == 1:
                asked = frame[ARP].pdst
                if net and asked in (address(net[0], 9), address(net[0], 254)):
                    self.send(net[0], ARP(op=2, hwsrc=self.mac_of(net[0]), psrc=asked,
                                          hwdst=self.mac, pdst=frame[ARP].psrc))
                continue
            if net and ICMP in frame and frame[ICMP].type == 8:
                self.send(net[0], IP(src=frame[IP].dst, dst=frame[IP].src)
                          / ICMP(type=0, id=frame[ICMP].id, seq=frame[ICMP].seq) / frame[ICMP].payload)
                continue
            with self.news:
                self.frames.append((net[0] if net else None, frame))
                self.news.notify()

    def send(self, net, packet, prio=0, to=None):
        vlan = NETS[net][1]
        tag = Dot1Q(vlan=vlan, prio=prio) if vlan else None
        frame = Ether(src=self.mac_of(net), dst=to or self.mac)
        self.wire.send(bytes(frame / tag / packet if tag else frame / packet))

    def take(self, timeout_s=30):
        with self.news:
            assert self.news.wait_for(lambda: self.frames, timeout_s), "no frame came"
            return self.frames.pop(0)


@pytest.fixture
def net(boot):
    machine = boot(LINE)
    return machine, [Hosts(machine, port) for port in (0, 1)]


def test_each_net_reaches_each_other_in_its_vlan(net):
    machine, hosts = net
    for source, (port, vlan) in NETS.items():
        for target, (to, tag) in NETS.items():
            if source == target:
                continue
            hosts[port].send(source, IP(src=address(source, 9), dst=address(target, 9), ttl=9)
                             / UDP(sport=1000 + source, dport=9) / Raw(b"x" * 100), prio=3)
            seen, frame = hosts[to].take()
            assert seen == target and frame.dst == Hosts.mac_of(target)
            assert (Dot1Q in frame) == bool(tag) and (not tag or frame[Dot1Q].prio == 0)
            assert frame[IP].ttl == 8 and frame[UDP].sport == 1000 + source
            assert len(frame) == 142 + 4 * bool(tag)
            # The address of each net answers, wherever it is asked.
            hosts[port].send(source, IP(src=address(source, 9), dst=address(target, 1))
                             / ICMP(id=source, seq=target) / Raw(b"y" * 56))
            seen, frame = hosts[port].take()
            assert seen == source and frame[IP].src == address(target, 1)
            assert frame[ICMP].type == 0 and frame[ICMP].seq == target
    assert not [n for n in balanced(machine)["drops"].values() if n]
    assert machine.poweroff() == 0


def test_errors_and_fragments_have_the_vlans_tag(net):
    machine, hosts = net
    datagram = IP(src=address(30, 9), dst=address(20, 9)) / UDP() / Raw(b"z" * 1400)
    hosts[1].send(30, datagram)
    pieces = [hosts[0].take() for _ in range(2)]
    assert all(seen == 20 and frame[IP].len <= 1000 for seen, frame in pieces)
    assert sum(frame[IP].len - 20 for _, frame in pieces) == 1408
    datagram[IP].flags = "DF"
    hosts[1].send(30, datagram)
    seen, frame = hosts[1].take()
    assert seen == 30 and frame[IP].src == address(30, 1)
    assert (frame[ICMP].type, frame[ICMP].code, frame[ICMP].nexthopmtu) == (3, 4, 1000)
    hosts[0].send(10, IP(src=address(10, 9), dst=address(20, 9), ttl=1) / UDP())
    seen, frame = hosts[0].take()
    assert seen == 10 and frame[ICMP].type == 11 and frame[IP].src == address(10, 1)
    # The default route leads by the gateway in VLAN 40.
    hosts[0].send(20, IP(src=address(20, 9), dst="8.8.8.8") / UDP(dport=77))
    seen, frame = hosts[1].take()
    assert seen == 40 and frame[IP].dst == "8.8.8.8"
    drops = {name: n for name, n in balanced(machine)["drops"].items() if n}
    assert drops == {"route_too_big": 1, "route_ttl": 1}
    assert machine.poweroff() == 0


def test_frames_of_other_vlans_are_dropped_as_eth_vlan(net):
    machine, hosts = net
    inner = IP(src=address(10, 9), dst=address(30, 9)) / UDP()
    for port, tags in ((0, [11]), (0, [30]), (1, [10]), (1, []), (0, [0, 0]), (0, [0, 11]), (0, [4095])):
        packet = Ether(src=Hosts.mac_of(10), dst=hosts[port].mac)
        for vlan in tags:
            packet = packet / Dot1Q(vlan=vlan, prio=1)
        machine.wires[port].send(bytes(packet / inner))
    machine.wires[0].send(bytes(Ether(src=Hosts.mac_of(10), dst=hosts[0].mac) / Dot1Q(vlan=0, prio=5)
                                / Dot1Q(vlan=10) / inner))
    seen, frame = hosts[1].take()
    assert seen == 30 and frame[IP].ttl == 63
    wait_until(lambda: balanced(machine)["drops"]["eth_vlan"], lambda n: n == 7, "7 drops")
    assert machine.poweroff() == 0


def test_the_console_names_the_vlans(net):
    machine, _ = net
    assert machine.run("ping 10.0.30.9 2").count("bytes from 10.0.30.9") == 2
    assert machine.run("ping 10.0.10.9 1").startswith("PING 10.0.10.9: 56 data bytes from port0.10")
    assert "10.0.30.1 is port1.30 itself" in machine.run("ping 10.0.30.1 1")
    rows = machine.json("show arp -j")
    ours = {row["ip"]: (row["port"], row.get("vlan")) for row in rows if row["state"] == "ours"}
    assert ours == {address(n, 1): (port, vlan or None) for n, (port, vlan) in NETS.items()}
    assert "port1.30 10.0.30.9" in machine.run("show arp")
    route = machine.json("show routes 10.9.0.0/16 -j")[0]
    assert (route["via"], route["port"], route["vlan"]) == ("port0.10", 0, 10)
    assert "via port0.20" in machine.run("show routes 10.0.20.0/24")
    machine.run("set route 10.8.0.0/16 via port1.40")
    assert machine.json("show routes 10.8.0.0/16 -j")[0]["vlan"] == 40
    config = machine.run("show config").split()
    for word in [*LINE.split(), "route=10.8.0.0/16,port1.40"]:
        assert word in config, word
    assert machine.poweroff() == 0


def test_boot_keys_of_vlans_that_cannot_be_are_named(boot):
    more = " ".join(f"port1.{v}.ip=10.1.{v}.1/24" for v in range(50, 56))
    machine = boot("app=route port0.10.ip=10.0.10.1/24 port0.vlan=10 port0.ip=10.0.11.1/24 "
                   f"port0.4095.ip=10.0.12.1/24 port0.0.ip=10.0.13.1/24 port0.11.gw=10.0.14.1 {more}")
    for said in ("port0.10: address not set: the VLAN has one already",
                 "port0.4095: address not set: VLAN must be 1 to 4094",
                 "port0.0: address not set: VLAN must be 1 to 4094",
                 "port1.55: address not set: there are too many ports and VLANs",
                 "boot line: port0.11.gw= has no effect without an address"):
        assert said in machine.console_text, said
    assert len([row for row in machine.json("show arp -j") if row["state"] == "ours"]) == 6
    assert machine.poweroff() == 0


def test_another_application_names_keys_of_vlans(boot):
    machine = boot("app=echo port0.ip=192.0.2.1/24 port0.10.ip=10.0.10.1/24")
    assert "port0.10.ip= has no effect with app=echo: it is for app=route" in machine.console_text
    assert machine.poweroff() == 0
