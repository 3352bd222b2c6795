# SPDX-License-Identifier: BSD-2-Clause
"""The card misbehaves while the image drives it. A test passes if the prompt still answers, the ledger
balances, a line or a counter names the fault, and the card accessed no memory outside its buffers.
(tests/unit has the same faults one by one, and faster.)"""
import re

import pytest
from scapy.all import IP, UDP, Ether

from conftest import balanced
from machine import wait_until


def forwards_again(machine):
    for mark in range(3):
        frame = bytes([0xA0 + mark]) * 90
        machine.wires[0].send(frame)
        machine.wires[1].receive_where(lambda f, frame=frame: f == frame)


@pytest.mark.parametrize("evil, drop", [
    ("rx-length:16383", "rx_length"),
    ("rx-length:5", "rx_length"),
    ("rx-length:1", "rx_length"),
    ("rx-length:16", "rx_length"),
    ("rx-length:2049", "rx_length"),
    ("rx-no-eop:3", "rx_split"),
    ("rx-error:3", "rx_error"),
])
def test_wrong_descriptors_are_refused_and_counted(boot, evil, drop):
    machine = boot("app=forward", complaints=False)
    machine.card(0, "evil", evil)
    machine.wires[0].send(*[bytes([n]) * 100 for n in range(100)])
    ledger = wait_until(lambda: balanced(machine), lambda ledger: ledger["received"] >= 100,
                        "100 frames are received")
    assert ledger["drops"][drop] > 0, ledger
    machine.card(0, "evil", "none")
    machine.wires[1].receive(machine.truth(1)["frames_out"])
    forwards_again(machine)
    balanced(machine)


def misbehave_under_load(machine, evil):
    for port in (0, 1):
        machine.card(port, "evil", evil)
    for n in range(40):
        machine.wires[0].send(*[bytes([n]) * 100] * 25)


def forwards_and_powers_off(machine):
    machine.wait_links()
    forwards_again(machine)
    balanced(machine)
    assert machine.poweroff() == 0


def end_misbehaviour(machine):
    balanced(machine)
    for port in (0, 1):
        machine.card(port, "evil", "none")
    # Stuck frames are sent, or dropped by another reset; frames that waited outside come in.
    wait_until(lambda: (machine.truth(0)["frames_in"], balanced(machine)["held"]),
               lambda seen: seen == (machine.wires[0].sent, 0), "cards that work again handle every frame")
    forwards_and_powers_off(machine)


def test_descriptors_out_of_order_lose_no_frame(boot):
    machine = boot("app=forward", complaints=False)
    misbehave_under_load(machine, "rx-out-of-order:5")
    # The last frame may be held back until another follows it.
    wait_until(machine.ledger, lambda ledger: ledger["sent"] >= 999, "at least 999 of 1000 frames pass")
    end_misbehaviour(machine)


def test_descriptors_written_back_late_lose_no_frame(boot):
    """Every seventh 300 us after those behind it. Its word has a checksum where a transmit command would be."""
    machine = boot("app=forward", complaints=False)
    misbehave_under_load(machine, f"rx-late:{300000 << 32 | 7}")
    wait_until(machine.ledger, lambda ledger: ledger["sent"] >= 1000, "1000 frames pass")
    assert sum(machine.ledger()["drops"].values()) == 0
    end_misbehaviour(machine)


@pytest.mark.parametrize("evil", ["head-jump:0xffffffff", "head-stuck:1"])
def test_progress_that_lies_is_told_and_taken_from_the_card(boot, evil):
    machine = boot("app=forward", complaints=False)
    misbehave_under_load(machine, evil)
    machine.expect(r"port1: transmit queue \d+: head word late: memory has \d+, the card \d+;")
    wait_until(lambda: balanced(machine), lambda ledger: ledger["held"] == 0, "all that left is given back")
    assert (machine.ledger()["heads_bad"] > 0) == evil.startswith("head-jump")
    assert "has sent nothing for" not in machine.console_text
    end_misbehaviour(machine)


@pytest.mark.parametrize("evil", ["head-jump:511", "tx-stuck:1"])
def test_progress_that_cannot_be_told_from_none_is_reset(boot, evil):
    """Nothing leaves; or the head word has been wrong so often that it is not heeded where it is right."""
    machine = boot("app=forward", complaints=False)
    misbehave_under_load(machine, evil)
    machine.expect(r"port1: transmit queue \d+ has sent nothing for \d+ ms, of \d+ slots: reset")
    assert (machine.ledger()["heads_bad"] > 0) == evil.startswith("head-jump")
    end_misbehaviour(machine)


