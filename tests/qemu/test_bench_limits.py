# SPDX-License-Identifier: BSD-2-Clause
"""The output of `make bench` for bad figures, with changed figures and broken loops: a count worse than
recorded fails the quick form, a missed bar is on the page with what was tried, a table or a kernel that
could not be fetched is reported as missing, and a loop, or a whole system, that does its work wrongly
fails the traffic's own check."""
import copy
import json
import pathlib
import re
import subprocess
import sys

import pytest

from machine import ROOT

sys.path.insert(0, f"{ROOT}/tests/bench")
import bench  # noqa: E402
import limits  # noqa: E402
import report  # noqa: E402
import scale  # noqa: E402
import whole  # noqa: E402

RECORDED = limits.read(limits.RECORDED)


def figures(instructions):
    return {"instructions": instructions, "loads": 1.0, "stores": 1.0, "branches": 1.0, "l1_misses": 0.5}


def good():
    """The figures of a successful full run: ours as recorded for a compiler, DPDK's invented."""
    ours = {name: figures(n) for name, n in RECORDED["gcc-12"]["instructions"].items()}
    dpdk = {f"{app}/32": figures(200.0) for app in bench.DPDK_APPS} | {"empty": figures(126.0)}
    curve = [[n, {"ours": figures(11.0)}] for n in scale.CORES]
    return {"machine": {"system": "a system", "gcc": "12", "dpdk": "1", "valgrind": "2", "qemu": "3",
                        "processor": "a processor", "cpus": 2, "commit": "0000000"},
            "compiler": "gcc-12", "seconds": 1, "failed": [], "loops": {"ours": ours, "dpdk": dpdk},
            "second": {"forward": {"callgrind": 11.0, "qemu": 11.2}},
            "image": {"whole_echo_32": 55.0, "whole_echo_1": 300.0, "tests_passed": True},
            "linux": {"kernel": "6.1.0", "echo/32": 12000.0, "echo/1": 16000.0},
            "scale": {"curves": {"forward": {"cores": curve}, "echo": {}, "route": {"routes, real": [
                          [100, {"ours": figures(44.0), "dpdk": figures(190.0)}]]}},
                      "table": {"prefixes": 564580, "source": "a-package-1"}, "shortened": []}}


def page(result):
    result["bars"] = limits.bars(result)
    return report.page(result)


@pytest.fixture(name="quick")
def fixture_quick(monkeypatch, tmp_path):
    """Run `bench.py quick` with these loops and records; returns (exit code, output)."""
    def run(capsys, loops, recorded):
        (tmp_path / "recorded.json").write_text(json.dumps(recorded), encoding="utf-8")
        monkeypatch.setattr(limits, "RECORDED", tmp_path / "recorded.json")
        monkeypatch.setattr(bench, "BUILD", tmp_path)
        monkeypatch.setattr(bench, "compiler", lambda: "gcc-12")
        monkeypatch.setattr(bench, "loops", lambda *bursts: loops)
        monkeypatch.setattr(bench, "count_mixes", lambda is_quick: ({}, [], []))
        monkeypatch.setattr(sys, "argv", ["bench.py", "quick"])
        code = bench.main()
        return int(code), capsys.readouterr().out
    return run


# ---- Recorded counts ----

def test_quick_passes_with_the_recorded_counts(quick, capsys):
    code, text = quick(capsys, good()["loops"], RECORDED)
    assert code == 0 and "WORSE" not in text and ": NO" not in text, text


@pytest.mark.parametrize("name", RECORDED["gcc-12"]["instructions"])
def test_quick_fails_when_any_recorded_count_is_lower_by_more_than_the_tolerance(quick, capsys, name):
    recorded = copy.deepcopy(RECORDED)
    tolerance = recorded["gcc-12"]["tolerance"]
    recorded["gcc-12"]["instructions"][name] /= 1 + tolerance * 1.1
    code, text = quick(capsys, good()["loops"], recorded)
    assert code == 1 and re.findall(r"^WORSE (\S+):", text, re.M) == [name], text
    recorded["gcc-12"]["instructions"][name] *= (1 + tolerance * 1.1) / (1 + tolerance * 0.9)
    assert quick(capsys, good()["loops"], recorded)[0] == 0


def test_quick_fails_when_a_recorded_figure_is_missing(quick, capsys):
    loops = good()["loops"]
    del loops["ours"]["sink/8"]
    code, text = quick(capsys, loops, RECORDED)
    assert code == 1 and "WORSE sink/8: recorded" in text, text


def test_quick_without_a_record_still_checks_the_bars(quick, capsys):
    code, text = quick(capsys, good()["loops"], {})
    assert code == 0 and "nothing recorded for gcc-12" in text
    loops = good()["loops"]
    loops["ours"]["forward/32"]["instructions"] = 12.01
    code, text = quick(capsys, loops, {})
    assert code == 1 and "MISSED forward, instructions a packet: 12.01, at most 12 wanted" in text, text


