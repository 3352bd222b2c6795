# SPDX-License-Identifier: BSD-2-Clause
"""Several cores, with their local APICs in either mode and started by BIOS or UEFI: every core forwards,
with an equal share of the flows; with rss=symmetric both directions of a flow are on one core; no flow is
reordered; idle cores sleep, and a frame wakes them at once. The RSS key differs at each boot."""
import os
import random
import struct
import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from boot_media import ISO, clean, uefi
from conftest import balanced
from machine import wait_until
from rss import queue_of
from test_x2apic import X2APIC

CORES = [1, 2, 4, 8]
MODES = ["xAPIC", "x2APIC"]
LONG = bool(os.environ.get("FERRULE_LONG"))  # the full counts, which take minutes


def flow(number):
    """Addresses and ports of a flow, the same in every run. 64 in a row differ in the last six bits of one
    port, so with any key that is drawn at boot (net/lane/rss_key.h) each of 2, 4, 8 or 16 cores gets an
    equal share."""
    numbers = random.Random(number // 64)
    return (f"10.{numbers.randrange(256)}.{numbers.randrange(256)}.{numbers.randrange(1, 255)}",
            f"172.16.{numbers.randrange(256)}.{numbers.randrange(1, 255)}",
            numbers.randrange(16, 1024) * 64 + number % 64, numbers.randrange(1024, 65536))


def frame(number, sequence, back=False):
    source, target, from_port, to_port = flow(number)
    if back:
        source, target, from_port, to_port = target, source, to_port, from_port
    return bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") /
                 IP(src=source, dst=target) / UDP(sport=from_port, dport=to_port) /
                 Raw(struct.pack(">II", number, sequence) + bytes(16)))


def exchange_flows(machine, flows, each):
    """Send `each` frames of each flow in both directions, and receive all."""
    for s in range(each):
        machine.wires[0].send(*[frame(f, s) for f in range(flows)])
        machine.wires[1].send(*[frame(f, s, back=True) for f in range(flows)])
        machine.wires[1].receive(flows)
        machine.wires[0].receive(flows)


def identity(received):
    return struct.unpack_from(">II", received, 42)


def by_core(machine):
    """The number of frames that each core has received."""
    return [row["rx_packets"] for row in machine.cores()]


def sleeps_and_polls(machine):
    """The numbers of sleeps and of polls, by core."""
    rows = machine.cores()
    return [row["sleeps"] for row in rows], [row["polls"] for row in rows]


