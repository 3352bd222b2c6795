# SPDX-License-Identifier: BSD-2-Clause
"""Cores share nothing that they write: a TCG plugin watches every store of every core and every
access of the loops while flows cross the cores. No line that one core writes may be touched by the
loop of another."""
import glob
import os
import re
import subprocess
import time

import pytest

from machine import ROOT
from test_flows import frame
from test_x2apic import X2APIC

PLUGIN = f"{ROOT}/build/plugin_sharing.so"
LOOP = ["core_loop", "run_round", "long_round", "lanes_collect", "forward_poll", "forward_poll_busy"]


def symbols():
    """Name -> (address, address behind it) of the image's functions."""
    rows = subprocess.run(["nm", "-n", "--defined-only", f"{ROOT}/build/ferrule.debug"], check=True,
                          capture_output=True, text=True).stdout.split("\n")
    rows = [row.split() for row in rows if re.fullmatch(r"[0-9a-f]+ [tT] \S+", row)]
    return {name: (int(at, 16), int(following[0], 16))
            for (at, _, name), following in zip(rows, rows[1:] + [[rows[-1][0]]])}


def build_plugin(headers):
    glib = subprocess.run(["pkg-config", "--cflags", "glib-2.0"], check=True, capture_output=True,
                          text=True).stdout.split()
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror",
                    *glib, f"-I{headers}/include/qemu", "-o", PLUGIN,
                    f"{ROOT}/tests/qemu/plugin_sharing.c"], check=True)


@pytest.mark.parametrize("cores", [2, 8])
@pytest.mark.parametrize("mode", ["xAPIC", "x2APIC"])
def test_no_core_writes_a_line_that_anothers_loop_touches(request, boot, folder, mode, cores):
    more, options, headers = [], {}, glob.glob(f"{ROOT}/build/qemu-src-*")[0]
    if mode == "x2APIC":
        options["emulator"] = request.getfixturevalue("newer_qemu")
        more, headers = X2APIC, options["emulator"].headers
    build_plugin(headers)
    at = symbols()
    ranges = ",".join(f"loop={at[name][0]:x}-{at[name][1]:x}" for name in LOOP if name in at)
    out = f"{folder}/sharing"
    option = (f"{PLUGIN},{ranges},begin={at['run_service'][0]:x}+20,end={at['power_off'][0]:x},"
              f"out={out}")
    machine = boot("app=forward", cores=cores, extra=more + ["-plugin", option], **options)
    assert f" {mode}, timer" in machine.console_text
    limit = time.monotonic() + 60
    while not os.path.exists(out):
        assert time.monotonic() < limit, "the plugin did not begin to watch"
        time.sleep(0.05)
    flows, each = 32, 20
    for s in range(each):
        machine.wires[0].send(*[frame(f, s) for f in range(flows)])
        machine.wires[1].send(*[frame(f, s, back=True) for f in range(flows)])
        machine.wires[1].receive(flows)
        machine.wires[0].receive(flows)
    assert machine.poweroff() == 0
    with open(out, encoding="ascii") as f:
        totals, *findings = f.read().splitlines()
    seen = dict(zip(totals.split()[::2], map(int, totals.split()[1::2])))
    # It did watch: the descriptors alone are a quarter of a line a frame.
    assert seen["loop_lines"] > flows * each / 4 and seen["accesses"] > 10 * flows * each, seen
    assert not findings, findings[:5]
