# SPDX-License-Identifier: BSD-2-Clause
"""app=echo and a Linux host: ping of every size, arping, duplicate addresses on either side, datagrams
that both sides fragment and reassemble, and the results of nmap and hping3. VLANs are in
test_stack.py, since not every kernel supports them."""
import re

import pytest

import hosts
from conftest import balanced
from machine import PATIENCE_S, Wire, wait_until

US, LINUX = "192.0.2.1", "192.0.2.9"

# Sends a datagram of each size to a UDP port from a socket, and prints the sizes that came back whole.
ECHO = """
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.settimeout(float(sys.argv[2]))
s.connect((sys.argv[1], 7))
for size in map(int, sys.argv[3:]):
    data = os.urandom(size)
    s.send(data)
    if s.recv(65536) == data:
        print(size)
"""


@pytest.fixture
def linux(request):
    host = hosts.Host("linux")
    request.addfinalizer(host.close)
    return host


@pytest.fixture
def echo(boot, linux):
    linux.add_address(f"{LINUX}/24")
    machine = boot(f"app=echo port0.ip={US}/24", [linux])
    linux.wait_carrier()
    return machine


def ping(host, *options, count=2, to=US):
    """The number of replies."""
    text = host.run("ping", "-n", "-c", str(count), "-i", "0.2", "-W", str(int(PATIENCE_S / 2)),
                    *options, to, check=False)
    return int(re.search(r"(\d+) received", text)[1])


def test_ping_of_every_size_is_answered(echo, linux):
    sizes = [0, 1, 7, 8, 17, 18, 19, 56, 255, 1471, 1472, 1473, 1480, 1481, 2951, 2952, 2953, 4096, 8000,
             9000, 16384, 20001, 32767, 32768, 40000, 50003, 60000, 65000, 65506, 65507]
    for size in sizes:
        assert ping(linux, "-s", str(size)) == 2, size
    ledger = balanced(echo)
    assert sum(ledger["drops"].values()) == 0 and ledger["held"] == 0, ledger


def test_many_large_pings_at_once_are_answered(echo, linux):
    """Four processes, each with 5 or 6 fragments in a datagram."""
    pings = [linux.start("ping", "-n", "-q", "-c", "50", "-i", "0.02", "-W", "20", "-s", str(size), US)
             for size in (7000, 7500, 8000, 8500)]
    for process in pings:
        text, _ = process.communicate(timeout=PATIENCE_S)
        assert "50 received" in text, text
    balanced(echo)


def test_udp_echo_of_datagrams_that_both_sides_fragment(echo, linux):
    sizes = [0, 1, 1472, 1473, 3000, 9000, 30000, 65507]
    text = linux.run("python3", "-c", ECHO, US, str(PATIENCE_S), *map(str, sizes), timeout_s=90)
    assert [int(line) for line in text.split()] == sizes
    balanced(echo)


def test_router_answers_large_pings_to_each_of_its_addresses(boot, linux):
    linux.add_address(f"{LINUX}/24")
    machine = boot(f"app=route port0.ip={US}/24 port1.ip=198.51.100.1/24", [linux, Wire()])
    linux.wait_carrier()
    linux.run("ip", "route", "add", "198.51.100.0/24", "via", US)
    for address in (US, "198.51.100.1"):
        for size in (56, 1473, 9000, 65507):
            assert ping(linux, "-s", str(size), to=address) == 2
        text = linux.run("python3", "-c", ECHO, address, str(PATIENCE_S), "10", "60000", timeout_s=90)
        assert text.split() == ["10", "60000"]
    ledger = balanced(machine)
    assert sum(ledger["drops"].values()) == 0 and ledger["held"] == 0, ledger


def test_arping_finds_only_the_address_of_the_port(echo, linux):
    mac = echo.ports()[0]["mac"]
    text = linux.run("arping", "-I", "tap0", "-c", "3", US)
    assert text.lower().count(f"reply from {US} [{mac}]") == 3, text
    text = linux.run("arping", "-I", "tap0", "-c", "1", "-w", "2", "192.0.2.77", check=False)
    assert "Received 0 response" in text
    # Duplicate address detection: the probes that a host sends before it uses an address.
    text = linux.run("arping", "-D", "-I", "tap0", "-c", "2", US, check=False)
    assert "reply from" in text.lower() and mac in text.lower()
    text = linux.run("arping", "-D", "-I", "tap0", "-c", "2", "-w", "3", "192.0.2.77")
    assert "reply from" not in text.lower()
    for form in ("-U", "-A"):  # announcements of other hosts create no entry
        linux.run("arping", form, "-I", "tap0", "-c", "1", "-s", LINUX, LINUX, check=False)
    assert [row["ip"] for row in echo.json("show arp -j")] == [US]
    balanced(echo)


