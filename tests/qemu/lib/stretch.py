# SPDX-License-Identifier: BSD-2-Clause
"""Measures stretches, the code that a core executes between two polls of its queues, by a TCG plugin
(plugin_stretch.c). An epoch is the time from one byte of input at the console to the next. Used by
test_stretch.py."""
import glob
import subprocess
from typing import NamedTuple

from machine import ROOT, wait_until
from sharing import symbols

PLUGIN = f"{ROOT}/build/plugin_stretch.so"


class Stretch(NamedTuple):
    """functions: where most of its instructions were executed, with their number."""
    core: int
    instructions: int
    reads: int
    functions: str


def _stretch(line):
    core, instructions, reads, *functions = line.split()
    return Stretch(int(core), int(instructions), int(reads), " ".join(functions))


class Stretches:
    """Add `options` to QEMU's command line."""

    def __init__(self, folder):
        glib = subprocess.run(["pkg-config", "--cflags", "glib-2.0"], check=True,
                              capture_output=True, text=True).stdout.split()
        headers = glob.glob(f"{ROOT}/build/qemu-src-*")[0]
        subprocess.run(["gcc", "-std=gnu11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror",
                        *glib, f"-I{headers}/include/qemu", "-o", PLUGIN,
                        f"{ROOT}/tests/qemu/lib/plugin_stretch.c"], check=True)
        at, self.out = symbols(), f"{folder}/stretches"
        with open(f"{folder}/symbols", "w", encoding="ascii") as f:
            f.writelines(f"{start:x} {name}\n" for name, (start, _)
                         in sorted(at.items(), key=lambda item: item[1]))
        self.options = ["-plugin", f"{PLUGIN},poll={at['run_round'][0]:x},mark={at['shell_feed'][0]:x},"
                        f"symbols={folder}/symbols,device=x540-registers,out={self.out}"]
        self._seen = 0

    def _lines(self):
        with open(self.out, encoding="ascii") as f:
            text = f.read()
        return text[:text.rfind("\n") + 1].splitlines()

    def of(self, machine, work):
        """Call work(), which returns when the machine has done what it asks for. Returns the longest
        stretch meanwhile, and the one with the most reads of a card's registers."""
        self._end(machine)
        result = work()
        lines = self._end(machine)
        stretches = [_stretch(line) for line in lines]
        return (max(stretches, key=lambda s: s.instructions), max(stretches, key=lambda s: s.reads),
                result)

    def _end(self, machine):
        """End the epoch by a byte of input that has no effect; returns the lines since the last call."""
        before = len(self._lines())
        machine.send("\0")
        lines = wait_until(self._lines, lambda lines: len(lines) >= before + 2, "an epoch ends")
        self._seen, begin = len(lines), self._seen
        return lines[begin:]
