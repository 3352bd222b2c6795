# SPDX-License-Identifier: BSD-2-Clause
"""Booting and the console: every way in, every amount of memory, odd boot lines, missing cards."""
import re
import subprocess

import pytest

from conftest import balanced
from machine import IMAGE, Wire, wait_until

COUNTERS = ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "rx_dropped", "rx_missed_errors",
            "rx_crc_errors", "rx_length_errors", "rx_over_errors", "rx_errors")


def test_boot_reaches_the_prompt_and_poweroff_ends_qemu_with_0(boot):
    machine = boot("app=forward")
    assert machine.poweroff() == 0


def test_show_ports_names_each_card_and_its_counters(boot):
    machine = boot("app=forward", devices=["mac=52:54:00:00:00:0a", "mac=52:54:00:00:00:0b"])
    ports = machine.ports()
    assert [p["port"] for p in ports] == [0, 1]
    assert [p["mac"] for p in ports] == ["52:54:00:00:00:0a", "52:54:00:00:00:0b"]
    assert len({p["pci"] for p in ports}) == 2
    for port in ports:
        assert port["driver"] == "x540"
        assert re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", port["pci"])
        assert port["link"] == "up" and port["speed_mbps"] == 10000
        assert [port[name] for name in COUNTERS] == [0] * len(COUNTERS)
    text = machine.run("show ports")
    assert "52:54:00:00:00:0a" in text and max(map(len, text.splitlines())) <= 80


def test_ledger_balances_before_any_frame(boot):
    machine = boot("app=forward")
    ledger = balanced(machine)
    assert ledger["received"] == ledger["sent"] == ledger["held"] == 0
    assert machine.run("show ledger")


def test_help_lists_the_commands_in_80_columns(boot):
    machine = boot("app=echo")
    text = machine.run("help")
    for word in ("help", "ping", "show ports", "show ledger", "poweroff"):
        assert re.search(rf"^\s*{word}\b", text, re.M), text
    assert max(map(len, text.splitlines())) <= 80


def test_a_wrong_command_gets_a_line_and_the_prompt_again(boot):
    machine = boot("app=echo", wires=1)
    assert "frobnicate" in machine.run("frobnicate")
    assert machine.run("show nothing")
    assert machine.run("") == ""
    assert machine.run("show ports -j extra words " + "x" * 300)
    assert machine.ports()


def test_unknown_and_malformed_boot_keys_are_named(boot):
    machine = boot("app=forward colour=blue loglevl=3 port0.ip=192.0.2.300/24 lonely =x "
                   "route=nonsense", links=False)
    for said in ('unknown key "colour"', 'unknown key "loglevl"; did you mean "loglevel"?',
                 "port0.ip=192.0.2.300/24 is invalid; expected an address such as 192.0.2.1/24",
                 'unknown key "lonely"', 'unknown key ""',
                 "route=nonsense is invalid; expected prefix,gateway such as"):
        assert f"warning: boot line: {said}" in machine.console_text, said
    assert machine.poweroff() == 0


def test_boot_keys_without_effect_are_named(boot):
    machine = boot("app=echo rate=10% size=64 flows=2 route=10.0.0.0/8,reject port0.ip=192.0.2.1/24 "
                   "port0.mtu=600 port1.gw=192.0.2.254 port7.state=down", links=False)
    for key, why in (("rate", "with app=echo: it is for app=generate"), ("size", "with app=echo"),
                     ("flows", "with app=echo"), ("route", "with app=echo: it is for app=route"),
                     ("port1.gw", "without an address"), ("port7.state", "with 2 ports")):
        assert f"boot line: {key}= has no effect {why}" in machine.console_text, key
    assert "port0.ip= has no effect" not in machine.console_text
    assert "port0.mtu= has no effect" not in machine.console_text
    assert machine.poweroff() == 0


def test_an_unknown_app_is_named(boot):
    machine = boot("app=teleport", links=False)
    assert "error: app=teleport: no such application; forward is started" in machine.console_text
    assert machine.poweroff() == 0


