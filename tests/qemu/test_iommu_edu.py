# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's edu device, a card that is not ours, as a burglar: told from outside to read and write what
the image keeps, at every place where the evil port tries, while the processors stand still for good
after a panic: so all of memory can be compared before and after. (That such faults are told in words
shows test_iommu.py, where the image itself drives edu.) Registers of edu: QEMU's docs/specs/edu."""
import time

import pytest

from machine import PATIENCE_S
from qtest import Protocol
from test_iommu import (CELL, KERNEL, MESSAGES, PAGE, READ, UNITS, WRITE, boot,  # noqa: F401
                        exchange, memory, page_tables, show, targets)

SLOT = 0x10
CONFIG = 0xB0000000 + (SLOT << 15)  # its page of ECAM
UNIT = 0xFED90000
MEGABYTES = 64
DMA_FROM, DMA_TO, DMA_COUNT, DMA_COMMAND = 0x80, 0x88, 0x90, 0x98
BUFFER = 0x40000                    # its own 4 KiB, as it numbers them
READ_FAULT, WRITE_FAULT = 1, 0      # the type bit of a fault record


class Burglar:
    """A machine that has forwarded frames, then panicked, and the edu device in it."""

    def __init__(self, boot, unit):
        self.qtest = Protocol()
        options = {"iommu": UNITS[unit]} if unit else {}
        self.machine = boot("app=forward panic=halt", memory_mb=MEGABYTES, cores=2, **options,
                            inherit=[self.qtest.theirs.fileno()],
                            extra=["-device", f"edu,addr={SLOT:#x}.0,dma_mask=0xffffffffffffffff",
                                   *self.qtest.options])
        self.qtest.theirs.close()
        exchange(self.machine)
        self.ports = show(self.machine)[1] if unit else {}
        self.machine.qmp("human-monitor-command", command_line="mce 0 3 0xa400000000000145 5 0x12345000 0")
        self.machine.expect("PANIC: machine check")
        self.machine.expect("halted")
        bar = self.get("readl", CONFIG + 0x10) & ~0xF
        self.registers = bar
        assert self.get("readl", CONFIG) == 0x11E81234 and bar != 0
        self.qtest("writew", CONFIG + 4, 6)  # it may decode, and master the bus
        if unit:
            self.record = UNIT + 16 * (self.get("readq", UNIT + 8) >> 24 & 0x3FF)
            self.fault()

    def get(self, *words):
        return int(self.qtest(*words), 16)

    def fault(self):
        """(source, page, type, reason) that the unit has recorded, which is then taken away; or None."""
        low, high = self.get("readq", self.record), self.get("readq", self.record + 8)
        if not high >> 63:
            return None
        self.qtest("writel", self.record + 12, 1 << 31)
        self.qtest("writel", UNIT + 0x34, 1)
        return high & 0xFFFF, low, high >> 62 & 1, high >> 32 & 0xFF

    def attempt(self, address, flags):
        """CELL bytes between edu's buffer and the bus."""
        for register, value in ((DMA_FROM, address if flags == READ else BUFFER),
                                (DMA_TO, address if flags == WRITE else BUFFER),
                                (DMA_COUNT, CELL), (DMA_COMMAND, 1 | (2 if flags == WRITE else 0))):
            self.qtest("writeq", self.registers + register, value)
        limit = time.monotonic() + PATIENCE_S
        while self.get("readq", self.registers + DMA_COMMAND) & 1:
            assert time.monotonic() < limit, f"edu is not done with {address:#x}"
            time.sleep(0.01)


@pytest.mark.parametrize("unit, bits", [("39 bits", 39), ("caching, 48 bits", 48)])
def test_a_card_that_is_not_ours_reaches_nothing_anywhere(boot, unit, bits):  # noqa: F811
    burglar = Burglar(boot, unit)
    places = targets(burglar.machine, burglar.ports, "edu", bits)
    assert len(places) > 100
    before = memory(burglar.machine, MEGABYTES)
    for address, flags in places:
        burglar.attempt(address, flags)
        source, page, kind, reason = burglar.fault()
        assert source == SLOT << 3 and page == address & ~(PAGE - 1), (hex(address), source, hex(page))
        assert kind == (READ_FAULT if flags == READ else WRITE_FAULT), hex(address)
        assert reason == 2, "it has no context entry"
    # In the interrupt range there is nothing to read or to write: zeroes come, and messages go.
    for flags in (READ, WRITE):
        burglar.attempt(MESSAGES, flags)
    assert memory(burglar.machine, MEGABYTES) == before


def test_without_an_iommu_the_same_attempts_reach_memory(boot):  # noqa: F811
    burglar = Burglar(boot, None)
    before = memory(burglar.machine, MEGABYTES)
    burglar.attempt(KERNEL, READ)
    assert memory(burglar.machine, MEGABYTES) == before
    burglar.attempt(KERNEL + 0x10000, WRITE)
    assert memory(burglar.machine, MEGABYTES) != before