def test_a_port_that_is_down_stays_down_whatever_its_card_reports(boot):
    """A memory error, for which a port in service is reset."""
    machine = boot("app=forward", complaints=False)
    machine.run("set port 1 down")
    for _ in range(3):
        machine.card(1, "evil", "causes:0x10000000")
        before = balanced(machine)["drops"]["tx_no_link"]
        machine.wires[0].send(*[bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, n]) + bytes(52) for n in range(20)])
        wait_until(lambda: balanced(machine)["drops"]["tx_no_link"], lambda n: n >= before + 20,
                   "frames for the port are dropped")
        assert machine.ports()[1]["link"] == "down"
    assert "memory error" not in machine.console_text
    assert machine.run("show config") == "app=forward port1.state=down"
    machine.run("set port 1 up")
    machine.wait_links()
    forwards_again(machine)
    assert machine.poweroff() == 0


@pytest.mark.parametrize("cable", [False, True])
def test_memory_errors_end_the_port_at_the_third_in_a_minute(boot, cable):
    """EICR bit 28, three times, whether or not the link comes up in between."""
    machine = boot("app=forward", complaints=False)
    if not cable:
        machine.set_cable(1, False)
        machine.expect("port1: link down")
    for _ in range(2):
        machine.card(1, "evil", "causes:0x10000000")
        machine.expect("port1: memory error in the card: reset")
        if cable:
            machine.expect("port1: link up")
        machine.wait_steps()  # a cause that comes within the reset ends with it
    machine.card(1, "evil", "causes:0x10000000")
    machine.expect("port1: out of service: third memory error in its card within a minute")
    machine.set_cable(1, True)
    machine.run("set port 1 up")
    machine.wait_links()
    forwards_again(machine)
    assert machine.poweroff() == 0


def test_a_card_that_tells_of_nothing_is_slow_and_loses_nothing(boot):
    """All cores sleep, and no interrupt comes: the clock wakes core 0, and core 0 the others, to see
    whether they still do. Flows for each of them come and go meanwhile."""
    machine = boot("app=forward", complaints=False)
    forwards_again(machine)
    for port in (0, 1):
        machine.card(port, "evil", "irq-silent")
    interrupts = [machine.truth(port)["interrupts"] for port in (0, 1)]
    frames = [bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="192.0.2.1", dst="192.0.2.2")
                    / UDP(sport=1024 + i, dport=9) / bytes(40)) for i in range(64)]
    for first in range(0, 64, 8):
        machine.wires[0].send(*frames[first:first + 8])
        assert sorted(machine.wires[1].receive(8)) == sorted(frames[first:first + 8])
    assert [machine.truth(port)["interrupts"] for port in (0, 1)] == interrupts
    received = [core["rx_packets"] for core in machine.cores()]
    assert len(received) == 4 and min(received) > 0, received
    for port in (0, 1):
        machine.card(port, "evil", "none")
    forwards_again(machine)
    balanced(machine)
    assert machine.poweroff() == 0


def test_a_false_link_is_reset_after_a_second_and_not_before(boot):
    """Port 1's card reports its link as up without a cable, so that it sends nothing. Frames come as soon
    as there are lanes, so that the queue has frames at the first check: the second counts from then, not
    from the machine's start."""
    machine = boot("app=forward", complaints=False, prompt=False, paused=True, devices=["", "evil=link-lies"])
    machine.set_cable(1, False)
    machine.qmp("cont")
    machine.expect(r"port1 -> port0: \d lanes of 512 slots")
    machine.wires[0].send(*[bytes([n]) * 100 for n in range(100)])
    machine.prompt()
    stuck = wait_until(lambda: re.search(r"(\d+)\.(\d{6}) error: port1: transmit queue 0 has sent nothing for "
                                         r"(\d+) ms, of 100 slots: reset", machine.console_text),
                       bool, "port 1 is reset with a line")
    first_us = int(re.search(r" frame +first handled, (\d+) us after entry", machine.console_text)[1])
    stuck_us = int(stuck[1]) * 1000000 + int(stuck[2]) - first_us
    assert 1000000 <= int(stuck[3]) * 1000 <= stuck_us, f"{stuck[0]}, {stuck_us} us after the first frame"
    ledger = wait_until(lambda: balanced(machine), lambda ledger: ledger["held"] == 0, "nothing is held")
    assert (ledger["received"], ledger["sent"], ledger["drops"]["tx_stuck"]) == (100, 0, 100), ledger
    machine.card(1, "evil", "none")
    machine.set_cable(1, True)
    forwards_and_powers_off(machine)


