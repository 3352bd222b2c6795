# SPDX-License-Identifier: BSD-2-Clause
"""Loaders with invalid information: the image, booted under QEMU with memory maps, modules and tags that
are wrong byte by byte (stub_loader.py), and by GRUB with memory cut out and truncated modules. Each
boots and forwards, or ends with a line that gives the reason; each line is on the serial console and on
the screen."""
import re

import pytest

from boot_media import EFI, ISO, clean, fat, grub_disc, uefi, usb
from conftest import forwards_both_ways
from machine import ROOT
from stub_loader import INFORMATION, MIB, RESERVED, USABLE, loads, memory_map, module, multiboot2, pvh, tag
from test_screen import pixel_text, vga_text

LOW, RAM = (0, 0x9F000, USABLE), (MIB, 254 * MIB, USABLE)  # RAM of a machine with 256 MiB


@pytest.fixture
def booted_with(boot, folder):
    """booted_with(information, eax) -> a machine with a screen, started by a loader with it."""
    def start(information, **options):
        return boot(boot=loads(f"{folder}/stub.img", information, **options), prompt=False,
                    extra=["-device", "VGA"])
    yield start
    clean(folder)


def on_screen(machine, pattern):
    """The screen, text or pixels, shows the pattern too; its rows break long lines."""
    size = re.search(r"screen +.* (\d+) by \d+ letters", machine.console_text)
    letters = int(size[1]) if size else 80
    rows = vga_text(machine) if letters == 80 else pixel_text(machine)
    assert re.search(pattern, "".join(row.ljust(letters) for row in rows)), rows


def forwards(machine, *patterns):
    """The machine reaches the prompt and forwards both ways, and both outputs show the patterns."""
    machine.prompt()
    machine.wait_links()
    forwards_both_ways(machine)
    for pattern in patterns:
        assert re.search(pattern, machine.console_text), (pattern, machine.console_text)
        on_screen(machine, pattern)


def refuses(machine, pattern):
    machine.expect("^PANIC: " + pattern)
    machine.expect("^halted")
    on_screen(machine, "PANIC: " + pattern)
    text = machine.console_text
    assert "kmain+" in text[text.index("backtrace:"):text.index("last log lines:")], text


# ---- memory maps ----

ABSURD = [
    (0x200000, 200 * MIB, USABLE), LOW, RAM,             # overlap, out of order
    (0x4000000, 0x1000, RESERVED), (0x4000800, 16, 77),  # holes in it; an unknown type
    (0x5000000, 0, USABLE), (0x6000000, 0x3000, 0),      # empty; type 0
    (1 << 51, 1 << 40, USABLE),                          # beyond the CPU's addresses
    ((1 << 64) - 0x1000, 0x2000, USABLE),                # wraps around the end
    (0x7000123, 0x456, 0xFFFFFFFF), (0xF0000, 0x10000, RESERVED), (0xFC000000, 4 * MIB, RESERVED)]
REPORTED = [r"boot: a memory range wraps around the end of the address space",
        r"memory: \d+ MiB lie beyond the \d+ address bits of this CPU"]


def test_an_absurd_map_by_multiboot2(booted_with):
    forwards(booted_with(multiboot2(memory_map(*ABSURD))), *REPORTED)


def test_an_absurd_map_by_pvh(booted_with):
    forwards(booted_with(pvh(ABSURD), eax=0), *REPORTED)


def test_entries_longer_than_known_and_one_cut_short(booted_with):
    """A future loader: entries of 40 bytes; the last one, a reserved range, is truncated."""
    forwards(booted_with(multiboot2(memory_map(LOW, RAM, (MIB, 100 * MIB, RESERVED), entry_bytes=40, cut=20))))


@pytest.mark.parametrize("reserved_first", [True, False])
def test_more_ranges_than_are_kept(booted_with, reserved_first):
    """Neither reserved ranges nor the real RAM are among the ranges that are dropped."""
    pieces = [(80 * MIB + i * 0x10000, 0x10000, RESERVED) for i in range(200)]
    holes = [(i << 40, 0x1000, USABLE) for i in range(1, 200)]
    rows = pieces + holes + [LOW, RAM] if reserved_first else [LOW, RAM] + holes + pieces
    machine = booted_with(multiboot2(memory_map(*rows)))
    forwards(machine, "memory: the map has too many ranges")
    assert machine.json("show memory -j")[0]["ram_bytes"] == LOW[1] + RAM[1] - 200 * 0x10000


