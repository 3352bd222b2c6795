# SPDX-License-Identifier: BSD-2-Clause
"""What the scripts in tests/lint share: the project's files, and one TAP line a check."""
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")


def files(pattern=r".*"):
    """Paths of the project's files whose whole path matches, from git, or from the folder where
    git does not answer (an unpacked archive)."""
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
    """C text with comments and strings blanked, line by line the same."""
    def blank(match):
        word = match.group(0)
        if word.startswith(("/*", "//")):
            return re.sub(r"[^\n]", " ", word)
        return word[0] + " " * (len(word) - 2) + word[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


class Report:
    """check(name, complaints): one line for the check, one comment a complaint."""

    def __init__(self):
        self.n = self.failed = 0

    def check(self, name, complaints):
        self.n += 1
        complaints = list(complaints)
        print(f"{'not ok' if complaints else 'ok'} {self.n} - {name}")
        for complaint in complaints:
            print(f"# {complaint}")
        self.failed += bool(complaints)

    def end(self):
        print(f"1..{self.n}")
        sys.exit(1 if self.failed else 0)
