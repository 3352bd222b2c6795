# SPDX-License-Identifier: BSD-2-Clause
"""Commands to the running machine: stop and start under load with an exact ledger, and a boot line from
`show config` that configures the same machine again."""
import json
import logging
import threading
import time

import pytest

from conftest import balanced
from machine import PATIENCE_S, wait_until

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import IP, UDP  # noqa: E402
from scapy.layers.l2 import ARP, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

US, THEM = "52:54:00:aa:bb:01", "52:54:00:00:00:0a"
FRAMES = [bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, n]) + b"\x88\xb5" + bytes([n]) * (50 + 7 * n)
          for n in range(100)]


class Load:
    """Sends frames to every port continuously until end(); discards the output."""

    def __init__(self, machine, frames=lambda port: FRAMES):
        self.machine, self.is_over = machine, False
        self.threads = [threading.Thread(target=self.blast, args=(wire, frames(i)))
                        for i, wire in enumerate(machine.wires)]
        for thread in self.threads:
            thread.start()

    def blast(self, wire, frames):
        while not self.is_over:
            wire.send(*frames)
            wire.forget()
            time.sleep(0.01)

    def end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join(PATIENCE_S)


def wait_until_the_cards_agree(machine):
    """Wait until the cards' counters equal ours: a frame may still be on its way to the wire."""
    limit = time.monotonic() + PATIENCE_S
    while True:
        ledger = balanced(machine)
        if all(row["sent"] == row["card_tx_packets"] and row["received"] == row["card_rx_packets"]
               for row in ledger["ports"]):
            return
        assert time.monotonic() < limit, ledger["ports"]


def frames_move(machine):
    """Wait until a hundred more frames have been received."""
    before = balanced(machine)["received"]
    wait_until(lambda: balanced(machine)["received"], lambda n: n >= before + 100,
               f"the running machine receives more than {before} frames")


def nothing_moves(machine):
    """No frame is received while each card drops a hundred more."""
    before = balanced(machine)["received"]
    for port in (0, 1):
        refused = machine.truth(port)["dropped_no_descriptor"]
        wait_until(lambda: machine.truth(port)["dropped_no_descriptor"],
                   lambda n: n >= refused + 100, f"port{port}'s card drops incoming frames")
    assert balanced(machine)["received"] == before


@pytest.mark.parametrize("line", ["app=forward", "app=forward cpus=1 poll=always"])
def test_stop_under_load_leaves_nothing_held_and_an_exact_ledger(boot, line):
    machine = boot(line)
    load = Load(machine)
    try:
        for _ in range(5):
            frames_move(machine)
            assert machine.run("stop") == ""
            ledger = balanced(machine)
            assert ledger["held"] == 0 and ledger["received"] > 0, ledger
            assert sum(ledger["drops"].values()) == 0, ledger
            wait_until_the_cards_agree(machine)
            nothing_moves(machine)
            assert machine.run("stop; start; start") == ""
            frames_move(machine)
    finally:
        load.end()
    balanced(machine)


@pytest.mark.parametrize("line", [
    "app=sink port0.ip=192.0.2.1/24 port1.ip=198.51.100.1/24",
    "app=route port0.ip=192.0.2.1/24 port1.ip=198.51.100.1/24 route=0.0.0.0/0,198.51.100.2",
    "app=echo port0.ip=192.0.2.1/24 port1.ip=198.51.100.1/24"])
def test_stop_start_and_a_trace_under_load_keep_every_ledger(boot, line):
    """Frames for the application, and others, while it is stopped, traced and started."""
    machine = boot(line, devices=["mac=52:54:00:00:00:0a", "mac=52:54:00:00:00:0b"])
    load = Load(machine, lambda i: [bytes(
        Ether(src=US, dst=f"52:54:00:00:00:0{'ab'[i]}")
        / IP(src=("192.0.2.9", "198.51.100.9")[i], dst=dst) / UDP(sport=40000 + n, dport=7)
        / Raw(b"load" * 20)) for n in range(20)
        for dst in ("192.0.2.1", "198.51.100.1", "203.0.113.5")] + FRAMES[:5])
    try:
        for _ in range(3):
            rows = machine.json("trace port 0 30 -j")
            assert rows[-1]["shown"] == 30 and len(rows) == 31
            assert all(row["became"] in ("sent", "consumed", "dropped", "kept") for row in rows[:-1])
            machine.run("stop")
            balanced(machine)
            nothing_moves(machine)
            machine.run("start")
            frames_move(machine)
    finally:
        load.end()
    balanced(machine)