@pytest.mark.parametrize("information,why", [
    (multiboot2(), "memory: the loader's map has no usable RAM"),
    (multiboot2(memory_map((MIB, 200 * MIB, RESERVED))), "memory: the loader's map has no usable RAM"),
    (multiboot2(memory_map((1 << 51, 1 << 30, USABLE))), "memory: the loader's map has no usable RAM"),
    (multiboot2(memory_map(RAM, entry_bytes=8)), "memory: the loader's map has no usable RAM"),
    (multiboot2(tag(6)), "memory: the loader's map has no usable RAM"),
    (multiboot2(tag(7, length=1 << 31), memory_map(RAM)), "memory: the loader's map has no usable RAM"),
    (multiboot2(memory_map((MIB, 0xE4000, USABLE))), r"memory: \d+ KiB of RAM do not hold"),
    (multiboot2(memory_map(LOW, (MIB, 1023 * MIB, USABLE))), "memory: no RAM at 0x3[0-9a-f]{7}, where"),
    (multiboot2(memory_map(LOW, (MIB, 4095 * MIB, USABLE))), "memory: no RAM at 0xf[0-9a-f]{7}, where"),
    (multiboot2(memory_map(RAM), total=4), "booted neither by multiboot2 nor by PVH: eax 0x36d76289"),
], ids=["no map", "all reserved", "all beyond", "small entries", "empty tag", "behind a bad tag",
        "too little RAM", "more RAM than exists", "devices too", "empty"])
def test_an_unusable_map_panics_on_both_outputs(booted_with, information, why):
    refuses(booted_with(information), why)


@pytest.mark.parametrize("information,why", [
    (pvh([]), "memory: the loader's map has no usable RAM"),
    (pvh([RAM], version=0), "memory: the loader's map has no usable RAM"),
    (b"\0" * 64, "booted neither by multiboot2 nor by PVH: eax 0x00000000"),
], ids=["no map", "version 0", "nothing"])
def test_unusable_pvh_information_panics_on_both_outputs(booted_with, information, why):
    refuses(booted_with(information, eax=0), why)


# ---- modules ----

@pytest.mark.parametrize("damaged,line", [
    (module(255 * MIB - 4096, 300 * MIB), "module +0 .* not all in free RAM; left out"),
    (module(0xE0000000, 0xE0001000), "module +0 .* not all in free RAM; left out"),
    (module(MIB, MIB + 4096), "module +0 .* not all in free RAM; left out"),
    (module(INFORMATION + 0x10000, INFORMATION + 0x12000) + module(INFORMATION + 0x11000, INFORMATION + 0x14000, b"two\0"),
     "module +1 .* not all in free RAM; left out"),
    (module(0x5000000, 0x5000000), "boot: a boot module is empty or wraps"),
    (module(0x5000000, 0x4000000), "boot: a boot module is empty or wraps"),
    (tag(3, b"\0\0\0\5"), "boot: a module tag is truncated"),
], ids=["cut by the end of RAM", "no RAM", "the image", "two that overlap", "empty", "backwards", "cut"])
def test_an_invalid_module_is_left_out_with_a_line(booted_with, damaged, line):
    """The module after it is kept."""
    machine = booted_with(multiboot2(memory_map(LOW, RAM), damaged, module(0x8000000, 0x8000010, b"last")))
    forwards(machine, line)
    assert machine.json("show modules -j")[-1] == {"module": "last", "bytes": 16, "sum": 0}


def test_tags_without_an_end_and_a_length_beyond_all(booted_with):
    forwards(booted_with(multiboot2(memory_map(LOW, RAM), end=b"")), "boot: multiboot2 tags do not end")