# ---- Bars on the page ----

# Each bar, missed: the figure to change, its value, and the excess that the page shows.
OURS = RECORDED["gcc-12"]["instructions"]
MISSED = {
    "forward, instructions a packet": (("loops", "ours", "forward/32", "instructions"), 13.2, "1.2 (10.0%)"),
    "echo, instructions a packet": (("loops", "ours", "echo/32", "instructions"), 42.0, "2 (5.0%)"),
    "route, instructions a packet": (("loops", "ours", "route/32", "instructions"), 59.4, "9.9 (20.0%)"),
    "empty poll of two ports, instructions": (("loops", "ours", "empty", "instructions"), 21.0, "1 (5.0%)"),
    "forward, DPDK's instructions to ours": (("loops", "dpdk", "forward/32", "instructions"),
                                             OURS["forward/32"], "4 (80.0%)"),
    "echo, DPDK's instructions to ours": (("loops", "dpdk", "echo/32", "instructions"), OURS["echo/32"],
                                          "2 (66.7%)"),
    "route, DPDK's instructions to ours": (("loops", "dpdk", "route/32", "instructions"), OURS["route/32"],
                                           "2 (66.7%)"),
    "forward, L1 misses a packet": (("loops", "ours", "forward/32", "l1_misses"), 1.8, "0.3 (20.0%)"),
    "whole image, an echo, 32 in flight": (("image", "whole_echo_32"), 165.0, "15 (10.0%)"),
    "whole image, an echo, 1 in flight": (("image", "whole_echo_1"), 500.0, "100 (25.0%)"),
    "forward, spread from 1 to 16 cores": (("scale", "curves", "forward", "cores", 4, 1, "ours",
                                            "instructions"), 11.33, "0.01 (50.0%)"),
    "forward, two ways of counting differ by": (("second", "forward", "qemu"), 11.88, "0.03 (60.0%)"),
}


def test_every_bar_has_a_case_here():
    result = good()
    page(result)
    assert {bar["what"] for bar in result["bars"]} == set(MISSED)
    assert all(bar["met"] for bar in result["bars"]), result["bars"]


@pytest.mark.parametrize("what", MISSED)
def test_a_missed_bar_is_on_the_page_with_its_excess_and_what_was_tried(what):
    result, (place, value, by) = good(), MISSED[what]
    at = result
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    text = page(result)
    assert text.count("**missed**") == 1, text
    line = next(line for line in text.splitlines() if line.startswith(f"- {what}: "))
    assert f"missed by {by}. Tried: " in line, line
    words = [words for name, words in limits.read(limits.TRIED).items() if words in line]
    assert len(words) == 1, line


def test_a_page_without_a_missed_bar_lists_none():
    assert "missed by" not in page(good()) and "**missed**" not in page(good())


def test_a_missed_bar_without_an_entry_in_tried_is_reported_so():
    bar = {"what": "a bar", "is": "at most", "limit": 2, "measured": 3, "met": False}
    assert "tried.json has no entry" in limits.missed(bar, {})


# ---- Missing parts ----

def test_the_page_lists_missing_parts():
    result = good()
    assert "a-package-1" in page(result) and "kernel 6.1.0" in page(result)
    result["linux"] = {"missing": "Debian's kernel could not be fetched: no network"}
    del result["scale"]["curves"]["route"]["routes, real"]
    result["scale"]["table"] = {"missing": "npm could not fetch it (exit code 1)"}
    result["failed"] = ["curves: some failure"]
    text = page(result)
    assert "Linux was not measured: Debian's kernel could not be fetched: no network." in text
    assert "There is no curve over a real table: npm could not fetch it (exit code 1)." in text
    assert "route: routes, real" not in text and "- curves: some failure" in text


def test_a_table_that_npm_cannot_fetch_is_reported_missing(monkeypatch, tmp_path):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\nexit 7\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert scale.real_table(tmp_path) == {"missing": "npm could not fetch it (exit code 7)"}
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert scale.real_table(tmp_path) == {"missing": "npm is not installed here"}


def test_prefixes_are_cut_from_ranges_each_once_and_none_in_our_nets():
    lines = ["1.0.0.0,1.0.0.255,13335,x", "1.0.4.0,1.0.6.255,1,\"a, b\"", "1.0.0.0,1.0.0.255,1,again",
             "192.0.0.0,192.0.3.255,1,over a port's", "127.0.0.0,127.0.0.255,1,x", "0.1.0.0,0.1.0.255,1,x",
             "224.0.0.0,224.0.0.255,1,x", "::1,::2,1,x", "nonsense", "9.9.9.9,9.9.9.1,1,backwards"]
    assert sorted(scale.prefixes_of(lines)) == ["1.0.0.0/24", "1.0.4.0/23", "1.0.6.0/24"]
    assert scale.prefixes_of(lines) == scale.prefixes_of(lines)