def test_start_and_stop_refuse_words_unknown_to_the_application(boot):
    machine = boot("app=forward", links=False)
    assert "start takes no arguments with app=forward" in machine.run("start now")
    assert "stop takes no arguments with app=forward" in machine.run("stop now")


def test_the_boot_line_of_show_config_configures_the_same_machine(boot):
    line = ("app=echo port0.ip=192.0.2.1/24 port0.gw=192.0.2.254 port0.gw=192.0.2.7 port1.gw=1 cpus=3 "
            "colour=red poll=always panic=exit run=\"set loglevel warn\"")
    machine = boot(line, prompt=False)
    machine.expect(r"^ferrule> set loglevel warn\r?\n")
    machine.prompt()
    machine.wait_links()
    config = machine.run("show config")
    assert set(config.split()) == {
        "app=echo", "port0.ip=192.0.2.1/24", "port0.gw=192.0.2.7", "cpus=3", "poll=always",
        "panic=exit", "loglevel=warn"}
    assert machine.json("show config -j")[0]["port0.gw"] == "192.0.2.7"
    again = boot(config)
    assert again.run("show config") == config


def send_udp(machine, ip):
    """Send a datagram to the echo at this address."""
    machine.wires[0].send(bytes(Ether(src=US, dst=THEM) / IP(src="192.0.2.9", dst=ip)
                                / UDP(sport=40000, dport=7) / Raw(b"hello" * 6)))


def answers_udp(machine, ip):
    """A datagram is echoed, and no earlier one is."""
    send_udp(machine, ip)
    answer = Ether(machine.wires[0].receive_where(lambda f: Ether(f).dst == US and UDP in Ether(f)))
    assert answer[IP].src == ip, answer.summary()


@pytest.mark.parametrize("line, commands", [
    ("app=route port0.ip=192.0.2.1/24 port1.ip=198.51.100.1/24 route=10.0.0.0/8,192.0.2.2",
     "set route 172.16.0.0/12 via 198.51.100.2; clear route 10.0.0.0/8; set poll always"),
    ("app=generate port0.ip=192.0.2.1/24 rate=1000pps size=64 port1.state=down", "set loglevel error"),
    ("app=sink port0.ip=192.0.2.1/24 port0.vlan=7 iommu=off", "set port 1 down")])
def test_config_of_each_application_survives_a_boot(boot, line, commands):
    machine = boot(line, links=False)
    machine.wait_link(0, True)
    machine.run(commands)
    config = machine.run("show config")
    assert "app=" in config and "\n" not in config
    again = boot(config, links=False)
    again.wait_link(0, True)
    assert again.run("show config") == config
    assert again.json("show config -j") == machine.json("show config -j")


