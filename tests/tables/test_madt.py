# SPDX-License-Identifier: BSD-2-Clause
"""kernel/firmware/madt.c and `iasl -d` find the same cores, IOAPICs, overrides and NMI pins in every
available MADT, and kernel/firmware/acpi.c the same windows in every MCFG: tests/data/acpi, and the
folders in FERRULE_ACPI (separated by colons), searched recursively. Then a few hundred damaged copies of
each table are read under the sanitizers, in buffers of their exact size."""
import random
import re
import subprocess

import pytest

from dumps import build, printed, tables

CPUS_MAX, IOAPICS_MAX, OVERRIDES_MAX, NMIS_MAX = 256, 32, 32, 64
LEAST = {0: 8, 1: 12, 2: 10, 4: 6, 5: 12, 9: 16, 10: 12}
EVERY_CPU = 0xFFFFFFFF


@pytest.fixture(scope="module")
def dump():
    return build("madt")


def ours(program, paths):
    """Our parsers' results, {path: lines}."""
    text = printed(program, paths)
    return {part.splitlines()[0]: part.splitlines()[1:] for part in text.split("file ")[1:]}


def iasl(folder, data):
    """iasl's results: the fields {(offset, bytes): value}, the offsets of structures, and whether it
    reached the end. It stops at a type that it does not know."""
    with open(f"{folder}/t.dat", "wb") as f:
        f.write(data)
    done = subprocess.run(["iasl", "-p", "t", "-d", "t.dat"], cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    fields, starts = {}, []
    with open(f"{folder}/t.dsl", encoding="latin-1") as f:
        text = f.read()
    # The number of bytes is decimal, or in newer ones hexadecimal with an h.
    for row in re.finditer(r"^\[[0-9A-F]+h (\d+) +(\d+\]|[0-9A-F]+h\]) +(.*?) : ([0-9A-F]+)\b", text,
                           re.M):
        at, size = int(row[1]), int(row[2].rstrip("h]"), 16 if "h" in row[2] else 10)
        if size <= 8:
            fields[at, size] = int(row[4], 16)
        if row[3] == "Subtable Type":
            starts.append(at)
    return fields, starts, done.returncode == 0 and "Unknown" not in text


def expected_madt(fields, starts):
    """The lines expected of our parser, computed from iasl's fields."""
    facts = {"cpu": [], "ioapic": [], "override": [], "nmi": []}
    base, disabled, bad = fields[36, 4], 0, 0
    for at in starts:
        kind, length = fields[at, 1], fields[at + 1, 1]
        if kind not in LEAST:
            continue
        if length < LEAST[kind]:
            bad += 1
            continue
        field = lambda offset, size, at=at: fields[at + offset, size]
        if kind in (0, 9):
            flags = field(4 if kind == 0 else 8, 4)
            apic = field(3, 1) if kind == 0 else field(4, 4)
            uid = field(2, 1) if kind == 0 else field(12, 4)
            if kind == 0 and apic == 255:
                continue
            if not flags & 1:
                disabled += 1
            elif apic not in [cpu[0] for cpu in facts["cpu"]]:
                facts["cpu"].append((apic, uid))
        elif kind == 1:
            facts["ioapic"].append((field(2, 1), field(4, 4), field(8, 4)))
        elif kind == 2:
            facts["override"].append((field(3, 1), field(4, 4), field(8, 2)))
        elif kind == 4:
            uid = field(2, 1)
            facts["nmi"].append((EVERY_CPU if uid == 255 else uid, field(3, 2), field(5, 1)))
        elif kind == 10:
            facts["nmi"].append((field(4, 4), field(2, 2), field(8, 1)))
        elif kind == 5:
            base = field(4, 8)
    bad += sum(pin > 1 for _, _, pin in facts["nmi"])
    facts["nmi"] = [nmi for nmi in facts["nmi"] if nmi[2] <= 1]
    limits = {"cpu": CPUS_MAX, "ioapic": IOAPICS_MAX, "override": OVERRIDES_MAX, "nmi": NMIS_MAX}
    lost = sum(max(0, len(facts[k]) - limits[k]) for k in facts)
    lines = [f"madt {base} {fields[40, 4] & 1} {disabled} {lost} {bad} 0"]
    for kind in ("cpu", "ioapic", "override", "nmi"):
        lines += [" ".join(map(str, (kind, *row))) for row in facts[kind][:limits[kind]]]
    for irq in range(16):
        found = [o for o in facts["override"] if o[0] == irq]
        gsi, flags = found[0][1:] if found else (irq, 0)
        lines.append(f"isa {irq} {gsi} {int(flags & 3 == 3)} {int(flags >> 2 & 3 == 3)}")
    return lines


def test_every_madt_gives_the_same_as_iasl(dump, tmp_path):
    found = tables(b"APIC")
    assert len(found) >= 40
    seen = ours(dump, found)
    compared = 0
    for path, data in found.items():
        fields, starts, is_complete = iasl(tmp_path, data)
        if not is_complete:
            continue
        assert seen[path] == expected_madt(fields, starts), path
        compared += 1
    assert compared >= len(found) * 7 // 8


def test_every_mcfg_gives_the_same_as_iasl(dump, tmp_path):
    found = tables(b"MCFG")
    assert len(found) >= 10
    seen = ours(dump, found)
    for path, data in found.items():
        fields, _, is_complete = iasl(tmp_path, data)
        assert is_complete, path
        n = (len(data) - 44) // 16
        expected = [f"mcfg {fields[at, 8]} {fields[at + 8, 2]} {fields[at + 10, 1]} "
                    f"{fields[at + 11, 1]}" for at in range(44, 44 + 16 * n, 16)]
        assert seen[path] == expected, path


def test_damaged_tables_are_read_within_bounds(dump, tmp_path):
    random.seed(4)
    paths = []
    for signature in (b"APIC", b"MCFG"):
        whole = [data for data in tables(signature).values()]
        for i in range(400):
            data = bytearray(random.choice(whole))
            for _ in range(random.randint(1, 6)):
                data[random.randrange(len(data))] = random.choice((0, 1, 255, random.randrange(256)))
            data = data[:random.randint(0, len(data))] if i % 2 else data
            paths.append(f"{tmp_path}/{signature.decode()}-{i}")
            with open(paths[-1], "wb") as f:
                f.write(data)
    assert len(ours(dump, paths)) == 800
