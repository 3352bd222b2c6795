#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`make bench` and `make bench-quick`: our loops compared with DPDK's ixgbe driver, on the same model
and traffic in one run; in the full form also the image compared with Debian's Linux, both under QEMU.

    bench.py quick    counts the loops, and some of the mixes, and compares them with
                      tests/bench/recorded.json: a count that is worse by more than the tolerance there
                      fails, and so does a missed bar; counts of a compiler that has no record are not
                      compared
    bench.py full     everything; writes build/bench/bench.json, its plots and tests/bench/README.md
    bench.py mixes    all mixes, ours and DPDK's, counted and timed; writes mixes.json and the parts of
                      tests/bench/README.md and README.md that show it
    bench.py record   as quick with all mixes, and stores the counts for this compiler in recorded.json
    bench.py pages    writes those parts again from mixes.json
    bench.py check FILE   checks the figures of such a JSON file again

count.py counts a loop, limits.py has the bars. Only counts are checked; cycles are for information.
The exit code is 1 if a bar is missed, a count is worse than recorded or a part failed.
"""
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import limits  # noqa: E402
import mixes  # noqa: E402
import scale  # noqa: E402
from count import APPS, BUILD, BURSTS, Failure, count, own_functions, run  # noqa: E402

FRAMES = 20000
DPDK_APPS = ("forward", "touch", "mac", "route", "echo")
SECONDS = {"cycles": 90, "scale": 720, "image": 300}  # parts of half an hour


def log(text):
    print(text, flush=True)


def version(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not found"
    return (done.stdout.strip().splitlines() or ["not found"])[0]


def compiler():
    return "gcc-" + version("gcc", "-dumpversion").split(".")[0]


def machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    release = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text(encoding="utf-8"))
    return {"processor": cpu[1] if cpu else platform.processor(), "cpus": os.cpu_count(),
            "system": release[1] if release else platform.system(),
            "gcc": version("gcc", "-dumpfullversion"), "valgrind": version("valgrind", "--version"),
            "qemu": version("qemu-system-x86_64", "--version"),
            "dpdk": version("pkg-config", "--modversion", "libdpdk"),
            "commit": version("git", "describe", "--always", "--dirty")}


# ---- Measuring ----

def all_of(jobs):
    """As scale.side_by_side, but raises Failure if one job fails."""
    done = scale.side_by_side(jobs)
    for c in done.values():
        if "failure" in c:
            raise Failure(c["failure"])
    return done


def loops(bursts, dpdk_bursts):
    """Counts of every application's loop at each burst, ours and DPDK's, and of an empty poll."""
    def job(program, app, burst, *more):
        def counted():
            c = count(program, app, burst, FRAMES if burst > 1 else 5000, *more)
            log(f"  {'ours' if more else 'DPDK'} {app:<9} burst {burst:>2}: {c['instructions']:8.2f} "
                "instructions")
            return c
        return counted
    jobs = {("ours", f"{app}/{burst}"): job("bench_loop", app, burst, 1) for app in APPS for burst in bursts}
    jobs["ours", "empty"] = lambda: count("bench_loop", "forward", 0, 12800, 1)
    jobs.update({("dpdk", f"{app}/{burst}"): job("bench_dpdk", app, burst)
                 for app in DPDK_APPS for burst in dpdk_bursts})
    jobs["dpdk", "empty"] = lambda: count("bench_dpdk", "forward", 0, 12800)
    done = all_of(jobs)
    out = {who: {name: c for (whose, name), c in done.items() if whose == who} for who in ("ours", "dpdk")}
    log(f"  empty poll of two ports: ours {out['ours']['empty']['instructions']:.2f}, "
        f"DPDK {out['dpdk']['empty']['instructions']:.2f}")
    return out


def cycles():
    """Best and median cycles a packet, natively, over up to five runs: the lowest of each."""
    out, budget = {}, time.monotonic() + SECONDS["cycles"]
    for program, apps, more in (("bench_loop", APPS, (1,)), ("bench_dpdk", DPDK_APPS, ())):
        for app in apps:
            runs = []
            while not runs or (len(runs) < 5 and time.monotonic() < budget):
                runs.append(run(program, app, 32, 100000, *more))
            out[f"{program}/{app}"] = {"best": min(r[1] for r in runs), "runs": len(runs),
                                       "median": statistics.median(r[2] for r in runs)}
    return out


def second_way(app):
    """Instructions a packet of the same program, counted by QEMU's user emulation: executions of
    every instruction of the functions that callgrind saw in run_round."""
    first = count("bench_loop", app, 32, 2 * FRAMES, 1)
    program = BUILD / "bench_loop"
    rows = [line.split() for line in
            subprocess.run(["nm", "-S", program], capture_output=True, text=True,
                           check=True).stdout.splitlines()]
    ranges = [(int(row[0], 16), int(row[1], 16)) for row in rows
              if len(row) == 4 and row[3] in first["parts"] and row[3] in own_functions("bench_loop")]
    main = next(row[0] for row in rows if row[-1] == "main")
    end = next(row[0] for row in rows if row[-1] == "lane_ledger")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["qemu-x86_64", "-plugin", f"{BUILD}/count.so,at={main},at={end},profile={folder}/profile",
             program, app, "32", str(2 * FRAMES), "1"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"qemu-x86_64: {done.stderr.strip().splitlines()[-1:]}")
        lines = pathlib.Path(folder, "profile").read_text(encoding="utf-8").split("\n")
    packets = int(done.stdout.split()[0])
    executed = [(int(at, 16), int(n)) for at, n in (line.split() for line in lines if line)]
    total = sum(n for at, n in executed if any(a <= at < a + size for a, size in ranges))
    return {"callgrind": first["instructions"], "qemu": round(total / packets, 3)}


def whole_image():
    """The measurements by the tests of the image under QEMU: a new size.json."""
    path = pathlib.Path("build/size.json")
    path.unlink(missing_ok=True)
    try:
        done = subprocess.run(
            ["/usr/bin/python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider",
             "tests/qemu/test_whole_image.py", "tests/qemu/test_size.py"], capture_output=True, text=True,
            check=False, timeout=SECONDS["image"])
    except subprocess.TimeoutExpired:
        raise Failure(f"the whole image: not done in {SECONDS['image']} s") from None
    log("  " + (done.stdout.strip().splitlines() or ["no output"])[-1])
    return {**limits.read(path), "tests_passed": done.returncode == 0}


def linux():
    """Debian's Linux on the same model, with the same traffic as the image."""
    import linux_peer
    try:
        return linux_peer.measure(log)
    except (linux_peer.Failure, linux_peer.whole.Wrong) as failure:
        raise Failure(f"Linux: {failure}") from None


