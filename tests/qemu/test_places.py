# SPDX-License-Identifier: BSD-2-Clause
"""Port numbers: a card that fails keeps its number, so that the others keep theirs with their addresses;
the boot line binds numbers to cards by PCI address or MAC address."""
import pytest
from scapy.all import ARP, Ether

MACS = [f"52:54:00:00:00:0{i}" for i in range(3)]
CARDS = [f"mac={mac}" for mac in MACS]
FAILS = ["evil=nvm-checksum:1," + CARDS[0]] + CARDS[1:]
ADDRESSES = " ".join(f"port{i}.ip=192.0.{i}.1/24" for i in range(3))


def answers(machine, wire, port, mac):
    machine.wires[wire].send(bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src="52:54:00:00:00:99") /
                             ARP(op=1, hwsrc="52:54:00:00:00:99", psrc=f"192.0.{port}.9", pdst=f"192.0.{port}.1")))
    def is_answer(frame):
        packet = Ether(frame)
        return ARP in packet and packet[ARP].op == 2 and packet[ARP].psrc == f"192.0.{port}.1"
    assert Ether(machine.wires[wire].receive_where(is_answer)).src == mac


@pytest.mark.parametrize("iommu", [False, True], ids=["direct", "vtd"])
@pytest.mark.parametrize("app", ["echo", "route"])
def test_a_card_that_fails_keeps_its_number(boot, app, iommu):
    machine = boot(f"app={app} {ADDRESSES}", wires=3, devices=FAILS, iommu=iommu, links=False)
    for port in (1, 2):
        machine.wait_link(port, True)
        answers(machine, port, port, MACS[port])
    assert "port0 is not used: no working card" in machine.console_text
    rows = machine.ports()
    assert [row["link"] for row in rows] == ["failed", "up", "up"]
    assert [row["mac"] for row in rows[1:]] == MACS[1:]
    text = machine.run("show ports")
    assert "\nport0 failed\n" in text
    assert f"\nport0: {rows[0]['pci']}, not used: the log has the reason" in text
    assert f"\nport2: {rows[2]['pci']} X540-AT2" in text
    for command in ("set port 0 up", "set port 0 down", "set port 0 ip 192.0.9.1/24", "trace port 0 1"):
        assert "port0 has no working card" in machine.run(command)
    assert machine.run("stop; start") == ""
    assert "port0.ip=192.0.0.1/24" in machine.run("show config")
    for command in ("show cores", "show arp", "show config", "clear counters", "show log", "show ledger"):
        machine.run(command)
    answers(machine, 2, 2, MACS[2])
    assert machine.ledger()["balanced"]
    assert machine.poweroff() == 0


def test_forward_gives_the_partner_of_a_failed_card_no_lane(boot):
    machine = boot("app=forward", wires=3, devices=FAILS, links=False)
    for port in (1, 2):
        machine.wait_link(port, True)
        assert f"port{port} is not used by app=forward" in machine.console_text
    assert "->" not in machine.console_text
    assert machine.poweroff() == 0


def test_generate_and_sink_start_beside_a_failed_card(boot):
    machine = boot("app=generate", wires=3, devices=FAILS, links=False)
    machine.wait_link(1, True)
    assert "without a working card" in machine.run("start rate=1000 count=1 ports=0")
    machine.run("start rate=1000 count=9 ports=1 dst=198.18.0.9 dstmac=02:00:00:00:00:09")
    machine.wires[1].receive(9)
    assert machine.ledger()["balanced"]
    assert machine.poweroff() == 0


def test_cards_are_bound_by_pci_address_and_by_mac(boot):
    machine = boot(f"app=echo port0={MACS[2].upper()} port1=00:01.0 port4=0000:7f:00.0 {ADDRESSES}", wires=3,
                   devices=CARDS, links=False)
    rows = machine.ports()
    assert [row["link"] for row in rows[3:]] == ["none", "none"]
    assert [row["mac"] for row in rows[:3]] == [MACS[2], MACS[0], MACS[1]]
    assert "port4=0000:7f:00.0: no such card, or an earlier port has it; port4 stays empty" in machine.console_text
    for port, card in ((0, 2), (1, 0), (2, 1)):
        machine.wait_link(port, True)
        answers(machine, card, port, MACS[card])
    assert "\nport3: no card has this place\n" in machine.run("show ports")
    assert f"port0={MACS[2].upper()} port1=00:01.0" in machine.run("show config")
    assert machine.poweroff() == 0


def test_a_wrong_name_is_reported(boot):
    machine = boot("app=forward port0=eth0", devices=CARDS[:2])
    assert "port0=eth0 is invalid; expected a PCI address such as 0000:03:00.0 or a MAC address" in machine.console_text
    assert [row["mac"] for row in machine.ports()] == MACS[:2]


def test_show_card_prints_registers_by_name(boot):
    machine = boot("app=forward bringup=verbose", wires=2)
    assert "x540 p0: STATUS 0x" in machine.console_text and "x540 p1: NVM 0x38:" in machine.console_text
    text = machine.run("show card 1")
    assert max(map(len, text.splitlines())) <= 80
    assert "LINKS          0x042a4  0x" in text
    rows = {row["register"]: row for row in machine.json("show card 0 0 -j")}
    assert rows["STATUS"]["offset"] == "0x00008"
    assert int(rows["RXCTRL"]["value"], 0) == 1
    assert int(rows["TXDCTL[0]"]["value"], 0) >> 25 & 1
    assert "usage: show card" in machine.run("show card 2")
    machine.wires[0].send(bytes(60))
    machine.wires[1].receive()
    machine.run("show card 0; show card 1")
    assert [row["rx_packets"] for row in machine.ports()] == [1, 0]
    machine.card(0, "evil", "all-ones:1")
    assert "the card does not answer: STATUS reads 0xffffffff" in machine.run("show card 0")
