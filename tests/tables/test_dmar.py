# SPDX-License-Identifier: BSD-2-Clause
"""kernel/firmware/dmar.c and `iasl -d` find the same units, scopes, reserved regions and flags in every
available DMAR table: tests/data/acpi/dmar, and the folders in FERRULE_ACPI (separated by colons),
searched recursively. Every table is read in a buffer of its exact size under the sanitizers, then a few
hundred damaged copies of it."""
import random
import re
import subprocess

import pytest

from dumps import ROOT, build, printed, tables
from units import decisions, page

KNOWN = {0, 1}  # DRHD and RMRR; our parser skips the others


@pytest.fixture(scope="module")
def dump():
    return build("dmar")


def ours(program, paths):
    """Our parser's results, {path: {bits, flags, entries, broken}}; an entry has a list of scopes."""
    text = printed(program, paths)
    seen = {}
    for line in text.splitlines():
        word = line.split()
        if word[0] == "file":
            entries = []
            seen[line[5:]] = {"entries": entries, "broken": False}
            current = seen[line[5:]]
        elif word[0] == "dmar":
            current["bits"], current["flags"] = int(word[1]), int(word[2])
        elif word[0] == "entry":
            entries.append({"kind": int(word[1]), "scopes": [], "damage": None,
                            **{word[i]: int(word[i + 1]) for i in range(2, 10, 2)}})
        elif word[0] == "damage":
            entries[-1]["damage"] = line[7:]
        elif word[0] == "scope":
            entries[-1]["scopes"].append(tuple(map(int, word[1:])))
        elif word[0] == "broken":
            current["broken"] = True
    return seen


NAMES = {"PCI Segment Number": "segment", "Register Base Address": "base", "Base Address": "base",
         "End Address (limit)": "limit", "Flags": "flags"}


def iasl(folder, data):
    """The same from `iasl -d`. stopped: it found a structure that it does not know."""
    with open(f"{folder}/t.dat", "wb") as f:
        f.write(data)
    subprocess.run(["iasl", "-d", "-p", f"{folder}/t", f"{folder}/t.dat"], check=False,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(f"{folder}/t.dsl", encoding="latin-1") as f:
        text = f.read()
    seen = {"entries": [], "stopped": "nknown" in text.partition("Raw Table Data")[0]}
    entries, scope = seen["entries"], None
    for line in text.split("\n"):  # not splitlines: a device's name may hold a vertical tab
        row = re.match(r"\[[0-9A-F]+h [0-9]+ +([0-9A-Fa-fx]+)h?\] +(.*?) : (.*)", line)
        if not row:
            continue
        name, value = row[2], row[3].split("[")[0].strip()
        if name == "Host Address Width":
            seen["bits"] = int(value, 16) + 1
        elif name == "Subtable Type":
            entries.append({"kind": int(value, 16), "scopes": [], "flags": 0, "segment": 0,
                            "base": 0, "limit": 0})
            scope = None
        elif name == "Length" and entries and not scope and int(value, 16) == 0:
            entries.pop()  # padding
            break
        elif name == "Device Scope Type":
            scope = [int(value, 16)]
            entries[-1]["scopes"].append(scope)
        elif name in ("Enumeration ID", "PCI Bus Number"):
            scope.append(int(value, 16))
        elif name == "PCI Path":
            scope += [int(v, 16) for v in value.split(",")]
        elif name == "Flags" and not entries:
            seen["flags"] = int(value, 16)
        elif name in NAMES and entries and not (name == "Flags" and entries[-1]["scopes"]):
            entries[-1][NAMES[name]] = int(value, 16)
    for entry in entries:
        entry["scopes"] = [tuple(s) for s in entry["scopes"]]
    return seen


def test_every_table_gives_the_same_as_iasl(dump, tmp_path):
    found = tables(b"DMAR")
    assert len(found) > 60, "the tables in tests/data/acpi/dmar"
    seen = ours(dump, found)
    whole = 0
    for path, data in found.items():
        mine, theirs = seen[path], iasl(tmp_path, data)
        assert (mine["bits"], mine["flags"]) == (theirs["bits"], theirs["flags"]), path
        assert not mine["broken"], path
        # Where this iasl does not know a structure: those before it must be equal.
        read = theirs["entries"][:-1] if theirs["stopped"] else theirs["entries"]
        known = [e for e in read if e["kind"] in KNOWN]
        if not theirs["stopped"]:
            whole += 1
            assert len(mine["entries"]) == len(known), path
        for a, b in zip(mine["entries"], known):
            for field in ("kind", "flags", "segment", "base", "limit", "scopes"):
                assert a[field] == b[field], (path, field, a, b)
    assert whole > 0.9 * len(found), f"iasl read only {whole} of {len(found)} to the end"


def test_structures_are_those_of_a_plain_walk_by_length(dump):
    found = tables(b"DMAR")
    seen = ours(dump, found)
    for path, data in found.items():
        kinds, at = [], 48
        end = int.from_bytes(data[4:8], "little")
        while any(data[at:end]):  # zeroes up to the end are padding
            kinds.append(int.from_bytes(data[at:at + 2], "little"))
            at += int.from_bytes(data[at + 2:at + 4], "little")
        assert [e["kind"] for e in seen[path]["entries"]] == [k for k in kinds if k in KNOWN], path


def test_damaged_copies_are_read_within_bounds(dump, tmp_path):
    chance = random.Random(5)
    paths = []
    for path, data in sorted(tables(b"DMAR").items())[:200]:
        for i in range(8):
            copy = bytearray(data)
            for _ in range(chance.choice((1, 1, 2, 8, 40))):
                copy[chance.randrange(36, len(copy))] = chance.choice((0, 1, 255,
                                                                       chance.randrange(256)))
            copy = copy[:chance.choice((len(copy), len(copy), chance.randrange(40, len(copy))))]
            paths.append(f"{tmp_path}/{len(paths)}")
            with open(paths[-1], "wb") as f:
                f.write(copy)
    seen = ours(dump, paths)
    assert len(seen) == len(paths)
    assert any(t["broken"] for t in seen.values()) and not all(t["broken"] for t in seen.values())


def test_the_page_of_decisions_is_current():
    with open(f"{ROOT}/tests/tables/units.md", encoding="utf-8") as f:
        assert f.read() == page(), "print it again: /usr/bin/python3 tests/tables/units.py > tests/tables/units.md"


def test_on_every_real_machine_other_devices_keep_their_reserved_memory_and_displays_their_memory():
    found = decisions([path for path in tables(b"DMAR") if "made" not in path])
    assert len(found) >= 68
    for name, lines in found.items():
        off = [line for line in lines if line.startswith("  off")]
        assert all("only" in line or "none of its devices" in line or " 0 " in line for line in off), (name, off)
        # One notebook's table has 0 as the address of the unit that covers its cards.
        dead = any(line.startswith("  off        0  all others") for line in lines)
        assert sum(line.startswith("  on") and "all others" in line for line in lines) == (not dead), name
        for line in lines:
            if " for " in line and "00:02." not in line and "00:1b." not in line:
                assert line.startswith("  mapped"), (name, line)
            if "00:02.0" in line:
                assert line.startswith(("  off", "  not mapped")), (name, line)
