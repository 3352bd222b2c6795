# SPDX-License-Identifier: BSD-2-Clause
"""The console's line: at COM3 with an interrupt that firmware's SPCR names, on a PCI card, at any port;
lines that are not there; an interrupt that never comes. Input is typed as a paste: none of it is lost,
and no sleep of 100 ms passes between two reads of the UART's 16 bytes."""
import re
import socket
import struct

import pytest

from console import Console
from machine import ROOT, wait_until

SPCR_COM3 = f"{ROOT}/tests/data/acpi/made/spcr_com3_irq5.bin"


class Line(Console):
    """The far end of a second UART: QEMU options, and its text."""

    def __init__(self, folder, device):
        self._path, self._folder = f"{folder}/line", folder
        self.options = ["-chardev", f"socket,id=line,path={self._path},server=on,wait=off",
                        "-device", f"{device},chardev=line"]

    def connect(self):
        ours = socket.socket(socket.AF_UNIX)
        ours.connect(self._path)
        self.begin(ours, f"{self._folder}/line.log")


@pytest.fixture
def on_line(boot, tmp_path):
    """on_line(device, append, extra) -> (machine, Line), with a prompt on the line."""
    def start(device, append="", extra=(), expected=r"^ferrule> "):
        line = Line(tmp_path, device)
        machine = boot(append, wires=0, prompt=False, paused=True, extra=line.options + list(extra))
        line.connect()
        machine.qmp("cont")
        line.expect(expected)
        return machine, line
    return start


def spcr(port, irq):
    """A table that names a UART at a port, with an ISA interrupt."""
    body = bytearray(80 - 36)
    body[4:16] = struct.pack("<BBBBQ", 1, 8, 0, 1, port)
    body[52 - 36:54 - 36] = struct.pack("<BB", 1, irq)
    body[58 - 36] = 7
    return bytes(body)


def paste(line, n=600):
    """Type n bytes at once, unknown commands of 50 bytes, and wait until the last is answered."""
    letters = "".join(f"{i:03d}{'x' * 46}\r" for i in range(n // 50))
    line.send(letters)
    line.expect(rf"^ferrule> {n // 50 - 1:03d}x{{46}}\r?\n(.*\n)*ferrule> ")
    assert all(f"unknown command: {i:03d}{'x' * 46}" in line.console_text for i in range(n // 50)), line.console_text


def test_firmwares_line_at_com3_has_its_interrupt(on_line):
    machine, line = on_line("isa-serial,iobase=0x3e8,irq=5", extra=["-acpitable", f"file={SPCR_COM3}"])
    assert "at port 0x3e8, 115200 baud, by ACPI's SPCR" in line.console_text
    assert re.search(r" ferrule \S+$", line.console_text.splitlines()[0]), "the log from its beginning"
    machine.wait_asleep()  # while it is awake, input is read without an interrupt
    paste(line)
    line.send("show irqs\r")
    # QEMU's MADT has this line level-triggered: an interrupt that the UART does not withdraw comes again.
    count = int(line.expect(r"^ +0 +\d+ +(\d+)  serial\b")[1])
    assert 1 <= count <= 600, count
    assert "without an interrupt" not in line.console_text
    line.send("poweroff\r")
    assert machine.wait_exit() == 0


def test_an_interrupt_that_never_comes_is_given_up(on_line, tmp_path):
    """SPCR names interrupt 7; the UART has 5. Core 0 sleeps, finds input without an interrupt, and from
    the third time on looks each millisecond."""
    with open(f"{tmp_path}/spcr", "wb") as f:
        f.write(spcr(0x3E8, 7))
    machine, line = on_line("isa-serial,iobase=0x3e8,irq=5",
                            extra=["-acpitable", f"sig=SPCR,rev=2,data={tmp_path}/spcr"])
    for _ in range(3):
        machine.wait_asleep()  # while it is awake, input needs no interrupt
        line.send("\r")
        line.expect(r"^ferrule> ")
    wait_until(lambda: line.console_text, lambda text:
               "warning: serial: input came 3 times without an interrupt; the line is polled" in text,
               "the line's interrupt is given up")
    paste(line)
    line.send("poweroff\r")
    assert machine.wait_exit() == 0


@pytest.mark.parametrize("append", ["console=pciserial", "console=pciserial,00:04.0,115200n8"])
def test_a_pci_card_is_the_console(on_line, append):
    machine, line = on_line("pci-serial,addr=4", append)
    assert re.search(r"serial +PCI 00:04\.0 at port 0x[0-9a-f]+, ", line.console_text)
    assert re.search(r" ferrule \S+$", line.console_text.splitlines()[0]), "the log from its beginning"
    paste(line)
    line.send("poweroff\r")
    assert machine.wait_exit() == 0


def test_a_uart_at_any_port_is_the_console(on_line):
    machine, line = on_line("isa-serial,iobase=0x2000,irq=11", "console=uart,io,0x2000,9600n8")
    assert "at port 0x2000, 9600 baud" in line.console_text
    paste(line, 100)
    line.send("poweroff\r")
    assert machine.wait_exit() == 0


@pytest.mark.parametrize("console,expected", [
    ("ttyS1", "serial: console=: port 0x2f8: no UART answers there; the line stays"),
    ("uart,io,0x2000", "serial: console=: port 0x2000: no UART answers there; the line stays"),
    ("uart,mmio32,0xfe000000", "serial: console=: address 0xfe000000: no UART answers there; the line stays"),
    ("uart,mmio32,0x100000", "serial: console=: address 0x100000: overlaps the image; the line stays"),
    ("uart,mmio,0x800000", "serial: console=: address 0x800000: overlaps RAM in use; the line stays"),
    ("uart,mmio,0xffffffffffffffff", "serial: console=: address 0xffffffffffffffff: is empty, or beyond"),
    ("pciserial", "console=pciserial: no PCI function of class 07.00; the line stays"),
    ("pciserial,00:1e.0", "console=pciserial: no function 00:1e.0; the line stays"),
    ("pciserial,00:00.0", "console=pciserial: 00:00.0, BAR0 0x00000000: no UART answers there"),
    ("ttyS1,115200e7", "console=ttyS1,115200e7 is invalid; expected ttyS0 to ttyS3, uart,io|mmio"),
    ("tty0", "console=tty0 is invalid"),
])
def test_a_line_that_is_not_there_leaves_com1(boot, console, expected):
    machine = boot(f"console={console}", wires=0)
    assert expected in machine.console_text
    assert machine.poweroff() == 0
