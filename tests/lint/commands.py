#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks that exactly what an operator can type is documented: each console command in a table of
kernel/README.md, each boot key in a table of boot/README.md, each make target in its help."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tap  # noqa: E402

COMMANDS_PAGE, KEYS_PAGE = "kernel/README.md", "boot/README.md"


def rows(page):
    """The words between back quotes in the first cell of each table row."""
    if not os.path.exists(f"{tap.ROOT}/{page}"):
        return []
    return [name for line in tap.read(page).splitlines() if line.startswith("|")
            for name in re.findall(r"`([^`]+)`", line.split("|")[1])]


def differences(known, documented, page):
    return [f"`{name}` is in no table of {page}" for name in sorted(known - documented)] + \
        [f"{page} names `{name}`, which does not exist" for name in sorted(documented - known)]


def main():
    report = tap.Report()
    sources = tap.files(r"(arch|boot|kernel|drivers|net)/.*\.c")
    commands = {name for path in sources
                for name in re.findall(r'^COMMAND\(\s*"([^"]+)"', tap.read(path), re.M)}
    keys = {name for path in sources
            for name in re.findall(r'^BOOT_KEY\(\s*"([^"]+)"', tap.read(path), re.M)}
    report.check("there are commands and boot keys",
                 [] if commands and keys else [f"{len(commands)} commands, {len(keys)} keys found"])
    report.check("every console command is documented, and no other",
                 differences(commands, set(rows(COMMANDS_PAGE)), COMMANDS_PAGE))
    report.check("every boot key is documented, and no other",
                 differences(keys, {name.split("=")[0] for name in rows(KEYS_PAGE) if "=" in name},
                             KEYS_PAGE))
    makefile = tap.read("Makefile")
    targets = set(re.search(r"\.PHONY:(.*)", makefile)[1].split())
    report.check("every make target has a line of help",
                 sorted(targets - set(re.findall(r"^([a-z-]+):.*## ", makefile, re.M))))
    report.end()


if __name__ == "__main__":
    main()
