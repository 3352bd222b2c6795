#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`make demo`: live traffic through app=forward, with the ledger printed once a second.

Two generators, one on each side, send 64 UDP flows of mixed sizes in both directions; each frame has a
number, so that the far side detects frames that are lost, changed or, within their flow, out of order.
Once a second the ledger is read over the image's console. After DEMO_SECONDS (10), or at Ctrl-C, the
traffic ends, and the exit code is 0 only if every input frame came out unchanged and the ledger
balances.
"""
import os
import signal
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../qemu/lib")
from machine import ROOT, Failure, Machine, Wire  # noqa: E402

SIZES = [60] * 7 + [590] * 4 + [1514]  # the Internet mix (IMIX), without CRC
AHEAD = 1024                           # most frames in flight in each direction
FLOWS = 64                             # frame n is of flow n mod 64; order is kept within a flow
NUMBER_AT = 14 + 20 + 8                # offset of a frame's number, 8 bytes


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(side, number):
    """Frame `number` of a generator: UDP between documentation addresses; the arguments determine the
    whole frame, so that the far side can build it again and compare."""
    size = SIZES[number % len(SIZES)]
    payload = struct.pack(">Q", number) + bytes([number & 0xFF]) * (size - 14 - 20 - 8 - 8)
    udp = struct.pack(">HHHH", 1024 + number % FLOWS, 9, len(payload) + 8, 0) + payload
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 64, 17, 0,
                         bytes([192, 0, 2, 1 + side]), bytes([198, 51, 100, 1 + side]))
    header = header[:10] + struct.pack(">H", checksum(header)) + header[12:]
    macs = bytes([2, 0, 0, 0, 0, 2 - side]) + bytes([2, 0, 0, 0, 0, 1 + side])
    return macs + b"\x08\x00" + header + udp


class Generator:
    """Sends frames into one wire and checks those that come out of the other."""

    def __init__(self, side, into, out_of):
        self.side, self.into, self.out_of = side, into, out_of
        self.sent = self.came = self.wrong = 0
        self.expected = list(range(FLOWS))  # the number of each flow's next frame
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self.send, self.check)]

    def send(self):
        try:
            while not self.stop.is_set():
                if self.sent - self.came >= AHEAD:
                    time.sleep(0.001)
                    continue
                batch = [frame(self.side, self.sent + i) for i in range(32)]
                self.into.send(*batch)
                self.into.log.clear()
                self.sent += len(batch)
        except (Failure, OSError):
            pass  # the machine has ended; the final sums will differ

    def check(self):
        try:
            while True:
                got = self.out_of.receive(1, 3600)[0]
                number = int.from_bytes(got[NUMBER_AT:NUMBER_AT + 8], "big")
                self.wrong += number != self.expected[number % FLOWS] or \
                    got != frame(self.side, number)
                self.expected[number % FLOWS] = number + FLOWS
                self.came += 1
                if self.came % 4096 == 0:
                    self.out_of.forget()
        except (Failure, OSError):
            pass


def main():
    seconds = float(os.environ.get("DEMO_SECONDS", "10"))
    wires = [Wire(), Wire()]
    print("booting app=forward with a generator on each side ...", flush=True)
    machine = Machine(f"{ROOT}/build/logs/demo", "app=forward", wires,
                      iommu=os.environ.get("IOMMU") == "on")
    is_good = False
    try:
        machine.prompt()
        machine.wait_links()
        print(f"prompt and links after {time.monotonic() - machine.began:.1f} s; "
              f"traffic for {seconds:g} s, Ctrl-C ends it\n")
        is_good = drive(machine, wires, seconds)
        machine.poweroff()
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
    finally:
        machine.stop()
    complaints = machine.complaints()
    for line in complaints:
        print(line, file=sys.stderr)
    return 0 if is_good and not complaints else 1


def drive(machine, wires, seconds):
    interrupted = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    signal.signal(signal.SIGTERM, lambda *_: interrupted.set())
    generators = [Generator(0, wires[0], wires[1]), Generator(1, wires[1], wires[0])]
    for generator in generators:
        for thread in generator.threads:
            thread.start()
    print("   s   frames/s     Mbit/s    received        sent  held  dropped  balanced", flush=True)
    began = before = time.monotonic()
    bits_before = frames_before = 0
    while not interrupted.wait(1) and time.monotonic() - began < seconds:
        ledger, ports = machine.ledger(), machine.ports()
        now = time.monotonic()
        bits = 8 * sum(port["tx_bytes"] for port in ports)
        print(f"{now - began:4.0f} {(ledger['sent'] - frames_before) / (now - before):10.0f} "
              f"{(bits - bits_before) / (now - before) / 1e6:10.1f} {ledger['received']:11d} "
              f"{ledger['sent']:11d} {ledger['held']:5d} {sum(ledger['drops'].values()):8d}  "
              f"{'yes' if ledger['balanced'] else 'NO'}", flush=True)
        before, bits_before, frames_before = now, bits, ledger["sent"]
    for generator in generators:
        generator.stop.set()
        generator.threads[0].join(10)
    limit = time.monotonic() + 30
    while any(g.came < g.sent for g in generators) and time.monotonic() < limit:
        time.sleep(0.05)

    ledger = machine.ledger()
    sent, came = sum(g.sent for g in generators), sum(g.came for g in generators)
    wrong = sum(g.wrong for g in generators)
    lost = {name: n for name, n in ledger["drops"].items() if n}
    print(f"\ninto the ports {sent}, out of them {came}, changed or out of order {wrong}\n"
          f"ledger: received {ledger['received']} + generated {ledger['generated']} = "
          f"sent {ledger['sent']} + consumed {ledger['consumed']} + drops {lost or 0} + "
          f"held {ledger['held']}: {'balanced' if ledger['balanced'] else 'NOT BALANCED'}")
    return ledger["balanced"] and sent == came == ledger["received"] and not wrong and sent > 0


if __name__ == "__main__":
    sys.exit(main())
