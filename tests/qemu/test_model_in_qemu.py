# SPDX-License-Identifier: BSD-2-Clause
"""The X540 model as a device of QEMU, driven by the test through qtest: what tests/model/x540_qemu.c
adds to the core of the model, and that no mistake of a driver harms QEMU.

Covered: identity, BARs and capabilities of each model; frames out and in through memory; interrupt
messages, pending while masked; DMA that memory, bus mastering or the IOMMU refuses; rings in the
card's own registers; accesses of every size and place; tails beyond the ring; reset of the
function, of the machine and by unplugging; the cable; back-pressure; short and damaged frames; evil
mode by QMP; the register file by QMP; the place in the boot order; wild register writes while frames
come.
"""
import json
import random
import re
import subprocess
import time

import pytest

from machine import PATIENCE_S, ROOT, Failure
from qtest import BAR0, BAR4, COMMAND_MEMORY, Qtest

# The layout of the machine's memory.
TX_RING, RX_RING, BUFFERS, MESSAGES = 0x100000, 0x110000, 0x200000, 0x300000
LINKS, TXDCTL, RXDCTL, ENABLE = 0x042A4, 0x06028, 0x01028, 1 << 25
DONE, END, IFCS, REPORT = 1 << 32, 1 << 24, 1 << 25, 1 << 27
FRAME = bytes(range(6)) + bytes(range(6, 12)) + b"\x08\x00" + bytes(range(100))


@pytest.fixture
def start(folder):
    started = []

    def start_one(*words, **options):
        started.append(Qtest(folder, *words, **options))
        return started[-1]

    yield start_one
    for machine in started:
        machine.stop()


def link_up(card):
    card.wait(LINKS, 1 << 30, 1 << 30)


def open_transmit(card, ring=TX_RING, descriptors=8):
    card.write(0x04A80, 1)
    card.write(TXDCTL, 0)  # TE has enabled queue 0
    card.wait(TXDCTL, ENABLE, 0)
    for register, value in ((0x06000, ring), (0x06004, ring >> 32), (0x06008, 16 * descriptors),
                            (TXDCTL, ENABLE)):
        card.write(register, value)
    card.wait(TXDCTL, ENABLE, ENABLE)


def open_receive(card, ring=RX_RING, descriptors=8):
    for i in range(descriptors):
        card.memory(ring + 16 * i, (BUFFERS + 0x1000 * i).to_bytes(16, "little"))
    card.write(0x02F00, card.read(0x02F00) | 2)
    card.write(0x05080, 0x700)
    for register, value in ((0x01000, ring), (0x01004, 0), (0x01008, 16 * descriptors),
                            (0x01014, 2), (RXDCTL, ENABLE)):
        card.write(register, value)
    card.wait(RXDCTL, ENABLE, ENABLE)
    card.write(0x03000, 1)


def send(card, frame=FRAME, at=BUFFERS, slot=0):
    card.memory(BUFFERS, frame)
    word = len(frame) | END | IFCS | REPORT
    card.memory(TX_RING + 16 * slot, at.to_bytes(8, "little") + word.to_bytes(8, "little"))
    card.write(0x06018, slot + 1)


def descriptor(card, ring, slot):
    data = card.memory(ring + 16 * slot, n=16)
    return int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")


@pytest.mark.parametrize("model, device, bytes_of_bar0, link", [
    ("at2", 0x1528, 0x200000, 0x82), ("at1", 0x1560, 0x200000, 0x82),
    ("82599", 0x10FB, 0x80000, 0x82), ("x550", 0x1563, 0x200000, 0x43)])
