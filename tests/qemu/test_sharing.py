# SPDX-License-Identifier: BSD-2-Clause
"""Cores share nothing that they write: while all of them forward, a TCG plugin (sharing_plugin.c)
notes which cache lines each core reads and writes. A line that one core writes and another one
touches may only be touched a few times a second: by the watch over the cores and by what core 0 asks
of others. Nothing of the kind happens by the round, by the burst or by the frame."""
import glob
import os
import socket
import struct
import subprocess
import time

import pytest

from machine import PATIENCE_S, ROOT

DEVICES = range(0xFFFFC00000000000, 0xFFFFD00000000000)  # each core's own registers at one address
FLOWS, FRAMES = 128, 16384
PER_SECOND_MAX = 100  # touches of a line by cores that are not its owner: ten rounds of service


@pytest.fixture(scope="module")
def plugin():
    headers = glob.glob(f"{ROOT}/build/qemu-src*/include/qemu/qemu-plugin.h")
    headers += glob.glob("/usr/include/qemu/qemu-plugin.h")
    if not headers:
        pytest.skip("qemu-plugin.h is not there; make all fetches it")
    flags = subprocess.run(["pkg-config", "--cflags", "glib-2.0"], stdout=subprocess.PIPE,
                           check=True, encoding="utf-8").stdout.split()
    program = f"{ROOT}/build/sharing.so"
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                    f"-I{os.path.dirname(os.path.dirname(headers[0]))}", *flags, "-o", program,
                    f"{ROOT}/tests/qemu/sharing_plugin.c", "-lpthread"], check=True)
    return program


def udp(flow):
    payload = bytes(18)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0,
                       socket.inet_aton(f"192.0.2.{1 + flow % 100}"),
                       socket.inet_aton(f"198.51.100.{1 + flow // 3}"))
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:]
    return bytes.fromhex("020000000001 020000000002 0800") + head + \
        struct.pack(">HHHH", 1000 + 7 * flow, 2000 + flow, 8 + len(payload), 0) + payload


def symbol(symbols, address):
    name = "?"
    for at, text in symbols:
        if at > address:
            break
        name = f"{text}+0x{address - at:x}"
    return name


def measure(machine, folder, frames, rounds):
    """Forward frames while the plugin looks. Returns seconds and rows."""
    open(f"{folder}/go", "w", encoding="utf-8").close()
    began = time.monotonic()
    for _ in range(rounds):
        machine.wires[0].send(*frames)
        machine.wires[1].receive(len(frames))
    time.sleep(0.3)  # cores that go to sleep and wake up again belong to it
    machine.wires[1].send(*frames)
    machine.wires[0].receive(len(frames))
    open(f"{folder}/stop", "w", encoding="utf-8").close()
    seconds = time.monotonic() - began
    limit = time.monotonic() + PATIENCE_S
    while not os.path.exists(f"{folder}/done"):
        assert time.monotonic() < limit, "the plugin does not answer"
        time.sleep(0.05)
    with open(f"{folder}/lines", encoding="utf-8") as f:
        return seconds, [line.split() for line in f]


@pytest.mark.parametrize("cores", [2, 8])
def test_no_core_writes_a_line_that_another_cores_loop_touches(boot, plugin, folder, cores):
    for name in ("go", "stop", "done", "lines"):
        if os.path.exists(f"{folder}/{name}"):
            os.unlink(f"{folder}/{name}")
    machine = boot("app=forward", wires=2, cores=cores,
                   extra=["-plugin", f"{plugin},dir={folder}"])
    frames = [udp(flow) for flow in range(FLOWS)]
    machine.wires[0].send(*frames)
    machine.wires[1].receive(FLOWS)
    seconds, rows = measure(machine, folder, frames, FRAMES // FLOWS)
    symbols = sorted((int(row.split()[0], 16), row.split()[2]) for row in subprocess.run(
        ["nm", f"{ROOT}/build/ferrule.debug"], stdout=subprocess.PIPE, check=True,
        encoding="utf-8").stdout.splitlines() if len(row.split()) == 3)

    assert not [row for row in rows if row[0] == "lost"]
    shared, busiest = [], 0
    for row in rows:
        address = int(row[0], 16)
        if address in DEVICES:
            continue
        users = [tuple(int(x) for x in row[i:i + 3]) + tuple(int(x, 16) for x in row[i + 3:i + 5])
                 for i in range(1, len(row), 5)]
        counts = sorted(loads + stores for _, loads, stores, _, _ in users)
        foreign = sum(counts[:-1])
        busiest = max(busiest, foreign)
        if foreign > PER_SECOND_MAX * max(1.0, seconds):
            shared.append(f"{symbol(symbols, address)}: " + "; ".join(
                f"core {c} loads {ld} ({symbol(symbols, at) if ld else '-'}) "
                f"stores {st} ({symbol(symbols, to) if st else '-'})"
                for c, ld, st, at, to in users))
    assert not shared, f"in {seconds:.1f} s, {FRAMES} frames:\n" + "\n".join(shared)
    # It looked: every core took frames, and what core 0 asks of others was seen.
    taken = [core["rx_packets"] for core in machine.json("show cores -j")]
    assert len(taken) == cores and min(taken) > FRAMES // (8 * cores), taken
    assert rows and busiest > 0
    print(f"{len(rows)} lines in two hands, at most {busiest} touches in {seconds:.1f} s")
