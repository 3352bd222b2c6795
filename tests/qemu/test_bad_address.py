# SPDX-License-Identifier: BSD-2-Clause
"""Addresses from cards and firmware that name what is ours: BARs, the HPET, IOAPICs, VT-d units, the ECAM
window, reserved memory (RMRR) and the frame buffer, at pages of the image, RAM, a boot module, ACPI tables
and registers that are mapped already, or where the CPU has no addresses. gdb changes the tables, and the
monitor the cards' BARs, at the kernel's first instruction. Each is refused with one line that says what it
overlaps and costs only the thing concerned: the machine forwards, and no byte of the code has changed. The
sweep over every page is tests/unit/kernel/test_ours.c."""
import re
import struct

import pytest

from conftest import balanced
from machine import IMAGE, ROOT
from stub_loader import MIB, USABLE, loads, memory_map, multiboot2, tag
from test_bad_input import SCRIPT, damaged, forwards
from test_iommu import UNITS, show

__all__ = ["damaged"]
MODULE = ["-initrd", f"{ROOT}/LICENSE"]
IN_TEXT, IN_RAM = 0x110000, 0x08000000
BEYOND = 1 << 50  # the CPU of these tests has 40 address bits

WORDS = SCRIPT + '''
def change(name, offset, form, value):
    at = table(name)
    put(at + offset, form, value)
    fixed(at)
def structure(name, kind, head, n):
    """The first structure of that type; n: bytes before the first one."""
    at = table(name)
    end, here = at + get(at + 4, "<I")[0], at + n
    while here < end:
        this, length = get(here, head)
        if this == kind:
            return here - at
        here += length
    raise ValueError(kind)
def config(device, offset, value):
    gdb.execute(f"monitor o /w 0xcf8 {1 << 31 | device << 11 | offset:#x}")
    gdb.execute(f"monitor o /w 0xcfc {value:#x}")
def reserve(base, bytes, device):
    """A DMAR table with reserved memory for 00:device.0."""
    old = table(b"DMAR")
    install(b"DMAR", cpu.read_memory(old, get(old + 4, "<I")[0]).tobytes() +
            struct.pack("<HHHHQQ", 1, 32, 0, 0, base, base + bytes - 1) +
            struct.pack("<BBBBBBBB", 1, 8, 0, 0, 0, 0, device, 0))
ioapic = structure(b"APIC", 1, "<BB", 44) + 4
'''


def image_parts():
    """Code and constants of the image, as {physical address: bytes}; and the image's end."""
    with open(IMAGE, "rb") as f:
        data = f.read()
    first, = struct.unpack_from("<Q", data, 32)
    size, n = struct.unpack_from("<HH", data, 54)
    rows = [struct.unpack_from("<IIQQQQQQ", data, first + i * size) for i in range(n)]
    # Without the entry code: it has a GDT, in which the CPU sets a bit.
    parts = {row[4]: data[row[2]:row[2] + row[5]] for row in rows
             if row[0] == 1 and not row[1] & 2 and row[4] != MIB}
    assert len(parts) == 2
    return parts, max(row[4] + row[6] for row in rows if row[0] == 1)


PARTS, IMAGE_END = image_parts()
LAST_PAGE = (IMAGE_END - 1) & ~0xFFF


def is_unchanged(machine):
    """The running code and constants are those of the file."""
    for start, data in PARTS.items():
        path = f"{machine.folder}/part.bin"
        machine.qmp("pmemsave", val=start, size=len(data), filename=path)
        with open(path, "rb") as f:
            assert f.read() == data, hex(start)


def survives(machine, line):
    text = forwards(machine)
    assert len(re.findall(line, text)) == 1, (line, text)
    is_unchanged(machine)
    return text


