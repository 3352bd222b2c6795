# SPDX-License-Identifier: BSD-2-Clause
"""The commands of boot/README.md, verbatim, for the tests that run them. A test with the mark
@of_page("make iso", ...) gets from the fixture `page` the page's commands that begin with these words, in
the page's order. test_boot_page.py checks that no command is left out."""
import re

from machine import ROOT


def page_commands():
    """Every line of the page's indented blocks, with continued lines joined, without drawings; then the
    commands between back quotes in the text."""
    with open(f"{ROOT}/boot/README.md", encoding="utf-8") as f:
        text = f.read()
    found = []
    for block in re.findall(r"(?:^    .*\n)+", text, re.M):
        if "+--" not in block and "->" not in block:
            found += [line.strip() for line in re.sub(r"\\\n *", "", block).splitlines()]
    prose = re.sub(r"^    .*\n", "", text, flags=re.M)
    return found + [words for words in dict.fromkeys(re.findall(r"`([^`\n]+)`", prose))
                    if re.match(r"(show|insmod|multiboot2) |tests/bench/\S+\.py$|lsblk$", words)]


def of_page(*beginnings):
    """Mark a test as the one that runs the page's commands with these beginnings."""
    def mark(test):
        test.page_beginnings = beginnings
        return test
    return mark


def chosen(*beginnings):
    commands = page_commands()
    for beginning in beginnings:
        assert any(c.startswith(beginning) for c in commands), f"the page has no {beginning!r}"
    return [c for c in commands if c.startswith(beginnings)]
