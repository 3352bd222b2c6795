# SPDX-License-Identifier: BSD-2-Clause
"""DMAR tables of the field on QEMU's VT-d, which has one unit. gdb replaces the table at the kernel's first
instruction: a unit of a display alone, a unit for all others at address 0, zeroes behind the last structure, an
IOAPIC of another id, and memory reserved for a device that is no port. Decisions over the tables of real machines:
tests/tables/units.md."""
import re

import pytest

from conftest import balanced
from machine import ROOT, wait_until
from test_bad_address import WORDS
from test_bad_input import damaged, forwards
from test_iommu import UNITS, show

__all__ = ["damaged"]
MADE = f"{ROOT}/tests/data/acpi/made"
DISPLAY = ["-device", "VGA,addr=0x1d"]  # where the unit of dmar_gfx_ok_include_all_at_0.bin has its device


def replaced(damaged, name, append="app=forward", **options):  # noqa: F811
    return damaged(f"install(b'DMAR', open({f'{MADE}/{name}.bin'!r}, 'rb').read())", append,
                   iommu=UNITS["39 bits"], **options)


@pytest.mark.parametrize("extra", [DISPLAY, []], ids=["display", "absent"])
def test_a_unit_for_all_others_at_0_leaves_the_cards_unprotected_with_a_warning(damaged, extra):  # noqa: F811
    machine = replaced(damaged, "dmar_gfx_ok_include_all_at_0", extra=extra)
    text = forwards(machine)
    assert "a unit of ACPI's DMAR table has its registers at address 0; not used" in text
    assert "cards may touch all memory: no unit that may have cards below it works; iommu=require would refuse" in text
    assert ("only displays are below it; not confined: 00:1d.0" if extra else
            "stays off: none of its devices is present") in text
    balanced(machine)


def test_a_unit_for_all_others_at_0_refuses_the_cards_if_required(damaged):  # noqa: F811
    machine = replaced(damaged, "dmar_gfx_ok_include_all_at_0", "app=forward iommu=require", extra=DISPLAY)
    machine.prompt()
    text = machine.console_text
    for device in (1, 2):
        assert f"iommu: 00:0{device}.0 cannot be confined: no working unit covers it" in text
    assert "1 of 1 units translate" in text and "stays off" not in text
    assert [port["link"] for port in machine.ports()] == ["failed", "failed"]


def test_zeroes_behind_the_last_structure_keep_the_unit(damaged):  # noqa: F811
    machine = replaced(damaged, "dmar_trailing_zeros", "app=forward iommu=require")
    text = forwards(machine)
    assert "1 of 1 units translate" in text and "invalid length" not in text
    assert sorted(show(machine)[1]) == [0, 1]
    balanced(machine)


def test_cards_of_a_good_unit_are_confined_beside_a_unit_at_0(damaged):  # noqa: F811
    machine = damaged("""
units = struct.pack("<HHBBHQ", 0, 32, 0, 0, 0, 0xFED90000)
units += b"".join(struct.pack("<8B", 1, 8, 0, 0, 0, 0, device, 0) for device in (1, 2))
units += struct.pack("<HHBBHQ", 0, 24, 1, 0, 0, 0) + struct.pack("<8B", 3, 8, 0, 0, 0, 0xFF, 0, 0)
head = cpu.read_memory(table(b"DMAR"), 48).tobytes()
install(b"DMAR", head + units)
""", iommu=UNITS["39 bits"], append="app=forward bringup=verbose")
    text = forwards(machine)
    assert "has its registers at address 0; not used" in text and "may touch all memory" not in text
    # What a report needs, also of the unit that is not used.
    assert "iommu: DRHD 0xfed90000 segment 0 flags 0x00" in text
    assert "iommu:   scope type 1 id 0 bus 00 path 02.0" in text
    assert "iommu: DRHD 0x0 segment 0 flags 0x01: has its registers at address 0" in text
    assert re.search(r"iommu: unit 0 at 0xfed90000: VER 0x10 CAP 0x\w{14,} ECAP 0x\w+ GSTS 0xc\w{7} FSTS 0x0{8}", text)
    ports = show(machine)[1]
    assert sorted(ports) == [0, 1]
    assert all(m["iova"] != m["paddr"] for rows in ports.values() for m in rows)
    balanced(machine)


def serial_interrupts(machine):
    return sum(row["count"] for row in machine.json("show irqs -j") if row["name"] == "serial")


def test_the_only_ioapic_keeps_its_line_under_another_id(damaged):  # noqa: F811
    machine = damaged("""
at = table(b"DMAR")
scope = next(at + i for i in range(48, get(at + 4, "<I")[0]) if get(at + i, "<BB") == (3, 8))
put(scope + 4, "<B", 7)
fixed(at)
""", words=WORDS, iommu=UNITS["39 bits"])
    text = forwards(machine)
    assert "iommu: IOAPIC 0 is taken for the one that DMAR calls 7" in text
    before = serial_interrupts(machine)
    wait_until(lambda: serial_interrupts(machine), lambda n: n > before, "typing wakes core 0")
    assert "polled" not in machine.console_text


def test_reserved_memory_of_a_device_without_a_driver_is_mapped_for_it_alone(damaged):  # noqa: F811
    machine = damaged("reserve(0xE5000, 0x4000, 0x10)", words=WORDS, iommu=UNITS["39 bits"],
                      extra=["-device", "edu,addr=0x10"])
    text = forwards(machine)
    assert "iommu: 00:10.0: firmware reserves 0xe5000 to 0xe8fff for it" in text
    rows = [row for row in machine.json("show iommu -j") if row.get("paddr") == row.get("iova") and "iova" in row]
    assert [(row["device"], row["iova"], row["bytes"], row["access"]) for row in rows] == \
        [("00:10.0", 0xE5000, 0x4000, "rw")]
    assert re.search(r"00:10\.0 0x0000000e5000 +16 KiB  rw ", machine.run("show iommu"))
    balanced(machine)