def test_configuration_space_is_that_of_the_card(start, model, device, bytes_of_bar0, link):
    card = start(f",model={model}")
    assert card.config(0) == device << 16 | 0x8086
    assert card.config(8) >> 8 == 0x020000
    for offset, size in ((0x10, bytes_of_bar0), (0x20, 0x4000)):
        card.config(offset, 0xFFFFFFFF)
        card.config(offset + 4, 0xFFFFFFFF)
        assert card.config(offset) == (0x100000000 - size) | 0xC
        assert card.config(offset + 4) == 0xFFFFFFFF
    found, at = {}, card.config(0x34) & 0xFF
    while at:
        word = card.config(at)
        found[at], at = word & 0xFF, word >> 8 & 0xFF
    assert found == {0x40: 0x01, 0x50: 0x05, 0x70: 0x11, 0xA0: 0x10}
    assert card.config(0x70) >> 16 & 0x7FF == 63
    assert (card.config(0x74), card.config(0x78)) == (4, 0x2004)
    assert card.config(0x50) >> 16 == 0x180  # 64-bit address, maskable, one vector
    assert card.config(0xAC) & 0x3FF == link
    assert card.config(0xA8) & 0x10          # relaxed ordering
    assert card.config(0xC4) == 0x81F


def test_frames_leave_and_arrive_through_memory(start):
    card = start()
    card.place()
    link_up(card)
    open_transmit(card)
    send(card)
    assert card.wire.recv(2000) == FRAME
    assert descriptor(card, TX_RING, 0)[1] & DONE
    open_receive(card)
    card.write(0x01018, 7)
    card.wire.send(FRAME)
    card.wait_truth("frames_to_host", 1)
    address, word = descriptor(card, RX_RING, 0)
    assert address == BUFFERS and word & 0xFFFF == len(FRAME) and word >> 32 & 3 == 3
    assert card.memory(BUFFERS, n=len(FRAME)) == FRAME


def test_message_waits_while_its_vector_is_masked(start):
    card = start()
    card.place()
    entry = BAR4 + 16 * 3
    for i, value in enumerate((MESSAGES, 0, 0xCAFE, 1)):
        card("writel", entry + 4 * i, value)
    card.config(0x70, 0x80000000)
    card.write(0x00898, 0x10)             # GPIE: MSI-X mode
    card.write(0x00A00, 0x83 << 8)        # IVAR_MISC: other causes to vector 3
    card.write(0x00880, 1 << 20)          # EIMS: LSC
    card.write(0x00808, 1 << 20)          # EICS: LSC
    assert int(card("readl", BAR4 + 0x2000), 16) == 1 << 3
    assert card.memory(MESSAGES, n=4) == bytes(4)
    card("writel", entry + 12, 0)
    assert card.memory(MESSAGES, n=4) == b"\xfe\xca\0\0"
    assert int(card("readl", BAR4 + 0x2000), 16) == 0


def test_dma_without_bus_mastering_transfers_nothing(start):
    card = start()
    card.place(COMMAND_MEMORY)
    link_up(card)
    open_transmit(card)
    send(card)
    assert not descriptor(card, TX_RING, 0)[1] & DONE
    assert card.truth()["frames_out"] == 0
    assert "bus-master-off" in card.complaints()


@pytest.mark.parametrize("where", ["ring", "buffer"])
def test_dma_outside_memory_is_refused_and_named(start, where):
    card = start()
    card.place()
    link_up(card)
    nowhere = 0x40000000000
    open_transmit(card, nowhere if where == "ring" else TX_RING)
    send(card, at=nowhere)
    assert card.truth()["dma_refused"] >= 1
    assert "dma-refused" in card.complaints()
    assert card.truth()["frames_out"] == 0
    assert card.is_alive()


def test_dma_that_the_iommu_refuses_is_named(start):
    card = start(iommu=True)
    card.place()
    link_up(card)
    open_transmit(card)
    iommu = 0xFED90000
    card("writeq", iommu + 0x20, 0x800000)   # root table: a page of zeros
    card("writel", iommu + 0x18, 1 << 30)    # set its pointer
    card("writel", iommu + 0x18, 1 << 31)    # translation on
    send(card)
    assert "dma-refused" in card.complaints()
    assert card.truth()["frames_out"] == 0
    assert int(card("readl", iommu + 0x34), 16) & 2, "no fault was recorded"


