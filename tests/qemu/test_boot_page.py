# SPDX-License-Identifier: BSD-2-Clause
"""boot/README.md as its reader takes it: every command of the page is run by a test, as it stands
there. Those that boot from media and network are in test_boot_paths.py. Here are QEMU's command lines,
gdb's, and the table of all of them, which each run leaves in build/logs/system."""
import os
import re
import subprocess
import threading
import time

import pytest

import test_boot_paths
from boot_media import run
from boot_page import chosen, of_page, page_commands
from machine import PATIENCE_S, ROOT

NOT_RUN = {"lsblk": "lists this machine's own disks; in the tests the stick is a file"}


class Terminal:
    """A command of the page in a shell, with a person's hands: it is read until something is there,
    and typed to."""

    def __init__(self, command):
        self.process = subprocess.Popen(["sh", "-c", command], cwd=ROOT, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        start_new_session=True)
        self.shown = ""
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while data := os.read(self.process.stdout.fileno(), 4096):
            with self.news:
                self.shown += data.decode("utf-8", "replace")
                self.news.notify_all()

    def wait(self, pattern, limit_s=2 * PATIENCE_S):
        """Until what was shown has the pattern; returns the match."""
        with self.news:
            if not self.news.wait_for(lambda: re.search(pattern, self.shown, re.M), limit_s):
                raise AssertionError(f"no {pattern!r} in {limit_s:g} s but: {self.shown[-2000:]}")
            return re.search(pattern, self.shown, re.M)

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def end(self):
        """Its exit code, by itself."""
        code = self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        return code

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()


@pytest.fixture
def terminal():
    opened = []

    def start(command):
        opened.append(Terminal(command))
        return opened[-1]

    yield start
    for each in opened:
        each.stop()


@pytest.mark.parametrize("command", chosen("qemu-system-x86_64 "),
                         ids=lambda c: re.sub(r"\W+", "-", c)[-40:])
@of_page("qemu-system-x86_64 ")
def test_the_pages_qemu_commands_lead_to_the_prompt(terminal, command):
    machine = terminal(command)
    machine.wait("^ferrule> ")
    machine.type("poweroff\r")
    assert machine.end() == 0


@of_page("make qemu-gdb", "gdb ")
def test_gdb_sees_the_kernel_from_its_first_function(terminal, page):
    """Both of the page's commands, in two terminals: gdb comes before the image's first instruction, and
    its breakpoint holds; when links are up, it is stopped again, and the script prints ports and lanes."""
    socket = f"{ROOT}/build/gdb.socket"
    if os.path.exists(socket):
        os.unlink(socket)
    machine = terminal(page[0])
    limit = time.monotonic() + 2 * PATIENCE_S
    while not os.path.exists(socket):
        assert machine.process.poll() is None and time.monotonic() < limit, machine.shown
        time.sleep(0.1)
    assert "------ ferrule" not in machine.shown, machine.shown
    gdb = terminal(page[1])
    gdb.type("continue\nbacktrace\nbreak net_run\ncontinue\nports\nlanes\nring 0 2\nreg 0 0x00008\n"
             "delete\ndetach\nquit\n")
    assert gdb.end() == 0
    assert re.search(r"^(\(gdb\) )?#0 +kmain \(eax=", gdb.shown, re.M), gdb.shown
    assert re.search(r"^#1 .* kernel_start", gdb.shown, re.M), gdb.shown
    assert re.search(r"port1 .* up 10000 Mb/s", gdb.shown), gdb.shown
    assert re.search(r"lane 0: core 0 port0 -> port0 LANE_RUNNING next 0", gdb.shown), gdb.shown
    assert re.search(r"slot   0: address 0x[0-9a-f]{16} ", gdb.shown), gdb.shown
    assert re.search(r"0x00008 = 0x[0-9a-f]{8}", gdb.shown), gdb.shown
    machine.wait("^ferrule> ")
    machine.type("poweroff\r")
    assert machine.end() == 0


@of_page("tests/bench/boot_profile.py")
def test_the_profile_says_where_a_boots_instructions_go(page):
    rows = {name: int(n) for n, name in re.findall(r"^ *(\d+)  (\w+)$", run([page[0]], cwd=ROOT), re.M)}
    assert 10_000 < rows["scan_bus"] < rows["all"] < 1_000_000, rows


def test_every_command_of_the_page_is_run_by_a_test(folder):
    """The table: a command, and the test that takes it from the page, or why it cannot be run here."""
    tests = [test for module in (globals(), vars(test_boot_paths)) for name, test in module.items()
             if name.startswith("test_") and hasattr(test, "page_beginnings")]
    table = {command: [test.__name__ for test in tests if command.startswith(test.page_beginnings)]
             for command in page_commands()}
    with open(f"{folder}/commands", "w", encoding="utf-8") as f:
        for command, by in table.items():
            f.write(f"{command}\n    {', '.join(by) or 'not run: ' + NOT_RUN.get(command, '?')}\n")
    missed = [command for command, by in table.items() if not by and command not in NOT_RUN]
    assert not missed, f"no test runs {missed}"
    assert not [command for command in NOT_RUN if table.get(command) != []], "NOT_RUN is out of date"
    for test in tests:
        assert chosen(*test.page_beginnings), test.__name__
