# SPDX-License-Identifier: BSD-2-Clause
"""Cards that write what they were granted at any time: frames, descriptors and head words change after
delivery (evil `rewrite`), with VT-d on, under each application. The image stays alive: the console
answers, the ledger balances, and after `set port N up` traffic passes again. Memory that was granted to
no card holds a pattern, and the image its code: neither may leave on a wire. Where descriptors stay as
they are, what leaves is bounded by what came."""
import collections
import itertools
import logging
import os
import random
import struct
import threading
import time

import pytest

from conftest import balanced
from machine import IMAGE, Failure, Wire, wait_until

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, UDP, IPOption, fragment  # noqa: E402
from scapy.layers.l2 import ARP, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

MEMORY_MB = 80
SECRET = b"\xE7"           # fills memory before the machine starts
FRAMES_AND_HEADS = 0x2FFF  # bits of X540_REWRITE_ (tests/model/x540_core.h)
# Which kinds, and microseconds between two bursts: few frames stay whole at the shortest.
TURNS = [(FRAMES_AND_HEADS, 5000), (FRAMES_AND_HEADS, 1000), (FRAMES_AND_HEADS, 200),
         (0x3FFF, 1000),  # descriptors too
         (0x7FFF, 1000)]  # and their addresses
NETS = ["192.0.2", "198.51.100", "203.0.113"]
MACS = [f"52:54:00:00:00:0{port}" for port in "abc"]
HOST = "02:00:00:00:00:1"  # and the port's number
IDENTIFICATIONS = itertools.cycle(range(1, 65536))
BYTES_SPARE = 100000       # ARP, and errors of earlier frames
DATAGRAM_MOST = 16384      # bytes of fragments of the same identification: few are rewritten to the same
BYTES_MOST = 4096          # that leave for one frame that came: itself in fragments, an error


def code_of_image():
    """Every 16 bytes of the image's loaded segments, where they are code rather than zeroes or counts."""
    with open(IMAGE, "rb") as f:
        image = f.read()
    offset, size, n = struct.unpack_from("<Q", image, 32)[0], *struct.unpack_from("<HH", image, 54)
    found = set()
    for i in range(n):
        kind, _, at, _, _, length = struct.unpack_from("<IIQQQQ", image, offset + i * size)
        if kind == 1:
            found |= {image[k:k + 16] for k in range(at, at + length - 16)}
    return {piece for piece in found if len(set(piece)) > 8}


class Leaks(Wire):
    """A wire that looks at each frame that the port sends, and answers ARP for every host but .99."""

    def __init__(self, port, code):
        super().__init__()
        self.port, self.code, self.leaks, self.bytes = port, code, [], 0
        self.fragments = collections.Counter()  # bytes by identification
        self.seen = 0
        self.is_over = False
        self.watcher = threading.Thread(target=self.watch, daemon=True)

    def started(self):
        super().started()
        self.watcher.start()

    def watch(self):
        while not self.is_over:
            try:
                frame = self.receive(1, 1)[0]
            except Failure:
                time.sleep(0.01)
                continue
            self.bytes += len(frame)
            if SECRET * 16 in frame:
                self.leaks.append(f"memory granted to no card: {frame.hex()}")
            for at in range(len(frame) - 15):
                if frame[at:at + 16] in self.code:
                    self.leaks.append(f"the image's code at {at}: {frame.hex()}")
                    break
            if frame[12:14] == b"\x08\0" and (frame[20] & 0x3F or frame[21]):
                self.fragments[frame[18:20]] += len(frame)
                if self.fragments[frame[18:20]] > DATAGRAM_MOST:
                    self.leaks.append(f"{self.fragments[frame[18:20]]} bytes of one datagram: {frame.hex()}")
            if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\1" and frame[41] not in (1, 99):
                asked = ".".join(str(byte) for byte in frame[38:42])
                mac = HOST + str(self.port)
                self.send(bytes(Ether(src=mac, dst=frame[6:12]) / ARP(
                    op=2, hwsrc=mac, psrc=asked, hwdst=frame[6:12], pdst=".".join(map(str, frame[28:32])))))
            self.seen += 1
            if self.seen % 1000 == 0:
                self.forget()

    def close(self):
        self.is_over = True
        super().close()


def pages_of_pattern(machine, path):
    """How many pages of the machine's memory hold the pattern."""
    machine.qmp("pmemsave", val=0, size=MEMORY_MB << 20, filename=path)
    with open(path, "rb") as f:
        pages = sum(page == SECRET * 4096 for page in iter(lambda: f.read(4096), b""))
    os.unlink(path)
    return pages


