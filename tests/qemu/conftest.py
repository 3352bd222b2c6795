# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the system tests. `boot` starts a machine and, at the end of the test, stops it and fails
the test if the card's model reported a broken rule. The logs of each run are in
build/logs/system/<test>/: the command, the console, QEMU's output; after a failure also a capture of
each wire."""
import os
import re
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import boot_page  # noqa: E402
import captures  # noqa: E402
import hosts  # noqa: E402
from machine import IMAGE, MODEL, ROOT, Emulator, Machine, Wire, wait_until  # noqa: E402

LOGS = f"{ROOT}/build/logs/system"


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


def pytest_sessionstart(session):
    os.makedirs(LOGS, exist_ok=True)
    # A make started by a test must not inherit these from a make above: it would print the folders that
    # it enters, and the test reads its output.
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"):
        os.environ.pop(name, None)
    for path in (IMAGE, MODEL):
        if not os.path.exists(path):
            pytest.exit(f"{os.path.relpath(path, ROOT)} does not exist: run make all", 4)


@pytest.fixture
def folder(request):
    """The folder of this test's logs; the files of an earlier run are removed."""
    path = f"{LOGS}/" + re.sub(r"[^A-Za-z0-9_.-]+", "_", request.node.name)
    if os.path.isdir(path):
        for name in os.listdir(path):
            if os.path.isfile(f"{path}/{name}"):
                os.unlink(f"{path}/{name}")
    os.makedirs(path, exist_ok=True)
    return path


@pytest.fixture
def page(request):
    """The commands of boot/README.md that the test's mark boot_page.of_page selects."""
    return boot_page.chosen(*request.function.page_beginnings)


@pytest.fixture(scope="session")
def newer_qemu():
    """An Emulator that has x2APIC and records faults of interrupt remapping: the installed one, or one
    unpacked below build/."""
    with open(f"{LOGS}/newer-qemu.log", "w", encoding="utf-8") as log:
        done = subprocess.run([f"{ROOT}/tests/tools/newer_qemu.py"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=log, timeout=900, encoding="utf-8",
                              check=False)
    if done.returncode != 0:
        pytest.fail("no QEMU with x2APIC is available, see build/logs/system/newer-qemu.log")
    return Emulator(*done.stdout.split())


@pytest.fixture
def boot(request, folder):
    """boot(append, wires, …) -> Machine with a prompt and, unless links=False, its links up. wires is a
    number of Wires or a list as for Machine. complaints=False: the test makes the model misbehave, so
    rules that it reports as broken do not fail the test."""
    started = []

    def start(append="", wires=2, *, links=True, prompt=True, complaints=True, **options):
        wires = [Wire() for _ in range(wires)] if isinstance(wires, int) else wires
        machine = Machine(folder if not started else f"{folder}/{len(started)}", append, wires,
                          **options)
        started.append((machine, complaints))
        if prompt:
            machine.prompt()
            if links:
                machine.wait_links()
        return machine

    yield start

    report = getattr(request.node, "report_call", None)
    complained = []
    for machine, complaints_count in started:
        machine.stop()
        if complaints_count:
            complained += machine.complaints()
        if report is None or report.failed or complained:
            for i, wire in enumerate(machine.wires):
                if isinstance(wire, Wire):
                    captures.write_pcap(f"{machine.folder}/port{i}.pcap", wire.log)
    assert not complained, "the model of the card reports broken rules: " + "; ".join(complained)


def balanced(machine):
    """The ledger, after checking that it reports a balance and that its numbers do balance."""
    ledger = machine.ledger()
    lost = sum(ledger["drops"].values())
    assert ledger["balanced"] is True, ledger
    assert ledger["received"] + ledger["generated"] == \
        ledger["sent"] + ledger["consumed"] + lost + ledger["held"], ledger
    return ledger


def settled(machine, held=0):
    """The ledger, balanced, after every frame sent into Wires has been handled: the cards have delivered
    or dropped each frame, the cores have finished, `held` fragments wait, and all output has arrived.
    (An answer to the last frame does not imply that other cores have finished theirs.)"""
    def look():
        truths = [machine.truth(i) for i in range(len(machine.wires))]
        return balanced(machine), truths, [(wire.sent, wire.came) for wire in machine.wires]

    def is_over(seen):
        ledger, truths, wires = seen
        return ledger["held"] == held \
            and ledger["received"] == sum(t["frames_to_host"] for t in truths) \
            and all(t["frames_in"] == sent and t["frames_out"] == came
                    and t["frames_in"] == t["frames_to_host"] + sum(
                        n for name, n in t.items() if name.startswith("dropped_"))
                    for t, (sent, came) in zip(truths, wires))
    return wait_until(look, is_over, "cards and cores finish every frame")[0]


def forwards_both_ways(machine):
    """Send 40 frames each way, which must be the only ones that this machine has seen."""
    for there, back in ((0, 1), (1, 0)):
        frames = [bytes([there, i]) + bytes(range(62)) for i in range(40)]
        machine.wires[there].send(*frames)
        assert machine.wires[back].receive(40) == frames
    assert balanced(machine)["sent"] == 80


@pytest.fixture
def pair(request):
    """Two Linux hosts without addresses."""
    a, b = hosts.Host("a"), hosts.Host("b")
    request.addfinalizer(b.close)
    request.addfinalizer(a.close)
    return a, b