def test_a_part_out_of_time_continues_with_a_quarter_of_the_frames():
    lines = []
    assert scale.Budget("a part", 100, lines.append).frames(20480) == 20480 and not lines
    short = scale.Budget("a part", -1, lines.append)
    assert [short.frames(20480), short.frames(20480)] == [5120, 5120]
    assert lines == ["  a part: its time is used up; a quarter of the frames from here on"]
    result = good()
    result["scale"]["shortened"] = ["route: flows"]
    assert "with a quarter of the frames: route: flows." in page(result)


# ---- A whole system that does its work wrongly ----

class FakeWires:
    """Two wires of a fake system that answers with change(frame), unless that is None, by one port."""

    def __init__(self, change, way):
        self.change, self.way, self.out = change, way, []

    def __getitem__(self, port):
        self.port = port
        return self

    def send(self, *frames):
        assert self.port == 0
        self.out += [frame for frame in map(self.change, frames) if frame]

    def receive_where(self, wanted):
        assert self.port == self.way
        while not wanted(frame := self.out.pop(0)):
            pass
        return frame


@pytest.mark.parametrize("work", whole.WORKS)
@pytest.mark.parametrize("at", [0, 6, 22, 30, 50])
def test_a_system_that_changes_a_wrong_byte_is_rejected(work, at):
    frames, expected, way = whole.traffic(work, ("02:00:00:00:03:01", "02:00:00:00:03:02"), 8)
    assert len(set(frames)) == 8
    answers = dict(zip(frames, expected))
    whole.burst(FakeWires(answers.get, way), work, frames, expected, way)
    wrong = FakeWires(lambda f: answers[f][:at] + bytes([answers[f][at] ^ 1]) + answers[f][at + 1:], way)
    with pytest.raises(whole.Wrong):
        whole.burst(wrong, work, frames, expected, way)


# ---- Loops that do their work wrongly ----

DPDK = "tests/bench/bench_dpdk.c"
BROKEN = {  # (application, fault): file, text, replacement
    ("echo", "ports not swapped"): ("net/app/echo.c", "wire_swap_halves32(frame, AT_PORTS);", ""),
    ("echo", "our address not stored"): ("net/app/echo.c", "wire_store64(frame, AT_SOURCE_MAC, app.a);", ""),
    ("forward", "a bit changed"): ("net/app/forward.c", "(void)app, (void)frame, (void)length;",
                                   "(void)app, (void)length, wire_add32(frame, 20, 1);"),
    ("route", "checksum not updated"): ("net/app/route.c", "wire_add32(frame, AT_TTL, 0x0000FFFF)",
                                       "wire_add32(frame, AT_TTL, 0xFFFFFFFF)"),
    ("echo", "DPDK: addresses not swapped"): (DPDK, "ip->dst_addr = address;", "(void)address;"),
    ("route", "DPDK: checksum not updated"): (
        DPDK, "ip->hdr_checksum = (rte_be16_t)(sum + (sum >= 0xFFFF));", "(void)sum;"),
    ("forward", "DPDK: every frame dropped"): (DPDK, "(void)port, (void)m;\n    return true;",
                                               "(void)port, (void)m;\n    return false;"),
}


@pytest.mark.parametrize("app, wrong", BROKEN)
def test_a_loop_that_does_its_work_wrongly_fails(tmp_path, app, wrong):
    """Build the program again with make's own commands, with one line of one file changed."""
    source, was, becomes = BROKEN[app, wrong]
    program = "build/bench/bench_dpdk" if source == DPDK else "build/bench/bench_loop"
    subprocess.run(["make", "-s", program], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    text = pathlib.Path(ROOT, source).read_text(encoding="utf-8")
    assert text.count(was) == 1
    broken, built = tmp_path / "broken.c", tmp_path / "broken.o"
    broken.write_text(text.replace(was, becomes), encoding="utf-8")
    commands = subprocess.run(["make", "-n", "-W", source, program], cwd=ROOT, check=True, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True).stdout
    commands = commands.replace(f" {source}", f" {broken}")
    commands = commands.replace(f"build/bench/obj/{source[:-2]}.o", str(built))
    commands = commands.replace(f"-o {program} ", f"-o {tmp_path}/program ")
    subprocess.run(["sh", "-ec", commands], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    more = [] if source == DPDK else ["1"]
    env = {"BENCH_SYSFS": f"{tmp_path}/sysfs"}
    done = subprocess.run([tmp_path / "program", app, "32", "6400", *more], cwd=ROOT, text=True, env=env,
                          capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 1, done.stdout
    assert re.search(r"frames came out|did not get its burst|do not balance", done.stderr), done.stderr
