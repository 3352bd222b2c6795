#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Instructions a packet of the loops that ship, counted by callgrind.

bench_loop runs the application's loop over the X540 model in one process. Callgrind collects only
inside run_round; of that, only functions of net/, drivers/, kernel/ and boot/ count (their names
come from the object files), not the model and the machine that stand in for hardware. Counts are
the same in every run of the same binary.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

BUILD = pathlib.Path("build/bench")
# The applications, and the most instructions a packet that each may take in bursts of 32.
APPS = {"forward": 12.0, "echo": 40.0, "route": 45.0, "sink": None, "generate": None}
BURSTS = (1, 8, 32)
CORES = (1, 2, 4, 8, 16)
FLAT = 0.02  # how far instructions a packet may differ between 1 core and many


def own_functions():
    """Names of all functions in our own objects."""
    names = set()
    for layer in ("net", "drivers", "kernel", "boot"):
        for obj in (BUILD / "obj" / layer).rglob("*.o"):
            out = subprocess.run(["nm", obj], capture_output=True, text=True, check=True).stdout
            names |= {line.split()[2] for line in out.splitlines() if line.split()[1:2] and
                      len(line.split()) == 3 and line.split()[1] in "tT"}
    return names


def self_cost(callgrind_out):
    """Self cost of each function: the lines of the file that are not the cost of a call."""
    cost, names, fn, is_call = {}, {}, None, False
    for line in pathlib.Path(callgrind_out).read_text().splitlines():
        m = re.match(r"fn=\((\d+)\)(?: (.*))?$", line)
        if m:
            if m[2]:
                names[m[1]] = m[2]
            fn = names[m[1]]
        elif line.startswith("cfn="):
            m = re.match(r"cfn=\((\d+)\)(?: (.*))?$", line)
            if m[2]:
                names[m[1]] = m[2]
        elif line.startswith("calls="):
            is_call = True
        elif re.match(r"[+\-*\d]", line):
            if not is_call:
                cost[fn] = cost.get(fn, 0) + int(line.split()[1])
            is_call = False
    return cost


def count(app, burst, frames, cores=1):
    with tempfile.TemporaryDirectory() as d:
        out = f"{d}/callgrind.out"
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--instr-atstart=no",
             "--collect-atstart=no", "--toggle-collect=run_round",
             "--px-file-backed=allregs-at-mem-access", BUILD / "bench_loop", app, str(burst), str(frames),
             str(cores)],
            capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"bench_loop {app} {burst}: {run.stderr.strip().splitlines()[-1]}")
        n = int(run.stdout)
        ours = own_functions()
        by_name = {f: c for f, c in self_cost(out).items() if f.split("'")[0] in ours}
    if not by_name:
        sys.exit("no function of ours was counted: are the objects in build/bench/obj?")
    return sum(by_name.values()) / n, {f: c / n for f, c in by_name.items()}


def main():
    results, failed = [], False
    print(f"{'loop':<10}{'burst':>6}{'instructions a packet':>24}   bar")
    for app in APPS:
        for burst in BURSTS:
            per_packet, parts = count(app, burst, 20000)
            bar = APPS[app] if burst == 32 else None
            failed |= bar is not None and per_packet > bar
            note = "" if bar is None else f"at most {bar:.0f}: {'yes' if per_packet <= bar else 'NO'}"
            print(f"{app:<10}{burst:>6}{per_packet:>24.2f}   {note}")
            results.append({"loop": app, "burst": burst, "instructions": round(per_packet, 3),
                            "bar": bar, "parts": {k: round(v, 3) for k, v in parts.items()}})
    for app in APPS:
        costs = {cores: count(app, 32, 20480, cores)[0] for cores in CORES}
        spread = max(costs.values()) / min(costs.values()) - 1
        failed |= spread > FLAT
        print(f"{app:<10}{32:>6}   on {', '.join(map(str, CORES))} cores: " +
              ", ".join(f"{c:.2f}" for c in costs.values()) +
              f"; within {FLAT:.0%}: {'yes' if spread <= FLAT else 'NO'}")
        results.append({"loop": app, "burst": 32,
                        "by_cores": {k: round(v, 3) for k, v in costs.items()}})
    per_round, _ = count("forward", 0, 20000)
    print(f"{'empty poll of two ports':<30}{per_round:>10.2f}")
    results.append({"loop": "empty", "burst": 0, "instructions": round(per_round, 3)})
    pathlib.Path("build/bench/count.json").write_text(json.dumps(results, indent=1) + "\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
