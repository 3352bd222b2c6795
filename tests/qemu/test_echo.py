# SPDX-License-Identifier: BSD-2-Clause
"""app=echo: ARP, ICMP echo and the UDP echo port answer packets of an independent builder (Scapy); invalid
frames are dropped and counted under their reason."""
import logging
import random

import pytest

from conftest import balanced, settled
from machine import PATIENCE_S

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, IPOption_NOP, UDP  # noqa: E402
from scapy.layers.l2 import ARP, Dot1Q, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402
from scapy.utils import checksum  # noqa: E402

OUR_MAC, THEIR_MAC = "52:54:00:aa:bb:01", "52:54:00:00:00:0a"
OUR_IP, THEIR_IP = "192.0.2.9", "192.0.2.1"
LINE = f"app=echo port0.ip={THEIR_IP}/24"


@pytest.fixture
def echo(boot):
    machine = boot(LINE, wires=1, devices=[f"mac={THEIR_MAC}"])
    learn(machine)
    return machine


def learn(machine):
    """Send an ARP request, so that both sides know each other's MAC address."""
    machine.wires[0].send(bytes(Ether(src=OUR_MAC, dst="ff:ff:ff:ff:ff:ff")
                                / ARP(op="who-has", hwsrc=OUR_MAC, psrc=OUR_IP, pdst=THEIR_IP)))
    answer = receive(machine, lambda p: ARP in p and p[ARP].op == 2)
    assert answer[ARP].hwsrc == THEIR_MAC and answer[ARP].psrc == THEIR_IP
    assert answer.dst == OUR_MAC and answer.src == THEIR_MAC
    return answer


def receive(machine, wanted, timeout_s=PATIENCE_S):
    return Ether(machine.wires[0].receive_where(lambda f: wanted(Ether(f)), timeout_s))


def ip(**fields):
    return Ether(src=OUR_MAC, dst=THEIR_MAC) / IP(src=OUR_IP, dst=THEIR_IP, **fields)


def checksums_hold(packet):
    """Every checksum equals the one that Scapy computes."""
    fresh = packet.copy()
    for layer in (IP, UDP, ICMP):
        if layer in fresh:
            del fresh[layer].chksum
    return bytes(fresh) == bytes(packet)


def drops(machine):
    return {name: n for name, n in balanced(machine)["drops"].items() if n}


def test_arp_request_is_answered(echo):
    learn(echo)
    balanced(echo)


def test_udp_echo_of_every_size(echo):
    numbers = random.Random(7)
    sizes = list(range(0, 80)) + list(range(80, 1472, 61)) + [1470, 1471, 1472]
    for size in sizes:
        payload = numbers.randbytes(size)
        port = numbers.randrange(1024, 65536)
        echo.wires[0].send(bytes(ip(id=size, ttl=3) / UDP(sport=port, dport=7) / Raw(payload)))
        answer = receive(echo, lambda p: UDP in p)
        assert answer.src == THEIR_MAC and answer.dst == OUR_MAC
        assert (answer[IP].src, answer[IP].dst) == (THEIR_IP, OUR_IP)
        assert (answer[UDP].sport, answer[UDP].dport) == (7, port)
        assert bytes(answer[UDP].payload)[:size] == payload and answer[UDP].len == size + 8
        assert answer[IP].len == size + 28
        assert checksums_hold(answer), answer.show(dump=True)
    assert not drops(echo)


def test_icmp_echo_of_every_size(echo):
    numbers = random.Random(8)
    for size in list(range(0, 70)) + list(range(70, 1472, 67)) + [1471, 1472]:
        payload = numbers.randbytes(size)
        echo.wires[0].send(bytes(ip(ttl=1) / ICMP(type=8, id=size, seq=9) / Raw(payload)))
        answer = receive(echo, lambda p: ICMP in p)
        assert (answer[ICMP].type, answer[ICMP].code) == (0, 0)
        assert (answer[ICMP].id, answer[ICMP].seq) == (size, 9)
        assert bytes(answer[ICMP].payload)[:size] == payload
        assert (answer[IP].src, answer[IP].dst) == (THEIR_IP, OUR_IP)
        assert checksums_hold(answer)
    assert not drops(echo)


def test_udp_without_a_checksum_is_echoed(echo):
    echo.wires[0].send(bytes(ip() / UDP(sport=4000, dport=7, chksum=0) / Raw(b"plain")))
    answer = receive(echo, lambda p: UDP in p)
    assert bytes(answer[UDP].payload)[:5] == b"plain"
    assert answer[UDP].chksum == 0 or checksums_hold(answer)


def test_a_datagram_with_ip_options_is_echoed(echo):
    echo.wires[0].send(bytes(ip(options=[IPOption_NOP()] * 8) / UDP(sport=4000, dport=7)
                             / Raw(b"with options")))
    answer = receive(echo, lambda p: UDP in p)
    assert bytes(answer[UDP].payload)[:12] == b"with options" and checksums_hold(answer)


UDP_OK = UDP(sport=4000, dport=7)


