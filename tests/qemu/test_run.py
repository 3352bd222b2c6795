# SPDX-License-Identifier: BSD-2-Clause
"""`make run PORTS=n`: so many ports come up, each on a user network of its own."""
import os
import subprocess

import pexpect
import pytest

from machine import PATIENCE_S, PROMPT, ROOT

HERE = {**os.environ, "APP": "", "CABLE": "", "QEMU_ARGS": ""}


def start(ports, log):
    machine = pexpect.spawn("make", ["run", f"PORTS={ports}"], cwd=ROOT, encoding="utf-8", env=HERE,
                            timeout=PATIENCE_S, dimensions=(50, 200))
    machine.logfile_read = log
    return machine


@pytest.mark.parametrize("ports", [1, 4, 8])
def test_make_run_boots_as_many_ports_as_asked_for(folder, ports):
    with open(f"{folder}/terminal.log", "w", encoding="utf-8") as log:
        machine = start(ports, log)
        try:
            machine.expect(rf"{ports} X540 ports? under QEMU")
            due = {f"port{i}: link up" for i in range(ports)}
            while due:
                machine.expect(r"port\d: link up")
                due.discard(machine.match[0])
            for i in range(ports):
                machine.expect_exact(PROMPT)
                machine.send(f"ping 10.0.{2 + i}.2 1\r")
                machine.expect(rf"64 bytes from 10\.0\.{2 + i}\.2:")
            machine.expect_exact(PROMPT)
            machine.send("poweroff\r")
            machine.expect(pexpect.EOF)
            machine.close()
            assert machine.exitstatus == 0
        finally:
            machine.close(force=True)


@pytest.mark.parametrize("ports", ["0", "9", "x", "-1"])
def test_make_run_says_what_ports_must_be(ports):
    done = subprocess.run(["make", "run", f"PORTS={ports}"], cwd=ROOT, env=HERE, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False)
    assert done.returncode != 0
    assert f"run: PORTS={ports}: must be 1 to 8" in done.stderr, done.stdout + done.stderr