def test_a_card_that_vanishes_is_reported_and_the_other_goes_on(boot):
    machine = boot("app=forward", complaints=False)
    forwards_again(machine)
    machine.card(1, "evil", "all-ones")
    machine.expect(r"p(ort)? ?1\b.*(gone|all ones|0xffffffff)")
    machine.wires[0].send(*[bytes(100)] * 50)
    wait_until(lambda: balanced(machine)["drops"], lambda drops: drops["tx_no_link"] == 50,
               "frames for the missing card are dropped")
    assert len(machine.ports()) == 2
    assert machine.poweroff() == 0


@pytest.mark.parametrize("evil, line", [
    ("semaphore-stuck:1", "SWSM.SMBI still taken after 60 ms, reads 0x"),
    ("semaphore-stuck:2", "SW_FW_SYNC.REGSMP still taken after 50 ms, reads 0x"),
    ("mdio-stuck:1", "no PHY of id 0x01540200 at MDIO addresses 0..31 after 5000 ms"),
    ("dmaidone-stuck", "RDRXCTL.DMAIDONE (0x02f00) reads 0x"),
    ("eec-stuck", "EEC.ARD (0x10010) reads 0x"),
    ("nvm-absent", "EEC reads 0x043faa00: no valid NVM (PRES 0)"),
    ("fwsm:0x8118801B", "FWSM (0x10148) reads 0x8118801b: firmware reports error 0x23"),
])
def test_a_card_whose_firmware_or_phy_is_dead_costs_a_line_and_forwards(boot, evil, line):
    machine = boot("app=forward", complaints=False, devices=["", f"evil={evil}"])
    wait_until(lambda: machine.console_text, lambda text: f": x540 p1: {line}" in text, line)
    forwards_again(machine)
    balanced(machine)
    assert machine.poweroff() == 0


@pytest.mark.parametrize("evil, line", [
    ("all-ones", "STATUS reads 0xffffffff: the card does not answer"),
    ("reset-stuck", "CTRL.RST (0x00000) reads 0x"),
    ("master-stuck", "STATUS.GIO (0x00008) reads 0x"),
    ("enable-stuck", "TXDCTL.ENABLE (0x06028) reads 0x"),
    ("eerd-stuck", "EERD.DONE (0x10014) reads 0x"),
    ("nvm-checksum", "NVM checksum word 0x3F is 0x"),
    ("bad-mac", "RAL0 0x00000000 RAH0 0x"),
])
def test_a_card_that_is_broken_from_the_start_gets_a_line_and_a_prompt(boot, evil, line):
    machine = boot("app=forward", complaints=False, links=False, devices=["", f"evil={evil}"])
    assert f": x540 p1: {line}" in machine.console_text, machine.console_text
    assert machine.ports()[0]["port"] == 0  # the other card works
    balanced(machine)
    assert machine.poweroff() == 0


@pytest.mark.parametrize("evil, line", [
    ("nvm-checksum", "NVM checksum word 0x3F is 0x"),
    ("bad-mac", "RAL0 0x00000000 RAH0 0x"),
    ("fwsm:0x188000", "isolated by its management controller"),
])
def test_a_refused_card_names_the_boot_key_that_uses_it_all_the_same(boot, evil, line):
    machine = boot("app=forward", complaints=False, links=False, devices=["", f"evil={evil}"])
    assert line in machine.console_text
    assert "x540 p1: boot with port1.force=on to use the card all the same" in machine.console_text
    assert [port["link"] == "failed" for port in machine.ports()] == [False, True]
    machine.stop()
    machine = boot("app=forward port1.force=on", complaints=False, devices=["", f"evil={evil}"])
    assert line in machine.console_text
    assert "x540 p1: port1.force=on: the card is used all the same" in machine.console_text
    forwards_again(machine)
    assert machine.poweroff() == 0
