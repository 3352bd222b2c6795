# SPDX-License-Identifier: BSD-2-Clause
"""VT-d as a loader may leave it: translation and interrupt remapping on, the queue in use; and memory
that firmware reserves for a card. The test plays the loader: it writes registers and memory while the
machine is stopped (QEMU's qtest protocol)."""
import re
import socket
import struct
import subprocess

import pytest

from conftest import balanced
from machine import PATIENCE_S, ROOT
from test_iommu import (CELL, KERNEL, PAGE, UNITS, WRITE, boot, exchange, memory, monitor, restore_port,
                        show, stray_dma, wait_for_line, with_x2apic)
from test_x2apic import X2APIC

__all__ = ["boot"]
UNIT = 0xFED90000
GCMD, GSTS, RTADDR, FECTL, FEDATA, FEADDR, IQT, IQA, IRTA = \
    0x18, 0x1C, 0x20, 0x38, 0x3C, 0x40, 0x88, 0x90, 0xB8
TE, SRTP, QIE, IRE, SIRTP = 1 << 31, 1 << 30, 1 << 26, 1 << 25, 1 << 24
KEPT_BITS = 0x96FFFFFF            # bits of GSTS that a write of GCMD repeats
ROOT_TABLE, CONTEXTS, QUEUE, STATUS, ENTRIES = (0x0C000000 + i * PAGE for i in range(5))


