#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run the test suites named on the command line, one after the other, and count the results.

    check.py [--fuzz-seconds N] lint unit fuzz tables bench system

The programs of a suite are built first; a program that does not build is a failed test and does not
stop the others. The output of a test goes to build/logs/<suite>/; a failure is printed as one line that
names its log. The last line is `N passed, M failed`; the exit code is 0 only if no test failed.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

LOGS = "build/logs"
UNIT_TIMEOUT_S = 300
BENCH_TIMEOUT_S = 1200
SYSTEM_TIMEOUT_S = 3600
CORES = os.cpu_count() or 1


class Tally:
    """The numbers of tests that passed, failed and were left out, over all suites."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def ok(self, n=1):
        self.passed += n

    def fail(self, name, why, log):
        self.failed += 1
        print_now(f"  FAIL {name}: {why}" + (f"  (see {log})" if log else ""))

    def skip(self, name, why):
        self.skipped += 1
        print_now(f"  left out {name}: {why}")


def print_now(line):
    print(line, flush=True)


def log_path(suite, name):
    path = f"{LOGS}/{suite}/{name}.log"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def run_logged(command, log, timeout_s, env=None):
    """Run command with both outputs into the file log. Returns its exit code, or None if it was killed
    after timeout_s."""
    with open(log, "wb") as out:
        out.write(("$ " + " ".join(command) + "\n").encode())
        out.flush()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT, env=env, start_new_session=True)
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            out.write(f"\nended after {timeout_s} s\n".encode())
            return None


def make(target, log):
    """Build target; go on after errors. Returns make's exit code."""
    jobs = [] if "--jobserver" in os.environ.get("MAKEFLAGS", "") else [f"-j{CORES}"]
    with open(log, "wb") as out:
        return subprocess.run(["make", "-k", "--no-print-directory", *jobs, target], stdout=out,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              close_fds=False).returncode


def build_programs(suite, log):
    """Build every program of the suite. Returns (name, path or None if it did not build) for each
    source file of the suite, and whether make succeeded."""
    is_built = make(f"{suite}-programs", log) == 0
    found = []
    sources = {"unit": "tests/unit/*/test_*.c", "fuzz": "tests/fuzz/fuzz_*.c"}[suite]
    for source in sorted(glob.glob(sources)):
        name = os.path.basename(source)[:-2]
        program = f"build/{suite}/{name}"
        is_current = is_built or subprocess.run(
            ["make", "-q", program], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).returncode == 0
        found.append((name, program if is_current else None))
    return found, is_built


# ---- unit: cmocka programs with TAP output ----

def read_tap(text):
    """The tests of one or more TAP streams: (number planned, names passed, failed [(name, why)],
    skipped names)."""
    planned, passed, failed, skipped = 0, [], [], []
    for line in text.splitlines():
        plan = re.fullmatch(r"1\.\.(\d+)(?: .*)?", line)
        result = re.fullmatch(r"(not )?ok \d+(?: -)? ?(.*)", line)
        if plan:
            planned += int(plan[1])
        elif result and "# SKIP" in line:
            skipped.append(result[2].replace("# SKIP", "").strip())
        elif result and result[1]:
            failed.append([result[2], ""])
        elif result:
            passed.append(result[2])
        elif line.startswith("# ") and failed and not failed[-1][1]:
            failed[-1][1] = line[2:]
    return planned, passed, failed, skipped


def run_unit(tally, _options):
    build_log = log_path("unit", "build")
    tests, is_built = build_programs("unit", build_log)
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP",
               ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
               UBSAN_OPTIONS="print_stacktrace=1")

    def one(test):
        name, program = test
        log = log_path("unit", name)
        if program is None:
            return name, log, "unbuilt", ""
        code = run_logged([program], log, UNIT_TIMEOUT_S, env)
        with open(log, errors="replace") as f:
            return name, log, code, f.read()

    with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
        for name, log, code, text in pool.map(one, tests):
            if code == "unbuilt":
                tally.fail(f"unit/{name}", "does not build", build_log)
                continue
            planned, passed, failed, skipped = read_tap(text)
            tally.ok(len(passed))
            for test, why in failed:
                tally.fail(f"unit/{name}: {test}", why or "failed", log)
            for test in skipped:
                tally.skip(f"unit/{name}: {test}", "skipped by the test")
            if code is None:
                tally.fail(f"unit/{name}", f"ran longer than {UNIT_TIMEOUT_S} s", log)
            elif len(passed) + len(failed) + len(skipped) != planned or not planned:
                tally.fail(f"unit/{name}", f"stopped in its test "
                           f"{len(passed) + len(failed) + len(skipped) + 1} of {planned}, "
                           f"exit code {code}", log)
            elif code != 0 and not failed:
                tally.fail(f"unit/{name}", f"exit code {code} though no test failed", log)
    if not is_built and all(program for _, program in tests):
        tally.fail("unit", "make unit-programs failed", build_log)


# ---- fuzz: libFuzzer programs ----