def test_addresses_change_at_run_time_and_in_the_config(boot):
    machine = boot("app=echo port0.ip=192.0.2.1/24 port0.gw=192.0.2.254", devices=[f"mac={THEM}"])
    answers_udp(machine, "192.0.2.1")
    assert machine.run("set port 0 ip 192.0.2.130/25") == ""
    machine.wires[0].receive_where(lambda f: ARP in Ether(f) and Ether(f)[ARP].pdst == "192.0.2.130")
    answers_udp(machine, "192.0.2.130")
    send_udp(machine, "192.0.2.1")
    wait_until(lambda: balanced(machine)["drops"]["ip_not_ours"], lambda n: n == 1,
               "a datagram for the old address is dropped")
    answers_udp(machine, "192.0.2.130")
    assert machine.run("show config") == "app=echo port0.ip=192.0.2.130/25 port0.gw=192.0.2.254"
    assert machine.run("set port 0 ip 198.51.100.1/24") == ""  # the gateway is outside this net
    assert machine.run("show config") == "app=echo port0.ip=198.51.100.1/24"
    assert machine.run("stop; set port 0 gw 198.51.100.2; show config -j") == \
        '{"app":"echo","port0.ip":"198.51.100.1/24","port0.gw":"198.51.100.2"}'
    refused = machine.truth(0)["dropped_no_descriptor"]
    send_udp(machine, "198.51.100.1")
    wait_until(lambda: machine.truth(0)["dropped_no_descriptor"], lambda n: n == refused + 1,
               "the card of the stopped machine drops the datagram")
    machine.run("start")
    for words, why in (("0 ip", "set port 0 up"), ("0 ip x", "is invalid"), ("0 sideways", "up, down"),
                       ("0 gw 10.0.0.1", "address not set"), ("0 ip 224.0.0.1/4", "address not set"),
                       ("1 ip 10.0.0.1/8", "port1 has no stack"), ("2 up", "usage: set port N")):
        assert why in machine.run(f"set port {words}")
    assert machine.run("show config") == \
        "app=echo port0.ip=198.51.100.1/24 port0.gw=198.51.100.2"
    balanced(machine)


def test_a_port_that_is_down_in_the_boot_line_stays_down_until_set_up(boot):
    machine = boot("app=forward poll=always port1.state=down", links=False)
    machine.wait_link(0, True)
    assert machine.ports()[1]["link"] == "down"
    machine.wires[0].send(*FRAMES[:10])
    wait_until(lambda: balanced(machine)["drops"], lambda drops: drops["tx_no_link"] == 10,
               "frames for port1 are dropped while it is down")
    wait_until(lambda: machine.console_text, lambda text: "first handled" in text,
               "the log line of the first frame, which must not come into the next output")
    assert machine.run("set poll adaptive; show config") == "app=forward port1.state=down"
    machine.run("set port 1 up")
    machine.wait_link(1, True)
    machine.wires[0].send(*FRAMES[:10])
    assert machine.wires[1].receive(10) == FRAMES[:10]
    assert machine.run("set poll always; show config") == "app=forward poll=always"
    machine.wires[1].send(*FRAMES)
    assert machine.wires[0].receive(len(FRAMES)) == FRAMES
    balanced(machine)


def test_neighbours_and_counters_are_cleared_and_the_ledger_is_not(boot):
    machine = boot("app=echo port0.ip=192.0.2.1/24", wires=1, devices=[f"mac={THEM}"])
    answers_udp(machine, "192.0.2.1")
    machine.send("ping 192.0.2.9 1\r")
    machine.wires[0].receive_where(lambda f: ARP in Ether(f) and Ether(f)[ARP].pdst == "192.0.2.9")
    machine.wires[0].send(bytes(Ether(src=US, dst=THEM) / ARP(
        op=2, hwsrc=US, psrc="192.0.2.9", hwdst=THEM, pdst="192.0.2.1")))
    machine.expect("0 received")
    machine.prompt()
    assert [row["state"] for row in machine.json("show arp -j")] == ["ours", "known"]
    assert machine.run("clear arp; clear counters").startswith("counters of show ports set to zero")
    assert [row["state"] for row in machine.json("show arp -j")] == ["ours"]
    assert machine.ports()[0]["rx_packets"] == 0
    assert balanced(machine)["received"] >= 2
    answers_udp(machine, "192.0.2.1")
    assert machine.ports()[0]["rx_packets"] >= 1


def test_the_longest_listing_is_complete(boot):
    """The mappings of the most ports and cores: more than any other command prints."""
    machine = boot("app=forward", wires=8, cores=16, memory_mb=4096, iommu=True, links=False)
    lines = machine.run("show iommu -j").splitlines()
    assert sum(map(len, lines)) > 64 << 10
    rows = [json.loads(line) for line in lines]
    ports = [sum(row.get("port") == port for row in rows) for port in range(8)]
    assert min(ports) == max(ports) > 16, ports
    assert sum("interrupt" in row for row in rows) >= 8 * 17
    assert machine.poweroff() == 0
