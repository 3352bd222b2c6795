# SPDX-License-Identifier: BSD-2-Clause
"""Boots of many cores on few, whose boot line resets a port as soon as the loops run: whatever the cores
missed of the orders to stop and start, in the end every lane receives. For test_boots.py and
tests/tools/boots.py."""
import struct
import subprocess
import sys

from machine import wait_until

APPEND = 'app=forward run="set port 0 up"'
CORES, FLOWS = 16, 512
MEMORY_MB = 512


class Load:
    """Processes that use up the host's CPUs meanwhile; they run at a low priority but never wait."""

    def __init__(self, processes):
        self.processes = [subprocess.Popen(["nice", "-n", "5", sys.executable, "-c", "while True: pass"])
                          for _ in range(processes)]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in self.processes:
            process.kill()
            process.wait()


def flow(port, n):
    """A UDP frame of flow n into this port."""
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 46, n, 0, 64, 17, 0, 0x0A000001 + port, 0x0A000102)
    return bytes([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, port]) + b"\x08\x00" + ip + \
        struct.pack(">HHHH", 1024 + n, 7 + n % 13, 26, 0) + bytes(18)


def check(machine):
    """Wait for the links, and for the orders that cores have missed; then send every flow both ways.
    Returns the orders that were missed, as the log tells them."""
    machine.expect(r"^ferrule> set port 0 up\r?\n")
    machine.prompt()
    machine.wait_links()
    wait_until(machine.ports, lambda rows: all(row["late_cores"] == [] for row in rows),
               "every core has carried out its orders")
    wait_until(lambda: machine.json("show cores -j"),
               lambda rows: all(row["state"] == "running" for row in rows), "every core answers")
    for port, wire in enumerate(machine.wires):
        frames = [flow(port, n) for n in range(FLOWS)]
        for at in range(0, FLOWS, 128):  # fewer than a queue has slots
            wire.send(*frames[at:at + 128])
            came = machine.wires[1 - port].receive(128)
            assert sorted(came) == sorted(frames[at:at + 128])
    for row in machine.ports():
        counts = [row[f"rx_queue_{core}_packets"] for core in range(CORES)]
        assert sum(counts) >= FLOWS and min(counts) > 0, row
    return machine.console_text.count("asked again until it has")