def run_fuzz(tally, options):
    build_log = log_path("fuzz", "build")
    targets, _ = build_programs("fuzz", build_log)
    for name, program in targets:
        if program is None:
            tally.fail(f"fuzz/{name}", "does not build", build_log)
            continue
        what = name[len("fuzz_"):]
        seeds = f"tests/fuzz/corpus/{what}"
        found, crashes = f"build/fuzz/corpus/{what}", "build/fuzz/crashes"
        for folder in (found, crashes):
            os.makedirs(folder, exist_ok=True)
        common = [program, f"-artifact_prefix={crashes}/{what}-", "-timeout=10",
                  "-rss_limit_mb=2048"]
        seeds_given = [seeds] if os.path.isdir(seeds) else []

        log = log_path("fuzz", f"{what}-seeds")
        code = run_logged(common + ["-runs=0"] + seeds_given, log, UNIT_TIMEOUT_S)
        if code == 0:
            tally.ok()
        else:
            tally.fail(f"fuzz/{what}: seeds", f"exit code {code}", log)
            continue
        log = log_path("fuzz", f"{what}-search")
        code = run_logged(common + [f"-max_total_time={options.fuzz_seconds}",
                                    "-print_final_stats=1", found] + seeds_given,
                          log, options.fuzz_seconds + 60)
        if code == 0:
            tally.ok()
        else:
            tally.fail(f"fuzz/{what}: search", f"exit code {code}, input kept in {crashes}/", log)


# ---- system: pytest over the image in QEMU ----

def run_pytest(tally, suite, folder, timeout_s):
    log, xml = log_path(suite, "pytest"), f"{LOGS}/{suite}/pytest.xml"
    if os.path.exists(xml):
        os.remove(xml)
    code = run_logged(["/usr/bin/python3", "-B", "-m", "pytest", "-p", "no:cacheprovider", "-v",
                       "--tb=short", f"--junitxml={xml}", folder], log, timeout_s)
    try:
        cases = ET.parse(xml).getroot().iter("testcase")
    except (OSError, ET.ParseError):
        tally.fail(suite, f"pytest left no result, exit code {code}", log)
        return
    for case in cases:
        name = f"{suite}/{case.get('classname', '').split('.')[-1]}: {case.get('name')}"
        bad = [e for e in case if e.tag in ("failure", "error")]
        left_out = [e for e in case if e.tag == "skipped"]
        if bad:
            why = (bad[0].get("message") or "failed").strip().splitlines()
            tally.fail(name, (why[0] if why else "failed")[:160], log)
        elif left_out:
            tally.skip(name, left_out[0].get("message") or "no reason given")
        else:
            tally.ok()


def run_system(tally, _options):
    for target, what in (("all", "the image or the model for QEMU"), ("iso", "the ISO"),
                         ("efi", "the UEFI program"), ("netboot", "the folder for network boot"),
                         ("build/bench/count.so", "the counting plugin")):
        build_log = log_path("system", f"build-{os.path.basename(target)}")
        if make(target, build_log) != 0:
            tally.fail("system", f"{what} does not build", build_log)
            return
    run_pytest(tally, "system", "tests/qemu", SYSTEM_TIMEOUT_S)


def run_tables(tally, _options):
    run_pytest(tally, "tables", "tests/tables", UNIT_TIMEOUT_S)


# ---- lint: each script prints one TAP line a check ----

def run_lint(tally, _options):
    for script in sorted(glob.glob("tests/lint/*.py")):
        name = os.path.basename(script)[:-3]
        log = log_path("lint", name)
        code = run_logged(["/usr/bin/python3", "-B", script], log, 60)
        with open(log, errors="replace") as f:
            _, passed, failed, _ = read_tap(f.read())
        tally.ok(len(passed))
        for test, why in failed:
            tally.fail(f"lint/{name}: {test}", why or "failed", log)
        if (code != 0 and not failed) or not passed + failed:
            tally.fail(f"lint/{name}", f"exit code {code}", log)


# ---- bench: counts of the loops, compared with those recorded and the bars ----

def run_bench(tally, _options):
    build_log, log = log_path("bench", "build"), log_path("bench", "quick")
    if make("bench-programs", build_log) != 0:
        tally.fail("bench", "its programs do not build", build_log)
        return
    code = run_logged(["/usr/bin/python3", "-B", "tests/bench/bench.py", "quick"], log, BENCH_TIMEOUT_S)
    with open(log, encoding="utf-8", errors="replace") as f:
        text = f.read()
    bad = re.findall(r"^(?:WORSE .*|.*: NO)$", text, re.M) if code else []
    for line in bad:
        tally.fail("bench", line, log)
    tally.ok(len(re.findall(r": yes$", text, re.M)))
    if code and not bad:
        tally.fail("bench", f"exit code {code}", log)


SUITES = {"bench": run_bench, "lint": run_lint, "unit": run_unit, "fuzz": run_fuzz, "tables": run_tables,
          "system": run_system}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fuzz-seconds", type=int, default=3)
    parser.add_argument("suite", nargs="+", choices=SUITES)
    options = parser.parse_args()
    os.chdir(os.path.dirname(os.path.abspath(__file__)) + "/../..")
    total = Tally()
    for suite in options.suite:
        tally = Tally()
        began = time.monotonic()
        SUITES[suite](tally, options)
        if tally.passed + tally.failed == 0:
            tally.fail(suite, "no test was found", "")
        print_now(f"{suite}: {tally.passed} passed, {tally.failed} failed"
            + (f", {tally.skipped} left out" if tally.skipped else "")
            + f", {time.monotonic() - began:.0f} s")
        total.passed += tally.passed
        total.failed += tally.failed
    print_now(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
