# SPDX-License-Identifier: BSD-2-Clause
"""The image with QEMU's VT-d. Frames pass as without it; each port has access only to its own rings
and buffers, read-only or write-only where possible; every stray DMA of a card (evil `dma`) is blocked,
changes no byte of memory, is reported by a message, and takes bus mastering from the card until
`set port N up`. The machine is stopped during the attacks, so that all of its memory can be compared
before and after."""
import hashlib
import os
import re
import struct
import subprocess
import time

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import ARP, Ether

from conftest import balanced
from machine import IMAGE, PATIENCE_S, ROOT, installed_version, wait_until
from test_flows import exchange_flows, frame
from test_x2apic import X2APIC

QEMUS = ["installed"] + ([] if installed_version() >= 9 else ["newer"])
UNITS = {"39 bits": "aw-bits=39", "48 bits": "aw-bits=48", "caching": "caching-mode=on,aw-bits=39",
         "caching, 48 bits": "caching-mode=on,aw-bits=48"}
READ, WRITE, ZERO = 1, 2, 4  # flags of evil `dma`
CELL = 64                    # bytes that one such DMA reads or writes
PAGE = 4096
KERNEL = 0x100000            # where the image is loaded
MESSAGES = 0xFEE00000        # a MiB in which writes are interrupts


@pytest.fixture(params=QEMUS)
def boot(request, boot):
    """Each test runs on two versions of QEMU, whose units differ in capabilities and in what they record."""
    emulator = request.getfixturevalue("newer_qemu") if request.param == "newer" else None
    return lambda *words, **options: boot(*words, **{"emulator": emulator, **options})


with_x2apic = pytest.mark.parametrize("boot", QEMUS[-1:], indirect=True)


def show(machine):
    """(units, {port: [mapping]}) of `show iommu -j`."""
    rows = machine.json("show iommu -j")
    ports = {}
    for row in rows:
        if "iova" in row and "port" in row:
            ports.setdefault(row["port"], []).append(row)
    return [row for row in rows if "unit" in row], ports


def monitor(machine, line):
    return machine.qmp("human-monitor-command", command_line=line)