TABLES = [
    ("hpet-text", 'change(b"HPET", 44, "<Q", 0x110000)',
     r"clock: the HPET at 0x110000, 0x400 bytes, overlaps the image; not used"),
    ("hpet-end", f'change(b"HPET", 44, "<Q", {LAST_PAGE + 0xC00})',
     rf"clock: the HPET at {LAST_PAGE + 0xC00:#x}, 0x400 bytes, overlaps the image; not used"),
    ("hpet-ram", f'change(b"HPET", 44, "<Q", {IN_RAM})',
     rf"clock: the HPET at {IN_RAM:#x}, 0x400 bytes, overlaps RAM in use; not used"),
    ("hpet-beyond", f'change(b"HPET", 44, "<Q", {BEYOND})',
     rf"clock: the HPET at {BEYOND:#x}, 0x400 bytes, is empty, or beyond the CPU's physical addresses; not used"),
    ("hpet-table", 'change(b"HPET", 44, "<Q", table(b"HPET") & ~0xFFF)',
     r"clock: the HPET at 0x[0-9a-f]+, 0x400 bytes, overlaps read-only memory in use; not used"),
    ("ioapic-text", 'change(b"APIC", ioapic, "<I", 0x110000)',
     r"irq: IOAPIC 0 at 0x110000 overlaps the image; not used"),
    ("ioapic-module", 'change(b"APIC", ioapic, "<I", get(modules, "<Q")[0] & ~0xFFF)',
     r"irq: IOAPIC 0 at 0x[0-9a-f]+ overlaps read-only memory in use; not used"),
    ("ioapic-hpet", 'change(b"APIC", ioapic, "<I", 0xFED00010)',
     r"irq: IOAPIC 0 at 0xfed00010 overlaps registers or a frame buffer in use; not used"),
    ("ecam-text", 'change(b"MCFG", 44, "<Q", 0x100000), change(b"MCFG", 55, "<B", 0)',
     r"pci: the ECAM window 0x100000 to 0x1fffff overlaps the image; not used, but ports CF8h and CFCh"),
    ("ecam-hpet", 'change(b"MCFG", 44, "<Q", 0xF8000000)',  # as in a real notebook
     r"pci: the ECAM window 0xf8000000 to 0x107ffffff overlaps registers or a frame buffer in use; not used"),
    ("ecam-beyond", f'change(b"MCFG", 44, "<Q", {BEYOND})',
     r"pci: the ECAM window 0x4000000000000 to 0x400000fffffff is empty, or beyond the CPU's physical"),
]


@pytest.mark.parametrize("code,line", [row[1:] for row in TABLES], ids=[row[0] for row in TABLES])
def test_a_table_that_names_what_is_ours_costs_its_device(damaged, code, line):
    survives(damaged(code, words=WORDS, extra=MODULE), line)


BARS = [
    ("text", 4, IN_TEXT, "overlaps the image"),
    ("last-page", 4, LAST_PAGE - 0x3000, "overlaps the image"),
    ("ram", 4, IN_RAM, "overlaps RAM in use"),
    ("ioapic", 4, 0xFEC00000, "overlaps registers or a frame buffer in use"),
    ("unit", 4, 0xFED90000, "overlaps registers or a frame buffer in use"),
    ("beyond", 4, BEYOND, "is empty, or beyond the CPU's physical addresses"),
]


@pytest.mark.parametrize("bar,address,why", [row[1:] for row in BARS], ids=[row[0] for row in BARS])
def test_an_interrupt_table_at_what_is_ours_costs_the_interrupts(damaged, bar, address, why):
    """The port polls instead."""
    code = f"config(2, {0x10 + 4 * bar}, {address & 0xFFFFFFFF | 4}); config(2, {0x14 + 4 * bar}, {address >> 32})"
    machine = damaged(code, words=WORDS, iommu=True)
    text = survives(machine, rf"pci 00:02\.0: BAR4 at {address & ~0x3FFF:#x}, 0x4000 bytes, {why}; not mapped")
    assert "port1: interrupt 0 for core 0 cannot be set: cores poll without sleeping" in text


@pytest.mark.parametrize("address,why", [(IN_RAM, "overlaps RAM in use"),
                                         (0, "has size 0x[0-9a-f]+ and address 0x0, not assigned"),
                                         (BEYOND, "is empty, or beyond the CPU's physical addresses")],
                         ids=["ram", "zero", "beyond"])
def test_registers_at_what_is_ours_cost_the_port(damaged, address, why):
    code = f"config(2, 0x10, {address & 0xFFFFFFFF | 4}); config(2, 0x14, {address >> 32})"
    machine = damaged(code, words=WORDS)
    machine.prompt()
    machine.wait_link(0, True)
    assert re.search(rf"pci 00:02\.0: BAR0 .*{why}", machine.console_text)
    assert "0000:00:02.0: card not used" in machine.console_text
    assert [row["link"] for row in machine.json("show ports -j")] == ["up", "failed"]
    is_unchanged(machine)
    assert machine.poweroff() == 0


@pytest.mark.parametrize("base,why", [("0x110000", "overlaps the image"), ("0x8000000", "overlaps RAM in use"),
                                      ("0xFED00000", "overlaps registers or a frame buffer in use"),
                                      ("1 << 50", "is empty, or beyond the CPU's physical addresses")],
                         ids=["text", "ram", "hpet", "beyond"])
def test_a_unit_at_what_is_ours_is_not_used(damaged, base, why):
    machine = damaged(f'change(b"DMAR", structure(b"DMAR", 0, "<HH", 48) + 8, "<Q", {base})', words=WORDS,
                      iommu=True)
    text = survives(machine, rf"iommu: the unit at 0x[0-9a-f]+ is not used: its page of registers {why}")
    assert "cards may touch all memory" in text