@pytest.mark.parametrize("direction", ["transmit", "receive"])
def test_rings_in_the_cards_own_registers_do_not_harm_qemu(start, direction):
    card = start()
    card.place()
    link_up(card)
    if direction == "transmit":
        open_transmit(card, BAR0 + 0x06000)
        for tail in (1, 2, 5, 7):
            card.write(0x06018, tail)
    else:
        open_receive(card)
        for i in range(8):
            card.memory(RX_RING + 16 * i, (BAR0 + 0x1000).to_bytes(16, "little"))
        card.write(0x01018, 7)
        for _ in range(20):
            card.wire.send(FRAME)
        card.wait_truth("frames_in", 5)
    card.read(8)
    assert card.is_alive()


def test_accesses_of_every_size_and_offset_are_completed(start):
    card = start()
    card.place()
    for at in (0, 2, 3, 8, 0x1FFFE, 0x1FFFF, 0x20000, 0x1FFFF8, 0x1FFFFC):
        for letter, size in (("b", 1), ("w", 2), ("l", 4), ("q", 8)):
            if at + size <= 0x200000:
                card(f"write{letter}", BAR0 + at, 0)
                card(f"read{letter}", BAR0 + at)
    assert {"access-size", "access-beyond-registers"} <= card.complaints().keys()
    assert card.is_alive()


def test_tails_beyond_the_ring_are_named(start):
    card = start()
    card.place()
    link_up(card)
    open_transmit(card)
    open_receive(card)
    card.write(0x06018, 0xFFFF)
    card.write(0x01018, 0x1000)
    card.wire.send(FRAME)
    card.wait_truth("frames_in", 1)
    assert "tail-beyond-ring" in card.complaints()
    assert card.is_alive()


@pytest.mark.parametrize("how", ["function", "machine"])
def test_reset_leaves_a_fresh_card(start, how):
    card = start()
    card.place()
    link_up(card)
    open_receive(card)
    card.write(0x01018, 7)
    if how == "function":
        card.config(0xA8, card.config(0xA8) | 0x8000)
    else:
        card.qmp("system_reset")
        card.read(8)
    assert card.config(4) & 6 == 0
    card.place()
    card.wait(0x10010, 1 << 9, 1 << 9)  # EEC: the NVM is read again
    assert card.read(RXDCTL) & ENABLE == 0 and card.read(0x01018) == 0
    link_up(card)
    assert card.is_alive()


def test_d3hot_answers_nothing_and_ends_in_a_reset(start):
    card = start()
    card.place()
    link_up(card)
    open_receive(card)
    card.config(0x44, 3)
    assert card.config(4) & 3 == 0          # I/O and memory space are off
    assert card.config(0x10) & ~15 == BAR0  # and the BARs stay
    assert card.read(8) == 0xFFFFFFFF
    card.write(0x03000, 0)
    card.config(0x44, 0)
    assert card.config(0x44) & 3 == 0
    assert card.read(8) == 0xFFFFFFFF       # not before memory space is on again
    card.config(4, 6)
    card.wait(0x10010, 1 << 9, 1 << 9)
    assert card.read(RXDCTL) & ENABLE == 0 and card.read(0x03000) == 0
    assert card.read(0x042A4) & 1 << 30     # the link was left alone
    assert card.is_alive()


def test_ports_of_one_slot_share_their_semaphores(start):
    card = start(properties=",multifunction=on",
                 extra=["-device", "x540,id=port1,addr=5.1", "-device", "x540,id=other,addr=7.0"])
    card.place()
    for slot, function, bar in ((5, 1, 0xE1000000), (7, 0, 0xE2000000)):
        for offset, value in ((0x10, bar), (0x14, 0), (4, 6)):
            card("outl", 0xCF8, 0x80000000 | slot << 11 | function << 8 | offset)
            card("outl", 0xCFC, value)
    assert card.read(0x10140) & 1 == 0              # SMBI: taken by port 0
    assert int(card("readl", 0xE1010140), 16) & 1   # so is port 1's
    assert int(card("readl", 0xE2010140), 16) & 1 == 0
    assert card.is_alive()


