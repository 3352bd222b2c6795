# SPDX-License-Identifier: BSD-2-Clause
"""The page "A session at the console" of kernel/README.md, typed at a terminal as it stands.

Of the page, the indented lines: `$ ...` goes to a shell (the first one is the machine itself, the
others run while the console waits), `ferrule> ...` to the console, `^C` is that key; each other line
must come out, in this order, at whatever a number's place any number, with others in between."""
import os
import re
import subprocess

import pexpect

from machine import PATIENCE_S, ROOT

PROMPT = "ferrule> "


def page():
    """[(kind, text)]: kind is shell, console, key or shown."""
    with open(f"{ROOT}/kernel/README.md", encoding="utf-8") as f:
        text = f.read()
    section = text[text.index("## A session at the console"):text.index("## Commands")]
    steps = []
    for line in re.findall(r"^    (.*)$", section, re.M):
        for mark, kind in (("$ ", "shell"), (PROMPT, "console")):
            if line.startswith(mark):
                steps.append((kind, line[len(mark):]))
                break
        else:
            steps.append(("key", line) if line == "^C" else ("shown", line))
    return steps


def pattern(line):
    """What must be shown for a line of the page: any number for a number, any bytes in a dump of
    bytes, any space for space."""
    if re.fullmatch(r"[0-9a-f]{6}( [0-9a-f]{2})+", line):
        return re.sub(r"\b[0-9a-f]{2}\b", "[0-9a-f]{2}", line)
    return r"\s+".join(re.sub(r"0x[0-9a-f]+|\d+", lambda n: "0x[0-9a-f]+" if "x" in n[0] else "[0-9]+",
                             re.escape(word)) for word in line.split())


def run_shell(line, port):
    """A line for a shell; what it printed. 7777 is the page's port, `port` the real one."""
    done = subprocess.run(["bash", "-c", line.replace("7777", port)], cwd=ROOT, capture_output=True,
                          text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_page_of_the_console_is_what_happens(folder):
    steps = page()
    assert len([kind for kind, _ in steps if kind == "console"]) > 12 and steps[0][0] == "shell"
    machine = pexpect.spawn("bash", ["-c", steps[0][1]], cwd=ROOT, encoding="utf-8",
                            timeout=PATIENCE_S, dimensions=(50, 80), env={**os.environ, "APP": ""})
    with open(f"{folder}/terminal.log", "w", encoding="utf-8") as log:
        machine.logfile_read = log
        try:
            machine.expect(r"/dev/udp/127\.0\.0\.1/(\d+);")
            drive(machine, steps[1:], machine.match[1])
            machine.expect(pexpect.EOF)
            machine.close()
            assert machine.exitstatus == 0
        finally:
            machine.close(force=True)


def drive(machine, steps, port):
    printed = None  # what a shell's line printed: the lines that follow are of it as long as they fit
    for i, (kind, text) in enumerate(steps):
        if kind == "shell":
            printed = run_shell(text, port)
        elif kind == "key":
            machine.sendintr()
        elif kind == "console":
            printed = None
            machine.expect_exact(PROMPT)
            machine.send(text + "\r")
            machine.expect(r"\n")
        elif printed and re.search(pattern(text), printed):
            printed = printed[re.search(pattern(text), printed).end():]
        else:
            # Not "or the prompt": log lines come up above it, and it is printed again.
            shown = machine.expect([pattern(text), pexpect.EOF, pexpect.TIMEOUT])
            assert shown == 0, f"line {i} of the session, {text!r}, is not shown but:\n" \
                               f"{machine.before[-2000:]}"
