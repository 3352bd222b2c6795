# SPDX-License-Identifier: BSD-2-Clause
"""`make demo`, as in the README: live traffic both ways, a ledger that advances, and no loss."""
import os
import re
import subprocess

from machine import PATIENCE_S, ROOT


def test_make_demo_shows_an_advancing_ledger_and_loses_nothing(folder):
    with open(f"{folder}/demo.log", "w+", encoding="utf-8") as log:
        code = subprocess.run(["make", "demo"], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                              stderr=subprocess.STDOUT, timeout=4 * PATIENCE_S, check=False,
                              env={**os.environ, "DEMO_SECONDS": "4"}).returncode
        log.seek(0)
        shown = log.read()
    assert code == 0, shown
    received = [int(n) for n in re.findall(r"^ +\d+ +\d+ +[\d.]+ +(\d+) +\d+ +\d+ +0  yes$", shown, re.M)]
    assert len(received) >= 2 and received == sorted(set(received)), shown
    through = re.search(r"^into the ports (\d+), out of them \1, changed or out of order 0$", shown, re.M)
    assert through and int(through[1]) >= received[-1] > 0, shown
    assert re.search(rf"^ledger: received {through[1]} \+ generated 0 = sent {through[1]} \+ consumed 0 "
                     r"\+ drops 0 \+ held 0: balanced$", shown, re.M), shown
