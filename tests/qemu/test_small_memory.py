# SPDX-License-Identifier: BSD-2-Clause
"""Machines whose memory is too small for all lanes: they boot, say what is missing, and every console
command then answers or refuses. None of them may end in a panic."""
import re

import pytest

from conftest import balanced
from machine import ROOT

ADDRESSES = "port0.ip=192.0.2.1/24 port1.ip=198.51.100.1/24"
APPS = ["app=forward", f"app=echo {ADDRESSES}", f"app=route {ADDRESSES}",
        f"app=generate rate=1000 {ADDRESSES}", f"app=sink {ADDRESSES}"]
# Lines that end by themselves, for every command; {port} is 0, then 1.
PER_PORT = ["set port {port} down", "set port {port} up", "set port {port} up", "set port {port} down",
            "start", "stop", "start", "set port {port} up",
            "set port {port} ip 203.0.113.1/24", "set port {port} gw 203.0.113.9"]
ONCE = ["show ports", "show ports -j", "show version", "show card 0", "show card 0 -j", "show cores", "show cores -j", "show ledger", "show ledger -j",
        "show arp", "show routes", "show routes 192.0.2.9", "set route 10.0.0.0/8 via 192.0.2.9",
        "set route 10.0.0.0/8 reject", "clear route 10.0.0.0/8", "show generate", "show sink", "clear sink",
        "start rate=1000 count=10", "stop", "start", "set arp 0 192.0.2.7 02:00:00:00:00:07", "clear arp",
        "clear counters", "set poll always",
        "set poll adaptive", "set loglevel info", "show iommu", "show boot", "show config", "show log 5",
        "show memory", "show irqs", "show modules", "run nothing", "help"]
UNTIL_A_KEY = ["ping 192.0.2.9", "trace port 0", "trace port 1", "capture port 0", "capture port 1",
               "watch show ports 1", "start wait rate=1000 duration=60s"]
NOT_HERE = {"exit", "poweroff", "reboot"}


def documented_commands():
    with open(f"{ROOT}/kernel/README.md", encoding="utf-8") as f:
        rows = re.findall(r"^\| `([a-z ]+)` \|", f.read(), re.M)
    return set(rows)


def test_the_lists_of_this_file_hold_every_command():
    lines = PER_PORT + ONCE + UNTIL_A_KEY
    missing = {command for command in documented_commands() - NOT_HERE
               if not any(f"{line} ".startswith(f"{command} ") for line in lines)}
    assert not missing, missing
    assert len(documented_commands()) > 25


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.split()[0])
@pytest.mark.parametrize("memory_mb", [8, 10])
def test_every_command_on_a_machine_whose_memory_was_short(boot, app, memory_mb):
    machine = boot(app, cores=4, memory_mb=memory_mb, links=False)
    for line in [line.format(port=port) for port in (0, 1) for line in PER_PORT] + ONCE:
        machine.run(line)
    for line in UNTIL_A_KEY:
        machine.send(line + "\r")
        machine.expect(re.escape(line))
        machine.send("\x03")
        machine.prompt()
    assert "PANIC" not in machine.console_text
    balanced(machine)
    is_short = [port for port in (0, 1) if f"port{port}: out of service: memory" in machine.console_text]
    for port in is_short:
        assert f"port{port}: stays out of service" in machine.console_text
        assert machine.ports()[port]["link"] == "down"
    if app == "app=forward" and memory_mb in (8, 10):
        assert is_short, "this memory is to be too small"
    assert machine.poweroff() == 0


def test_where_memory_for_deep_side_queues_is_short_the_lanes_have_theirs(boot):
    """The lanes and the queues for ARP come first; a side queue then has few slots, and a line says so."""
    machine = boot(APPS[2], cores=4, memory_mb=59)
    assert re.search(r"port1: its side queue \d+ has 64 slots: memory is short", machine.console_text)
    assert "out of service" not in machine.console_text and "no side queue" not in machine.console_text
    assert "no memory for a receive queue" not in machine.console_text
    balanced(machine)
    assert machine.poweroff() == 0
