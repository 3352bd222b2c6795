# SPDX-License-Identifier: BSD-2-Clause
"""Prints tests/tables/units.md: which units translate, and for whom reserved memory is mapped, on each machine
whose DMAR table is in tests/data/acpi/dmar. test_dmar.py checks that the page is current.

    /usr/bin/python3 tests/tables/units.py > tests/tables/units.md"""
import glob
import os

from dumps import ROOT, build, printed

HEAD = """# What happens to VT-d on real machines

For each DMAR table of `tests/data/acpi/dmar`: the units that translate with `iommu=on` (`on`), those that stay off
and why (`off`), and the memory that firmware reserves, with the function for which it is mapped, as decided by
[kernel/iommu/policy.c](../../kernel/iommu/policy.c). With `iommu=require` every unit translates, and all of the
reserved memory is mapped. Memory that is ours is not mapped in either case.

The machines' PCI functions are not known. Each is taken to have what Intel's chipsets have at these places:
graphics at 00:02, HD audio at 00:1b.0 and 00:1f.3, USB at 00:14.0, 00:15.0, 00:1a.0 and 00:1d.0, bridges at
00:01.0, 00:03.0, 00:07, 00:09.0 and 00:1c.4; all other functions are present and of other classes. A plus sign
stands for everything below a bridge.

Printed by `/usr/bin/python3 tests/tables/units.py`; `tests/tables/test_dmar.py` compares.
"""


def decisions(paths):
    """{name: lines}"""
    text = printed(build("units", "kernel/firmware/dmar.c", "kernel/iommu/policy.c"), paths)
    parts = [part.splitlines() for part in text.split("file ")[1:]]
    return {os.path.basename(lines[0]).split(".")[0]: lines[1:] for lines in parts}


def page():
    found = decisions(sorted(glob.glob(f"{ROOT}/tests/data/acpi/dmar/*.bin")))
    lines = [line for machine in found.values() for line in machine]

    def count(start, *words):
        return sum(line.startswith(start) and all(word in line for word in words) for line in lines)
    rows = [("machines", len(found)), ("units that translate", count("  on")),
            ("units of displays alone, which stay off", count("  off", "only displays")),
            ("units of audio devices alone, which stay off", count("  off", "only audio")),
            ("other units that stay off", count("  off") - count("  off", "only")),
            ("reserved regions mapped, by function", count("  mapped")),
            ("not mapped: the function's unit stays off", count("  not mapped", "stays off")),
            ("not mapped for another reason", count("  not mapped") - count("  not mapped", "stays off"))]
    table = ["| of all machines | |", "|---|---|", *(f"| {what} | {n} |" for what, n in rows)]
    body = [line for name, machine in found.items() for line in (name, *machine)]
    return "\n".join([HEAD, *table, "", "```text", *body, "```", ""])


if __name__ == "__main__":
    print(page(), end="")
