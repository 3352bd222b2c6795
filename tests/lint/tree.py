#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks every file: a licence line first, names and sizes as in the house style, no path or address of
one machine, no unfinished parts."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tap  # noqa: E402

TOP = {"Makefile", "boot", "arch", "kernel", "drivers", "net", "tests", "linker.ld", "README.md", "HACKING.md",
       "LICENSE"}
CODE = r".*\.(c|h|asm|S|py|sh|mk|ld|cfg)|Makefile|\.ci/run"
FOLDER_MAX = 25
LINES_MAX = 850  # "about 800"
BSD, GPL = "SPDX-License-Identifier: BSD-2-Clause", "SPDX-License-Identifier: GPL-2.0-or-later"
GPL_FILES = {"tests/model/x540_qemu.c", "tests/model/x540_qemu_compat.h",
             "tests/model/x540_qemu_left_on.c", "tests/model/x540_qemu_left_on.h"}
# In pieces, so that this file does not match its own patterns.
MACHINE = re.compile("/(" + "work|root|home/[a-z]" + ")/|/tmp/" + "bash|(ht|f)" + r"tps?://[a-z0-9.]")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|not (yet )?implemen" + "ted")


def syntax_errors(path, text):
    """One line where the file is not Python."""
    try:
        compile(text, path, "exec")
    except SyntaxError as error:
        return [f"{path}:{error.lineno}: {error.msg}"]
    return []


def main():
    report = tap.Report()
    everything = [p for p in tap.files() if not p.startswith("tests/data/")]
    code = [p for p in everything if re.fullmatch(CODE, p)]
    text = {p: tap.read(p) for p in code}
    in_c = [p for p in code if re.search(r"\.[ch]$", p)]
    plain = [p for p in everything if not re.search(r"\.(bin|pcap|pcapng|png)$|/corpus/", p)]

    def licence(path):
        wanted = GPL if path in GPL_FILES else BSD
        return any(wanted in line for line in text[path].splitlines()[:2])

    def lines(paths, pattern):
        return [f"{p}:{i}: {line.strip()[:80]}" for p in paths
                for i, line in enumerate(tap.read(p).splitlines(), 1) if pattern.search(line)]

    report.check("the top folder holds only the known names",
                 sorted({p.split("/")[0] for p in everything
                         if p.split("/")[0] not in TOP and not p.startswith(".")}))
    report.check("each file begins with a licence line", [p for p in code if not licence(p)])
    report.check(f"no file is longer than {LINES_MAX} lines",
                 [f"{p}: {n} lines" for p in code if (n := text[p].count("\n")) > LINES_MAX])
    report.check("files are named after their contents",
                 [p for p in everything
                  if re.match(r"(.*_)?(utils?|common|misc|helpers?)\.", os.path.basename(p))])
    report.check("no path of one machine and no address in code",
                 lines([p for p in plain if not p.endswith(".md")], MACHINE))
    report.check("nothing is left for later", lines(plain, UNFINISHED))
    report.check("every Python file compiles", [error for p in code if p.endswith(".py")
                                                for error in syntax_errors(p, text[p])])
    report.check("no white space ends a line, no tab in C",
                 lines(code, re.compile(r"[ \t]$")) + lines(in_c, re.compile(r"\t")))
    report.check("lines of C keep to about 100 columns", lines(in_c, re.compile(r".{105}")))
    report.check("every file ends with a line end",
                 [p for p in code if text[p] and not text[p].endswith("\n")])
    report.check("scripts are executable",
                 [p for p in code if text[p].startswith("#!")
                  and not os.access(f"{tap.ROOT}/{p}", os.X_OK)])
    report.end()


if __name__ == "__main__":
    main()
