# SPDX-License-Identifier: BSD-2-Clause
"""Finds cache lines that cores share, in the running image: a TCG plugin (plugin_sharing.c) records every
store of every core and every access of the loops, and reports cache lines that one core writes and
another core's loop accesses. Used by test_sharing.py, test_route.py and test_generate.py."""
import glob
import os
import re
import subprocess
import time

from machine import PATIENCE_S, ROOT

PLUGIN = f"{ROOT}/build/plugin_sharing.so"
LOOP = ["core_loop", "run_round", "slow_round", "lanes_collect"]  # of every application


def symbols():
    """Name -> (address, end address) of the image's functions."""
    rows = subprocess.run(["nm", "-n", "--defined-only", f"{ROOT}/build/ferrule.elf"], check=True,
                          capture_output=True, text=True).stdout.split("\n")
    rows = [row.split() for row in rows if re.fullmatch(r"[0-9a-f]+ [tT] \S+", row)]
    return {name: (int(at, 16), int(following[0], 16))
            for (at, _, name), following in zip(rows, rows[1:] + [[rows[-1][0]]])}


class Watch:
    """Add `options` to QEMU's command line; read `totals` after the machine is off."""

    def __init__(self, folder, functions, begin, headers=None):
        """functions: the application's loop, in addition to LOOP. begin: (function, n): recording begins
        at its n-th call. headers: those of the QEMU that will run, if it is not the installed one."""
        glib = subprocess.run(["pkg-config", "--cflags", "glib-2.0"], check=True,
                              capture_output=True, text=True).stdout.split()
        headers = headers or glob.glob(f"{ROOT}/build/qemu-src-*")[0]
        subprocess.run(["gcc", "-std=gnu11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror",
                        *glib, f"-I{headers}/include/qemu", "-o", PLUGIN,
                        f"{ROOT}/tests/qemu/lib/plugin_sharing.c"], check=True)
        at, self.out = symbols(), f"{folder}/sharing"
        loops = ",".join(f"loop={at[name][0]:x}-{at[name][1]:x}" for name in LOOP + functions)
        self.options = ["-plugin", f"{PLUGIN},{loops},begin={at[begin[0]][0]:x}+{begin[1]},"
                        f"end={at['power_off'][0]:x},out={self.out}"]

    def wait_begun(self):
        limit = time.monotonic() + PATIENCE_S
        while not os.path.exists(self.out):
            assert time.monotonic() < limit, "the plugin did not begin to watch"
            time.sleep(0.05)

    def totals(self):
        """Check that no line was shared. Returns the totals by name: accesses, lines, …"""
        with open(self.out, encoding="ascii") as f:
            totals, *findings = f.read().splitlines()
        assert not findings, findings[:5]
        return dict(zip(totals.split()[::2], map(int, totals.split()[1::2])))
