# SPDX-License-Identifier: BSD-2-Clause
"""The bench of mixes: every row of mixes.c through our loop and, where it has a handler, through DPDK's,
counted by callgrind and timed natively; and what the pages say of it. mixes.json holds the figures that
the pages show; `make bench-mixes` measures them again and writes the pages."""
import json
import pathlib
import subprocess

import limits
from count import BUILD, Failure, count, run
from scale import side_by_side

FRAMES, CYCLE_ROUNDS, REPEATS = 12800, 1500, 3
FIGURES = ("instructions", "loads", "stores", "branches", "mispredicted", "l1_misses")
FLAT_TIMES = 3.5  # a row of ordinary frames beyond this many times the best one is named and explained
SAVED = limits.HERE / "mixes.json"
WHY = limits.HERE / "mixes_why.json"
APPS = ("forward", "echo", "route")
PCIE_ROW = "forward/one"
TOP, PAGE = pathlib.Path("README.md"), pathlib.Path("tests/bench/README.md")


# ---- Measuring ----

def table():
    """The rows, as bench_mix lists them."""
    done = subprocess.run([BUILD / "bench_mix", "list"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"bench_mix list: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def programs(row):
    return {"ours": "bench_mix", **({"dpdk": "bench_dpdk_mix"} if row["dpdk"] else {})}


def counts(rows, log, sides=("ours", "dpdk")):
    """{row's name: {side: figures, or {"failure": why}}}."""
    def job(program, name):
        def counted():
            c = count(program, name, FRAMES)
            log(f"  {program:<15}{name:<42}{c['instructions']:>9.2f}")
            return {key: c[key] for key in FIGURES}
        return counted
    done = side_by_side({(row["name"], side): job(program, row["name"]) for row in rows
                         for side, program in programs(row).items() if side in sides})
    return {row["name"]: {side: c for (name, side), c in done.items() if name == row["name"]}
            for row in rows}


def cycles(rows, log):
    """{row's name: {side: {"best", "median", "cold_best", "cold_median"}}}: the lowest best and the lowest
    median of some runs, in which both sides take turns, one program at a time."""
    out = {}
    for row in rows:
        sides = {side: [] for side in programs(row)}
        for _ in range(REPEATS):
            for side, program in programs(row).items():
                try:
                    sides[side].append(run(program, row["name"], CYCLE_ROUNDS * row["round"])[1:])
                except Failure as failure:
                    log(f"  FAILED {failure}")
        out[row["name"]] = {
            side: dict(zip(("best", "median", "cold_best", "cold_median"), map(min, zip(*runs))))
            for side, runs in sides.items() if runs}
    return out


def measure(log):
    """All rows, both sides."""
    rows = table()
    counted = counts(rows, log)
    timed = cycles(rows, log)
    return [{**row, "figures": {side: {**c, **timed[row["name"]].get(side, {})}
                                for side, c in counted[row["name"]].items()}} for row in rows]


def pcie():
    """{kind of access: [bytes up, bytes down]} a frame of PCIE_ROW, as the model counts them, and their sum
    as "all"."""
    done = subprocess.run([BUILD / "bench_mix", "pcie", PCIE_ROW, str(FRAMES)], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise Failure(f"bench_mix pcie: {done.stderr.strip()}")
    return json.loads(done.stdout)


def failures(rows):
    return [f"{row['name']}, {side}: {c['failure']}" for row in rows
            for side, c in row["figures"].items() if "failure" in c]


def instructions(rows):
    """{name: our instructions a frame}, for recorded.json."""
    return {row["name"]: row["figures"]["ours"]["instructions"] for row in rows
            if "failure" not in row["figures"]["ours"]}


# ---- How flat it is ----

def _ours(row, key="instructions"):
    return row["figures"]["ours"].get(key)


def ordinary(rows, app):
    return [row for row in rows if row["app"] == app and row["kind"] == "ordinary" and _ours(row)]


def flat(rows, app):
    """The best and the worst ordinary row of an application, and the worst over the best; None: no row."""
    mine = ordinary(rows, app)
    if not mine:
        return None
    best, worst = min(mine, key=_ours), max(mine, key=_ours)
    return {"best": best, "worst": worst, "times": _ours(worst) / _ours(best),
            "cycles": [_ours(row, "best") for row in mine if _ours(row, "best") is not None]}


def beyond(rows, app):
    """The ordinary rows beyond FLAT_TIMES, with why: (row, times, why or None)."""
    least = flat(rows, app)
    why = limits.read(WHY)
    return [(row, _ours(row) / _ours(least["best"]),
             next((text for name, text in why.items() if row["name"].startswith(name)), None))
            for row in ordinary(rows, app) if _ours(row) > FLAT_TIMES * _ours(least["best"])]


# ---- Pages ----

def _rows(head, lines):
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(out + ["| " + " | ".join(line) + " |" for line in lines]) + "\n"


def _number(value, digits=1):
    return "" if value is None else f"{value:.{digits}f}"


def _short(row):
    return row["name"].split("/", 1)[1]


def _times(value):
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _ratio(row, key):
    ours, theirs = row["figures"]["ours"].get(key), row["figures"].get("dpdk", {}).get(key)
    return _times(theirs / ours) if ours and theirs else ""


def _pair(side, first, second):
    return f"{_number(side[first])}, {_number(side[second])}" if first in side else ""


def flat_table(rows):
    """One line an application: the front page's table."""
    lines = []
    for app in APPS:
        f = flat(rows, app)
        if f is None:
            continue
        mine = [row for row in ordinary(rows, app) if "dpdk" in row["figures"]]
        ratios = [float(_ratio(row, "instructions")) for row in mine if _ratio(row, "instructions")]
        span = f"{_number(min(f['cycles']))} to {_number(max(f['cycles']))}" if f["cycles"] else ""
        lines.append((app, str(len(ordinary(rows, app))),
                      f"{_number(_ours(f['best']))} ({_short(f['best'])})",
                      f"{_number(_ours(f['worst']))} ({_short(f['worst'])})", f"{f['times']:.1f}", span,
                      f"{_times(min(ratios))} to {_times(max(ratios))}" if ratios else ""))
    return _rows(("application", "ordinary mixes", "instructions a frame, best", "worst", "worst over best",
                  "cycles, best run", "DPDK's instructions over ours"), lines)


def not_flat(rows):
    """Which rows are beyond FLAT_TIMES, and why."""
    lines = []
    for app in APPS:
        for row, times, why in beyond(rows, app) if flat(rows, app) else []:
            lines.append((app, _short(row), _number(_ours(row)), f"{times:.1f}", why or "**not explained**"))
    if not lines:
        return f"No ordinary row costs more than {FLAT_TIMES:g} times its application's best one.\n"
    return _rows(("application", "row", "instructions", "times the best", "why"), lines)


FRONT = """A bench of mixes measures each application with many kinds of frames. Ordinary ones are what hosts send all
the time: any TTL, service, identification, port and length, padded or not, to any port.

{flat}
{not_flat}

By `make bench-mixes`: bursts of 32, all that a core does in a round counted, every frame that comes out
checked; cycles are ticks of the time stamp counter. Each row, and tags, options, fragments, pings and
frames that are dropped: [tests/bench](tests/bench/README.md).
"""

BODY = """`make bench-mixes` measures the rows of [mixes.c](mixes.c) and writes this section and the front page's
table. [bench_mix.c](bench_mix.c) boots the image's net_start and net_run with a boot line and counts all
that core 0's loop does in a round, not only the application's; bursts are of 32 from each port unless the
row says otherwise. [mix_judge.c](mix_judge.c) checks every frame that comes out, its order in its flow,
and that each drop has the row's name in the ledger.

DPDK has our own handlers on its side ([bench_dpdk_mix.c](bench_dpdk_mix.c)): the same checks by the same
tables, a second path for frames that are not plain, DIR-24-8, and the burst's headers and table entries
prefetched. {recycled}

Cycles are ticks of the time stamp counter in the best round and in the median one, of the best of
{repeats} runs in which both sides take turns; *from L3*: all that a round uses is pushed out of the L1 and
L2 caches before it, as after a card's write into the L3. This machine: {processor}, {cpus} CPUs, {gcc},
DPDK {dpdk}, commit {commit}.

{flat}
Rows of ordinary frames beyond {times:g} times the best:

{not_flat}
{tables}
### PCIe

Bytes a frame of {pcie_row} on the two cards' links, framing and headers included, without DLLPs, as the
model counts them from the addresses and lengths of all accesses; what it assumes of a link is in
[x540_core.h](../model/x540_core.h). Cards' addresses are below 4 GiB, as where the machine has VT-d. At most
{pcie_bar} bytes up are wanted.

{pcie}"""

RECYCLED = {True: "Its sent buffers go straight back to the receive queue (rte_eth_recycle_mbufs).",
            False: "This version cannot give sent buffers straight back to the receive queue; from 23.11 on it "
                   "can, and then does here."}


def _details(rows, app):
    lines = []
    for row in rows:
        if row["app"] != app:
            continue
        ours, theirs = row["figures"]["ours"], row["figures"].get("dpdk", {})
        if "failure" in ours:
            lines.append((_short(row), row["kind"], f"failed: {ours['failure']}") + ("",) * 8)
            continue
        kind = f"{row['kind']}: {row['drop']}" if row["drop"] else row["kind"]
        lines.append((_short(row), kind, _number(ours["instructions"]), _number(ours["l1_misses"], 2),
                      _pair(ours, "best", "median"), _pair(ours, "cold_best", "cold_median"),
                      _number(theirs.get("instructions")), _number(theirs.get("l1_misses"), 2),
                      _pair(theirs, "best", "median"), _pair(theirs, "cold_best", "cold_median"),
                      " / ".join(filter(None, (_ratio(row, "instructions"), _ratio(row, "best"))))))
    return f"\n### {app}\n\n" + _rows(
        ("frames", "kind", "instructions", "L1 misses", "cycles: best, median", "from L3", "DPDK",
         "L1 misses", "cycles", "from L3", "DPDK over ours: instructions / cycles"), lines)


def has_recycling(version):
    """From 23.11 on."""
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) >= (23, 11)


def body(saved):
    m, rows = saved["machine"], saved["rows"]
    return BODY.format(recycled=RECYCLED[has_recycling(m["dpdk"])], repeats=REPEATS,
                       processor=m["processor"], cpus=m["cpus"], gcc=f"gcc {m['gcc']}", dpdk=m["dpdk"],
                       commit=m["commit"], flat=flat_table(rows), times=FLAT_TIMES,
                       not_flat=not_flat(rows), tables="".join(_details(rows, app) for app in APPS),
                       pcie_row=f"*{PCIE_ROW}*", pcie_bar=limits.PCIE_UP_BAR,
                       pcie=_rows(("access", "up", "down"),
                                  [(kind, _number(up, 2), _number(down, 2))
                                   for kind, (up, down) in saved["pcie"].items()]))


def front(saved):
    rows = saved["rows"]
    far = {app: [_short(row) for row, _, _ in beyond(rows, app)] for app in APPS if flat(rows, app)}
    words = "; ".join(f"`{app}`: " + ", ".join(f"*{name}*" for name in names)
                      for app, names in far.items() if names)
    return FRONT.format(flat=flat_table(rows), not_flat=(
        f"Not flat, beyond {FLAT_TIMES:g} times the best: {words}." if words else
        f"Flat: no ordinary mix costs more than {FLAT_TIMES:g} times its application's best."))


BEGIN, END = "<!-- make bench-mixes: begin -->\n", "<!-- make bench-mixes: end -->\n"


def put(text, part):
    """The page with the part between the marks replaced."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{part}{rest[rest.index(END):]}"


def section():
    """The section of the benchmarks' page, as mixes.json has it."""
    return f"\n## Mixes\n\n{BEGIN}{body(limits.read(SAVED))}{END}" if SAVED.exists() else ""


def pages(saved):
    """{path: the text that the page must have}."""
    return {path: put(path.read_text(encoding="utf-8"), part(saved))
            for path, part in ((TOP, front), (PAGE, body))}


def write(saved):
    lines = ",\n".join(json.dumps(row) for row in saved["rows"])
    SAVED.write_text(f'{{"machine": {json.dumps(saved["machine"])},\n"pcie": {json.dumps(saved["pcie"])},\n'
                     f'"rows": [\n{lines}\n]}}\n', encoding="utf-8")
    for path, text in pages(saved).items():
        path.write_text(text, encoding="utf-8")
