#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`make bench` and `make bench-quick`: our loops beside DPDK's ixgbe driver, on the same model and
traffic in one run.

    bench.py quick    counts of the loops, against tests/bench/recorded.json: worse by more than the
                      tolerance there fails, and so does a missed bar; for a compiler of which
                      nothing is recorded, nothing fails
    bench.py full     everything; writes build/bench/bench.json, its plots and tests/bench/README.md
    bench.py record   as quick, and keep these counts for this compiler in recorded.json

count.py says how a loop is counted. Only counts decide; cycles are for information.
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
from count import APPS, BUILD, BURSTS, Failure, count, own_functions, run  # noqa: E402

RECORDED = pathlib.Path("tests/bench/recorded.json")
FRAMES = 20000
EMPTY_BAR = 20.0
DPDK_APPS = ("forward", "touch", "mac", "route", "echo")
TIMES_FEWER = {"forward": 5.0, "route": 3.0, "echo": 3.0}
L1_BAR = {"forward": 1.5}
FLAT = 0.02
CORES = (1, 2, 4, 8, 16)
ROUTES = (2, 100, 10000, 100000, 1000000)
FLOWS = (1, 100, 10000, 100000, 1000000)
SIZES = (60, 252, 1514)
SECOND_WAY = 0.05  # how far the two ways of counting may differ


def say(text):
    print(text, flush=True)


