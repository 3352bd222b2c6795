#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the lines of tests/data/registers.txt anew: boots ferrule with 1 and 4 cores and Debian's
kernel, and compares the registers that they leave (tests/qemu/lib/register_state.py).

    tests/tools/registers.py            print the table
    tests/tools/registers.py --write    write it

The file's comments stay. A line that is in the table already keeps its reason. A new one gets the
reason of an old line of the same register behind a question mark, or only the mark:
tests/qemu/test_registers.py accepts none of them until a person has looked at it.
"""
import argparse
import os
import sys

ROOT = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")
sys.path.insert(0, f"{ROOT}/tests/qemu/lib")
import register_state as state  # noqa: E402
from machine import Machine, Wire  # noqa: E402

LOGS = f"{ROOT}/build/logs/registers"


def ferrule(cores):
    """As the fixture boot does for a test."""
    def boot(append, **options):
        made.append(Machine(f"{LOGS}/ferrule-{cores}", append, [Wire(), Wire()], **options))
        made[-1].prompt()
        made[-1].wait_links()
        return made[-1]

    made = []
    try:
        return state.ferrule_registers(boot, cores)
    finally:
        for machine in made:
            machine.stop()


def with_reasons(lines):
    old = state.table() if os.path.exists(state.TABLE) else []
    for line in lines:
        same = [o for o in old if o[1:4] == line[1:4]]
        name = line.register.split("[")[0]
        near = [o for o in old if o.register.split("[")[0] == name]
        why = same[0].why if same else ("? " + near[0].why.lstrip("? ") if near else "?")
        yield line._replace(why=why)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("--write", action="store_true", help="into tests/data/registers.txt")
    given = arguments.parse_args()
    linux, guest = state.linux_registers(f"{LOGS}/linux")
    guest.stop()
    lines = [line for cores in state.CORES
             for line in state.differences(ferrule(cores), linux[cores], cores)]
    names = list(dict.fromkeys(name for name, _ in linux[state.CORES[0]]))
    comments = ""
    if os.path.exists(state.TABLE):
        with open(state.TABLE, encoding="utf-8") as f:
            comments = "".join(row for row in f if row.startswith("#"))
    made = list(with_reasons(state.joined(lines, names)))
    text = comments + "".join(f"{line}\n" for line in made)
    if given.write:
        with open(state.TABLE, "w", encoding="utf-8") as f:
            f.write(text)
    else:
        sys.stdout.write(text)
    unclear = sum(line.why.startswith("?") for line in made)
    print(f"{len(made)} lines, {unclear} to be looked at", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