RESERVED = [
    ("image", "0x100000", 0xFD000, "overlaps the image"),
    ("last-page", f"{LAST_PAGE}", 0x1000, "overlaps the image"),
    ("first-and-hole", "0xA0000", 0x61000, "overlaps the image"),
    ("module", 'get(modules, "<Q")[0] & ~0xFFF', 0x1000, "overlaps read-only memory in use"),
    ("table", 'table(b"FACP") & ~0xFFF', 0x1000, "overlaps read-only memory in use"),
    ("dmar", "0x0FFF0000", 0x1000, "overlaps read-only memory in use"),
    ("registers", "0xFED90000", 0x1000, "overlaps registers or a frame buffer in use"),
    ("long", "1 << 32", 1 << 34, "is longer than 1 GiB"),
]


@pytest.mark.parametrize("base,size,why", [row[1:] for row in RESERVED], ids=[row[0] for row in RESERVED])
def test_reserved_memory_that_is_ours_is_not_granted(damaged, base, size, why):
    machine = damaged(f"reserve({base}, {size}, 1)", words=WORDS, extra=MODULE, iommu=UNITS["39 bits"])
    survives(machine, rf"iommu: port0: reserved memory 0x[0-9a-f]+ to 0x[0-9a-f]+ {why}; not mapped")
    _, ports = show(machine)
    assert not [m for port in ports.values() for m in port if m["iova"] == m["paddr"]]
    assert balanced(machine)


def test_reserved_bios_memory_is_granted_also_after_a_search_in_it(damaged):
    """The root pointer is searched in E0000h to FFFFFh; real firmware reserves pages there for cards."""
    machine = damaged('reserve(0xE5000, 0x4000, 1); put(info + 32, "<Q", 0)', words=WORDS,
                      iommu=UNITS["39 bits"])
    text = survives(machine, r"iommu: port0: firmware reserves 0xe5000 to 0xe8fff for it")
    assert "found through BIOS memory" in text
    _, ports = show(machine)
    assert [(m["iova"], m["bytes"]) for m in ports[0] if m["iova"] == m["paddr"]] == [(0xE5000, 0x4000)]


# ---- cards that a loader left on ----

LEFT_ON = """
def masters():
    found = []
    for bus, device in ((0, 1), (0, 2), (1, 0)):
        gdb.execute(f"monitor o /w 0xcf8 {1 << 31 | bus << 16 | device << 11 | 4:#x}")
        found.append(bool(int(gdb.execute("monitor i /w 0xcfc", to_string=True).split("=")[1], 16) & 4))
    return found
gdb.execute(f"monitor o /w 0xcf8 {1 << 31 | 1 << 16:#x}")
assert "0x10d38086" in gdb.execute("monitor i /w 0xcfc", to_string=True).lower(), "no card below the bridge"
for bus, device in ((0, 1), (0, 2), (1, 0)):
    gdb.execute(f"monitor o /w 0xcf8 {1 << 31 | bus << 16 | device << 11 | 4:#x}")
    gdb.execute("monitor o /w 0xcfc 6")
assert masters() == [True] * 3
gdb.Breakpoint("paging_init")
gdb.execute("continue")
assert masters() == [False] * 3, masters()
gdb.execute("delete")
"""


def test_cards_that_a_loader_left_on_are_silent_before_memory_is_used(damaged):
    """The two ports, and a card below a bridge."""
    machine = damaged(LEFT_ON, words=WORDS, extra=["-device", "pcie-root-port,id=root,chassis=1,slot=5,addr=6",
                                                   "-device", "e1000e,bus=root"])
    text = forwards(machine)
    assert re.search(r"bus mastering switched off in [3-9]", text), text


# ---- the frame buffer, which is drawn on before memory is known ----

def framebuffer(start):
    return tag(8, struct.pack("<QIIIBBHBBBBBB", start, 160 * 4, 160, 60, 32, 1, 0, 16, 8, 8, 8, 0, 8))


@pytest.mark.parametrize("start", [IN_TEXT, LAST_PAGE, MIB - 0x1000])
@pytest.mark.parametrize("rows", [
    [(0, 0x9F000, USABLE), (IMAGE_END + 0xFFF & ~0xFFF, 200 * MIB, USABLE)],  # the image is not listed as RAM
    [(0, 0x9F000, USABLE), (MIB, 254 * MIB, USABLE)]], ids=["not listed", "RAM"])
def test_a_frame_buffer_in_the_image_is_not_drawn_on(boot, folder, rows, start):
    machine = boot(boot=loads(f"{folder}/stub.img", multiboot2(framebuffer(start), memory_map(*rows))),
                   prompt=False)
    survives(machine, rf"screen: 160 by 60 pixels of 32 bits at {start:#x} not used: it lies in RAM")
