# SPDX-License-Identifier: BSD-2-Clause
"""The section "A session at the console" of kernel/README.md, typed verbatim at terminals.

A heading that ends in "terminal N" selects the terminal for the lines after it. Indented lines:
`$ ... make run` starts a machine, which that terminal shows until it ends; `$ ...` goes to a shell while
the console waits, `ferrule> ...` to the console, `^C` is that key; every other line must be printed, in
this order, with any number in place of a number, and possibly other lines in between. The counts of
lost, duplicate and held frames are compared with the page: 0 must be 0, other counts must not be 0."""
import os
import re
import subprocess

import pexpect

from machine import PATIENCE_S, ROOT

PROMPT = "ferrule> "


def page():
    """[(terminal, kind, text)]: kind is machine, shell, console, key or shown."""
    with open(f"{ROOT}/kernel/README.md", encoding="utf-8") as f:
        text = f.read()
    section = text[text.index("## A session at the console"):text.index("## Commands")]
    steps, terminal = [], None
    for line in re.findall(r"^(?:###|   ) (.*)$", section, re.M):
        if re.search(r": terminal \d$", line):
            terminal = line[-1]
        elif line.startswith("$ "):
            steps.append((terminal, "machine" if "make run" in line else "shell", line[2:]))
        elif line.startswith(PROMPT):
            steps.append((terminal, "console", line[len(PROMPT):]))
        else:
            steps.append((terminal, "key" if line == "^C" else "shown", line))
    return steps


def word_pattern(word, is_compared):
    if re.fullmatch(r"(?=.*\d)[0-9a-f]{6}", word):  # the id of a trial
        return "[0-9a-f]{6}"
    if word == "0%" or (is_compared and word == "0"):
        return re.escape(word)
    if is_compared and word.isdigit():
        return "[1-9][0-9]*"
    return re.sub(r"0x[0-9a-f]+|\d+", lambda n: "0x[0-9a-f]+" if "x" in n[0] else "[0-9]+", re.escape(word))


def pattern(line):
    """A pattern for a line of the page: any number for a number, any bytes in a dump of bytes, any space
    for space."""
    if re.fullmatch(r"[0-9a-f]{6}( [0-9a-f]{2})+", line):
        return re.sub(r"\b[0-9a-f]{2}\b", "[0-9a-f]{2}", line)
    words = line.split()
    return r"\s+".join(word_pattern(word, words[0] in ("lost", "duplicates", "held")) for word in words)


def run_shell(line, port):
    """Run a line in a shell; returns its output. 7777 is the page's port, `port` the real one."""
    done = subprocess.run(["bash", "-c", line.replace("7777", port or "")], cwd=ROOT, capture_output=True,
                          text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


class Terminal:
    """A machine started by `make run`, at its operator's terminal."""

    def __init__(self, command, log):
        self.ferrule = pexpect.spawn("bash", ["-c", command], cwd=ROOT, encoding="utf-8",
                                     timeout=PATIENCE_S, dimensions=(50, 200),
                                     env={**os.environ, "APP": ""})
        self.ferrule.logfile_read = log
        self.echo_port = None
        if "CABLE=" not in command:
            self.ferrule.expect(r"/dev/udp/127\.0\.0\.1/(\d+);")
            self.echo_port = self.ferrule.match[1]

    def type(self, line):
        self.ferrule.expect_exact(PROMPT)
        self.ferrule.send(line + "\r")
        self.ferrule.expect(r"\n")

    def must_show(self, line, where):
        # The prompt does not end the wait: it is printed again below each log line.
        shown = self.ferrule.expect([pattern(line), pexpect.EOF, pexpect.TIMEOUT])
        assert shown == 0, f"{where}, {line!r}, is not shown but:\n{self.ferrule.before[-2000:]}"

    def must_have_ended(self):
        self.ferrule.expect(pexpect.EOF)
        self.ferrule.close()
        assert self.ferrule.exitstatus == 0

    def close(self):
        self.ferrule.close(force=True)


def test_the_console_session_of_the_page_works(folder):
    steps = page()
    kinds = [kind for _, kind, _ in steps]
    assert kinds.count("console") > 30 and kinds.count("machine") == 3
    terminals = {}
    with open(f"{folder}/terminal.log", "w", encoding="utf-8") as log:
        try:
            drive(terminals, steps, log)
            for terminal in terminals.values():
                terminal.must_have_ended()
        finally:
            for terminal in terminals.values():
                terminal.close()


def drive(terminals, steps, log):
    printed = None  # output of a shell's line: the lines that follow belong to it as long as they match
    for i, (number, kind, text) in enumerate(steps):
        terminal = terminals.get(number)
        if kind == "machine":
            if terminal:
                terminal.must_have_ended()
            terminals[number] = Terminal(text, log)
            printed = None
        elif kind == "shell":
            printed = run_shell(text, terminal.echo_port if terminal else None)
        elif kind == "key":
            terminal.ferrule.sendintr()
        elif kind == "console":
            printed = None
            terminal.type(text)
        elif printed and re.search(pattern(text), printed):
            printed = printed[re.search(pattern(text), printed).end():]
        else:
            terminal.must_show(text, f"line {i} of the session, in terminal {number}")