def memory(machine, megabytes):
    """A checksum of the whole memory."""
    path = f"{machine.folder}/memory"
    machine.qmp("pmemsave", val=0, size=megabytes << 20, filename=path)
    with open(path, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    os.unlink(path)
    return digest


def stray_dma(machine, port, address, flags):
    """One DMA by the card; True if it is refused."""
    before = machine.truth(port)["dma_refused"]
    machine.card(port, "evil", f"dma:{address | flags:#x}")
    return machine.truth(port)["dma_refused"] == before + 1


def may(mappings, address, flags):
    return any(m["iova"] <= address < m["iova"] + m["bytes"]
               and (flags != READ or "r" in m["access"]) and (flags != WRITE or "w" in m["access"])
               for m in mappings)


def page_tables(machine):
    """Addresses of the CPU's top table and of the unit's root table."""
    cr3 = int(re.search(r"CR3=([0-9a-f]+)", monitor(machine, "info registers"))[1], 16)
    root = int(re.search(r": (0x[0-9a-f]+)", monitor(machine, "xp /1gx 0xfed90020"))[1], 16)
    return cr3 & ~0xFFF, root & ~0xFFF


def targets(machine, ports, port, bits):
    """Accesses that a card must not make: (address, flags), each once. All, for a port without mappings."""
    mine = ports.get(port, [])
    places = [0, KERNEL, KERNEL + 0x10000, *page_tables(machine), (1 << 38) - CELL,
              1 << bits, (1 << bits) + ports[0][0]["iova"], (1 << 64) - PAGE, 0xFED90000]
    for m in [m for rows in ports.values() for m in rows]:
        places += [m["iova"] - CELL, m["iova"] - PAGE, m["iova"] + m["bytes"],
                   m["iova"] + m["bytes"] + PAGE - CELL, m["iova"], m["iova"] + m["bytes"] - CELL,
                   m["paddr"], m["paddr"] + m["bytes"] - CELL]
    return [(place, flags) for place in sorted(set(places)) for flags in (READ, WRITE)
            if not may(mine, place, flags)]


def acs_control(machine, below):
    """The ACS control register of the root port above a card, read from its ECAM page."""
    def word(address, size="w"):
        return int(monitor(machine, f"xp /1{size}x {address:#x}").split(":")[1], 16)
    bus = int(below[5:7], 16)
    for device in range(32):
        page = 0xB0000000 + (device << 15)
        if word(page) != 0xFFFFFFFF and word(page + 0x18) >> 8 & 0xFF == bus:
            at = 0x100
            while at and word(page + at) & 0xFFFF != 0x0D:
                at = word(page + at) >> 20
            assert at, "the root port has no ACS"
            return word(page + at + 6, "h")
    raise AssertionError(f"no bridge has the secondary bus {bus}")


def wait_for_line(machine, text):
    machine.expect(re.escape(text), PATIENCE_S)


def restore_port(machine, port):
    assert "did not restart" not in machine.run(f"set port {port} up")
    machine.wait_link(port, True)


def exchange(machine, n=40):
    forth = [bytes([i]) * (60 + 7 * i) for i in range(n)]
    back = [bytes([i]) * (60 + 11 * i) for i in range(n)]
    machine.wires[0].send(*forth)
    machine.wires[1].send(*back)
    assert machine.wires[1].receive(n) == forth
    assert machine.wires[0].receive(n) == back


@pytest.mark.parametrize("unit", UNITS)
def test_frames_pass_and_nothing_is_invalidated_after_start(boot, unit):
    machine = boot("app=forward iommu=require", iommu=UNITS[unit])
    exchange(machine)
    exchange(machine)
    units, ports = show(machine)
    assert units[0]["translation"] is True
    assert units[0]["levels"] == (4 if "48" in unit else 3)
    assert units[0]["caching_mode"] is ("caching" in unit)
    assert units[0]["faults"] == 0
    assert units[0]["invalidations_since_start"] == 0
    assert sorted(ports) == [0, 1]
    balanced(machine)


@pytest.mark.parametrize("unit", ["39 bits", "caching, 48 bits"])
def test_each_port_has_only_its_own_buffers_and_rings_mapped(boot, unit):
    machine = boot("app=forward selftest=zlr", iommu=UNITS[unit], cores=1)
    exchange(machine)
    _, ports = show(machine)

    def bytes_of(port, access):
        return sorted(m["bytes"] for m in ports[port] if m["access"] == access)
    for port in (0, 1):
        assert bytes_of(port, "w") == [PAGE, PAGE, 2 << 20], "two head words, receive buffers"
        assert bytes_of(port, "rw") == [2 * PAGE], "the receive ring"
        assert bytes_of(port, "r") == [PAGE, 2 * PAGE, 33 * PAGE, 2 << 20], \
            "transmit ring and buffers, of the lanes and of the side queue"
    writable = [{m["paddr"] + i for m in ports[p] if "w" in m["access"]
                 for i in range(0, m["bytes"], PAGE)} for p in (0, 1)]
    assert not writable[0] & writable[1], "no page is writable by both ports"
    for m in ports[0] + ports[1]:
        assert m["iova"] != m["paddr"]
        assert m["paddr"] >= KERNEL + (1 << 20), "the image"


@pytest.mark.parametrize("unit, bits", [("39 bits", 39), ("48 bits", 48), ("caching", 39)])
def test_stray_dma_is_refused_and_changes_no_byte(boot, unit, bits):
    machine = boot("app=forward selftest=zlr", iommu=UNITS[unit], memory_mb=64, cores=1,
                   complaints=False)
    exchange(machine)
    _, ports = show(machine)
    machine.qmp("stop")
    before = memory(machine, 64)
    tried = 0
    for port in (0, 1):
        for address, flags in targets(machine, ports, port, bits):
            assert stray_dma(machine, port, address, flags), (port, hex(address), flags)
            tried += 1
    assert tried > 100
    assert memory(machine, 64) == before
    # The checksum does change after a permitted write.
    buffers = next(m for m in ports[0] if m["access"] == "w")
    assert not stray_dma(machine, 0, buffers["iova"], WRITE)
    assert memory(machine, 64) != before
    machine.qmp("cont")
    wait_for_line(machine, "out of service: its card accessed memory outside its buffers")
    units, _ = show(machine)
    assert units[0]["faults"] > 0
    for port in (0, 1):
        restore_port(machine, port)
    exchange(machine)
    balanced(machine)
    # Each port's entry was removed and put back once.
    assert show(machine)[0][0]["invalidations_since_start"] == 4


@pytest.mark.parametrize("unit", UNITS)
def test_dma_to_the_interrupt_range_moves_no_data(boot, unit):
    machine = boot("app=forward selftest=zlr", iommu=UNITS[unit], memory_mb=64, cores=1,
                   complaints=False)
    exchange(machine)
    _, ports = show(machine)

    def stray_bytes_read():
        return machine.truth(0)["stray_bytes"] + machine.truth(1)["stray_bytes"]
    for port in (0, 1):
        machine.qmp("stop")
        before = memory(machine, 64)
        # A card that reads the local APIC's addresses gets zeroes.
        for place in (0, 0x20, 0x1000, 0x80000, 0xFFFC0):
            assert not stray_dma(machine, port, MESSAGES + place & -CELL, READ), hex(place)
        assert stray_bytes_read() == 0
        # Sixteen messages. Those with bit 4 of the address set are for entry 0, which belongs to
        # another device; the others are in the old format, with the illegal vector 0.
        assert stray_dma(machine, port, MESSAGES, WRITE | ZERO)
        assert memory(machine, 64) == before
        machine.qmp("cont")
        if records_faults(machine):
            wait_for_line(machine, f"port{port} (00:0{port + 1}.0) sent interrupt 0: "
                                   "the entry belongs to another device")
            wait_for_line(machine, f"port{port}: out of service")
            restore_port(machine, port)
        else:
            assert "invalid IRTE SID" in machine.errors()
    exchange(machine)
    balanced(machine)
    # The count does rise after a permitted read: of the card's transmit ring.
    ring = next(m for m in ports[0] if m["access"] == "r" and m["bytes"] == 2 * PAGE)
    assert not stray_dma(machine, 0, ring["iova"], READ)
    assert stray_bytes_read() > 0


REASONS = [
    ("the page before a mapping", lambda ports, p: (ports[p][0]["iova"] - PAGE, WRITE), "no write permission"),
    ("the page after a mapping", lambda ports, p: (ports[p][0]["iova"] + ports[p][0]["bytes"], READ),
     "no read permission"),
    ("kernel text", lambda ports, p: (KERNEL, WRITE), "no write permission"),
    ("beyond the width", lambda ports, p: (1 << 39, READ), "address beyond the width"),
    ("write to a read-only mapping",
     lambda ports, p: (next(m for m in ports[p] if m["access"] == "r")["iova"], WRITE),
     "no write permission"),
    ("read of a write-only mapping",
     lambda ports, p: (next(m for m in ports[p] if m["access"] == "w")["iova"], READ),
     "no read permission"),
    ("another port's ring",
     lambda ports, p: (next(m for m in ports[1 - p] if m["access"] == "rw")["iova"], WRITE),
     "no write permission"),
    ("another port's head word",
     lambda ports, p: (next(m for m in ports[1 - p] if m["access"] == "w"
                            and m["bytes"] == PAGE)["iova"], WRITE), "no write permission"),
]


def test_each_fault_is_reported_and_takes_bus_mastering_from_the_card(boot):
    # No traffic before: a translation that QEMU has cached faults without a record.
    machine = boot("app=forward selftest=zlr", iommu="aw-bits=39", cores=1, complaints=False)
    _, ports = show(machine)
    for n, (what, where, reason) in enumerate(REASONS):
        port = n % 2
        address, flags = where(ports, port)
        assert stray_dma(machine, port, address, flags), what
        verb = "write" if flags == WRITE else "read"
        wait_for_line(machine, f"port{port} (00:0{port + 1}.0) tried to {verb} "
                               f"{address & ~0xFFF:#x}: {reason}")
        wait_for_line(machine, f"port{port}: out of service: its card accessed memory outside")
        assert machine.ports()[port]["link"] == "down", what
        # Without bus mastering it cannot access its own buffers either.
        mine = next(m for m in ports[port] if m["access"] == "w")
        before = monitor(machine, f"xp /1gx {mine['paddr']:#x}")
        machine.card(port, "evil", f"dma:{mine['iova'] | WRITE:#x}")
        assert monitor(machine, f"xp /1gx {mine['paddr']:#x}") == before, what
        restore_port(machine, port)
    exchange(machine)
    assert show(machine)[0][0]["faults"] == len(REASONS)
    balanced(machine)


def test_the_other_port_works_on_and_its_frames_are_counted(boot):
    machine = boot("app=forward", iommu=True, cores=2, complaints=False)
    exchange(machine)
    assert stray_dma(machine, 0, KERNEL, READ)
    wait_for_line(machine, "port0: out of service")
    machine.wires[1].send(*[bytes([i]) * 60 for i in range(20)])
    limit = time.monotonic() + PATIENCE_S
    while machine.ledger()["drops"]["tx_no_link"] < 20:
        assert time.monotonic() < limit, machine.ledger()
        time.sleep(0.1)
    assert machine.wires[0].is_silent()
    balanced(machine)
    restore_port(machine, 0)
    exchange(machine)
    balanced(machine)


def test_repeated_faults_of_a_card_are_reported_at_a_limited_rate(boot):
    machine = boot("app=forward", iommu=True, cores=1, complaints=False)
    for _ in range(12):
        stray_dma(machine, 0, KERNEL, WRITE)
        machine.run("set port 0 up")
    assert machine.console_text.count("tried to write") <= 12
    assert machine.run("show iommu")
    restore_port(machine, 0)
    exchange(machine)


def test_ports_go_out_of_service_and_come_back_by_command(boot):
    machine = boot("app=forward")
    machine.run("set port 1 down")
    machine.wait_link(1, False)
    assert "up, down" in machine.run("set port 1 sideways")
    assert "usage: set port N" in machine.run("set port 7 up")
    restore_port(machine, 1)
    exchange(machine)
    balanced(machine)


@pytest.mark.parametrize("memory_mb, large", [(16, 0), (64, 16)])
def test_with_little_memory_the_cards_are_confined_as_well(boot, memory_mb, large):
    """Buffers are in large pages if there is enough memory, otherwise in small ones."""
    machine = boot("app=forward iommu=require", iommu=True, memory_mb=memory_mb, cores=4)
    exchange(machine)
    _, ports = show(machine)
    rows = ports[0] + ports[1]
    assert sum(m["bytes"] == 2 << 20 for m in rows) >= large
    assert sum(m["bytes"] >= 1 << 20 for m in rows) == 16, "four lanes in each direction, mapped for two ports"


def test_echo_reads_and_writes_its_own_buffers(boot):
    machine = boot("app=echo port0.ip=192.0.2.1/24", 1, iommu=True, cores=1)
    host = {"src": "02:00:00:00:00:09"}
    machine.wires[0].send(bytes(Ether(**host, dst="ff:ff:ff:ff:ff:ff") /
                                ARP(hwsrc=host["src"], psrc="192.0.2.9", pdst="192.0.2.1")))
    answer = Ether(machine.wires[0].receive_where(
        lambda f: ARP in Ether(f) and Ether(f)[ARP].op == 2))
    for i in range(10):
        machine.wires[0].send(bytes(Ether(**host, dst=answer.src) /
                                    IP(src="192.0.2.9", dst="192.0.2.1") / ICMP(seq=i) / (b"x" * i)))
        machine.wires[0].receive_where(
            lambda f, i=i: ICMP in Ether(f) and (Ether(f)[ICMP].type, Ether(f)[ICMP].seq) == (0, i))
    _, ports = show(machine)
    # The buffers of the lane and of ARP's queue; what this unit lets a card write it may read (ZLR 0).
    assert [m["access"] for m in ports[0] if m["bytes"] == 2 << 20] == ["rw", "rw"]
    assert show(machine)[0][0]["faults"] == 0


def test_cards_behind_bridges_are_confined_as_well(boot):
    ports = [word for i in range(2)
             for word in ("-device", f"pcie-root-port,id=above{i},chassis={i + 1},slot={i + 1}")]
    machine = boot(boot=ports + ["-kernel", IMAGE, "-append", "app=forward iommu=require"],
                   devices=["bus=above0", "bus=above1"], iommu=True, cores=1, complaints=False)
    exchange(machine)
    names = [row["pci"] for row in machine.ports()]
    assert not any(name.startswith("0000:00") for name in names), names
    assert stray_dma(machine, 0, KERNEL, WRITE)
    wait_for_line(machine, f"port0 ({names[0][5:]}) tried to write {KERNEL:#x}: no write permission")
    restore_port(machine, 0)
    exchange(machine)
    assert "no ACS" not in machine.console_text
    for i in range(2):  # ACS of each root port: peer-to-peer requests are sent upstream
        control = acs_control(machine, names[i])
        assert control & 0b11101 == 0b11101, hex(control)


def test_require_refuses_a_machine_without_a_unit(boot):
    machine = boot("app=forward iommu=require panic=exit", prompt=False,
                   extra=["-device", "isa-debug-exit,iobase=0xf4"])
    machine.expect("iommu=require: there is no DMAR table")
    assert machine.wait_exit() == 3


DRHD = struct.pack("<HHBBHQ", 0, 16, 1, 0, 0, 0xFEB00000)  # no unit is at this address


@pytest.mark.parametrize("what, body, line", [
    ("no unit there", DRHD, "the unit at 0xfeb00000 is not used: VER reads"),
    ("registers at 0", struct.pack("<HHBBHQ", 0, 16, 1, 0, 0, 0), "has its registers at address 0"),
    ("a length of 2", DRHD + struct.pack("<HH", 0, 2), "with an invalid length"),
    ("no unit", struct.pack("<HHHHQQ", 1, 24, 0, 0, 0x1000, 0x1FFF), "names no unit that answers"),
])
@pytest.mark.parametrize("mode", ["on", "require"])
def test_a_false_dmar_table_is_named(boot, folder, mode, what, body, line):
    with open(f"{folder}/dmar", "wb") as f:
        f.write(struct.pack("<BB10x", 38, 1) + body)
    machine = boot(f"app=forward iommu={mode} panic=exit", prompt=mode == "on",
                   extra=["-device", "isa-debug-exit,iobase=0xf4",
                          "-acpitable", f"sig=DMAR,data={folder}/dmar"])
    if mode == "require":
        machine.expect("iommu=require: ")
        assert machine.wait_exit() == 3
    else:
        exchange(machine)
        assert "cards may touch all memory: ACPI's DMAR table" in machine.console_text
    assert line in machine.console_text, what


def test_off_leaves_the_cards_unconfined_and_reports_it(boot):
    machine = boot("app=forward iommu=off", iommu=True)
    exchange(machine)
    assert "cards may touch all memory" in machine.run("show iommu")
    assert "iommu=off" in machine.console_text


def test_a_machine_without_a_unit_starts_and_reports_it(boot):
    machine = boot("app=forward")
    assert "cards may touch all memory: there is no DMAR table" in machine.console_text
    exchange(machine)


def counts(machine):
    """{name: count} of `show irqs`, summed over the cores."""
    total = {}
    for row in machine.json("show irqs -j"):
        total[row["name"]] = total.get(row["name"], 0) + row["count"]
    return total


def one_by_one(machine, n=10):
    """Send frames one at a time, each while all cores sleep."""
    for i in range(n):
        machine.wait_asleep()
        frame = bytes([i]) * 77
        machine.wires[0].send(frame)
        assert machine.wires[1].receive(1) == [frame]


def test_a_card_left_receiving_by_firmware_brings_no_fault(boot):
    """Its ring is in memory that was not granted, and its frames wait until bus mastering is on."""
    machine = boot("app=forward iommu=require", iommu=True, cores=1, prompt=False,
                   devices=["", "evil=left-receiving:0x6000000"])
    deadline = time.monotonic() + PATIENCE_S
    while "port1: x540" not in machine.console_text and time.monotonic() < deadline:
        machine.wires[1].send(frame(1, 0))
        time.sleep(0.005)
    machine.prompt()
    machine.wait_links()
    assert machine.truth(1)["dma_refused"] == 0
    assert "blocked" not in machine.console_text and "out of service" not in machine.console_text
    one_by_one(machine)
    assert machine.poweroff() == 0


def test_each_interrupt_entry_is_for_one_source(boot):
    machine = boot("app=forward", iommu=True, cores=2)
    units, _ = show(machine)
    assert units[0]["interrupt_remapping"] is True
    rows = [row for row in machine.json("show iommu -j") if "interrupt" in row]
    sources = [row["source"] for row in rows]
    # Events and two queues for each port; the rest are inputs of the IOAPIC, ff:00.0 in DMAR.
    assert sources.count("00:01.0") == sources.count("00:02.0") == 3
    assert set(sources) - {"00:01.0", "00:02.0"} <= {"ff:00.0"}
    assert len({(row["apic"], row["vector"]) for row in rows}) == len(rows)
    before = counts(machine)
    one_by_one(machine)
    machine.wait_asleep()  # while core 0 is awake, input is read without an interrupt
    after = counts(machine)
    assert after["port receive"] >= before["port receive"] + 5
    assert after["serial"] > before["serial"]


def records_faults(machine):
    """Does this QEMU's unit record refused interrupts? Version 7.2 only logs them."""
    return "QEMU emulator version 7." not in subprocess.run(
        [machine.command_line[0], "--version"], check=True, capture_output=True, text=True).stdout


def test_an_interrupt_of_another_device_does_not_arrive(boot):
    machine = boot("app=forward selftest=forge", iommu=True, cores=1)
    raised = machine.truth(0)["interrupts"]
    machine.wait_asleep()
    machine.wires[0].send(bytes(77))
    wait_until(lambda: machine.truth(0)["interrupts"], lambda n: n > raised, "the card raises an interrupt")
    if records_faults(machine):
        wait_for_line(machine, "port0 (00:01.0) sent interrupt 0: the entry belongs to another device")
    else:
        wait_until(machine.errors, lambda text: "invalid IRTE SID" in text, "QEMU's unit refuses the interrupt")
    assert counts(machine)["port receive"] == 0


def message(index, data=0, has_data=False):
    """The argument of evil `msi`: a message in the remappable format, for an entry of the table."""
    assert index < 1 << 15
    return f"msi:{((index << 5 | 1 << 4 | has_data << 3) << 32) | data:#x}"


def device_counts(machine):
    """Interrupts that a card could have raised, by (core, vector): all but those of the serial port, the
    timer and the other cores."""
    return {(row["core"], row["vector"]): row["count"] for row in machine.json("show irqs -j")
            if row["name"] not in ("serial", "timer", "wake-up by another core")}


@pytest.mark.parametrize("unit", UNITS)
def test_forged_messages_reach_no_vector(boot, unit):
    machine = boot("app=forward", iommu=UNITS[unit], complaints=False)
    forge_each_message(machine)


@with_x2apic
def test_forged_messages_reach_no_vector_with_x2apic_ids(boot):
    machine = boot("app=forward", iommu="aw-bits=48,eim=on", complaints=False, extra=X2APIC)
    forge_each_message(machine)


def forge_each_message(machine):
    """The card writes messages to the interrupt range that it has no entry for."""
    exchange(machine)
    rows = [row for row in machine.json("show iommu -j") if "interrupt" in row]
    mine, others = ([row["interrupt"] for row in rows if (row["source"] == "00:01.0") is is_mine]
                    for is_mine in (True, False))
    assert len(mine) >= 2 and len(others) >= 2
    tries = [(message(i), i, "the entry belongs to another device") for i in others] + [
        (message(len(rows)), len(rows), "the entry is not present"),
        (message(255), 255, "the entry is not present"),
        (message(256), 256, "the index is beyond the table"),
        (message(0x7FFF), 0x7FFF, "the index is beyond the table"),
        (message(mine[0], 0x00010000, True), 0, "reserved bits are set in the request")]
    machine.wait_asleep()
    before = device_counts(machine)
    for text, index, reason in tries:
        refused = machine.truth(0)["dma_refused"]
        machine.card(0, "evil", text)
        assert machine.truth(0)["dma_refused"] == refused + 1, (text, reason)
        if records_faults(machine):
            wait_for_line(machine, f"port0 (00:01.0) sent interrupt {index}: {reason}")
            wait_for_line(machine, "port0: out of service")
            restore_port(machine, 0)
            time.sleep(1.1 / 8)  # fault messages are limited to eight a second
    after = device_counts(machine)
    if not records_faults(machine):  # where it does, restoring the port after a fault raises interrupts too
        assert after == before
    strays = {row["vector"] for row in machine.json("show irqs -j") if row["name"] == "stray"}
    assert not strays, strays
    # The same message for the card's own entry does arrive.
    row = next(row for row in rows if row["interrupt"] == mine[-1])
    machine.card(0, "evil", message(mine[-1]))
    where, limit = (row["apic"], row["vector"]), time.monotonic() + PATIENCE_S
    while device_counts(machine)[where] <= after[where]:
        assert time.monotonic() < limit, "the card's own interrupt did not come"
    exchange(machine)
    balanced(machine)


FIXED, LOWEST, SMI, NMI, INIT, STARTUP, EXTINT = 0, 1, 2, 4, 5, 6, 7  # delivery modes


def old_message(core, vector, mode=FIXED):
    """The argument of evil `msi`: a message in the compatibility format, without interrupt remapping."""
    return f"msi:{((core << 12) << 32) | mode << 8 | vector:#x}"


def interrupts(machine):
    """{(core, vector): count}, and the set of (core, vector) that have a handler."""
    rows = machine.json("show irqs -j")
    return ({(row["core"], row["vector"]): row["count"] for row in rows},
            {(row["core"], row["vector"]) for row in rows if row["name"] != "stray"})


def machine_for_old_messages(boot, **options):
    machine = boot("app=forward", cores=2, **{"iommu": True, **options})
    assert not int(monitor(machine, f"xp /1wx {0xFED9001C:#x}").split(":")[1], 16) & 1 << 23, \
        "GSTS.CFIS: the unit must block compatibility-format interrupts"
    exchange_flows(machine, 16, 4)
    return machine


def send_each_vector_in_the_old_format(machine):
    """QEMU ignores GSTS.CFIS and delivers every such message. So each core gets each vector once: at most
    it wakes up, and it counts the interrupts of vectors without a handler."""
    machine.wait_asleep()
    before, _ = interrupts(machine)
    sent = [(core, vector) for core in (0, 1) for vector in range(256)]
    for core, vector in sent:
        machine.card(0, "evil", old_message(core, vector))
    limit = time.monotonic() + PATIENCE_S
    while True:
        after, taken = interrupts(machine)
        # The local APIC never delivers a vector below 32.
        late = [where for where in sent
                if where[1] >= 32 and after.get(where, 0) <= before.get(where, 0)]
        if not late:
            break
        assert time.monotonic() < limit, late
    assert not [where for where in after if where[1] < 32]
    assert {after[where] for where in sent if where[1] >= 32 and where not in taken} == {1}
    exchange_flows(machine, 16, 4)
    # Every interrupt still wakes either core: none was left in service.
    before, _ = interrupts(machine)
    for i in range(40):
        machine.wait_asleep()
        machine.wires[0].send(frame(5 * i % 64, i))  # both cores
        machine.wires[1].receive(1)
    after, _ = interrupts(machine)
    for core in (0, 1):
        assert sum(count - before[where] for where, count in after.items()
                   if where[0] == core and where in taken and where[1] < 240) > 0, (core, after)
    assert machine.ledger()["drops"] == dict.fromkeys(machine.ledger()["drops"], 0)
    balanced(machine)


def test_a_message_in_the_old_format_is_a_wake_up_at_most(boot):
    send_each_vector_in_the_old_format(machine_for_old_messages(boot))


@with_x2apic
def test_a_message_in_the_old_format_is_a_wake_up_at_most_with_x2apic_ids(boot):
    send_each_vector_in_the_old_format(machine_for_old_messages(boot, iommu="eim=on", extra=X2APIC))


def test_an_nmi_that_a_card_sends_is_reported_and_ignored(boot):
    machine = machine_for_old_messages(boot)
    # Delivery modes without an effect on a running core, and SMI, which firmware handles on core 0.
    for core, vector, mode in [(1, 0xD7, 3), (1, 8, STARTUP), (0, 0, SMI)]:
        machine.card(0, "evil", old_message(core, vector, mode))
    for core, mode in [(0, LOWEST), (1, EXTINT)]:
        machine.card(0, "evil", old_message(core, 0xD7, mode))
    for core in (1, 0):
        machine.card(0, "evil", old_message(core, 0, NMI))
        machine.expect(f"core {core}: 1 unexpected NMIs; at the last one it was at")
    machine.card(0, "evil", old_message(0xFF, 0, NMI))  # to all
    limit = time.monotonic() + PATIENCE_S
    wanted = {(0, 2): 2, (1, 2): 2, (0, 0xD7): 1, (1, 0xD7): 1}
    while (now := {where: n for where, n in interrupts(machine)[0].items()
                   if where[1] in (2, 3, 8, 0xD7)}) != wanted:
        assert time.monotonic() < limit, now
    exchange_flows(machine, 16, 4)
    assert machine.ledger()["drops"] == dict.fromkeys(machine.ledger()["drops"], 0)
    balanced(machine)


def test_a_core_that_a_card_sends_init_is_named(boot):
    """After INIT the core waits for STARTUP and runs no more. Core 0 goes on."""
    machine = machine_for_old_messages(boot)
    machine.wait_asleep()
    machine.card(0, "evil", old_message(1, 0, INIT))
    named = machine.expect(r"core 1 has been silent for (\d+) ms and does not wake")
    assert int(named[1]) >= 9 * 700  # since its last time stamp, not since it should have woken
    time.sleep(1)  # core 1 must stay silent: no further message in this time
    exchange(machine)
    assert [row["state"] for row in machine.json("show cores -j")] == ["running", "silent"]
    text = machine.console_text
    assert text.count("-- ferrule") == 1 and "core 1 responds again" not in text and "PANIC" not in text


@with_x2apic
def test_interrupts_pass_with_x2apic_ids(boot):
    """EIM: entries hold 32-bit APIC ids, and IRTA of the unit has the bit for it."""
    machine = boot("app=forward iommu=require", iommu="eim=on", cores=8, extra=X2APIC)
    assert " x2APIC, timer" in machine.console_text
    assert show(machine)[0][0]["interrupt_remapping"] is True
    assert int(re.search(r": (0x[0-9a-f]+)", monitor(machine, "xp /1gx 0xfed900b8"))[1], 16) & 0x800
    before = counts(machine)
    one_by_one(machine)
    assert counts(machine)["port receive"] >= before["port receive"] + 5
    assert show(machine)[0][0]["faults"] == 0
    balanced(machine)


def loop_of_forward():
    """(address, bytes) of the compiled loop of app=forward."""
    symbols = subprocess.run(["nm", "-S", f"{ROOT}/build/ferrule.elf"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    found = re.search(r"^([0-9a-f]+) ([0-9a-f]+) t forward_poll_busy$", symbols, re.M)
    return int(found[1], 16), int(found[2], 16)


def instructions_of_a_packet(boot, iommu, n=16):
    """Instructions of the forwarding loop that are executed for one frame alone. QEMU is set to translate
    each instruction as one block, and logs each block that it runs."""
    start, size = loop_of_forward()
    log = f"{ROOT}/build/logs/system/instructions-{'with' if iommu else 'without'}"
    machine = boot("app=forward", iommu=iommu, cores=1,
                   extra=["-D", log, "-dfilter", f"{start:#x}+{size:#x}"])
    one_by_one(machine, 2)
    monitor(machine, "singlestep on")
    monitor(machine, "log exec,nochain")
    one_by_one(machine, n)
    monitor(machine, "log none")
    machine.poweroff()
    with open(log, encoding="ascii") as f:
        places = re.findall(r"^Trace [^/]*/([0-9a-f]+)/", f.read(), re.M)
    os.unlink(log)
    # QEMU may log a block, leave it before it has run, and log it again.
    return sum(here != before for here, before in zip(places, [None, *places])) / n


def test_translation_adds_no_instruction_to_a_packet(boot):
    without = instructions_of_a_packet(boot, False)
    assert without > 10
    assert instructions_of_a_packet(boot, True) == without


@pytest.mark.parametrize("unit", UNITS)
def test_dma_of_a_device_without_a_driver_is_refused(boot, unit):
    """The guest starts DMA of QEMU's edu device to addresses that are not mapped for it."""
    machine = boot("app=forward selftest=edu", iommu=UNITS[unit], cores=1,
                   extra=["-device", "edu,dma_mask=0xffffffffffffffff"])
    text = machine.console_text
    assert "edu tried 14 times, 0 unfinished, 0 places changed" in text
    # The first is named; then the unit records no more faults of this device.
    assert len(re.findall(r"tried to read", text)) == 1, text
    assert "tried to write" not in text
    assert "more faults of it are not recorded" in text
    # Of the two attempts in the interrupt range the read returns zeroes; the write is sixteen messages,
    # four of them for entry 32768. QEMU's edu sends its requests without a source id.
    assert show(machine)[0][0]["faults"] == 1 + records_faults(machine)
    if records_faults(machine):
        assert "sent interrupt 32768: the index is beyond the table" in text
    assert "stray" not in machine.run("show irqs")
    exchange(machine)
    balanced(machine)