def cpu_seconds(machine):
    with open(f"/proc/{machine.process.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(params=[f"{mode}, {firmware}" for mode in MODES for firmware in ("BIOS", "UEFI")])
def platform(request, folder):
    """start(boot, cores) -> a forwarding Machine, booted by this firmware, with its local APICs in this
    mode."""
    mode, firmware = request.param.split(", ")
    options = {}
    if mode == "x2APIC":
        options = {"extra": X2APIC, "emulator": request.getfixturevalue("newer_qemu")}
    if firmware == "UEFI":
        options["boot"] = uefi(folder) + ["-cdrom", ISO]

    def start(boot, cores):
        machine = boot("app=forward", cores=cores, **options)
        assert f" {mode}, timer" in machine.console_text
        return machine

    yield start
    clean(folder)


@pytest.mark.parametrize("cores", CORES)
def test_flows_are_distributed_and_each_keeps_its_order(boot, platform, cores):
    machine = platform(boot, cores)
    flows, each = 64, 30
    there = [frame(f, s) for s in range(each) for f in range(flows)]
    back = [frame(f, s, back=True) for s in range(each) for f in range(flows)]
    for i in range(0, len(there), 200):
        machine.wires[0].send(*there[i:i + 200])
        machine.wires[1].send(*back[i:i + 200])
    came = [machine.wires[1].receive(len(there)), machine.wires[0].receive(len(back))]
    for sent, received in zip((there, back), came):
        assert sorted(received) == sorted(sent)
        last = {}
        for got in received:
            number, sequence = identity(got)
            assert sequence == last.get(number, -1) + 1, f"flow {number}"
            last[number] = sequence
    ledger = machine.ledger()
    assert ledger["balanced"] and ledger["received"] == ledger["sent"] == 2 * len(there), ledger
    received = by_core(machine)
    assert received == [2 * len(there) / cores] * cores
    assert machine.poweroff() == 0


def expected_core(key, cores, number):
    source, target, *ports = flow(number)
    return queue_of(key, cores, source, target, ports)


def cores_of(machine, flows):
    """The core that receives each flow, by counting."""
    cores = []
    for number in flows:
        before = by_core(machine)
        machine.wires[0].send(frame(number, 0))
        machine.wires[1].receive(1)
        grown = [b - a for a, b in zip(before, by_core(machine))]
        assert sum(grown) == 1, grown
        cores.append(grown.index(1))
    return cores


def test_the_key_of_each_boot_assigns_flows_to_cores_and_can_be_given(boot):
    flows, keys = range(0, 64, 5), []
    for words in ("", "", "rss=symmetric"):
        machine = boot(f"app=forward {words}", cores=4)
        key = {port["rss_key"] for port in machine.ports()}
        assert len(key) == 1, key
        keys += key
        assert cores_of(machine, flows) == [expected_core(keys[-1], 4, f) for f in flows]
        assert machine.poweroff() == 0
    assert len(set(keys)) == 3, keys
    assert [key == key[:4] * 20 for key in keys] == [False, False, True], keys
    machine = boot(f"app=forward rss.key={keys[0]}", cores=4)
    assert machine.ports()[1]["rss_key"] == keys[0]
    assert cores_of(machine, flows) == [expected_core(keys[0], 4, f) for f in flows]
    assert f"rss.key={keys[0]}" in machine.run("show config")


@pytest.mark.parametrize("cores", [2, 4, 8])
def test_both_directions_of_a_flow_meet_on_one_core(boot, cores):
    machine = boot("app=forward rss=symmetric", cores=cores)
    used = set()
    for number in range(0, 64, 5):
        before = by_core(machine)
        machine.wires[0].send(*[frame(number, s) for s in range(5)])
        machine.wires[1].send(*[frame(number, s, back=True) for s in range(5)])
        machine.wires[1].receive(5)
        machine.wires[0].receive(5)
        grown = [b - a for a, b in zip(before, by_core(machine))]
        assert sorted(grown) == [0] * (cores - 1) + [10], grown
        used.add(grown.index(10))
    assert len(used) > 1


def test_an_idle_machine_sleeps_and_a_frame_wakes_it(boot, platform):
    machine = platform(boot, 4)
    idle_s = 3
    machine.wait_asleep()
    before = cpu_seconds(machine)
    time.sleep(idle_s)  # measures that nothing happens in this time
    assert cpu_seconds(machine) - before < 0.15 * idle_s
    numbers = random.Random(4)
    for i in range(300):
        machine.wires[i & 1].send(frame(numbers.randrange(1000), i))
        assert identity(machine.wires[1 - (i & 1)].receive(1)[0])[1] == i
        if i % 3 == 0:
            time.sleep(numbers.random() * 0.02)
    sleeps = [row["interrupts"] for row in machine.cores()]
    assert all(n > 0 for n in sleeps), sleeps


def test_poll_always_never_sleeps(boot):
    machine = boot("app=forward poll=always", cores=1)
    slept, polls = sleeps_and_polls(machine)
    states = [machine.halted() for _ in range(20)]  # according to QEMU
    assert states == [["0"]] * 20, states
    wait_until(lambda: sleeps_and_polls(machine)[1], lambda now: now[0] > polls[0] + 1000000,
               f"core 0 keeps polling after {polls[0]} rounds")
    assert sleeps_and_polls(machine)[0] == slept
    machine.wires[0].send(frame(1, 1))
    assert machine.wires[1].receive(1) == [frame(1, 1)]


def test_link_flaps_and_an_interrupt_storm_leave_all_cores_alive(boot):
    machine = boot("app=forward", cores=4)
    machine.card(0, "evil", "irq-storm:1")
    machine.card(1, "evil", "irq-storm:1")
    for i in range(1000 if LONG else 10):
        machine.set_cable(1, False)
        machine.wires[0].send(*[frame(f, i) for f in range(20)])
        machine.wait_link(1, False)
        machine.set_cable(1, True)
        machine.wait_link(1, True)
        if i % 50 == 0:
            machine.wires[1].forget()
    probes = [frame(f, 1000) for f in range(64)]
    machine.wires[0].send(*probes)
    # Earlier frames may still be on their way.
    came = [machine.wires[1].receive_where(lambda f: identity(f)[1] == 1000) for _ in probes]
    assert sorted(came) == sorted(probes)
    ledger = machine.ledger()
    assert ledger["balanced"], ledger
    assert machine.poweroff() == 0


@pytest.mark.parametrize("cores", [1, 4])
def test_pings_with_random_gaps_lose_none(boot, cores):
    """The interrupt of the first frame after idle must wake the core: the service timer wakes it every
    100 ms, so a lost wake-up would delay a reply by that time."""
    pings, late_s = (100000 if LONG else 2000), 0.09
    machine = boot("app=echo port0.ip=10.9.0.1/16 port1.ip=10.8.0.1/16", cores=cores)
    mac = bytes.fromhex(machine.ports()[0]["mac"].replace(":", ""))
    numbers = random.Random(cores)
    late, pool = 0, []
    for i in range(pings):
        if i < 500:
            pool.append(bytes(Ether(src="02:00:00:00:00:01", dst=mac) /
                              IP(src="10.9.0.2", dst="10.9.0.1") /
                              UDP(sport=1024 + numbers.randrange(60000), dport=7) /
                              Raw(struct.pack(">I", i))))
        ping = pool[i if i < 500 else numbers.randrange(500)]
        before = time.monotonic()
        machine.wires[0].send(ping)
        reply = machine.wires[0].receive_where(lambda f: f[12:14] == b"\x08\x00")
        late += time.monotonic() - before > late_s
        assert reply[42:46] == ping[42:46] and reply[34:36] == ping[36:38]
        if i % 500 == 0:
            machine.wires[0].forget()
        gap_s = numbers.choice((0, 0, 0.0002, 0.001, 0.003)) * numbers.random()
        if gap_s:
            time.sleep(gap_s)
    assert late <= pings // 100, f"{late} of {pings} replies came after more than {late_s} s"
    balanced(machine)
