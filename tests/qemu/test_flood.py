# SPDX-License-Identifier: BSD-2-Clause
"""A flood of frames for the slow path costs neither neighbours nor the console: app=route forwards UDP
between two neighbours on cores 1 and 2, while one of them sends as many frames for queue 0 as QEMU
takes. FERRULE_LONG=1: for 120 s instead of 15, which is longer than an ARP entry is used unasked."""
import logging
import os
import queue
import threading
import time

from conftest import balanced, settled
from machine import PATIENCE_S, Failure

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, UDP  # noqa: E402
from scapy.layers.l2 import ARP, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

FLOOD_S = 120 if os.environ.get("FERRULE_LONG") else 15
LINE = "app=route port0.ip=192.0.2.1/24 port1.ip=198.51.100.1/24"
ROUTER = ("192.0.2.1", "198.51.100.1")
NEIGHBOUR = ("192.0.2.10", "198.51.100.10")
MAC = ("02:00:00:00:00:0a", "02:00:00:00:01:0a")
BURST = 40  # datagrams each way before their arrival is awaited: less than a ring


class Neighbour:
    """The host at one wire: answers ARP, sends datagrams and ARP requests, and sorts what comes."""

    def __init__(self, wire, port, router_mac):
        self.wire, self.port, self.router_mac = wire, port, router_mac
        self.lock = threading.Lock()  # one sender at a time
        self.datagrams, self.replies = queue.Queue(), queue.Queue()
        self.asked, self.is_over = 0, False
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def send(self, *frames):
        with self.lock:
            self.wire.send(*frames)

    def _take(self):
        while not self.is_over:
            try:
                frame = self.wire.receive(1, 0.5)[0]
            except Failure:
                continue
            self.wire.forget()
            kind = frame[12:14]
            if kind == b"\x08\x06":
                arp = Ether(frame)[ARP]
                if arp.op == 2:
                    self.replies.put(arp.pdst)
                elif arp.pdst == NEIGHBOUR[self.port]:
                    self.asked += 1
                    self.send(self.arp(2, arp.psrc, arp.hwsrc))
            elif kind == b"\x08\x00" and frame[23] == 17:
                self.datagrams.put(frame[42:50])

    def arp(self, op, pdst, hwdst, psrc=None):
        return bytes(Ether(src=MAC[self.port], dst="ff:ff:ff:ff:ff:ff" if op == 1 else hwdst)
                     / ARP(op=op, hwsrc=MAC[self.port], psrc=psrc or NEIGHBOUR[self.port],
                           hwdst=hwdst, pdst=pdst)).ljust(60, b"\0")

    def ask(self, n):
        """Send ARP request n for the router's address, by an address that the reply then names."""
        source = NEIGHBOUR[self.port].removesuffix("10") + str(100 + n % 100)
        self.send(self.arp(1, ROUTER[self.port], "00:00:00:00:00:00", source))
        return source

    def to(self, other, layer, **fields):
        return Ether(src=MAC[self.port], dst=self.router_mac) \
            / IP(src=NEIGHBOUR[self.port], dst=other, **fields) / layer

    def datagram(self, ports, number):
        sport, dport = ports if self.port == 0 else reversed(ports)
        return bytes(self.to(NEIGHBOUR[1 - self.port], UDP(sport=sport, dport=dport, chksum=0)
                             / Raw(number.to_bytes(8, "big")))).ljust(60, b"\0")


def expect(items, wanted, what):
    """Take from the queue until every wanted item has come."""
    missing, limit = set(wanted), time.monotonic() + PATIENCE_S
    while missing:
        try:
            missing.discard(items.get(timeout=max(0.01, limit - time.monotonic())))
        except queue.Empty:
            raise Failure(f"{what}: {len(missing)} of {len(set(wanted))} lost") from None


