#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Citations of facts about the card lead somewhere: a section that a rule, a register row or a comment
of the model cites is a heading of tests/model/FACTS.md, which names each register of the model's table
in the section that its row gives; drivers/x540/regs.h gives each register its section of the X550
datasheet, or says that there is none, and each field its kind of access."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tap  # noqa: E402

FACTS = "tests/model/FACTS.md"
RULES, PAGE = "tests/model/x540_rules.h", "tests/model/README.md"
TABLE = "tests/model/x540_regs.c"
DRIVER = "drivers/x540/regs.h"
# A datasheet's own number, "X550 8.2.2.9.5", needs no heading.
NAMED = re.compile(r"FACTS\.md, sections? (\d+(?:\.\d+)*)")
CITED = re.compile(r"(?<!X550 )(?:\b[Ff]acts, (?:section )?|\b[Ss]ections? )(\d+(?:\.\d+)*)")


def sections():
    """Section -> its text, subsections included; a section's number, or `conventions`."""
    found, open_ones = {}, []
    for line in tap.read(FACTS).splitlines():
        head = re.match(r"(##+) (?:(\d+(?:\.\d+)?)\b|(Conventions))", line)
        if line.startswith("#"):
            level = len(line) - len(line.lstrip("#"))
            open_ones = [one for one in open_ones if one[0] < level]
        if head:
            name = head[2] or "conventions"
            open_ones.append((level, name))
            found[name] = ""
        for _, name in open_ones:
            found[name] += line + "\n"
    return found


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def cited_by_rules():
    """(place, section) of each rule, in the code and on the page."""
    text = tap.read(RULES)
    cited = [(f"{RULES}:{line_of(text, rule.start())}: {rule[1]}", rule[2]) for rule in re.finditer(
        r'RULE\(\w+,[\s\\]*"([^"]+)",\s*(?:ERROR|ADVICE),[\s\\]*"([^"]+)"', text)]
    text = tap.read(PAGE)
    cited += [(f"{PAGE}:{line_of(text, row.start())}: {row[1]}", row[2]) for row in re.finditer(
        r"^\| `([a-z0-9-]+)` \| (?:error|advice) \| ([^|]+) \|", text, re.M)]
    return [(place, one) for place, some in cited for one in re.split(r",\s*", some.strip())
            if not re.fullmatch(r"X550 [\d.]+", one)]


def cited_by_comments():
    """(place, section) of each citation in the model, its page, its tests, the facts themselves, and,
    where it names FACTS.md, the driver."""
    cited = []
    for path in tap.files(r"(tests/model|drivers/x540)/.*\.([ch]|md)|tests/unit/model/.*\.[ch]"):
        text, is_ours = tap.read(path), path.startswith("tests/")
        pattern = r".+" if path.endswith(".md") else r"/\*[\s\S]*?\*/"
        cited += [(f"{path}:{line_of(text, comment.start())}", one)
                  for comment in re.finditer(pattern, text)
                  for one in (CITED if is_ours else NAMED).findall(re.sub(r"\s+\*? ?", " ", comment[0]))]
    return cited


def rows():
    """(place, register, section) of each row of the model's table."""
    text = tap.read(TABLE)
    return [(f"{TABLE}:{line_of(text, row.start())}", row[1], row[2]) for row in re.finditer(
        r'^ *\{"(\w+)",[^{}]*?,\s*(\d+),\s*B_\w+', text, re.M)]


def in_driver():
    """What is wrong with the driver's list of registers, and how many there are."""
    wrong, n, comment = [], 0, ""
    for i, line in enumerate(tap.read(DRIVER).splitlines(), 1):
        define = re.match(r"#define (\w+)(?:\(n\))?\s+(.*)", line)
        if not define:
            comment = comment + " " + line if comment and not comment.endswith("*/") else line
            continue
        name, value = define[1], define[2]
        code = value.split("/*")[0]
        if re.match(r"FIELD\(", code):
            if not re.search(r"/\* (RO|RW|RWS|RC|SC|WO|W1C)\b", value):
                wrong.append(f"{DRIVER}:{i}: {name} does not say RO, RW, RWS, RC, SC, WO or W1C")
        elif re.search(r"\b0x[0-9A-Fa-f]{5}\b|\b[RT]XQ\(n\)", code):
            n += 1
            if not re.search(r"X550 \d+(\.\d+)+\b|no X550 section", comment):
                wrong.append(f"{DRIVER}:{i}: {name}: the comment above has no section of the X550")
            comment = ""
    return wrong, n


def main():
    report = tap.Report()
    facts = sections()
    wanted = [str(i) for i in range(1, 20)] + ["conventions"]
    report.check(f"{FACTS} has sections 1 to 19 and the conventions",
                 [f"{one} is missing" for one in wanted if one not in facts])
    rules = cited_by_rules()
    report.check("every section that a rule cites is there",
                 [f"{place}: there is no section {one}" for place, one in rules if one not in facts]
                 or ([] if len(rules) > 100 else [f"only {len(rules)} citations found"]))
    comments = cited_by_comments()
    report.check("every section that a comment of the model cites is there",
                 [f"{place}: there is no section {one}" for place, one in comments if one not in facts]
                 or ([] if len(comments) > 20 else [f"only {len(comments)} citations found"]))
    registers = rows()
    unexplained = [f"{place}: {name} is not in section {section} of {FACTS}"
                   for place, name, section in registers
                   if not re.search(rf"\b{re.sub('_64$', '', name)}\b", facts.get(section, ""))]
    report.check("every register of the model is explained in the section that its row gives",
                 unexplained or ([] if len(registers) > 250 else [f"{len(registers)} rows found"]))
    slugs = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")
             for head in re.findall(r"^#+ (.*)", tap.read(FACTS), re.M)}
    report.check(f"links inside {FACTS} lead to its headings",
                 sorted(set(re.findall(r"\]\(#([^)]+)\)", tap.read(FACTS))) - slugs))
    wrong, n = in_driver()
    report.check("every register of the driver has its X550 section, every field its access",
                 wrong or ([] if n > 100 else [f"only {n} registers found"]))
    report.end()


if __name__ == "__main__":
    main()