def test_information_that_claims_gigabytes(booted_with):
    forwards(booted_with(multiboot2(memory_map(LOW, RAM), total=0xFFFFFFF0)),
             "boot: multiboot2 information claims more than 1 MiB")


# ---- GRUB ----

GRUB_MENU = """insmod all_video
insmod mmap
{commands}
multiboot2 /boot/ferrule.elf app=route port0.ip=192.0.2.1/24 port1.ip=203.0.113.1/24 loglevel=warn
module2 /boot/routes.txt routes.txt
module2 /boot/empty.txt empty.txt
boot
"""


@pytest.fixture
def by_grub(boot, folder):
    """by_grub(firmware, commands) -> a machine started by GRUB after these commands, with a table of
    routes that ends in the middle of a line, and an empty module."""
    def start(firmware, commands):
        with open(f"{ROOT}/build/ferrule.elf", "rb") as f:
            image = f.read()
        disc = grub_disc(folder, GRUB_MENU.format(commands=commands), {
            "boot/ferrule.elf": image, "boot/routes.txt": b"10.0.0.0/8 192.0.2.2\n198.51.100.0/2",
            "boot/empty.txt": b""})
        return boot(boot=(uefi(folder) if firmware == "uefi" else []) + ["-cdrom", disc], prompt=False,
                    extra=["-device", "VGA"])
    yield start
    clean(folder)


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_grub_with_memory_cut_out_and_truncated_modules(by_grub, firmware):
    """Holes of 8 MiB and a page, and of one page. The complete lines of the truncated table are used."""
    ram = []
    for commands in ("", "cutmem 0x5000000 0x5801000\nbadram 0x6000000,0xfffff000"):
        machine = by_grub(firmware, commands)
        machine.prompt()
        ram.append(machine.json("show memory -j")[0]["ram_bytes"])
        assert [m["module"] for m in machine.json("show modules -j")] == ["routes.txt"]
        assert " 1 gateways," in machine.run("show routes")
        for line in (r"boot: a boot module is empty or wraps",
                     r"routes\.txt, line 2: bits are set after the prefix"):
            assert re.search(line, machine.console_text)
            on_screen(machine, line)
        assert machine.poweroff() == 0
    assert ram[0] - ram[1] == 0x801000 + 0x1000


# ---- BOOTX64.EFI ----

def test_a_uefi_program_that_cannot_start_reports_it_and_firmware_goes_on(boot, folder):
    """The kernel in the file has no segments. The firmware's console is on both outputs, and the firmware
    then boots from a CD."""
    with open(EFI, "rb") as f:
        program = bytearray(f.read())
    kernel = program.index(b"\x7fELF\x02")
    program[kernel + 56:kernel + 58] = bytes(2)  # e_phnum
    stick = fat(folder, {"EFI/BOOT/BOOTX64.EFI": bytes(program)})
    machine = boot(boot=uefi(folder) + usb(stick) + ["-drive", f"if=none,id=cd,media=cdrom,file={ISO}",
                                                     "-device", "ide-cd,drive=cd,bootindex=1"],
                   prompt=False, wires=0, extra=["-device", "VGA"])
    line = r"ferrule: the kernel inside this file is damaged \(EFI error 01\); not started"
    machine.expect(line)
    machine.prompt()
    assert 'loader "GRUB' in machine.console_text
    assert machine.poweroff() == 0
    clean(folder)


@pytest.mark.parametrize("config, shown", [
    ('run="' + "show memory; " * 60 + '" loglevel=debug', "2 words, 0 invalid"),
    ("app=forward\n" + "route=198.51.100.0/24,192.0.2.2\n" * 70,
     "boot line: too long (at most 2047 bytes and 96 words); the rest is ignored"),
], ids=["one long line", "too many"])
def test_a_long_ferrule_cfg_is_read_in_full_or_reported(boot, folder, config, shown):
    stick = fat(folder, {"EFI/BOOT/BOOTX64.EFI": EFI, "EFI/BOOT/ferrule.cfg": config.encode()})
    machine = boot(boot=uefi(folder) + usb(stick), wires=0)
    assert shown in machine.console_text
    assert machine.poweroff() == 0
    clean(folder)
