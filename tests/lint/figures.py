#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The tables of mixes on the front page and on the benchmarks' page are those that mixes.py makes of the
figures in mixes.json, so that nobody edits one without the other."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE + "/../tools", HERE + "/../bench"]
import tap  # noqa: E402
os.chdir(tap.ROOT)
import limits  # noqa: E402
import mixes  # noqa: E402


def main():
    report = tap.Report()
    saved = limits.read(mixes.SAVED)
    report.check("the pages' tables of mixes are those of mixes.json (bench.py pages writes them)",
                 [str(path) for path, text in mixes.pages(saved).items()
                  if text != path.read_text(encoding="utf-8")])
    known = {row["name"] for row in saved["rows"]}
    report.check("each reason why a row is not flat is about a row",
                 [name for name in limits.read(mixes.WHY)
                  if not any(row.startswith(name) for row in known)])
    report.end()


if __name__ == "__main__":
    main()