def test_a_very_long_boot_line_is_cut_with_a_line(boot):
    for words in ("x" * 1500 + "=1 " + "y=2 " * 200, "y=2 " * 96):
        machine = boot(f"app=forward {words}", links=False)
        assert "boot line: too long (at most 2047 bytes and 96 words); the rest is ignored" in \
            machine.console_text
        assert machine.poweroff() == 0


@pytest.mark.parametrize("app", ["forward", "echo", None])
def test_without_a_card_there_is_a_line_and_a_prompt(boot, app):
    machine = boot(f"app={app}" if app else "", wires=0)
    assert re.search(r"no (card|port)", machine.console_text), machine.console_text
    machine.run("show ports")
    assert machine.run("show ports -j") == ""
    balanced(machine)
    assert machine.poweroff() == 0


def test_forward_with_one_card_says_so(boot):
    machine = boot("app=forward", wires=1)
    assert re.search(r"port0 is not used by app=forward", machine.console_text)
    assert len(machine.ports()) == 1
    machine.wires[0].send(bytes(60))
    wait_until(lambda: machine.truth(0)["frames_in"], lambda n: n == 1, "the card gets the frame")
    balanced(machine)
    assert machine.poweroff() == 0


def test_a_ninth_card_is_left_alone_with_a_line(boot):
    machine = boot("app=forward", wires=9, memory_mb=512, links=False)
    assert "warning: 1 more ports found than the limit of 8; they are not used" in machine.console_text
    for port in range(8):
        machine.wait_link(port, True)
    assert len(machine.ports()) == 8
    machine.wires[6].send(bytes([6]) * 70)
    assert machine.wires[7].receive(1) == [bytes([6]) * 70]
    assert all(machine.wires[i].is_silent(0.1) for i in (0, 8))
    balanced(machine)
    assert machine.poweroff() == 0


def test_a_card_without_a_cable_is_down_and_nothing_hangs(boot):
    machine = boot("app=forward", wires=[Wire(), None], links=False)
    machine.wait_link(0, True)
    assert machine.ports()[1]["link"] == "down" and machine.ports()[1]["speed_mbps"] == 0
    machine.wires[0].send(*[bytes(60)] * 100)
    wait_until(machine.ledger, lambda ledger: ledger["drops"]["tx_no_link"] >= 100,
               "what is for a port without a cable is dropped")
    ledger = balanced(machine)
    assert ledger["received"] == 100 and ledger["drops"]["tx_no_link"] == 100
    assert machine.poweroff() == 0


def test_run_key_runs_commands_and_ends(boot):
    machine = boot('app=forward run="show ports -j; poweroff"', prompt=False)
    assert machine.wait_exit() == 0
    assert '"port":0' in machine.console_text.replace(" ", "")


@pytest.mark.parametrize("memory_mb", [32, 64, 2048, 5120])
def test_memory_small_and_above_4_gib(boot, memory_mb):
    wires = 1 if memory_mb < 64 else 2
    machine = boot("app=forward" if wires == 2 else "app=echo", wires=wires, memory_mb=memory_mb)
    if wires == 2:
        machine.wires[0].send(bytes(range(60)))
        assert machine.wires[1].receive(1) == [bytes(range(60))]
    assert machine.poweroff() == 0


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_any_number_of_cores_forwards(boot, cores):
    machine = boot("app=forward", cores=cores)
    machine.wires[1].send(bytes(range(64)))
    assert machine.wires[0].receive(1) == [bytes(range(64))]
    balanced(machine)
    assert machine.poweroff() == 0


def test_no_segment_of_the_image_is_both_writable_and_executable():
    text = subprocess.run(["readelf", "-lW", IMAGE], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    flags = re.findall(r"^ +LOAD .* 0x[0-9a-f]+ ([R ][W ][E ]) 0x[0-9a-f]+$", text, re.M)
    assert sorted(flags) == ["R  ", "R E", "R E", "RW "], text


def test_show_version_is_that_of_git(boot):
    machine = boot("app=forward", wires=0)
    [version] = machine.json("show version -j")
    assert re.fullmatch(r"unknown|[\w./+-]+", version["commit"])
    assert re.fullmatch(r"unknown|\d{4}-\d\d-\d\d", version["date"])
    assert re.search(r"\d", version["compiler"])
    text = machine.run("show version")
    assert all(word in text for word in version.values()) and text.startswith("ferrule ")
