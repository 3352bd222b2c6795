# SPDX-License-Identifier: BSD-2-Clause
"""The running machine by command: stop and start under load with an exact ledger, and a boot line
from `show config` that makes the same machine again."""
import threading
import time

import pytest

from conftest import balanced
from machine import PATIENCE_S

FRAMES = [bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, n]) + b"\x88\xb5" + bytes([n]) * (50 + 7 * n)
          for n in range(100)]


class Load:
    """Frames into every port, without a pause, until it is ended; what comes out is forgotten."""

    def __init__(self, machine):
        self.machine, self.is_over = machine, False
        self.threads = [threading.Thread(target=self.blast, args=(wire,)) for wire in machine.wires]
        for thread in self.threads:
            thread.start()

    def blast(self, wire):
        while not self.is_over:
            wire.send(*FRAMES)
            wire.forget()
            time.sleep(0.01)

    def end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join(PATIENCE_S)


def wait_until_the_cards_agree(machine):
    """A frame that the card has taken from us may still be on its way to the wire."""
    limit = time.monotonic() + PATIENCE_S
    while True:
        ledger = balanced(machine)
        if all(row["sent"] == row["card_tx_packets"] and row["received"] == row["card_rx_packets"]
               for row in ledger["ports"]):
            return
        assert time.monotonic() < limit, ledger


def moving(machine):
    """Frames received in half a second."""
    before = balanced(machine)["received"]
    time.sleep(0.5)
    return balanced(machine)["received"] - before


@pytest.mark.parametrize("line", ["app=forward", "app=forward cpus=1 poll=always"])
def test_stop_under_load_leaves_nothing_held_and_an_exact_ledger(boot, line):
    machine = boot(line)
    load = Load(machine)
    try:
        for _ in range(5):
            time.sleep(0.5)
            assert machine.run("stop") == ""
            ledger = balanced(machine)
            assert ledger["held"] == 0 and ledger["received"] > 0, ledger
            assert sum(ledger["drops"].values()) == 0, ledger
            wait_until_the_cards_agree(machine)
            assert moving(machine) == 0
            assert machine.run("stop; start; start") == ""
            assert moving(machine) > 0
    finally:
        load.end()
    balanced(machine)


def test_start_and_stop_take_no_words_that_the_application_does_not_know(boot):
    machine = boot("app=forward", links=False)
    assert "start takes no \"now\" with app=forward" in machine.run("start now")
    assert "stop takes no \"now\" with app=forward" in machine.run("stop now")


def test_the_boot_line_of_show_config_makes_the_same_machine(boot):
    line = ("app=echo port0.ip=192.0.2.1/24 port0.gw=192.0.2.254 port0.gw=192.0.2.7 port1.gw=1 cpus=3 "
            "colour=red poll=always panic=exit run=\"set loglevel warn\"")
    machine = boot(line)
    config = machine.run("show config")
    assert set(config.split()) == {
        "app=echo", "port0.ip=192.0.2.1/24", "port0.gw=192.0.2.7", "cpus=3", "poll=always",
        "panic=exit", "loglevel=warn"}
    assert machine.json("show config -j")[0]["port0.gw"] == "192.0.2.7"
    again = boot(config)
    assert again.run("show config") == config
