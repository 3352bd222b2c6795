#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The instructions of a boot, by function: two ports, one CPU, from the first instruction to the loop.
The console's output is discarded.

    make all build/bench/count.so && tests/bench/boot_profile.py [--vtd] [N rows]

--vtd: on a machine with VT-d, where each card is confined to its own buffers.
"""
import bisect
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")
sys.path.insert(0, f"{ROOT}/tests/qemu/lib")
from machine import qemu_command  # noqa: E402

COUNTS = f"{ROOT}/build/boot-profile.txt"


def symbols():
    shown = subprocess.run(["nm", f"{ROOT}/build/ferrule.elf"], stdout=subprocess.PIPE, text=True,
                           check=True).stdout.splitlines()
    rows = {(int(at, 16), re.sub(r"\.(part|constprop|isra|cold)(\.\d+)?", "", name))
            for at, kind, name in map(str.split, shown) if kind in "tT"}
    return sorted((at, name) for at, name in rows if "." not in name.strip("."))


def main():
    rows = symbols()
    address = {name: at for at, name in rows}
    marks = [address["entry32"], address["net_run"]]
    plugin = ",".join([f"{ROOT}/build/bench/count.so", f"profile={COUNTS}"] +
                      [f"at={mark:x}" for mark in marks])
    wires = [f"user,id=n{i},restrict=on" for i in range(2)]
    words = [word for word in sys.argv[1:] if word != "--vtd"]
    command = qemu_command(wires, "app=forward run=poweroff", cores=1, iommu="--vtd" in sys.argv)
    subprocess.run(command + ["-plugin", plugin, "-serial", "null"], check=True, cwd=ROOT,
                   timeout=120, stderr=subprocess.DEVNULL)
    starts, total = [at for at, _ in rows], {}
    with open(COUNTS, encoding="utf-8") as f:
        for line in f:
            at, n = line.split()
            name = rows[bisect.bisect_right(starts, int(at, 16)) - 1][1]
            total[name] = total.get(name, 0) + int(n)
    print(f"{sum(total.values()):9}  all")
    shown = sorted(total.items(), key=lambda item: -item[1])
    for name, n in shown[:int(words[0]) if words else 30]:
        print(f"{n:9}  {name}")


if __name__ == "__main__":
    main()
