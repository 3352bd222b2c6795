#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Which file calls which, from the sources: every function that is not static, and every word outside
of comments and strings that names one. An include says what a file may see; this is what it uses, also
by a declaration of its own. Calls follow the rooms of layers.py; no two files need each other; what is
called upward is listed in UPWARD, where the lower header that declares it stands beside it."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, HERE + "/../tools"]
import layers  # noqa: E402
import tap  # noqa: E402

LAYERS = ["boot", "arch", "kernel", "drivers", "net"]
# A lower layer's or room's ways to a higher one: what these declare, higher files implement.
UPWARD = ("arch/trap.h", "kernel/leaving.h", "kernel/start.h", "net/run.h")
WORDS = re.compile(r"\b[a-z_]\w*\b")
MADE = re.compile(r"^(?!static\b|typedef\b|extern\b|return\b|else\b)[A-Za-z_][\w \t*]*?\b(\w+)\("
                  r"[^;{}]*?\)[^;{}()]*\n\{", re.M)
MADE_BY_MACRO = re.compile(r"^LANE_LOOP\((\w+),", re.M)


def stem(path):
    return os.path.splitext(path)[0]


def place(path):
    """Layer, then room: what stands on what."""
    if path.startswith("kernel/lib/"):
        return (-1, 0)  # pure, and below all
    return (LAYERS.index(path.split("/")[0]), layers.room_of(path) or 0)


def rings(uses):
    """Files that need each other, by Tarjan's way."""
    index, low, stack, found = {}, {}, [], []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in uses.get(v, ()):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            ring = []
            while not ring or ring[-1] != v:
                ring.append(stack.pop())
            if len(ring) > 1:
                found.append(sorted(ring))
    sys.setrecursionlimit(10000)
    for v in sorted(uses):
        if v not in index:
            visit(v)
    return found


def main():
    report = tap.Report()
    sources = tap.files(r"(arch|boot|kernel|drivers|net)/.*\.[ch]")
    sources = [p for p in sources if not p.startswith("boot/efi/")]
    code = {p: tap.code_of(tap.read(p)) for p in sources}
    maker = {}
    for path in sources:
        if path.endswith(".c"):
            for name in MADE.findall(code[path]) + MADE_BY_MACRO.findall(code[path]):
                maker[name] = path
    report.check("functions are found", [] if len(maker) > 300 else [f"only {len(maker)}"])
    upward = {name: header for header in UPWARD
              for name in re.findall(r"^(?!static|typedef)\w[\w *]*\b(\w+)\([^;{}]*;", code[header],
                                     re.M)}
    up, uses = [], {}
    for path in sources:
        # A header of declarations uses nothing; its inline functions do.
        text = code[path] if path.endswith(".c") else re.sub(r"^[^\n]*\([^{}]*?\)[^{}]*?;", "",
                                                             code[path], flags=re.M)
        for name in sorted(set(WORDS.findall(text)) & set(maker)):
            made = maker[name]
            if stem(made) == stem(path) or name in upward:
                continue
            if re.search(rf"^static\b[^;{{}}]*\b{name}\(", code[path], re.M) or \
                    re.search(rf"[.>]{name}\b", text) and not re.search(rf"(?<![.>\w]){name}\(", text):
                continue
            uses.setdefault(stem(path), {})[stem(made)] = name
            if place(made) > place(path):
                up.append(f"{path} calls {name} of {made}")
    report.check("calls lead to the same room or to one below", up)
    report.check("no two files need each other",
                 [" <-> ".join(ring) + ": " + ", ".join(
                     f"{a} calls {n}" for a in ring for b, n in uses.get(a, {}).items() if b in ring)
                  for ring in rings(uses)])
    report.check("each way up leads to a function",
                 [f"{header}: nothing makes {name}" for name, header in upward.items()
                  if name not in maker])
    report.end()


if __name__ == "__main__":
    main()