def count_mixes(is_quick):
    """Our instructions a frame of the mixes, or of those for the quick form, by name; their names; and
    what failed."""
    rows = [row for row in mixes.table() if row["quick"] or not is_quick]
    done = mixes.counts(rows, log, ("ours",))
    rows = [{**row, "figures": done[row["name"]]} for row in rows]
    return mixes.instructions(rows), [row["name"] for row in rows], mixes.failures(rows)


def all_mixes(result):
    """Both sides, counted and timed; the pages' parts are written."""
    rows = mixes.measure(log)
    result["mixes"], result["mixes_wanted"] = mixes.instructions(rows), [row["name"] for row in rows]
    pcie = mixes.pcie()
    mixes.write({"machine": result["machine"], "pcie": pcie, "rows": rows})
    if pcie["all"][0] > limits.PCIE_UP_BAR:
        result["failed"].append(f"{pcie['all'][0]:.1f} bytes up on PCIe a forwarded frame, at most "
                                f"{limits.PCIE_UP_BAR} wanted")
    result["failed"] += mixes.failures(rows)
    result["failed"] += [f"{row['name']}: beyond {mixes.FLAT_TIMES:g} times the best, and "
                         f"{mixes.WHY.name} does not say why"
                         for app in mixes.APPS for row, _, why in mixes.beyond(rows, app) if not why]
    log("\n" + mixes.flat_table(rows))
    return {"rows": len(rows)}


# ---- Checking ----