def test_address_that_linux_has_is_not_taken_until_it_is_free(boot, linux):
    linux.add_address(f"{LINUX}/24")
    linux.add_address(f"{US}/24")
    machine = boot(f"app=echo port0.ip={US}/24", [linux], links=False)
    mac = linux.interface()["address"]
    machine.expect(rf"port0: {mac} has our address", PATIENCE_S)
    assert machine.json("show arp -j")[0]["state"] == "in use"
    linux.run("ip", "address", "del", f"{US}/24", "dev", "tap0")
    assert "Received 0 response" in linux.run("arping", "-I", "tap0", "-c", "2", "-w", "3", US,
                                              check=False)
    machine.expect("port0: no other host has our address any more", 80 + PATIENCE_S)
    assert ping(linux) == 2
    balanced(machine)


def test_linux_using_our_address_is_reported(boot, linux):
    linux.add_address(f"{LINUX}/24")
    # Linux creates an entry by the announcement after our probes: then the address is in use.
    linux.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/tap0/arp_accept")
    echo = boot(f"app=echo port0.ip={US}/24", [linux])
    linux.wait_carrier()
    wait_until(lambda: linux.run("ip", "neighbour", "show", US), lambda shown: "lladdr" in shown,
               f"Linux hears us announce {US}")
    assert ping(linux) == 2
    mac = linux.interface()["address"]
    linux.add_address(f"{US}/24")
    linux.run("arping", "-U", "-I", "tap0", "-c", "1", "-s", US, US, check=False)
    echo.expect(rf"port0: {mac} claims our address", PATIENCE_S)
    balanced(echo)


def test_ping_command_reaches_linux(echo, linux):
    text = echo.run(f"ping {LINUX} 3", 30)
    assert "3 received" in text, text
    neighbour = {row["ip"]: row for row in echo.json("show arp -j")}[LINUX]
    assert neighbour["mac"] == linux.interface()["address"] and neighbour["state"] == "known"


def nmap(host, *options):
    """({port or protocol: state}, nmap's text)"""
    text = host.run("nmap", "-n", "-Pn", "-oG", "-", "--reason", *options, US, timeout_s=300)
    ports = re.search(r"(?:Ports|Protocols): ([^\t\n]*)", text)
    rows = [row.strip().split("/") for row in ports[1].split(",")] if ports else []
    return {int(row[0]): row[1] for row in rows}, text


def test_nmap_udp_scan_finds_open_and_closed_ports(echo, linux):
    states, text = nmap(linux, "-sU", "-p", "7,9,53,123,161,500,862,1000-1009")
    assert states.pop(7) == "open", text
    assert states.pop(9) == "open|filtered", text
    assert len(states) == 15 and set(states.values()) == {"closed"}, text
    balanced(echo)


def test_nmap_protocol_scan_finds_icmp_and_udp(echo, linux):
    states, text = nmap(linux, "-sO", "-p", "1,2,6,17,47,50,89,132,254")
    assert states[1] == "open" and states[17].startswith("open"), text
    assert {states[p] for p in (2, 6, 47, 50, 89, 132, 254)} == {"closed"}, text
    balanced(echo)


def hping3(host, *options):
    return host.run("hping3", "-n", "-c", "3", "-i", "u200000", *options, US, check=False)


def test_hping3_gets_the_replies_and_errors_of_a_host(echo, linux):
    assert ping(linux) == 2  # both have an ARP entry
    assert hping3(linux, "--udp", "-p", "53").count("ICMP Port Unreachable") == 3
    assert hping3(linux, "--rawip", "-H", "89").count("ICMP Protocol Unreachable") == 3
    assert hping3(linux, "--icmp").count("icmp_seq=") == 3
    assert hping3(linux, "--icmp", "--ttl", "1").count("icmp_seq=") == 3  # TTL 1 is enough: it has arrived
    assert hping3(linux, "--icmp", "-d", "5000", "--frag", "--mtu", "576").count("icmp_seq=") == 3
    # No answer to a bad checksum, unsupported ICMP types, an invalid source, a lone fragment.
    for quiet in (["--udp", "-p", "7", "--badcksum"], ["--icmp", "--icmptype", "13"],
                  ["--icmp", "--icmptype", "17"], ["--udp", "-p", "53", "--spoof", "127.0.0.1"],
                  ["--udp", "-p", "53", "--fragoff", "8"]):
        text = hping3(linux, *quiet)
        assert "ICMP" not in text and "seq=" not in text, (quiet, text)
    drops = {name: n for name, n in balanced(echo)["drops"].items() if n}
    assert drops["udp_no_port"] == drops["ip_protocol"] == drops["udp_checksum"] == 3, drops
    assert drops["icmp_bad"] == 6 and drops["ip_source"] == 3, drops
