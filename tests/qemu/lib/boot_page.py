# SPDX-License-Identifier: BSD-2-Clause
"""The commands of boot/README.md, word for word, for the tests that run them. A test that is marked
@of_page("make iso", ...) gets from the fixture `page` the page's commands that begin so, in the page's
order. test_boot_page.py sees to it that no command is left."""
import re

from machine import ROOT


def page_commands():
    """Every line of the page's indented blocks, continued lines joined, drawings left out; then what
    stands in the text between back quotes and can be typed."""
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
    """Mark a test as the one that runs the page's commands that begin so."""
    def mark(test):
        test.page_beginnings = beginnings
        return test
    return mark


def chosen(*beginnings):
    commands = page_commands()
    for beginning in beginnings:
        assert any(c.startswith(beginning) for c in commands), f"the page has no {beginning!r}"
    return [c for c in commands if c.startswith(beginnings)]