def version(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not there"
    return (done.stdout.strip().splitlines() or ["not there"])[0]


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


# ---- What is measured ----

def loops(bursts, dpdk_bursts):
    """Counts of every application's loop at each burst, ours and DPDK's, and of an empty poll."""
    ours, dpdk = {}, {}
    for app in APPS:
        for burst in bursts:
            ours[f"{app}/{burst}"] = c = count("bench_loop", app, burst, FRAMES if burst > 1 else 5000, 1)
            say(f"  ours {app:<9} burst {burst:>2}: {c['instructions']:8.2f} instructions")
    ours["empty"] = count("bench_loop", "forward", 0, 12800, 1)
    for app in DPDK_APPS:
        for burst in dpdk_bursts:
            dpdk[f"{app}/{burst}"] = c = count("bench_dpdk", app, burst, FRAMES if burst > 1 else 5000)
            say(f"  DPDK {app:<9} burst {burst:>2}: {c['instructions']:8.2f} instructions")
    dpdk["empty"] = count("bench_dpdk", "forward", 0, 12800)
    say(f"  empty poll of two ports: ours {ours['empty']['instructions']:.2f}, "
        f"DPDK {dpdk['empty']['instructions']:.2f}")
    return {"ours": ours, "dpdk": dpdk}


def cycles():
    """Best and median cycles a packet, natively, over some runs: the lowest of each."""
    out = {}
    for program, apps, more in (("bench_loop", APPS, (1,)), ("bench_dpdk", DPDK_APPS, ())):
        for app in apps:
            runs = [run(program, app, 32, 100000, *more) for _ in range(5)]
            out[f"{program}/{app}"] = {"best": min(r[1] for r in runs),
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


def curve(name, values, one):
    points = []
    for value in values:
        points.append([value, one(value)])
        say(f"  {name} {value}: {points[-1][1]}")
    return points


def real_routes(folder):
    """Prefixes of the Internet's table as the npm package @ip-location-db/asn lists them, or None."""
    try:
        subprocess.run(["npm", "pack", "--silent", "@ip-location-db/asn"], cwd=folder, check=True,
                       capture_output=True, timeout=300)
        archive = next(pathlib.Path(folder).glob("*.tgz"))
        subprocess.run(["tar", "xzf", archive.name], cwd=folder, check=True, capture_output=True)
        table = next(pathlib.Path(folder).rglob("asn-ipv4*.csv"))
    except (OSError, subprocess.SubprocessError, StopIteration):
        return None
    import ipaddress
    prefixes = []
    for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            ends = [ipaddress.IPv4Address(int(word) if word.isdigit() else word)
                    for word in line.split(",")[:2]]
            prefixes += [str(net) for net in ipaddress.summarize_address_range(*ends)
                         if 1 <= int(net[0]) >> 24 <= 126]
        except ValueError:
            continue
    import random
    random.Random(1812).shuffle(prefixes)
    path = pathlib.Path(folder, "routes")
    path.write_text("\n".join(prefixes) + "\n", encoding="utf-8")
    return str(path), len(prefixes)


def scale(folder):
    """Curves: instructions and L1 misses a packet at bursts of 32."""
    def figures(c):
        return {"instructions": c["instructions"], "l1_misses": c["l1_misses"]}

    def ours_and_dpdk(env, with_dpdk=True, frames=FRAMES):
        both = {"ours": figures(count("bench_loop", "route", 32, frames, 1, env=env))}
        if with_dpdk:
            both["dpdk"] = figures(count("bench_dpdk", "route", 32, frames, env=env))
        return both

    out = {app: {} for app in ("forward", "echo", "route")}
    for app in out:
        out[app]["cores"] = curve(f"{app}, cores", CORES,
                                  lambda n: figures(count("bench_loop", app, 32, 20480, n)))
    real = real_routes(folder)
    say(f"  routes of the Internet's table: {real[1]}" if real else "  no real table: a made one")
    out["route"]["table"] = {"real": bool(real), "prefixes": real[1] if real else max(ROUTES)}

    def routes(n):
        is_real = real and n <= real[1]
        env = {"BENCH_ROUTES_N": str(n), **({"BENCH_ROUTES": real[0]} if is_real else {})}
        # rte_lpm looks through all rules of a length when it adds one: more takes it hours.
        return {**ours_and_dpdk(env, n <= 100000), "real": bool(is_real)}

    def attempt(one):
        def safe(n):
            try:
                return one(n)
            except Failure as failure:
                return {"failure": str(failure)}
        return safe
    out["route"]["routes"] = curve("route, routes", ROUTES, attempt(routes))
    out["route"]["flows"] = curve("route, flows", FLOWS,
                                  attempt(lambda n: ours_and_dpdk({"BENCH_FLOWS": str(n)})))
    for app in ("forward", "echo"):
        out[app]["bytes"] = curve(f"{app}, bytes of a frame", SIZES, attempt(lambda n, app=app: {
            "ours": figures(count("bench_loop", app, 32, 6400, 1, env={"BENCH_BYTES": str(n)})),
            "dpdk": figures(count("bench_dpdk", app, 32, 6400, env={"BENCH_BYTES": str(n)}))}))
    return out


def whole_image():
    """What the tests of the image under QEMU measure: size.json."""
    done = subprocess.run(
        ["/usr/bin/python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "tests/qemu/test_whole_image.py", "tests/qemu/test_size.py"], capture_output=True, text=True,
        check=False)
    say("  " + (done.stdout.strip().splitlines() or ["no word"])[-1])
    path = pathlib.Path("build/size.json")
    return {**(json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}),
            "tests_passed": done.returncode == 0}


# ---- Judging ----

def bars(result):
    """(what, limit, measured, is met, note) of each bar."""
    ours, dpdk = result["loops"]["ours"], result["loops"]["dpdk"]
    for app, most in APPS.items():
        if most:
            n = ours[f"{app}/32"]["instructions"]
            yield f"{app}, instructions a packet", f"at most {most:g}", n, n <= most
    n = ours["empty"]["instructions"]
    yield "empty poll of two ports, instructions", f"at most {EMPTY_BAR:g}", n, n <= EMPTY_BAR
    for app, least in TIMES_FEWER.items():
        n = round(dpdk[f"{app}/32"]["instructions"] / ours[f"{app}/32"]["instructions"], 2)
        yield f"{app}, DPDK's instructions to ours", f"at least {least:g}", n, n >= least
    for app, most in L1_BAR.items():
        n = ours[f"{app}/32"]["l1_misses"]
        yield f"{app}, L1 misses a packet", f"at most {most:g}", n, n <= most
    for app, curves in result.get("scale", {}).items():
        if "cores" in curves:
            costs = [point["instructions"] for _, point in curves["cores"]]
            n = round(max(costs) / min(costs) - 1, 4)
            yield f"{app}, spread from 1 to 16 cores", f"at most {FLAT:g}", n, n <= FLAT
    for app, both in result.get("second", {}).items():
        n = round(abs(both["qemu"] / both["callgrind"] - 1), 4)
        yield f"{app}, two ways of counting differ by", f"at most {SECOND_WAY:g}", n, n <= SECOND_WAY
    image = result.get("image", {})
    for key, most in (("whole_echo_32", 150), ("whole_echo_1", 400)):
        if key in image:
            yield (f"whole image, an echo, {key.rsplit('_', 1)[1]} in flight", f"at most {most}",
                   image[key], image[key] <= most)


def compare(result):
    """Figures worse than recorded by more than their tolerance, as lines; None: none recorded."""
    known = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    mine = known.get(compiler())
    if mine is None:
        return None
    worse = []
    for name, was in mine["instructions"].items():
        now = result["loops"]["ours"].get(name, {}).get("instructions")
        if now is not None and now > was * (1 + mine["tolerance"]):
            worse.append(f"{name}: {now:.2f} instructions a packet, recorded {was:.2f} "
                         f"(tolerance {mine['tolerance']:.0%})")
    return worse


def record(result):
    known = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    known[compiler()] = {"tolerance": 0.01, "instructions": {
        name: c["instructions"] for name, c in result["loops"]["ours"].items()}}
    RECORDED.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def table(result):
    ours, dpdk = result["loops"]["ours"], result["loops"]["dpdk"]
    say(f"\n{'a packet':<16}{'instructions':>14}{'loads':>8}{'stores':>8}{'branches':>10}"
        f"{'L1 misses':>11}{'DPDK':>10}{'L1':>8}")
    for name, c in ours.items():
        theirs = dpdk.get(name)
        say(f"{name:<16}{c['instructions']:>14.2f}{c['loads']:>8.2f}{c['stores']:>8.2f}"
            f"{c['branches']:>10.2f}{c['l1_misses']:>11.2f}" +
            (f"{theirs['instructions']:>10.2f}{theirs['l1_misses']:>8.2f}" if theirs else ""))
    say("")
    for what, limit, measured, is_met in bars(result):
        say(f"{what:<44}{measured:>10}   {limit}: {'yes' if is_met else 'NO'}")


def main():
    how = sys.argv[1] if len(sys.argv) == 2 else ""
    if how not in ("quick", "full", "record"):
        sys.exit(__doc__)
    began = time.monotonic()
    result = {"machine": machine(), "compiler": compiler(), "how": how}
    try:
        say("loops, counted by callgrind")
        result["loops"] = loops(BURSTS, BURSTS if how == "full" else (32,))
        if how == "full":
            say("counted a second way, by QEMU")
            result["second"] = {app: second_way(app) for app in ("forward", "echo", "route")}
            say("cycles, natively, for information")
            result["cycles"] = cycles()
            say("scale")
            with tempfile.TemporaryDirectory() as folder:
                result["scale"] = scale(folder)
            say("the whole image, under QEMU")
            result["image"] = whole_image()
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    result["seconds"] = round(time.monotonic() - began)
    worse = compare(result)
    result["bars"] = [list(bar) for bar in bars(result)]
    table(result)
    out = BUILD / ("bench.json" if how == "full" else "quick.json")
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if how == "record":
        record(result)
    if how == "full":
        import report
        report.write(result)
    if worse is None:
        say(f"\nnothing recorded for {compiler()}: nothing is judged")
    for line in worse or []:
        say(f"WORSE {line}")
    say(f"\n{out}, {result['seconds']} s")
    return worse is not None and (bool(worse) or not all(bar[3] for bar in bars(result)))


if __name__ == "__main__":
    sys.exit(main())
