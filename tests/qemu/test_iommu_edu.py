# SPDX-License-Identifier: BSD-2-Clause
"""DMA attacks by QEMU's edu device, which has no driver: the test programs it through qtest to read and
write at every address that test_iommu.py tries. The processors are halted after a panic, so that all of
memory can be compared before and after. (The messages about such faults are tested in test_iommu.py,
where the image itself drives edu.) Registers of edu: QEMU's docs/specs/edu."""
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
BUFFER = 0x40000                    # edu's internal 4 KiB buffer, at edu's own address
READ_FAULT, WRITE_FAULT = 1, 0      # the type bit of a fault record


class EduAttacker:
    """The edu device of a machine that forwarded frames and then panicked."""

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
        self.qtest("writew", CONFIG + 4, 6)  # memory decoding and bus mastering
        if unit:
            self.record = UNIT + 16 * (self.get("readq", UNIT + 8) >> 24 & 0x3FF)
            self.fault()

    def get(self, *words):
        return int(self.qtest(*words), 16)

    def fault(self):
        """(source, page, type, reason) of the unit's fault record, which is then cleared; or None."""
        low, high = self.get("readq", self.record), self.get("readq", self.record + 8)
        if not high >> 63:
            return None
        self.qtest("writel", self.record + 12, 1 << 31)
        self.qtest("writel", UNIT + 0x34, 1)
        return high & 0xFFFF, low, high >> 62 & 1, high >> 32 & 0xFF

    def attempt(self, address, flags):
        """Transfer CELL bytes by DMA between edu's buffer and an address."""
        for register, value in ((DMA_FROM, address if flags == READ else BUFFER),
                                (DMA_TO, address if flags == WRITE else BUFFER),
                                (DMA_COUNT, CELL), (DMA_COMMAND, 1 | (2 if flags == WRITE else 0))):
            self.qtest("writeq", self.registers + register, value)
        limit = time.monotonic() + PATIENCE_S
        while self.get("readq", self.registers + DMA_COMMAND) & 1:
            assert time.monotonic() < limit, f"edu's DMA at {address:#x} does not complete"
            time.sleep(0.01)


@pytest.mark.parametrize("unit, bits", [("39 bits", 39), ("caching, 48 bits", 48)])
def test_dma_of_a_card_without_a_driver_is_refused_at_every_address(boot, unit, bits):  # noqa: F811
    attacker = EduAttacker(boot, unit)
    places = targets(attacker.machine, attacker.ports, "edu", bits)
    assert len(places) > 100
    before = memory(attacker.machine, MEGABYTES)
    for address, flags in places:
        attacker.attempt(address, flags)
        source, page, kind, reason = attacker.fault()
        assert source == SLOT << 3 and page == address & ~(PAGE - 1), (hex(address), source, hex(page))
        assert kind == (READ_FAULT if flags == READ else WRITE_FAULT), hex(address)
        assert reason == 2, "edu has no context entry"
    # The interrupt range holds no memory: a read returns zeroes, a write sends messages.
    for flags in (READ, WRITE):
        attacker.attempt(MESSAGES, flags)
    assert memory(attacker.machine, MEGABYTES) == before


def test_without_an_iommu_dma_of_that_card_reaches_memory(boot):  # noqa: F811
    attacker = EduAttacker(boot, None)
    before = memory(attacker.machine, MEGABYTES)
    attacker.attempt(KERNEL, READ)
    assert memory(attacker.machine, MEGABYTES) == before
    attacker.attempt(KERNEL + 0x10000, WRITE)
    assert memory(attacker.machine, MEGABYTES) != before
