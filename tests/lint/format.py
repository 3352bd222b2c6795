#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares every C file outside tests/data with what clang-format makes of it by .clang-format;
`make format` applies that. Versions 14 and 19 give the same for the tree: where they would not, and
where columns carry meaning, the code says `clang-format off`. CLANG_FORMAT may name the program."""
import itertools
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tap  # noqa: E402

PROGRAM = os.environ.get("CLANG_FORMAT", "clang-format")
PACKAGE = "clang-format"
WIDTH = 60  # of a line that is quoted


def run(*words):
    return subprocess.run([PROGRAM, *words], cwd=tap.ROOT, capture_output=True, text=True,
                          errors="replace", check=False)


def change(path):
    """The first line that clang-format would change: path:line: as it is, as it should be."""
    pairs = itertools.zip_longest(tap.read(path).split("\n"), run(path).stdout.split("\n"))
    for i, (line, expected) in enumerate(pairs, 1):
        if line != expected:
            return f"{path}:{i}: '{(line or '')[:WIDTH]}', expected '{(expected or '')[:WIDTH]}'"
    return f"{path}: reported, but formatting it changes nothing"


def faults(paths):
    """A complaint for each file that would change, or the program's first message if it fails."""
    out = run("--dry-run", "--Werror", *paths)
    found = [p for p in paths if re.search(rf"^{re.escape(p)}:\d+:\d+: error: ", out.stderr, re.M)]
    if out.returncode and not found:
        return [f"{PROGRAM}: exit code {out.returncode}: {out.stderr.strip()[:200]}"]
    return [change(p) for p in found]


def main():
    report = tap.Report()
    paths = [p for p in tap.files(r".*\.[ch]") if not p.startswith("tests/data/")]
    if shutil.which(PROGRAM):
        n = os.cpu_count() or 1
        with ThreadPoolExecutor(n) as pool:
            found = sorted(itertools.chain(*pool.map(faults, (paths[i::n] for i in range(n)))))
    else:
        found = [f"{PROGRAM} is missing; Debian's package {PACKAGE} has it"]
    report.check("every C file is as clang-format lays it out (make format)", found)
    report.end()


if __name__ == "__main__":
    main()
