# SPDX-License-Identifier: BSD-2-Clause
"""app=echo and frames built by Scapy: fragments in any order, repeated, overlapping, never complete;
a TWAMP-light sender; VLAN and priority tags; cases in which no ICMP error is sent."""
import itertools
import logging
import random
import struct
import time

import pytest

from conftest import balanced, settled
from machine import PATIENCE_S, Failure, wait_until

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, UDP, defragment, fragment  # noqa: E402
from scapy.layers.l2 import ARP, Dot1Q, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

OUR_MAC, THEIR_MAC = "52:54:00:aa:bb:01", "52:54:00:00:00:0a"
OUR_IP, THEIR_IP = "192.0.2.9", "192.0.2.1"
TWAMP = 862


@pytest.fixture
def echo(boot):
    return boot(f"app=echo port0.ip={THEIR_IP}/24 twamp={TWAMP}", wires=1,
                devices=[f"mac={THEIR_MAC}"])


def ip(**fields):
    return Ether(src=OUR_MAC, dst=THEIR_MAC) / IP(src=OUR_IP, dst=THEIR_IP, **fields)


def is_ip(frame, protocol):
    return frame[12:14] == b"\x08\x00" and frame[23] == protocol


def answer(machine, protocol, timeout_s=PATIENCE_S):
    """The next datagram of that protocol, reassembled by Scapy."""
    pieces = []
    while True:
        pieces.append(Ether(machine.wires[0].receive_where(lambda f: is_ip(f, protocol), timeout_s)))
        if not pieces[-1][IP].flags.MF and pieces[-1][IP].frag == 0:
            return pieces[-1]
        if sum(len(p[IP].payload) for p in pieces) >= \
                max(p[IP].frag * 8 + len(p[IP].payload) for p in pieces) \
                and any(not p[IP].flags.MF for p in pieces):
            whole = defragment(pieces)
            assert len(whole) == 1
            return Ether(bytes(whole[0]))


def pieces_of(packet, size):
    return [bytes(p) for p in fragment(packet, size)]


def send_and_match(machine, frames, data):
    machine.wires[0].send(*frames)
    assert bytes(answer(machine, 17)[UDP].payload)[:len(data)] == data


def drops(machine):
    return {name: n for name, n in balanced(machine)["drops"].items() if n}


def test_fragments_in_every_order_are_echoed(echo):
    numbers = random.Random(3)
    for ident, order in enumerate(itertools.permutations(range(4))):
        data = numbers.randbytes(61)
        frames = pieces_of(ip(id=ident + 1) / UDP(sport=4000, dport=7) / Raw(data), 24)
        order = [i for i in order if i < len(frames)]
        send_and_match(echo, [frames[i] for i in order], data)
    for ident in range(100, 110):  # long ones, shuffled, some pieces twice
        data = numbers.randbytes(numbers.randrange(3000, 60000))
        frames = pieces_of(ip(id=ident) / UDP(sport=4000, dport=7) / Raw(data), 1480)
        last = frames.pop(numbers.randrange(len(frames)))
        frames += numbers.sample(frames, min(3, len(frames)))
        numbers.shuffle(frames)
        send_and_match(echo, frames + [last], data)
    settled(echo)
    assert not drops(echo)


def test_two_datagrams_with_interleaved_fragments_are_both_echoed(echo):
    first = pieces_of(ip(id=1) / UDP(sport=4001, dport=7) / Raw(b"a" * 2000), 400)
    second = pieces_of(ip(id=2) / UDP(sport=4002, dport=7) / Raw(b"b" * 2000), 400)
    echo.wires[0].send(*[f for pair in zip(first, second) for f in pair])
    for port, letter in ((4001, b"a"), (4002, b"b")):
        got = answer(echo, 17)
        assert got[UDP].dport == port and bytes(got[UDP].payload) == letter * 2000
    assert not drops(echo)