def with_options(four_bytes):
    """A frame with these bytes as its IP options, since Scapy cannot build malformed ones."""
    frame = bytearray(bytes(ip(options=[IPOption_NOP()] * 4) / UDP_OK / Raw(b"x")))
    frame[24:26], frame[34:38] = b"\0\0", four_bytes
    frame[24:26] = checksum(bytes(frame[14:38])).to_bytes(2, "big")
    return frame


WRONG = {
    "ip_checksum": lambda: ip(chksum=0x1234) / UDP_OK / Raw(b"x"),
    "udp_checksum": lambda: ip() / UDP(sport=4000, dport=7, chksum=0x1234) / Raw(b"xyz"),
    "icmp_bad": lambda: ip() / ICMP(type=8, chksum=0x1234) / Raw(b"abc"),
    "udp_no_port": lambda: ip() / UDP(sport=4000, dport=10009) / Raw(b"x"),
    "udp_length": lambda: ip() / UDP(sport=4000, dport=7, len=600, chksum=0) / Raw(b"x" * 60),
    "ip_not_ours": lambda: Ether(src=OUR_MAC, dst=THEIR_MAC)
    / IP(src=OUR_IP, dst="192.0.2.77") / UDP_OK / Raw(b"x"),
    "ip_protocol": lambda: ip(proto=89) / Raw(bytes(40)),
    "ip_header": lambda: ip(len=1000) / UDP_OK / Raw(b"x"),
    "ip_fragment": lambda: ip(flags="MF") / UDP_OK / Raw(b"not a multiple of eight"),
    "ip_option": lambda: with_options(b"\x07\x28\x04\x00"),
    "ip_source": lambda: Ether(src=OUR_MAC, dst=THEIR_MAC)
    / IP(src="224.0.0.1", dst=THEIR_IP) / UDP_OK / Raw(b"x"),
    "arp_bad": lambda: Ether(src=OUR_MAC, dst=THEIR_MAC) / ARP(hwlen=5, pdst=THEIR_IP),
    "eth_vlan": lambda: Ether(src=OUR_MAC, dst=THEIR_MAC) / Dot1Q(vlan=5)
    / IP(src=OUR_IP, dst=THEIR_IP) / UDP_OK / Raw(b"x"),
    "eth_other": lambda: Ether(src=OUR_MAC, dst=THEIR_MAC, type=0x88B5) / Raw(bytes(50)),
}


# Frames that cause an ICMP error: its type and code.
ERRORS = {"udp_no_port": (3, 3), "ip_protocol": (3, 2), "ip_option": (12, 0)}


@pytest.mark.parametrize("name", WRONG)
def test_invalid_frames_are_dropped_under_their_reason(echo, name):
    before = drops(echo)
    assert not before
    echo.wires[0].send(*[bytes(WRONG[name]())] * 3)
    echo.wires[0].send(bytes(ip() / UDP(sport=4001, dport=7) / Raw(b"last")))
    answer = receive(echo, lambda p: UDP in p and p[UDP].dport == 4001)
    assert bytes(answer[UDP].payload)[:4] == b"last"
    settled(echo)
    assert drops(echo) == {name: 3}
    answers = [f for f in echo.wires[0].frames if f[12:14] == b"\x08\x00"]
    errors = [tuple(f[34:36]) for f in answers if f[23] == 1]
    assert errors == ([ERRORS[name]] * 3 if name in ERRORS else [])
    assert len(answers) == len(errors) + 1


def test_ping_command_counts_the_replies(boot):
    machine = boot(LINE, wires=1, devices=[f"mac={THEIR_MAC}"])
    machine.send(f"ping {OUR_IP}\r")
    ask = receive(machine, lambda p: ARP in p and p[ARP].op == 1 and p[ARP].pdst == OUR_IP)
    assert ask[ARP].hwsrc == THEIR_MAC and ask[ARP].psrc == THEIR_IP
    machine.wires[0].send(bytes(Ether(src=OUR_MAC, dst=THEIR_MAC)
                                / ARP(op=2, hwsrc=OUR_MAC, psrc=OUR_IP, hwdst=THEIR_MAC,
                                      pdst=THEIR_IP)))
    for _ in range(3):
        request = receive(machine, lambda p: ICMP in p and p[ICMP].type == 8)
        assert checksums_hold(request) and request.dst == OUR_MAC
        reply = ip() / ICMP(type=0, id=request[ICMP].id, seq=request[ICMP].seq) \
            / Raw(bytes(request[ICMP].payload))
        reply[Raw].load = reply[Raw].load[:request[IP].len - 28]
        machine.wires[0].send(bytes(reply))
    machine.expect(r"transmitted, 3 received")
    machine.prompt()
    ledger = balanced(machine)
    assert ledger["generated"] == ledger["sent"] >= 4  # requests, ARP, announcements


def test_ping_command_without_replies_ends_with_a_line(boot):
    machine = boot(LINE, wires=1)
    text = machine.run("ping 192.0.2.200", 90)
    assert "192.0.2.200" in text
    balanced(machine)
