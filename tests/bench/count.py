#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The cost of one round of a loop, counted by callgrind: instructions, loads, stores, branches and L1
misses a packet. For our loops (bench_loop) and for DPDK's driver (bench_dpdk), on the same model and
traffic.

Callgrind collects only inside the function that does a round. The card works between two rounds, so
the only other code inside is the clock, which is not counted: where the image reads the TSC, the
host's clock advances the model's time. If a function of the model appears under DPDK's loop, counting
fails. The same binary gives the same counts in every run. Caches are simulated with one fixed size on
every machine, and before each round all that the round could use is evicted from the L1 cache
(clock.h): L1 misses are an upper bound, in the same way for both drivers.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

# The applications, and the limit of instructions a packet of each, in bursts of 32.
APPS = {"forward": 12.0, "echo": 40.0, "route": 49.5, "sink": None, "generate": None}
BURSTS = (1, 8, 32)

BUILD = pathlib.Path("build/bench")
CACHES = ("--I1=32768,8,64", "--D1=32768,8,64", "--LL=8388608,16,64")
# Functions at whose begin and end collecting is switched. bench_mix switches it itself.
ROUND = {"bench_loop": ("run_round", "clock_cold"), "bench_dpdk": ("poll_*", "clock_cold"),
         "bench_dpdk_mix": ("poll_*", "clock_cold"), "bench_mix": ()}
OBJECTS = {}  # of variants of bench_loop: where their objects are, below BUILD
FOREIGN = re.compile(r"x540_(frame_in|run|write|read|tx_run|rx_drain)$|traffic_|bar_|trapped$")
LIMIT_S = 300  # of one run; the longest take half a minute


class Failure(Exception):
    """A program did not do its work, or the wrong code was counted."""


def self_cost(path):
    """(event names, {function: [self cost by event]}) of a callgrind file. A line after `calls=` is
    the cost of the called function and is skipped."""
    events, cost, names, function, is_call = [], {}, {}, None, False
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        found = re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line)
        if found:
            if found[3]:
                names[found[2]] = found[3].split("'")[0]
            if found[1] == "fn":
                function = names[found[2]]
        elif line.startswith("events: "):
            events = line.split()[1:]
        elif line.startswith("calls="):
            is_call = True
        elif re.match(r"[+\-*\d]", line):
            if not is_call:
                mine = cost.setdefault(function, [0] * len(events))
                for i, n in enumerate(line.split()[1:]):
                    mine[i] += int(n)
            is_call = False
    return events, cost


def own_functions(program):
    """Names of all functions in the image's own objects."""
    names = set()
    for layer in ("net", "drivers", "kernel", "boot"):
        for obj in (BUILD / OBJECTS.get(program, "obj") / layer).rglob("*.o"):
            out = subprocess.run(["nm", obj], capture_output=True, text=True, check=True).stdout
            names |= {line.split()[2] for line in out.splitlines() if line.split()[1:2] and
                      len(line.split()) == 3 and line.split()[1] in "tT"}
    return names


def _finished(command, folder, env):
    """Run a benchmark program to its end; `folder` is its own."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=LIMIT_S,
                              env={**os.environ, "BENCH_SYSFS": f"{folder}/sysfs", **(env or {})})
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(map(str, command[-5:]))}: not done in {LIMIT_S} s") from None


def run(program, *arguments, env=None):
    """Run a benchmark without counting. Returns the figures it prints: packets, best and median cycles
    of a packet."""
    with tempfile.TemporaryDirectory() as folder:
        done = _finished([BUILD / program, *map(str, arguments)], folder, env)
    if done.returncode:
        raise Failure(f"{program} {' '.join(map(str, arguments))}: "
                      f"{(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    packets, *cycles = done.stdout.split()
    return int(packets), *map(float, cycles)


def count(program, *arguments, env=None):
    """Run once under callgrind. Returns a packet's (for bursts of 0: an empty round's) figures and the
    share of each function in the instructions."""
    kind = program.split("-")[0]
    toggles = [f"--toggle-collect={name}" for name in ROUND[kind]]
    words = " ".join(map(str, (program, *arguments)))
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/callgrind.out"
        done = _finished(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--instr-atstart=no",
             "--collect-atstart=no", *toggles, "--cache-sim=yes", "--branch-sim=yes", *CACHES,
             "--px-file-backed=allregs-at-each-insn", BUILD / program, *map(str, arguments)], folder, env)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if not line.startswith("==")]
            raise Failure(f"{words}: {(lines or ['no output'])[-1]}")
        n = int(done.stdout.split()[0])
        events, by_function = self_cost(out)
        by_function.pop("clock_cold", None)
    if not kind.startswith("bench_dpdk"):
        ours = own_functions(program)
        by_function = {f: c for f, c in by_function.items() if f in ours}
    foreign = sorted(f for f in by_function if FOREIGN.match(f))
    if foreign or not by_function:
        raise Failure(f"{words}: counted the wrong code: {foreign or 'none'}")
    is_empty = kind == "bench_dpdk" and arguments[1] == 0
    if kind.startswith("bench_dpdk") and not is_empty and \
            not {"_recv_raw_pkts_vec", "ixgbe_xmit_pkts_vec"} <= set(by_function):
        raise Failure(f"DPDK used {sorted(by_function)}, not its vector path")
    total = {e: sum(c[i] for c in by_function.values()) / n for i, e in enumerate(events)}
    return {"instructions": round(total["Ir"], 3), "loads": round(total["Dr"], 3),
            "stores": round(total["Dw"], 3), "branches": round(total["Bc"] + total["Bi"], 3),
            "mispredicted": round(total["Bcm"] + total["Bim"], 3),
            "l1_misses": round(total["D1mr"] + total["D1mw"], 3),
            "parts": {f: round(c[0] / n, 3) for f, c in sorted(by_function.items())}}


def main():
    """Print a short table, for use while changing a loop."""
    failed = False
    print(f"{'loop':<10}{'burst':>6}{'instructions':>14}{'loads':>8}{'stores':>8}{'branches':>10}"
          f"{'L1 misses':>11}   bar")
    for app, bar in APPS.items():
        for burst in BURSTS:
            c = count("bench_loop", app, burst, 20000, 1)
            note = ""
            if burst == 32 and bar:
                is_met = c["instructions"] <= bar
                failed |= not is_met
                note = f"at most {bar:.0f}: {'yes' if is_met else 'NO'}"
            print(f"{app:<10}{burst:>6}{c['instructions']:>14.2f}{c['loads']:>8.2f}{c['stores']:>8.2f}"
                  f"{c['branches']:>10.2f}{c['l1_misses']:>11.2f}   {note}")
    c = count("bench_loop", "forward", 0, 20000, 1)
    print(f"empty poll of two ports: {c['instructions']:.2f} instructions")
    return failed


if __name__ == "__main__":
    sys.exit(main())
