#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the table of boot paths into boot/README.md, from build/boot-paths.json, which the last run of
tests/qemu/test_boot_paths.py wrote.

    boot_matrix.py [--check]    --check: change nothing, fail if the page has another table
"""
import json
import os
import re
import sys

ROOT = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")
PAGE, ROWS = f"{ROOT}/boot/README.md", f"{ROOT}/build/boot-paths.json"
BEGIN, END = "<!-- boot paths: by tests/tools/boot_matrix.py -->\n", "<!-- end of boot paths -->\n"


def table():
    with open(ROWS, encoding="utf-8") as f:
        rows = json.load(f)
    lines = ["| from | information | loader says | ACPI's root | frames both ways |\n",
             "|---|---|---|---|---|\n"]
    for name, row in sorted(rows.items()):
        # The page does not show the loader's version.
        loader = re.sub(r" [\d.]+\S*", "", row["loader"])
        lines.append(f"| {name} | {row['protocol']} | {loader} | {row['acpi']} | yes |\n")
    return "".join(lines)


def main():
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    begin, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    new = page[:begin] + table() + page[end:]
    if "--check" in sys.argv:
        if new != page:
            sys.exit(f"boot/README.md has another table; run {os.path.relpath(__file__, ROOT)}")
        return
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(new)


if __name__ == "__main__":
    main()