def test_unplugging_a_card_does_not_harm_qemu(start):
    card = start(extra=["-device", "pcie-root-port,id=root,chassis=1,addr=6"])
    for i in range(3):
        card.qmp("device_add", driver="x540", bus="root", id=f"hot{i}", mac=f"02:00:00:00:01:0{i}")
        assert "frames_in" in card.qmp("qom-get", path=f"/machine/peripheral/hot{i}",
                                       property="truth")
        card.qmp("device_del", id=f"hot{i}")
        card.qmp("system_reset")  # no guest acknowledges the removal; a reset removes the card too
        limit = time.monotonic() + PATIENCE_S
        while f"hot{i}" in str(card.qmp("qom-list", path="/machine/peripheral")):
            assert time.monotonic() < limit, "the card is still there"
            time.sleep(0.05)
    assert card.is_alive()


def test_cable_follows_set_link(start):
    card = start()
    card.place()
    link_up(card)
    card.qmp("set_link", name="n0", up=False)
    card.wait(LINKS, 1 << 30, 0)
    card.qmp("set_link", name="n0", up=True)
    link_up(card)


def test_frames_wait_in_qemu_until_the_ring_has_room(start):
    card = start()
    card.place()
    link_up(card)
    open_receive(card)
    card.write(0x01018, 3)
    for i in range(5):
        card.wire.send(FRAME + bytes([i]))
    card.wait_truth("frames_to_host", 3)
    card.write(0x01018, 6)
    card.wait_truth("frames_to_host", 5)
    truth = card.truth()
    assert truth["dropped_no_descriptor"] + truth["dropped_missed"] == 0
    got = [card.memory(BUFFERS + 0x1000 * i, n=len(FRAME) + 1)[-1] for i in range(5)]
    assert got == [0, 1, 2, 3, 4]


def test_short_frames_are_padded_to_60_bytes(start):
    card = start()
    card.place()
    link_up(card)
    open_receive(card)
    card.write(0x01018, 7)
    card.wire.send(FRAME[:20])
    card.wait_truth("frames_to_host", 1)
    assert descriptor(card, RX_RING, 0)[1] & 0xFFFF == 60
    assert card.memory(BUFFERS, n=60) == FRAME[:20] + bytes(40)


def test_short_and_damaged_frames_are_counted_by_kind(start):
    card = start(",pad=off")
    card.place()
    link_up(card)
    open_receive(card)
    card.write(0x01018, 7)
    card.wire.send(FRAME[:10])
    card.wait_truth("dropped_undersize", 1)
    card.read(0x04000)  # CRCERRS clears by reading
    card.card("damage", "crc:2")
    for _ in range(3):
        card.wire.send(FRAME)
    card.wait_truth("frames_to_host", 1)
    assert card.truth()["dropped_error"] == 2
    assert card.read(0x04000) == 2
    with pytest.raises(Failure, match="nothing of this name"):
        card.card("damage", "rust:1")


def test_evil_is_set_and_ended_by_name(start):
    card = start(",evil=all-ones")
    card.place()
    assert card.read(8) == 0xFFFFFFFF
    card.card("evil", "none")
    assert card.read(8) != 0xFFFFFFFF
    card.card("evil", "rx-length:9000+irq-silent")
    assert card.card("evil") == "rx-length:9000+irq-silent:1"
    for text, why in (("nonsense", "nothing of this name"), ("rx-length:many", "is no number")):
        with pytest.raises(Failure, match=why):
            card.card("evil", text)


def test_registers_are_shown_as_they_were_written(start):
    card = start()
    card.place()
    open_receive(card)
    card.write(0x00880, 0x00100001)  # EIMS: sets bits of the mask
    registers = json.loads(card.card("registers"))
    assert registers["RXDCTL[0]"] == card.read(RXDCTL) == ENABLE
    assert registers["RDBAL[0]"] == RX_RING and registers["RXDCTL[1]"] == 0
    assert registers["EIMS"] == 0x00100001 and registers["EIMS_EX[0]"] == 1
    assert "GPRC" not in registers and "LINKS" not in registers