def test_overlapping_fragments_are_refused_whole(echo):
    """Datagrams whose fragments overlap, each in another way. None is answered, only the datagram after
    them."""
    payload = bytes(UDP(sport=4000, dport=7, len=8 + 92, chksum=0)) + bytes(range(92))

    def piece(ident, at, n, more, change=0):
        part = bytes(b ^ change for b in payload[at:at + n])
        return bytes(ip(id=ident, proto=17, flags="MF" if more else 0, frag=at // 8) / Raw(part))

    seconds = [  # the second fragment, after one of bytes 24..72: offset, length, MF, XOR of the data
        (16, 16, True, 0), (64, 16, True, 0), (16, 64, True, 0), (32, 8, True, 1),
        (24, 48, True, 1), (48, 12, False, 0), (0, 100, True, 0),
    ]
    count = 0
    for ident, (at, n, more, change) in enumerate(seconds, 1):
        n -= n % 8 if more else 0
        rest = [piece(ident, 0, 24, True), piece(ident, 72, 28, False)]
        echo.wires[0].send(piece(ident, 24, 48, True), piece(ident, at, n, more, change), *rest)
        count += 4
        if ident % 4 == 0:  # at most four datagrams of a source are reassembled at a time
            assert drops(echo)["ip_overlap"] <= count
    echo.wires[0].send(bytes(ip(id=99) / UDP(sport=4009, dport=7) / Raw(b"after")))
    got = answer(echo, 17)
    assert got[UDP].dport == 4009
    settled(echo)
    assert drops(echo) == {"ip_overlap": count}
    assert not any(is_ip(f, 17) and f[36:38] == struct.pack(">H", 4000) for f in echo.wires[0].frames)


def test_incomplete_datagrams_are_dropped_with_an_icmp_error(echo):
    frames = pieces_of(ip(id=7) / UDP(sport=4000, dport=7) / Raw(bytes(3000)), 1480)
    headless = pieces_of(ip(id=8) / UDP(sport=4000, dport=7) / Raw(bytes(3000)), 1480)
    began = time.monotonic()
    echo.wires[0].send(frames[0], frames[1], headless[1])
    settled(echo, held=3)
    error = answer(echo, 1, 60 + PATIENCE_S)
    assert 59 < time.monotonic() - began
    assert (error[ICMP].type, error[ICMP].code) == (11, 1)
    quote = bytes(error[ICMP].payload)
    assert quote == frames[0][14:14 + len(quote)] and len(bytes(error[IP])) == 576
    settled(echo)
    assert drops(echo) == {"ip_timeout": 3}
    assert not any(is_ip(f, 1) for f in echo.wires[0].frames[echo.wires[0]._taken:])


def test_icmp_errors_are_limited_and_not_sent_where_rfc_1122_forbids_them(echo):
    udp = UDP(sport=4000, dport=53) / Raw(b"closed")
    inner = bytes(IP(src=THEIR_IP, dst=OUR_IP) / UDP(sport=7, dport=9))
    quiet = [
        ip() / ICMP(type=3, code=3) / Raw(inner), ip() / ICMP(type=11) / Raw(inner),
        ip() / ICMP(type=200) / Raw(inner), ip(proto=89, frag=3) / Raw(bytes(16)),
        Ether(src=OUR_MAC, dst="ff:ff:ff:ff:ff:ff") / IP(src=OUR_IP, dst=THEIR_IP) / udp,
        Ether(src=OUR_MAC, dst="ff:ff:ff:ff:ff:ff") / IP(src=OUR_IP, dst="192.0.2.255") / udp,
        Ether(src=OUR_MAC, dst="01:00:5e:00:00:01") / IP(src=OUR_IP, dst="224.0.0.1") / udp,
        *[Ether(src=OUR_MAC, dst=THEIR_MAC) / IP(src=source, dst=THEIR_IP) / udp
          for source in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.255",
                         "192.0.2.0", THEIR_IP, "240.0.0.1")],
    ]
    echo.wires[0].send(*[bytes(p) for p in quiet])
    echo.wires[0].send(bytes(ip() / UDP(sport=4009, dport=7) / Raw(b"after")))
    assert answer(echo, 17)[UDP].dport == 4009
    settled(echo, held=1)
    assert not any(is_ip(f, 1) for f in echo.wires[0].frames)
    # Many datagrams that permit an error, back to back and over all cores: a burst of 50 errors, then
    # 100 a second, for all cores together.
    began = time.monotonic()
    for first in range(5000, 5600, 60):
        echo.wires[0].send(*[bytes(ip() / UDP(sport=first + i, dport=53) / Raw(b"closed"))
                             for i in range(60)])
    echo.wires[0].send(bytes(ip() / UDP(sport=4009, dport=7) / Raw(b"after")))
    assert answer(echo, 17)[UDP].dport == 4009
    ledger = settled(echo, held=1)
    took = time.monotonic() - began
    errors = sum(is_ip(f, 1) for f in echo.wires[0].frames)
    assert 50 <= errors <= 50 + 100 * took + 1, (errors, took)
    assert sum(row["rx_packets"] > 20 for row in echo.cores()) > 1
    assert ledger["drops"]["udp_no_port"] == 600
    assert ledger["icmp_errors_limited"] == 600 - errors > 0
    assert f"{600 - errors} ICMP errors were not sent" in echo.run("show ledger")


def test_twamp_light_reflects_what_a_sender_sends(echo):
    """Test packets of RFC 4656 section 4.1.2; answers of RFC 5357 section 4.2.1."""
    last_out = 0
    for number, size in enumerate((14, 41, 60, 200, 1472, 3000)):
        stamp = struct.pack(">II", 0xE0000000 + number, 0x12345678)
        test = struct.pack(">I", number) + stamp + b"\x81\x05"
        test += bytes(i & 0xFF for i in range(size - len(test)))
        packet = ip(ttl=255, id=number + 1) / UDP(sport=5000, dport=TWAMP) / Raw(test)
        echo.wires[0].send(*pieces_of(packet, 1480))
        got = answer(echo, 17)
        data = bytes(got[UDP].payload)[:got[UDP].len - 8]
        assert (got[UDP].sport, got[UDP].dport, got[IP].ttl) == (TWAMP, 5000, 255)
        assert len(data) == max(size, 41)
        sequence, out_s, out_f, error, zero, in_s, in_f = struct.unpack(">IIIHHII", data[:24])
        assert sequence == number and zero == 0
        assert not error & 0x8000 and error & 0xFF  # S bit clear (not synchronized); multiplier not 0
        arrived, left = in_s + in_f / 2**32, out_s + out_f / 2**32
        assert last_out < arrived <= left < arrived + 5
        last_out = left
        assert data[24:38] == test[:14] and data[38:40] == b"\0\0" and data[40] == 255
        assert data[41:] == test[41:]
    echo.wires[0].send(bytes(ip() / UDP(sport=TWAMP, dport=TWAMP) / Raw(bytes(60))),
                       bytes(ip() / UDP(sport=5000, dport=TWAMP) / Raw(bytes(13))),
                       bytes(ip() / UDP(sport=4009, dport=7) / Raw(b"after")))
    assert answer(echo, 17)[UDP].dport == 4009
    settled(echo)
    assert drops(echo) == {"udp_loop": 1}


def test_twamp_answers_only_the_senders_of_twamp_from(boot):
    machine = boot(f"app=echo port0.ip={THEIR_IP}/24 twamp=20000 twamp.from=10.0.0.0/24,192.0.2.77", wires=1,
                   devices=[f"mac={THEIR_MAC}"])

    def from_source(source, sport=5000):
        return bytes(Ether(src=OUR_MAC, dst=THEIR_MAC) / IP(src=source, dst=THEIR_IP)
                     / UDP(sport=sport, dport=20000) / Raw(bytes(60)))

    machine.wires[0].send(from_source("192.0.2.76"), from_source("10.0.1.0"), from_source("10.0.0.9", 862),
                          from_source("10.0.0.9"))
    got = answer(machine, 17)
    assert (got[IP].dst, got[UDP].sport, got[UDP].dport) == ("10.0.0.9", 20000, 5000)
    machine.wires[0].send(from_source("192.0.2.77"))
    assert answer(machine, 17)[IP].dst == "192.0.2.77"
    assert drops(machine) == {"udp_refused": 2, "udp_loop": 1}


@pytest.mark.parametrize("ports", [(862, 20000), (20000, 862), (20000, 20001), (20000, 7)])
def test_one_spoofed_datagram_does_not_keep_two_reflectors_busy(boot, ports):
    """Two machines, each a reflector; the datagram claims to come from the second one's."""
    addresses, macs = (THEIR_IP, "192.0.2.2"), (THEIR_MAC, "52:54:00:00:00:0b")
    both = [boot(f"app=echo port0.ip={address}/24 twamp={port if port != 7 else 9000}", wires=1,
                 devices=[f"mac={mac}"]) for address, mac, port in zip(addresses, macs, ports)]
    frame = bytes(Ether(src=macs[1], dst=macs[0]) / IP(src=addresses[1], dst=addresses[0], ttl=64)
                  / UDP(sport=ports[1], dport=ports[0]) / Raw(bytes(60)))

    def answers(machine):
        return [f for f in machine.wires[0].frames if is_ip(f, 17)]

    for turn in range(5):
        to = both[turn % 2]
        before = len(answers(to))
        to.wires[0].send(frame)
        wait_until(lambda to=to: (len(answers(to)), drops(to).get("udp_loop", 0)),
                   lambda seen, before=before: seen[0] > before or seen[1], "an answer or a drop")
        if len(answers(to)) == before:
            break
        frame = answers(to)[-1]
    assert turn <= 3 and [drops(to) for to in both].count({"udp_loop": 1}) == 1, (turn, ports)


def test_an_invalid_list_of_senders_leaves_no_reflector(boot):
    machine = boot(f"app=echo port0.ip={THEIR_IP}/24 twamp=20000 twamp.from=10.0.0.0/24,x", wires=1,
                   devices=[f"mac={THEIR_MAC}"])
    for said in ("boot line: twamp.from=10.0.0.0/24,x is invalid; expected up to 16 prefixes",
                 "twamp=20000: no reflector: twamp.from= is invalid"):
        assert said in machine.console_text, machine.console_text
    machine.wires[0].send(bytes(ip() / UDP(sport=5000, dport=20000) / Raw(bytes(60))))
    assert answer(machine, 1)[ICMP].code == 3
    assert drops(machine) == {"udp_no_port": 1}


def first_ids(machine, flows):
    """The identification of the stack's answer to one datagram of each flow: from the reflector, since
    app=echo itself leaves the sender's."""
    machine.wires[0].send(*[bytes(ip(id=7) / UDP(sport=5000 + f, dport=862) / Raw(bytes(60)))
                            for f in range(flows)])
    return [answer(machine, 17)[IP].id for _ in range(flows)]


def test_identifications_differ_between_cores_and_boots(boot):
    """RFC 6864: no two datagrams of a port have the same one; nor can they be guessed from the uptime."""
    seen = []
    for _ in range(2):
        machine = boot(f"app=echo twamp=862 port0.ip={THEIR_IP}/24", cores=4, wires=1,
                       devices=[f"mac={THEIR_MAC}"])
        ids = first_ids(machine, 64)
        assert len(set(ids)) == 64, sorted(ids)
        assert sum(core["rx_packets"] > 0 for core in machine.json("show cores -j")) >= 2
        seen.append(sorted(ids))
        assert machine.poweroff() == 0
    assert seen[0] != seen[1], seen


def test_arp_for_the_address_is_answered_only_after_its_probes(boot):
    machine = boot(f"app=echo probe=first port0.ip={THEIR_IP}/24", wires=1,
                   devices=[f"mac={THEIR_MAC}"])
    wire = machine.wires[0]
    request = bytes(Ether(src=OUR_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=OUR_MAC, psrc=OUR_IP,
                                                                       pdst=THEIR_IP))
    limit = time.monotonic() + PATIENCE_S
    probes = asked = 0
    while True:  # until the announcement: only probes, no reply to our requests
        assert time.monotonic() < limit, (probes, asked)
        wire.send(request)
        asked += probes > 0
        try:
            arp = Ether(wire.receive(1, 0.3)[0])[ARP]
        except Failure:
            continue
        assert arp.op == 1 and arp.pdst == THEIR_IP, arp
        if arp.psrc == THEIR_IP:
            break
        probes += 1
    assert probes > 0 and asked > 0
    wire.send(request)
    reply = Ether(wire.receive_where(lambda f: f[12:14] == b"\x08\x06" and f[21] == 2))[ARP]
    assert (reply.psrc, reply.hwsrc, reply.pdst) == (THEIR_IP, THEIR_MAC, OUR_IP)
    balanced(machine)


def test_only_frames_with_the_vlan_tag_of_the_address_are_answered(boot):
    machine = boot(f"app=echo port0.ip={THEIR_IP}/24 port0.vlan=100", wires=1,
                   devices=[f"mac={THEIR_MAC}"])
    wire = machine.wires[0]

    def tagged(packet, **tag):
        inner = Ether(bytes(packet))
        return bytes(Ether(src=inner.src, dst=inner.dst) / Dot1Q(type=inner.type, **tag) / inner.payload)

    request = Ether(src=OUR_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=OUR_MAC, psrc=OUR_IP,
                                                                pdst=THEIR_IP)
    wire.send(tagged(request, vlan=100))
    got = Ether(wire.receive_where(lambda f: f[16:18] == b"\x08\x06" and f[24:26] == b"\0\2"))
    assert got[Dot1Q].vlan == 100 and got[ARP].psrc == THEIR_IP
    for size in (5, 1472, 4000):
        whole = ip(id=size) / UDP(sport=4000, dport=7) / Raw(bytes(i & 0xFF for i in range(size)))
        wire.send(*[tagged(p, vlan=100, prio=5) for p in fragment(whole, 1480)])
        got = Ether(wire.receive_where(lambda f: len(f) > 27 and f[27] == 17))
        assert got[Dot1Q].vlan == 100 and got[IP].src == THEIR_IP
        assert got[Dot1Q].prio == (5 if size <= 1472 else 0)
    for packet in (bytes(request), tagged(request, vlan=0), tagged(request, vlan=101),
                   bytes(ip() / UDP(sport=4000, dport=7) / Raw(b"plain"))):
        wire.send(packet)
    wire.send(tagged(ip() / UDP(sport=4009, dport=7) / Raw(b"after"), vlan=100))
    wire.receive_where(lambda f: len(f) > 42 and f[40:42] == struct.pack(">H", 4009))
    settled(machine)
    assert drops(machine) == {"eth_vlan": 4}
    assert all(f[12:16] in (b"\x81\x00\x00\x64", b"\x81\x00\xa0\x64") for f in wire.frames)


def test_priority_tags_are_answered_without_a_tag(echo):
    inner = ip() / UDP(sport=4000, dport=7) / Raw(b"priority")
    for priority in range(8):
        echo.wires[0].send(bytes(Ether(src=OUR_MAC, dst=THEIR_MAC) / Dot1Q(vlan=0, prio=priority)
                                 / inner.payload))
        assert bytes(answer(echo, 17)[UDP].payload)[:8] == b"priority"
    assert not drops(echo)