def junk(host):
    """Frames that queue 0 receives and the slow path takes, each costly in another way."""
    frames = [bytes(Ether(src=MAC[0], dst=host.router_mac, type=kind) / Raw(bytes(46)))
              for kind in (0x88B5, 0x88CC, 0x8100, 0x0801)]
    frames += [bytes(host.to(NEIGHBOUR[1], ICMP() / Raw(bytes(40)), ttl=1)) for _ in range(4)]
    # Without a route: a fragment that is not the first, and a protocol without ports.
    frames += [bytes(host.to("203.0.113.9", Raw(bytes(64)), proto=17, frag=8 * n)) for n in range(1, 5)]
    frames += [bytes(host.to("203.0.113.9", Raw(bytes(40)), proto=50)) for _ in range(4)]
    return frames * 32


def test_a_flood_of_slow_frames_costs_neither_neighbours_nor_the_console(boot):
    # Without backpressure a frame that finds no slot is lost, as on a real wire.
    machine = boot(LINE, cores=3, devices=["backpressure=off"] * 2)
    macs = [row["mac"] for row in machine.ports()]
    a, b = hosts = [Neighbour(wire, i, macs[i]) for i, wire in enumerate(machine.wires)]
    for host, other in ((a, b), (b, a)):  # both neighbours get known
        host.send(host.datagram((9, 9), 0))
        expect(other.datagrams, [bytes(8)], "the first datagram")

    # Flows that queue 0 does not receive; RSS puts both directions of a flow in the same queue.
    flows, queue_0 = [], machine.ports()[0]["rx_queue_0_packets"]
    for port in range(5000, 5100):
        a.send(a.datagram((port, 7000), port))
        expect(b.datagrams, [port.to_bytes(8, "big")], f"a datagram of UDP port {port}")
        now = machine.ports()[0]["rx_queue_0_packets"]
        if now == queue_0:
            flows.append((port, 7000))
        queue_0 = now
        if len(flows) == 8:
            break

    before = machine.ports()[0]
    frames, is_over, flooded = junk(a), threading.Event(), []

    def flood():
        while not is_over.is_set():
            a.send(*frames)
            flooded.append(len(frames))
            time.sleep(0.001)  # lets the other senders have the lock

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    number, turns, slowest_s, end = 1 << 32, 0, 0.0, time.monotonic() + FLOOD_S
    try:
        while time.monotonic() < end:
            turns += 1
            numbers = range(number, number + BURST)
            number += BURST
            for host in hosts:
                host.send(*[host.datagram(flows[n % len(flows)], n) for n in numbers])
            asked = [host.ask(turns) for host in hosts]
            for host, source in zip(hosts, asked):
                expect(host.replies, [source], f"ARP request {turns} at port {host.port}")
                expect(host.datagrams, [n.to_bytes(8, "big") for n in numbers],
                       f"datagrams to port {host.port}")
            began = time.monotonic()
            machine.run("show cores")
            slowest_s = max(slowest_s, time.monotonic() - began)
    finally:
        is_over.set()
        thread.join(PATIENCE_S)
    ledger = settled(machine)
    for host in hosts:
        host.is_over = True
    after = machine.ports()[0]
    lost = after["rx_dropped"] - before["rx_dropped"]
    of_arp = after["rx_queue_16_packets"] - before["rx_queue_16_packets"]
    print(f"{FLOOD_S} s: {sum(flooded)} frames of flood, {lost} of them without a slot; {2 * BURST * turns} "
          f"datagrams and {2 * turns} ARP requests, none lost; {a.asked + b.asked} requests of the router; "
          f"the slowest command took {slowest_s:.2f} s")
    assert sum(flooded) > 20 * len(frames), flooded
    assert lost > len(frames), "the flood did not fill queue 0"
    assert of_arp >= turns, (of_arp, turns)
    drops = ledger["drops"]
    assert drops["route_no_host"] == drops["route_waiting"] == drops["side_full"] == 0, drops
    assert machine.json("show routes -j")[-1]["hosts"] == 2
    assert balanced(machine)["cores_silent"] == 0
    assert machine.poweroff() == 0
