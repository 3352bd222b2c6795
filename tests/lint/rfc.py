#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks the tables of tests/rfc: rows have four columns; every test that a row names exists; every test
that is named after an RFC is in a row of that RFC's table; the counts in README.md equal those of the
tables (`rfc.py --write` updates them)."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tap  # noqa: E402

PAGE = "tests/rfc/README.md"
HEAD = ["section", "level", "requirement", "where"]
LEVELS = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"]
BEGIN, END = "<!-- counts: by tests/lint/rfc.py -->", "<!-- end of counts -->"


def read_table(path):
    """The rows of a table, and its faults."""
    rows, wrong = [], []
    lines = tap.read(path).splitlines()
    if not lines or lines[0].split("\t") != HEAD:
        wrong.append(f"{path}:1: the first line names the columns: {', '.join(HEAD)}")
    for i, line in enumerate(lines[1:], 2):
        cells = line.split("\t")
        if len(cells) != len(HEAD):
            wrong.append(f"{path}:{i}: {len(cells)} columns")
            continue
        section, level, requirement, where = cells
        if not re.fullmatch(r"\d+(\.\d+)*", section):
            wrong.append(f"{path}:{i}: section {section!r}")
        if level not in LEVELS:
            wrong.append(f"{path}:{i}: level {level!r}")
        if any(not cell or cell != cell.strip() for cell in cells):
            wrong.append(f"{path}:{i}: a cell is empty or has blanks at an end")
        if where.startswith("n/a") and not re.fullmatch(r"n/a: .{8,}", where):
            wrong.append(f"{path}:{i}: n/a without a reason")
        rows.append((i, section, level, requirement, where))
    order = [[int(n) for n in row[1].split(".")] for row in rows
             if re.fullmatch(r"[\d.]+", row[1])]
    if order != sorted(order):
        wrong.append(f"{path}: sections are not in order")
    return rows, wrong


def existing_tests():
    """Every test function below tests/: name -> files."""
    existing = {}
    for path in tap.files(r"tests/(unit|qemu)/.*\.(c|py)"):
        pattern = r"^def (test_\w+)\(" if path.endswith(".py") else r"^static void (\w+)\(void \*\*"
        for name in re.findall(pattern, tap.read(path), re.M):
            existing.setdefault(name, []).append(path)
    return existing


def names_of(where):
    return [] if where.startswith("n/a") else where.split(", ")


def counts(tables):
    """The lines of the README's tables."""
    lines = []
    for number, rows in sorted(tables.items()):
        lines += [f"RFC {number}", "", "| section | rows | tested | n/a |", "|---|---|---|---|"]
        sections = {}
        for _, section, _, _, where in rows:
            sections.setdefault(section, []).append(bool(names_of(where)))
        lines += [f"| {section} | {len(is_tested)} | {sum(is_tested)} | "
                  f"{len(is_tested) - sum(is_tested)} |" for section, is_tested in sections.items()]
        everything = [one for is_tested in sections.values() for one in is_tested]
        tests = len({name for row in rows for name in names_of(row[4])})
        lines += [f"| all | {len(everything)} | {sum(everything)}, by {tests} tests | "
                  f"{len(everything) - sum(everything)} |", ""]
    return "\n".join(lines).strip()


def main():
    report = tap.Report()
    tables, wrong, missing = {}, [], []
    existing = existing_tests()
    for path in tap.files(r"tests/rfc/rfc\d+\.tsv"):
        rows, faults = read_table(path)
        tables[int(re.search(r"rfc(\d+)", path)[1])] = rows
        wrong += faults
        missing += [f"{path}:{i}: there is no test {name!r}" for i, _, _, _, where in rows
                    for name in names_of(where) if name not in existing]
    named = {number: {name for row in rows for name in names_of(row[4])}
             for number, rows in tables.items()}
    lost = [f"{path}: {name} is in no row of rfc{number}.tsv"
            for name, paths in sorted(existing.items()) for path in paths
            if (number := re.match(r"(?:test_)?rfc(\d+)_", name)) and
            name not in named.get(int(number := number[1]), ())]
    report.check("the tables have rows of four columns, in the order of sections",
                 wrong or ([] if tables else ["there are none"]))
    report.check("every test that a row names exists", missing)
    report.check("every test that is named after an RFC is in its table", lost)

    page = tap.read(PAGE)
    old = page[page.index(BEGIN) + len(BEGIN):page.index(END)] if BEGIN in page else ""
    new = "\n" + counts(tables) + "\n"
    if "--write" in sys.argv:
        with open(f"{tap.ROOT}/{PAGE}", "w", encoding="utf-8") as f:
            f.write(page.replace(BEGIN + old + END, BEGIN + new + END))
        old = new
    report.check(f"the counts in {PAGE} equal those of the tables",
                 [] if old == new else ["run tests/lint/rfc.py --write"])
    for number, rows in sorted(tables.items()):
        tested = sum(bool(names_of(row[4])) for row in rows)
        print(f"# RFC {number}: {len(rows)} rows, {tested} tested, {len(rows) - tested} n/a")
    report.end()


if __name__ == "__main__":
    main()