def table(result):
    ours, dpdk = result["loops"]["ours"], result["loops"]["dpdk"]
    log(f"\n{'a packet':<16}{'instructions':>14}{'loads':>8}{'stores':>8}{'branches':>10}"
        f"{'L1 misses':>11}{'DPDK':>10}{'L1':>8}")
    for name, c in ours.items():
        theirs = dpdk.get(name)
        log(f"{name:<16}{c['instructions']:>14.2f}{c['loads']:>8.2f}{c['stores']:>8.2f}"
            f"{c['branches']:>10.2f}{c['l1_misses']:>11.2f}" +
            (f"{theirs['instructions']:>10.2f}{theirs['l1_misses']:>8.2f}" if theirs else ""))
    log("")
    for bar in result["bars"]:
        log(f"{bar['what']:<44}{bar['measured']:>10}   {bar['is']} {bar['limit']:g}: "
            f"{'yes' if bar['met'] else 'NO'}")


def verdict(result):
    """Print worse counts, missed bars and failed parts. Returns whether there are any."""
    worse = limits.worse(result, limits.read(limits.RECORDED))
    lines = [f"WORSE {line}" for line in worse or []]
    tried = limits.read(limits.TRIED)
    lines += [f"MISSED {limits.missed(bar, tried)}" for bar in result["bars"] if not bar["met"]]
    lines += [f"FAILED {line}" for line in result.get("failed", [])]
    if worse is None:
        log(f"\nnothing recorded for {result['compiler']}: counts are not compared")
    for line in lines:
        log(line)
    return bool(lines)


def everything(result, folder):
    """The parts of the full form beyond the loops; a failed one is listed, and the others go on."""
    parts = {"second": ("counted a second way, by QEMU",
                        lambda: all_of({app: lambda app=app: second_way(app)
                                        for app in ("forward", "echo", "route")})),
             "image": ("the whole image, under QEMU", whole_image),
             "linux": ("Debian's Linux with its ixgbe, under QEMU", linux),
             "scale": ("curves", lambda: scale.curves(folder, log, SECONDS["scale"])),
             "cycles": ("cycles, natively, for information", cycles),
             "all_mixes": ("mixes", lambda: all_mixes(result))}
    for name, (words, part) in parts.items():
        log(words)
        began = time.monotonic()
        try:
            result[name] = part()
        except Failure as failure:
            log(f"  FAILED {failure}")
            result["failed"].append(f"{words}: {failure}")
        result["part_seconds"][name] = round(time.monotonic() - began)
    if not result.get("image", {"tests_passed": True})["tests_passed"]:
        result["failed"].append("tests/qemu/test_whole_image.py or test_size.py")
    result["failed"] += [f"{app}, {what} {value}, {who}: {figures['failure']}"
                         for app, what, points in limits.curves(result) for value, point in points
                         for who, figures in point.items() if "failure" in figures]


def main():
    how, file = (sys.argv[1:] + [""] * 2)[:2]
    if how == "check" and file:
        result = limits.read(pathlib.Path(file))
        result["bars"] = limits.bars(result)
        table(result)
        return verdict(result)
    if how == "pages" and not file:
        mixes.write(limits.read(mixes.SAVED))
        return 0
    if how not in ("quick", "full", "mixes", "record") or file:
        sys.exit(__doc__)
    began = time.monotonic()
    result = {"machine": machine(), "compiler": compiler(), "how": how, "failed": [], "part_seconds": {}}
    try:
        if how == "mixes":
            all_mixes(result)
            return finish(result, began)
        log("loops, counted by callgrind")
        result["loops"] = loops(BURSTS, BURSTS if how == "full" else (32,))
        if how != "full":
            result["mixes"], result["mixes_wanted"], failed = count_mixes(how == "quick")
            result["failed"] += failed
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    result["part_seconds"]["loops"] = round(time.monotonic() - began)
    if how == "full":
        with tempfile.TemporaryDirectory() as folder:
            everything(result, folder)
    return finish(result, began)


def finish(result, began):
    """Write the JSON and the page, and report. Returns whether anything is bad."""
    how = result["how"]
    result["seconds"] = round(time.monotonic() - began)
    result["bars"] = limits.bars(result) if "loops" in result else []
    if "loops" in result:
        table(result)
    out = BUILD / {"full": "bench.json", "mixes": "mixes.json"}.get(how, "quick.json")
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if how == "record":
        limits.record(result)
    if how == "full":
        import report
        report.write(result)
    is_bad = verdict(result)
    log(f"\n{out}, {result['seconds']} s")
    return is_bad


if __name__ == "__main__":
    sys.exit(main())