def test_bootindex_puts_the_card_into_the_boot_order(start):
    """As firmware sees it: in the file bootorder of QEMU's configuration interface."""
    card = start(",bootindex=7")
    assert card.card("bootindex") == 7

    def configuration(key, length):
        card("outw", 0x510, key)
        return bytes(int(card("inb", 0x511), 16) for _ in range(length))

    count = int.from_bytes(configuration(0x19, 4), "big")
    directory = configuration(0x19, 4 + 64 * count)[4:]
    rows = [directory[64 * i:64 * i + 64] for i in range(count)]
    files = {row[8:].rstrip(b"\0"): row for row in rows}
    row = files[b"bootorder"]
    order = configuration(int.from_bytes(row[4:6], "big"), int.from_bytes(row[:4], "big"))
    assert re.fullmatch(rb"/pci@i0cf8/ethernet@5/ethernet-phy@0\0", order), order


def test_complaints_can_be_cleared(start):
    card = start()
    card.place()
    card("writeb", BAR0 + 1, 0)
    assert card.complaints()["access-size"]["error"] is True
    card.card("complaints", "")
    assert card.complaints() == {}
    card("writeb", BAR0 + 1, 0)
    assert "access-size" in card.complaints()


def test_descriptors_are_stored_and_not_copied(boot, folder, monkeypatch):
    """memcpy may store a byte twice. A core that finds a descriptor done between the two stores reuses it,
    and the second store overwrites the new content: about two of a hundred thousand frames were lost."""
    copies = f"{folder}/copies.so"
    subprocess.run(["gcc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                    "-o", copies, f"{ROOT}/tests/qemu/lib/copies.c"], check=True)
    with monkeypatch.context() as around:
        around.setenv("LD_PRELOAD", copies)
        machine = boot("app=forward")
    frames = [bytes([2, 0, 0, 0, 0, i]) * 2 + b"\x88\xb5" + bytes(1237 - 14) for i in range(100)]
    for frame in frames:  # one by one, then at once, which writes whole cache lines of descriptors
        machine.wires[0].send(frame)
    machine.wires[0].send(*frames)
    assert machine.wires[1].receive(200) == frames * 2
    assert machine.poweroff() == 0
    counts = re.search(r"copies: frames (\d+), write-backs (\d+)", machine.errors())
    assert int(counts[1]) >= 200 and int(counts[2]) == 0, counts[0]


@pytest.mark.parametrize("seed", range(3))
def test_wild_register_writes_do_not_harm_qemu(start, seed):
    """Random writes through QEMU with real DMA; tests/fuzz has a fuzzer for the core of the model."""
    card = start(iommu=bool(seed & 1))
    card.place()
    link_up(card)
    open_transmit(card)
    open_receive(card)
    dice = random.Random(seed)
    interesting = [0x0, 0x8, 0x18, 0x808, 0x880, 0x1000, 0x1008, 0x1010, 0x1014, 0x1018, 0x1028,
                   0x2F00, 0x3000, 0x3C00, 0x4A80, 0x5080, 0x6000, 0x6008, 0x6010, 0x6018, 0x6028,
                   0x6038, 0x8120, 0xEE00, 0xEE2C, 0x425C, 0x10014, 0x10140, 0x10160]
    values = [0, 1, 7, 8, 0x80, ENABLE, 0xFFFFFFFF, TX_RING, RX_RING, BAR0, 0x1FFF, 1 << 26]
    for i in range(4000):
        register = dice.choice(interesting) if dice.random() < 0.8 else dice.randrange(0, 0x20000, 4)
        value = dice.choice(values) if dice.random() < 0.8 else dice.getrandbits(32)
        card.write(register, value)
        if i % 50 == 0:
            card.wire.send(bytes(dice.getrandbits(8) for _ in range(dice.choice((1, 60, 1514)))))
            card.read(dice.choice(interesting))
    assert card.is_alive()