class Qtest:
    """Memory and registers of a running machine, by physical address."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_S)
        self._socket.connect(path)
        self._lines = self._socket.makefile("r", encoding="ascii")

    def __call__(self, *words):
        self._socket.sendall((" ".join(str(w) for w in words) + "\n").encode())
        answer = self._lines.readline().split()
        assert answer and answer[0] == "OK", (words, answer)
        return int(answer[1], 16) if len(answer) > 1 else None

    def write(self, address, data):
        self("write", f"{address:#x}", len(data), "0x" + bytes(data).hex())

    def set64(self, register, value):
        self("writeq", f"{UNIT + register:#x}", f"{value:#x}")

    def status(self):
        return self("readl", f"{UNIT + GSTS:#x}")

    def command(self, bit):
        """Set a command bit of the unit and check its status bit."""
        self("writel", f"{UNIT + GCMD:#x}", f"{self.status() & KEPT_BITS | bit:#x}")
        assert self.status() & bit, hex(self.status())

    def close(self):
        self._lines.close()
        self._socket.close()


@pytest.fixture
def qtest_at(tmp_path):
    """(options of QEMU, connect()): the protocol on a socket."""
    path, ends = f"{tmp_path}/qtest", []

    def connect():
        ends.append(Qtest(path))
        return ends[-1]
    yield ["-qtest", f"unix:{path},server=on,wait=off", "-qtest-log", "/dev/null"], connect
    for end in ends:
        end.close()


def leave_on(unit, ids):
    """Set the unit up as a loader that uses VT-d leaves it: every card on bus 0 has access to all
    memory, the queue is empty, no interrupt has an entry, faults raise an interrupt of vector D9h.
    ids: bit 11 of IRTA, 32-bit APIC ids."""
    pass_through = struct.pack("<QQ", 1 | 2 << 2, 1 | 7 << 8)
    unit.write(ROOT_TABLE, struct.pack("<QQ", CONTEXTS | 1, 0))
    unit.write(CONTEXTS, pass_through * 256)
    unit.set64(RTADDR, ROOT_TABLE)
    unit.command(SRTP)
    wait = struct.pack("<QQ", 5 | 1 << 5 | 0x600D << 32, STATUS)
    unit.write(QUEUE, struct.pack("<QQ", 0x11, 0) + struct.pack("<QQ", 0x12, 0) + wait)
    unit.set64(IQT, 0)
    unit.set64(IQA, QUEUE)
    unit.command(QIE)
    unit.set64(IQT, 3 * 16)
    assert unit("readl", f"{STATUS:#x}") == 0x600D
    unit.set64(IRTA, ENTRIES | ids | 7)
    unit.command(SIRTP)
    unit.command(IRE)
    unit.command(TE)
    assert unit.status() & (TE | QIE | IRE) == TE | QIE | IRE
    for register, value in ((FEDATA, 0xD9), (FEADDR, 0xFEE00000), (FECTL, 0)):
        unit("writel", f"{UNIT + register:#x}", f"{value:#x}")
    assert unit("readl", f"{UNIT + FECTL:#x}") == 0


def register(machine, offset):
    return int(re.search(r": (0x[0-9a-f]+)", monitor(machine, f"xp /1gx {UNIT + offset:#x}"))[1], 16)


def taken_over(boot, qtest_at, mode, unit_options, cpu=(), ids=0):
    """A machine at its prompt whose unit the loader left on."""
    options, connect = qtest_at
    machine = boot(f"app=forward iommu={mode} selftest=zlr", paused=True, prompt=False, cores=2,
                   iommu=unit_options, extra=[*options, *cpu], complaints=False)
    leave_on(connect(), ids)
    machine.qmp("cont")
    machine.prompt()
    machine.wait_links()
    return machine


def check_confined(machine):
    exchange(machine)
    units, _ = show(machine)
    assert units[0]["translation"] is True and units[0]["interrupt_remapping"] is True
    assert not {register(machine, at) & ~0xFFF for at in (RTADDR, IQA, IRTA)} & \
        {ROOT_TABLE, QUEUE, ENTRIES}
    # Accesses that the loader's tables permit are refused.
    machine.qmp("stop")
    before = memory(machine, 256)
    for address in (KERNEL, ROOT_TABLE, QUEUE):
        assert stray_dma(machine, 0, address, WRITE), hex(address)
    assert memory(machine, 256) == before
    machine.qmp("cont")
    wait_for_line(machine, "port0: out of service")
    assert not [row for row in machine.json("show irqs -j") if row["name"] == "stray"]
    restore_port(machine, 0)
    exchange(machine)
    balanced(machine)


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_that_was_left_on_is_taken_over(boot, qtest_at, unit):
    check_confined(taken_over(boot, qtest_at, "require", UNITS[unit]))


@with_x2apic
def test_a_unit_that_was_left_on_with_x2apic_ids_is_taken_over(boot, qtest_at):
    check_confined(taken_over(boot, qtest_at, "require", "eim=on", X2APIC, 1 << 11))


def test_off_switches_off_what_was_left_on(boot, qtest_at):
    machine = taken_over(boot, qtest_at, "off", True)
    assert register(machine, GSTS) & (TE | IRE) == 0
    exchange(machine)
    balanced(machine)


# ---- reserved memory ----

RESERVED, RESERVED_BYTES = 0x0FFF8000, 2 * PAGE  # in memory that SeaBIOS reserves below 256 MiB
NEW_TABLE = 0x0FFF0000


def summed(table):
    """An ACPI table with its checksum corrected."""
    table = bytearray(table)
    table[9] = 0
    table[9] = -sum(table) & 0xFF
    return bytes(table)


def rmrr(base, limit, *functions):
    scopes = b"".join(struct.pack("<BBBBBBBB", 1, 8, 0, 0, 0, bus, device, 0)
                      for bus, device in functions)
    return struct.pack("<HHHHQQ", 1, 24 + len(scopes), 0, 0, base, limit) + scopes


def add_to_dmar(machine, unit, structures):
    """Write a DMAR table with more structures elsewhere, and its address into the RSDT."""
    def read(address, n):
        path = f"{machine.folder}/table"
        machine.qmp("pmemsave", val=address, size=n, filename=path)
        with open(path, "rb") as f:
            return f.read()

    def table(address):
        return read(address, struct.unpack_from("<I", read(address, 8), 4)[0])
    bios = read(0xE0000, 0x20000)
    at = struct.unpack_from("<I", bios, bios.index(b"RSD PTR ") + 16)[0]
    rsdt = table(at)
    names = {address: read(address, 4) for address in
             struct.unpack(f"<{(len(rsdt) - 36) // 4}I", rsdt[36:])}
    old = next(address for address, name in names.items() if name == b"DMAR")
    dmar = table(old) + structures
    unit.write(NEW_TABLE, summed(dmar[:4] + struct.pack("<I", len(dmar)) + dmar[8:]))
    unit.write(at, summed(rsdt.replace(struct.pack("<I", old), struct.pack("<I", NEW_TABLE))))


@pytest.mark.parametrize("unit", ["39 bits", "caching, 48 bits"])
def test_memory_that_firmware_reserves_for_a_card_is_mapped_for_it(boot, qtest_at, tmp_path, unit):
    options, connect = qtest_at
    machine = boot("app=forward iommu=require selftest=zlr", paused=True, prompt=False, cores=1,
                   iommu=UNITS[unit], complaints=False,
                   extra=[*options, "-gdb", f"unix:{tmp_path}/gdb,server=on,wait=off"])
    # Before the image reads the tables that SeaBIOS has made.
    gdb = subprocess.Popen(
        ["gdb", "-nx", "-q", f"{ROOT}/build/ferrule.elf", "-ex", f"target remote {tmp_path}/gdb",
         "-ex", "break kmain", "-ex", "continue", "-ex", "echo there\\n"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        while (line := gdb.stdout.readline()) and line.strip() != "there":
            pass
        assert line, "gdb ended"
        add_to_dmar(machine, connect(), b"".join([
            rmrr(RESERVED, RESERVED + RESERVED_BYTES - 1, (0, 1)),
            rmrr(0x08000000, 0x08000FFF, (0, 1), (0, 2)),    # RAM that the image uses
            rmrr(0x0FFFC000, 0x0FFFBFFF, (0, 2)),            # ends before it begins
            rmrr(0x0FFFC000, 0x0FFFCFFF, (0, 29), (7, 0))]))  # no card there
        gdb.communicate("delete\ndetach\nquit\n", timeout=PATIENCE_S)
    finally:
        gdb.kill()
        gdb.wait()
    machine.prompt()
    machine.wait_links()
    text = machine.console_text.replace("\r", "")
    assert f"port0: firmware reserves {RESERVED:#x} to {RESERVED + RESERVED_BYTES - 1:#x}" in text
    for port in (0, 1):
        assert f"port{port}: reserved memory 0x8000000 to 0x8000fff overlaps RAM in use; not mapped" in text
    assert re.search(r"reserved memory 0xfffc000 to 0xfffbfff .*; ignored", text)
    exchange(machine)
    _, ports = show(machine)
    same = [[(m["iova"], m["bytes"], m["access"]) for m in ports[port] if m["iova"] == m["paddr"]]
            for port in (0, 1)]
    assert same == [[(RESERVED, RESERVED_BYTES, "rw")], []]
    machine.qmp("stop")
    for address in (RESERVED, RESERVED + RESERVED_BYTES - CELL):
        assert not stray_dma(machine, 0, address, WRITE)
        assert "0xe5e5e5e5e5e5e5e5" in monitor(machine, f"xp /1gx {address:#x}")
    before = memory(machine, 256)
    for port, address in ((0, RESERVED - CELL), (0, RESERVED + RESERVED_BYTES), (0, 0x08000000),
                          (1, RESERVED), (1, 0x0FFFC000)):
        assert stray_dma(machine, port, address, WRITE), (port, hex(address))
    assert memory(machine, 256) == before
    machine.qmp("cont")
    wait_for_line(machine, "port0: out of service")  # QEMU has room for one record only
    for port in (0, 1):
        restore_port(machine, port)
    exchange(machine)
    balanced(machine)