def traffic(lots, port, app):
    """A valid frame for a port, of the kinds that the application distinguishes."""
    ether = Ether(src=HOST + str(port), dst=MACS[port])
    source, ours = f"{NETS[port]}.{lots.choice([10, 20])}", f"{NETS[port]}.1"
    data = Raw(bytes([0x50 + port]) * lots.choice([0, 10, 18, 500, 700, lots.randrange(1400)]))
    options = lots.choice([[], [], [IPOption(b"\x07\x0b\x04" + bytes(8))], [IPOption(b"\x44\x0c\x05\x01" + bytes(8))],
                           [IPOption(b"\x94\x04\0\0"), IPOption(b"\x01"), IPOption(b"\x1e\x04\0\0")]])
    far = lots.choice(["10.2.0.9"] * 6 + ["10.0.0.9", "10.5.0.9", "10.9.0.9", f"{NETS[2 - port]}.30"])
    target = far if app == "route" and lots.random() < 0.7 else ours
    ip = IP(src=source, dst=target, ttl=lots.choice([64, 64, 64, 1]), id=next(IDENTIFICATIONS), options=options)
    choice = lots.random()
    if choice < 0.05:
        return [bytes(ether / ARP(op=1, hwsrc=HOST + str(port), psrc=source, pdst=ours)).ljust(60, b"\0")]
    if choice < 0.15:
        return [bytes(ether / ip / ICMP(id=7, seq=lots.randrange(65536)) / data)]
    if choice < 0.35:
        whole = IP(src=source, dst=target, id=next(IDENTIFICATIONS)) / UDP(sport=5000, dport=7) / data
        return [bytes(ether / piece) for piece in fragment(whole, fragsize=lots.choice([104, 400, 1400]))]
    if app == "route" and choice < 0.7:
        data = Raw(bytes([0x50 + port]) * lots.randrange(600, 1400))
        ip = IP(src=source, dst="10.2.0.9", id=next(IDENTIFICATIONS), options=options)
    return [bytes(ether / ip / UDP(sport=5000 + lots.randrange(64), dport=lots.choice([7, 7, 9, 1234])) / data)]


LINES = {
    "forward": "app=forward",
    "echo": "app=echo",
    "route": "app=route port2.mtu=576 route=10.2.0.0/16,203.0.113.10 route=10.0.0.0/8,198.51.100.10 "
             "route=10.5.0.0/16,198.51.100.99",
    "generate": "app=generate rate=2kpps size=64,1000 dstmac=02:00:00:00:00:11",
}


@pytest.mark.parametrize("app", LINES)
def test_cards_that_rewrite_what_they_delivered_get_nothing_else(boot, folder, app):
    memory = f"{folder}/memory"
    with open(memory, "wb") as f:
        for _ in range(MEMORY_MB):
            f.write(SECRET * (1 << 20))
    code, lots = code_of_image(), random.Random(app)
    wires = [Leaks(port, code) for port in range(3)]
    addresses = "" if app == "forward" else " ".join(f"port{port}.ip={NETS[port]}.1/24" for port in range(3))
    machine = boot(f"{LINES[app]} {addresses}", wires, complaints=False, iommu=True, memory_mb=MEMORY_MB,
                   devices=[f"mac={mac},backpressure=off" for mac in MACS],
                   extra=["-object", f"memory-backend-file,id=ram,size={MEMORY_MB}M,mem-path={memory}",
                          "-machine", "memory-backend=ram"])
    os.unlink(memory)
    assert pages_of_pattern(machine, memory) > 1000
    for kinds, period_us in TURNS:
        came, left = (sum(getattr(wire, name) for wire in wires) for name in ("sent", "bytes"))
        for port in range(3):
            machine.card(port, "evil", f"rewrite:{period_us << 48 | kinds << 32 | lots.randrange(1, 1 << 32):#x}")
        for _ in range(20):
            port = lots.randrange(3)
            wires[port].send(*[frame for _ in range(15) for frame in traffic(lots, port, app)])
            time.sleep(0.02)  # for what the cards do by themselves
        for port in range(3):
            machine.card(port, "evil", "none")
        # A core that hangs stays so, now that nothing changes under it.
        balanced(machine)
        leaks = [leak for wire in wires for leak in wire.leaks]
        assert not leaks, leaks[0]
        if kinds == FRAMES_AND_HEADS:
            assert [machine.truth(port)["dma_refused"] for port in range(3)] == [0, 0, 0]
        if kinds == FRAMES_AND_HEADS and app != "generate":
            came, left = sum(wire.sent for wire in wires) - came, sum(wire.bytes for wire in wires) - left
            assert left <= came * BYTES_MOST + BYTES_SPARE, f"{left} bytes for {came} frames"
    assert "panic" not in machine.console_text, machine.console_text
    rewrites = sum(machine.truth(port)["rewrites"] for port in range(3))
    assert rewrites > 1000, rewrites
    recovers(machine, app)


def recovers(machine, app):
    """After a reset of each port traffic passes."""
    for port in range(3):
        machine.run(f"set port {port} up")
    machine.wait_links()
    if app == "generate":
        machine.run("start count=100")
    for port in range(2):
        target = "10.2.0.9" if app == "route" else f"{NETS[port]}.1"
        plain = bytes(Ether(src=HOST + str(port), dst=MACS[port]) / IP(src=f"{NETS[port]}.10", dst=target)
                      / UDP(sport=5000, dport=7) / bytes(64))
        seen = [wire.seen for wire in machine.wires]

        def passes():
            machine.wires[port].send(plain)
            time.sleep(0.1)
            return [wire.seen for wire in machine.wires] != seen
        wait_until(passes, bool, f"a frame of port {port} leaves again")
    balanced(machine)
    assert machine.poweroff() == 0
