# SPDX-License-Identifier: BSD-2-Clause
"""The screen, for machines without a serial port: VGA text memory, frame buffers, the text of a
panic; and the serial port that firmware's SPCR names. Pictures of frame buffers are converted to text
with the letters of kernel/log/font.txt."""
import re
import struct

import pytest

from boot_media import EFI, ISO, ROOT, clean, fat, uefi, usb
from machine import wait_until

VGA = ["-device", "VGA"]
NO_SERIAL = ["-global", "isa-serial.iobase=0x100"]
EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]


def font():
    """{rows of a letter as a tuple of strings: letter}"""
    with open(f"{ROOT}/kernel/log/font.txt", encoding="utf-8") as f:
        rows = [line.split() for line in f if line[0] in "#."]
    letters = {}
    for band in range(0, len(rows) // 8):
        for i, glyph in enumerate(zip(*rows[8 * band:8 * band + 8])):
            letters[glyph] = chr(32 + 16 * band + i)
    return letters


def vga_text(machine):
    """The 25 rows of text memory."""
    path = f"{machine.folder}/text.bin"
    machine.qmp("pmemsave", val=0xB8000, size=4000, filename=path)
    with open(path, "rb") as f:
        memory = f.read()
    return [memory[i:i + 160:2].decode("latin-1").rstrip(" \0") for i in range(0, 4000, 160)]


def pixel_text(machine):
    """The screen's picture as rows of text."""
    path = f"{machine.folder}/screen.ppm"
    machine.qmp("screendump", filename=path)
    with open(path, "rb") as f:
        picture = f.read()
    size = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", picture)
    width, height, at = int(size[1]), int(size[2]), size.end()
    scale = max(1, width // 600)
    letters, rows = font(), []
    for top in range(0, height // (10 * scale) * 10 * scale, 10 * scale):
        lines = [picture[at + (top + y * scale) * width * 3:][:width * 3:3 * scale]
                 for y in range(8)]
        rows.append("".join(
            letters.get(tuple("".join("#" if p else "." for p in line[x:x + 5])
                              for line in lines), "\x7f")
            for x in range(0, width // (6 * scale) * 6, 6)).rstrip())
    return rows


def shows(rows, machine, text):
    assert any(text in row for row in rows), (text, rows)
    assert "\x7f" not in "".join(rows)


def test_vga_text_shows_the_newest_lines_of_the_log(boot):
    machine = boot("", wires=0, extra=VGA)
    assert "VGA text, 80 by 25 letters" in machine.console_text
    rows = vga_text(machine)
    log = [line.rstrip() for line in machine.run("show log 8").splitlines()]
    at = next(i for i, row in enumerate(rows) if row == log[-1][:80].rstrip())
    wrapped = (len(log[-1]) - 1) // 80
    assert rows[(at + wrapped + 1) % 25] == "", rows  # the row of the next line is empty
    shown = "".join(row.ljust(80) for row in rows[at + wrapped + 2:] + rows[:at + wrapped + 1])
    for line in log:
        assert line in shown, (line, rows)
    assert machine.poweroff() == 0


def test_without_a_serial_port_a_panic_is_on_the_screen(boot):
    """The screen keeps the panic from its first line on."""
    machine = boot("selftest=null", wires=0, prompt=False, extra=VGA + NO_SERIAL)
    wait_until(lambda: vga_text(machine), lambda rows: any(row.startswith("PANIC") for row in rows),
               "the screen shows a panic")
    machine.wait_asleep()  # the panic is complete; its last lines do not fit on the screen
    rows = vga_text(machine)
    assert rows[1].startswith("PANIC: page fault: read of a page"), rows
    assert any("read_null" in row for row in rows) and any("kmain" in row for row in rows), rows
    assert machine.console_text == ""


def test_a_screen_is_mapped_write_combining(boot):
    machine = boot("selftest=map", wires=0, extra=VGA)
    assert len(re.findall(r"map 0x[0-9a-f]{16} +\d+ KiB rw- combining", machine.console_text)) == 1
    assert machine.poweroff() == 0


@pytest.mark.parametrize("loader", ["GRUB", "BOOTX64.EFI"])
def test_a_frame_buffer_under_uefi_is_readable(boot, folder, loader):
    medium = ["-cdrom", ISO] if loader == "GRUB" else usb(fat(folder, {"EFI/BOOT/BOOTX64.EFI": EFI}))
    machine = boot(boot=uefi(folder) + medium, wires=0, extra=VGA)
    assert f'loader "{loader}' in machine.console_text
    rows = pixel_text(machine)
    assert re.search(r" ferrule \S+$", rows[0]), rows
    shows(rows, machine, re.search(r"\d+ by \d+ pixels of ", machine.console_text)[0])
    shows(rows, machine, "us after entry")
    assert machine.poweroff() == 0
    clean(folder)


def spcr(port, baud_code):
    body = bytearray(80 - 36)
    body[0] = 0                                      # a 16550
    body[4:16] = struct.pack("<BBBBQ", 1, 8, 0, 1, port)
    body[58 - 36] = baud_code
    return bytes(body)


@pytest.mark.parametrize("line,console", [("", 2), ("console=ttyS0", 1)])
def test_the_console_is_on_firmwares_serial_port_unless_the_boot_line_names_one(boot, folder, line, console):
    with open(f"{folder}/spcr.bin", "wb") as f:
        f.write(spcr(0x2F8, 3))
    second = f"{folder}/second.txt"
    machine = boot(f"{line} run=poweroff", wires=0, prompt=False, extra=[
        "-acpitable", f"sig=SPCR,rev=2,data={folder}/spcr.bin",
        "-chardev", f"file,id=second,path={second}", "-device",
        "isa-serial,iobase=0x2f8,irq=3,chardev=second"])
    assert machine.wait_exit() == 0
    with open(second, encoding="utf-8") as f:
        text = f.read()
    if console == 2:
        assert "at port 0x2f8, 9600 baud, by ACPI's SPCR" in text and "power off" in text
        assert "power off" not in machine.console_text
    else:
        assert text == "" and "power off" in machine.console_text
