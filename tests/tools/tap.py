# SPDX-License-Identifier: BSD-2-Clause
"""Shared by the scripts in tests/lint: the list of the project's files, and one TAP line a check."""
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")


def files(pattern=r".*"):
    """Paths of the project's files whose whole path matches, from git, or from the folder if it is not
    a git repository (an unpacked archive)."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            check=False)
    if listed.returncode == 0:
        paths = listed.stdout.decode().split("\0")
    else:
        paths = [os.path.relpath(os.path.join(folder, name), ROOT)
                 for folder, _, names in os.walk(ROOT) for name in names]
        paths = [p for p in paths if not re.match(r"(build|\.git)/|.*__pycache__", p)]
    return sorted(p for p in paths if re.fullmatch(pattern, p) and os.path.isfile(f"{ROOT}/{p}"))


def read(path):
    with open(f"{ROOT}/{path}", encoding="utf-8", errors="replace") as f:
        return f.read()


def code_of(text):
    """C text with comments and strings replaced by blanks; lines keep their numbers."""
    def blank(match):
        word = match.group(0)
        if word.startswith(("/*", "//")):
            return re.sub(r"[^\n]", " ", word)
        return word[0] + " " * (len(word) - 2) + word[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


class Report:
    """check(name, faults) prints one line for the check, and one comment for each fault."""

    def __init__(self):
        self.n = self.failed = 0

    def check(self, name, faults):
        self.n += 1
        faults = list(faults)
        print(f"{'not ok' if faults else 'ok'} {self.n} - {name}")
        for fault in faults:
            print(f"# {fault}")
        self.failed += bool(faults)

    def end(self):
        print(f"1..{self.n}")
        sys.exit(1 if self.failed else 0)
