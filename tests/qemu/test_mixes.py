# SPDX-License-Identifier: BSD-2-Clause
"""The bench of mixes, without counting: every row does its work on both sides, code that does it wrongly is
found by the judge or by the row's own named drop, a row that has become dearer fails, and the pages say
which rows are not flat."""
import copy
import json
import pathlib
import re
import subprocess
import sys

import pytest

from machine import ROOT

sys.path.insert(0, f"{ROOT}/tests/bench")
import limits  # noqa: E402
import mixes  # noqa: E402

PROGRAMS = ("build/bench/bench_mix", "build/bench/bench_dpdk_mix")
ROWS = limits.read(mixes.SAVED)["rows"]
NAMES = re.findall(r'^    \{"([^"]+)", MIX_', pathlib.Path(ROOT, "tests/bench/mixes.c").read_text("utf-8"), re.M)
FRAMES = "6400"


def run(program, name, tmp_path, *more):
    return subprocess.run([program, *more, name, FRAMES], cwd=ROOT, text=True, check=False,
                          env={"BENCH_SYSFS": f"{tmp_path}/sysfs"}, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=120)


@pytest.fixture(name="programs", scope="module")
def fixture_programs():
    """Built; returns the rows as bench_mix lists them, by name."""
    subprocess.run(["make", "-s", *PROGRAMS], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    listed = subprocess.run([PROGRAMS[0], "list"], cwd=ROOT, check=True, capture_output=True, text=True)
    return {row["name"]: row for row in map(json.loads, listed.stdout.splitlines())}


# ---- The programs ----

def test_the_figures_on_the_pages_are_of_the_rows_that_there_are(programs):
    assert list(programs) == NAMES and len(NAMES) > 70
    for saved in ROWS:  # a new row is on the pages from the next make bench-mixes on
        listed = programs[saved["name"]]
        assert {key: saved[key] for key in listed} == listed


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_of_a_row_becomes_what_it_must(programs, tmp_path, name):
    for program in PROGRAMS[:1 + programs[name]["dpdk"]]:
        done = run(program, name, tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.split()) == 5


# Work that is not what the row expects: (row, fault): file, text, replacement, what is said.
BROKEN = {
    ("echo/a closed port", "not dropped under the row's name"): (
        "tests/bench/mixes.c", '.drop = "udp_no_port"', '.drop = "udp_length"',
        "0 of [0-9]+ frames were dropped as udp_length"),
    ("echo/ports below 1,024", "not answered, as was expected"): (
        "tests/bench/mixes.c", ".kind = MIX_DROPPED, .source_least = 1,", ".kind = MIX_RARE, .source_least = 1,",
        "frames were lost"),
    ("echo/IPv4 options", "answered with another TTL than was expected"): (
        "tests/bench/mix_judge.c", "TTL = 64", "TTL = 65", "wrong TTL"),
    ("forward/IMIX", "a bit changed"): (
        "net/app/forward.c", "(void)app, (void)frame, (void)length;",
        "(void)app, (void)length, wire_add32(frame, 50, 1);", "wrong contents"),
    ("route/TTL 2 to 255", "TTL not decremented"): (
        "net/app/route.c", "wire_add32(frame, AT_TTL, 0x0000FFFF)", "wire_add32(frame, AT_TTL, 0)",
        "wrong contents"),
    ("route/hairpin", "sent to another host"): (
        "tests/bench/bench_dpdk_mix.c", "memcpy(frame, hop->macs, 12);", "memcpy(frame, hops[0].macs, 12);",
        "wrong contents"),
}


@pytest.mark.parametrize("name, wrong", BROKEN)
def test_a_row_whose_frames_become_something_else_fails(programs, tmp_path, name, wrong):
    """Build the program again with make's own commands, with one file changed."""
    source, was, becomes, said = BROKEN[name, wrong]
    program = PROGRAMS["dpdk" in source]
    text = pathlib.Path(ROOT, source).read_text(encoding="utf-8")
    assert was in text
    broken, built = tmp_path / "broken.c", tmp_path / "broken.o"
    broken.write_text(text.replace(was, becomes), encoding="utf-8")
    commands = subprocess.run(["make", "-n", "-W", source, program], cwd=ROOT, check=True, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True).stdout
    commands = commands.replace(f" {source}", f" {broken}")
    commands = commands.replace(f"build/bench/obj/{source[:-2]}.o", str(built))
    commands = commands.replace(f"-o {program} ", f"-o {tmp_path}/program ")
    subprocess.run(["sh", "-ec", commands], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    done = run(tmp_path / "program", name, tmp_path)
    assert done.returncode == 1, done.stdout
    assert re.search(said, done.stderr), done.stderr


# ---- PCIe ----

def test_the_bytes_of_a_forwarded_frame_on_pcie_are_counted(programs, tmp_path):
    done = run(PROGRAMS[0], "forward/one", tmp_path, "pcie")
    counted = json.loads(done.stdout)
    assert sum(up for kind, (up, _) in counted.items() if kind != "all") == \
        pytest.approx(counted["all"][0], abs=0.01)
    assert counted["received frame"][0] - 60 == counted["frame to send"][0]  # header and what is around it
    assert counted["receive write-back"][0] == (counted["frame to send"][0] + 64) / 4
    assert counted["all"][0] <= limits.PCIE_UP_BAR


# ---- Records, and the pages ----

def row(name, instructions, kind="ordinary", **more):
    return {"name": name, "app": name.split("/")[0], "kind": kind, "drop": "", "dpdk": False, "quick": True,
            "round": 64, "figures": {"ours": {"instructions": instructions, "l1_misses": 1.0, "best": 2.0,
                                              "median": 3.0, "cold_best": 4.0, "cold_median": 5.0}, **more}}


def test_a_row_that_became_dearer_than_recorded_is_worse():
    mine = {"tolerance": 0.01, "instructions": {}, "mixes": {"echo/a": 100.0, "echo/b": 100.0, "echo/c": 1.0}}
    result = {"compiler": "x", "mixes_wanted": ["echo/a", "echo/b", "echo/new"],
              "mixes": {"echo/a": 100.9, "echo/b": 101.1, "echo/new": 5.0}}
    assert limits.worse(result, {"x": mine}) == \
        ["echo/b: 101.10 instructions a frame, recorded 100.00 (tolerance 1%)"]
    del result["mixes"]["echo/a"]
    assert "echo/a: recorded 100.00, now not measured" in limits.worse(result, {"x": mine})


def test_only_ordinary_rows_decide_how_flat_an_application_is():
    rows = [row("echo/a", 10.0), row("echo/b", 34.0), row("echo/slow", 99.0, "rare"),
            row("echo/sparse", 1.0, "sparse"), row("route/z", 1000.0)]
    found = mixes.flat(rows, "echo")
    assert (found["best"]["name"], found["worst"]["name"]) == ("echo/a", "echo/b")
    assert found["times"] == pytest.approx(3.4) and not mixes.beyond(rows, "echo")
    assert mixes.flat(rows, "forward") is None
    assert "No ordinary row" in mixes.not_flat(rows)


def test_a_row_beyond_the_limit_is_named_and_explained(monkeypatch, tmp_path):
    rows = [row("echo/a", 10.0), row("echo/b", 36.0), row("echo/c", 40.0)]
    monkeypatch.setattr(mixes, "WHY", tmp_path / "why.json")
    (tmp_path / "why.json").write_text('{"echo/b": "because"}', encoding="utf-8")
    assert [(r["name"], why) for r, _, why in mixes.beyond(rows, "echo")] == \
        [("echo/b", "because"), ("echo/c", None)]
    text = mixes.not_flat(rows)
    assert "| echo | b | 36.0 | 3.6 | because |" in text
    assert "| echo | c | 40.0 | 4.0 | **not explained** |" in text
    machine = {"dpdk": "22.11.1", "processor": "p", "cpus": 2, "gcc": "12", "commit": "0"}
    assert "Not flat, beyond 3.5 times the best: `echo`: *b*, *c*." in mixes.front({"machine": machine, "pcie": {"all": [1.0, 2.0]}, "rows": rows})


def test_the_ratio_to_dpdk_and_its_recycling_are_on_the_page():
    rows = [row("echo/a", 10.0, dpdk={"instructions": 40.0, "l1_misses": 9.0, "best": 8.0, "median": 9.0,
                                      "cold_best": 9.0, "cold_median": 9.0})]
    machine = {"dpdk": "24.11.3", "processor": "p", "cpus": 2, "gcc": "14", "commit": "0"}
    text = mixes.body({"machine": machine, "pcie": {"all": [1.0, 2.0]}, "rows": rows})
    assert "| 4.0 / 4.0 |" in text and "rte_eth_recycle_mbufs" in text
    assert not mixes.has_recycling("22.11.11") and mixes.has_recycling("23.11.0")


def test_a_failed_row_is_on_the_page_and_in_the_failures():
    rows = copy.deepcopy([row("echo/a", 10.0), row("echo/b", 10.0)])
    rows[1]["figures"] = {"ours": {"failure": "frames were lost"}}
    assert mixes.failures(rows) == ["echo/b, ours: frames were lost"]
    assert mixes.instructions(rows) == {"echo/a": 10.0}
    machine = {"dpdk": "22.11", "processor": "p", "cpus": 2, "gcc": "12", "commit": "0"}
    assert "failed: frames were lost" in mixes.body({"machine": machine, "pcie": {"all": [1.0, 2.0]}, "rows": rows})


def test_only_the_part_between_the_marks_is_written():
    page = f"before\n{mixes.BEGIN}old\n{mixes.END}after\n"
    assert mixes.put(page, "new\n") == f"before\n{mixes.BEGIN}new\n{mixes.END}after\n"
