# SPDX-License-Identifier: BSD-2-Clause
"""`trace port` and `capture port`: each frame's fate has the right name; text2pcap converts the printed
text to the same frames, byte for byte; filters of `tcpdump -ddd`; several cores; more frames than can be
printed."""
import json
import logging
import re
import subprocess
import time

import pytest

import captures
from conftest import balanced
from machine import PATIENCE_S, Failure, wait_until

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, UDP  # noqa: E402
from scapy.layers.l2 import ARP, Dot1Q, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

OUR_MAC, THEIR_MAC = "52:54:00:aa:bb:01", "52:54:00:00:00:0a"
OUR_IP, THEIR_IP = "192.0.2.9", "192.0.2.1"
ETHER = Ether(src=OUR_MAC, dst=THEIR_MAC)
TO_THEM = ETHER / IP(src=OUR_IP, dst=THEIR_IP, id=0)


def udp(port, data, source=40000):
    return bytes(TO_THEM / UDP(sport=source, dport=port) / Raw(data))


def plain(n, length):
    return bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, n >> 8, n & 255]) + b"\x88\xb5" \
        + bytes((n + i) & 255 for i in range(length - 14))


def mark(machine):
    """Send frames of 700 bytes and more to port 0 until a -j command shows the newest; then all frames
    recorded before it are shown, too. Returns the numbers sent and shown."""
    sent = shown = 0
    limit = time.monotonic() + PATIENCE_S
    while True:
        length, sent = 700 + sent, sent + 1
        machine.wires[0].send(bytes(ETHER)[:12] + plain(sent, length)[12:])
        if len(machine.wires) > 1:
            machine.wires[1].receive_where(lambda f, length=length: len(f) == length)
        try:
            while int(machine.expect(r'^\{"port":0,.*"length":(7\d\d),.*\}', 1)[1]) != length:
                shown += 1
            return sent, shown + 1
        except Failure as failure:  # the tap is not on yet, its log was full, or the console is late
            if time.monotonic() > limit:
                raise Failure(f"port0's tap does not show the newest of {sent} frames: {failure}") from None


def begin(machine, line):
    """Type a trace or a capture command and wait until the tap is on. With -j only the first shown frame
    proves that it is. Returns the numbers of frames sent for that and shown."""
    machine.send(line + "\r")
    if "-j" in line:
        machine.expect(r"\n")
        return mark(machine)
    machine.expect(r"^# frames in|^ +seconds core")
    return 0, 0


def finish(machine, key="\x03"):
    start = machine._mark
    machine.send(key)
    machine.prompt()
    return machine.console_text[start:machine._mark].replace("\r", "")


def to_pcap(folder, text):
    """The procedure on the console's page: lines of frames and their times, through text2pcap."""
    lines = "".join(f"{line}\n" for line in text.splitlines()
                    if re.match(r"([IO] [0-9]+\.|[0-9a-f]{6} )", line))
    path = f"{folder}/captured.pcapng"
    subprocess.run(["text2pcap", "-q", "-D", "-t", "%s.%f", "-", path], input=lines.encode(), check=True,
                   capture_output=True)
    times = [float(line[2:]) for line in lines.splitlines() if line[0] in "IO"]
    return captures.read_frames(path), [line[0] for line in lines.splitlines() if line[0] in "IO"], times


def filter_of(expression):
    return subprocess.run(["tcpdump", "-y", "EN10MB", "-ddd", expression], check=True,
                          capture_output=True, text=True).stdout.strip()


def test_capture_through_text2pcap_gives_the_frames_byte_for_byte(boot, folder):
    machine = boot("app=forward")
    there = [plain(i, length) for i, length in enumerate([60, 61, 75, 76, 77, 128, 1000, 1513, 1514])]
    back = [plain(100 + i, 60 + i) for i in range(5)]
    begin(machine, "capture port 0 1000")
    for frame in there:
        machine.wires[0].send(frame)
        machine.wires[1].receive(1)
    for frame in back:
        machine.wires[1].send(frame)
        machine.wires[0].receive(1)
    wait_until(lambda: re.findall(r"^([IO]) [0-9]+\.", machine.console_text, re.M),  # each at once
               lambda shown: len(shown) >= len(there + back), "the console shows every frame")
    machine._mark = machine.console_text.index("capture port 0 1000")
    frames, directions, times = to_pcap(folder, finish(machine))
    assert frames == there + back
    assert directions == ["I"] * len(there) + ["O"] * len(back)
    assert times == sorted(times) and times[-1] - times[0] < PATIENCE_S
    assert "# 14 frames" in machine.console_text
    # tcpdump reads back the printed times.
    shown = subprocess.run(["tcpdump", "-tt", "-n", "--nano", "-r", f"{folder}/captured.pcapng"],
                           capture_output=True, text=True, check=True).stdout
    assert f"{times[0]:.9f}" in shown
    balanced(machine)


def test_capture_shows_our_own_requests_and_stop_ends_it(boot, folder):
    machine = boot(f"app=echo port0.ip={THEIR_IP}/24", wires=1, devices=[f"mac={THEIR_MAC}"])
    begin(machine, f"capture port 0 4 {filter_of('arp').replace(chr(10), ',')}")
    asked = bytes(ETHER / ARP(op=1, hwsrc=OUR_MAC, psrc=OUR_IP, pdst=THEIR_IP)) + bytes(18)
    machine.wires[0].send(udp(7, b"x" * 30), asked)
    answer = machine.wires[0].receive_where(lambda f: Ether(f).type == 0x806 and Ether(f)[ARP].op == 2)
    machine.expect(r"^O [0-9.]+\r?\n(0000.*\n){4}")
    machine._mark = machine.console_text.index("capture port 0 4")
    frames, directions, _ = to_pcap(folder, finish(machine, "stop\r"))
    assert asked in frames and answer in frames and {"I", "O"} == set(directions)
    assert machine.run("show memory -j").startswith("{")  # `stop` ended the capture and has no further effect
    assert "unknown command" not in machine.console_text


@pytest.mark.parametrize("joined", ["expression", ",", " ", "all commas"])
def test_capture_shows_only_what_the_filter_matches(boot, folder, joined):
    machine = boot("app=forward")
    program = "udp port 53 or (icmp && ip[8] > 0)"
    if joined != "expression":
        program = filter_of(program).replace("\n", " " if joined == " " else ",")
    if joined == "all commas":
        program = program.replace(" ", ",")
    begin(machine, f"capture port 0 3 {program}")
    wanted = [udp(53, b"one"), bytes(TO_THEM / ICMP() / Raw(b"two")), udp(1000, b"three", source=53)]
    others = [udp(54, b"x"), plain(1, 200), bytes(ETHER / ARP())]
    for frame in (others[0], wanted[0], others[1], wanted[1], others[2], wanted[2], wanted[0]):
        machine.wires[0].send(frame)
        machine.wires[1].receive(1)
    machine._mark = machine.console_text.index("capture port 0")
    start = machine._mark
    machine.expect(r"^# 3 frames\r?\n")
    machine.prompt()
    frames, _, _ = to_pcap(folder, machine.console_text[start:].replace("\r", ""))
    assert [f[:len(w)] for f, w in zip(frames, wanted)] == wanted and len(frames) == 3


def test_trace_names_the_fate_of_each_frame(boot):
    machine = boot(f"app=echo port0.ip={THEIR_IP}/24", wires=1, devices=[f"mac={THEIR_MAC}"])
    bad_sum = bytearray(bytes(TO_THEM / ICMP() / Raw(b"x" * 30)))
    bad_sum[24] ^= 0x55
    cases = [
        (udp(7, b"x" * 30), "fast", "sent", None),
        (udp(7, b"x"), "slow", "sent", None),  # padded to 60 bytes
        (bytes(TO_THEM / ICMP() / Raw(b"y" * 30)), "slow", "sent", None),
        (udp(9, b"x" * 30), "slow", "consumed", None),
        (bytes(bad_sum), "slow", "dropped", "ip_checksum"),
        (bytes(ETHER / IP(src=OUR_IP, dst="192.0.2.77") / UDP() / Raw(b"z" * 30)), "slow", "dropped",
         "ip_not_ours"),
        (bytes(ETHER / Dot1Q(vlan=5) / IP(src=OUR_IP, dst=THEIR_IP) / UDP() / Raw(b"z" * 30)), "slow",
         "dropped", "eth_vlan"),
        (bytes(ETHER)[:12] + plain(1, 200)[12:], "slow", "dropped", "eth_other"),
    ]
    _, marks = begin(machine, "trace port 0 1000 -j")
    rows = []
    for frame, *_ in cases:  # flows are on different cores: one frame at a time keeps the order
        machine.wires[0].send(frame.ljust(60, b"\0"))
        rows.append(json.loads(machine.expect(r"^\{.*\}")[0]))
    assert rows[0]["core"] in range(4) and rows[0]["ns"] > 0
    assert [(r["way"], r["became"], r["drop"]) for r in rows] == [tuple(case[1:]) for case in cases]
    assert [r["length"] for r in rows] == [max(60, len(case[0])) for case in cases]
    assert int(rows[0]["word"], 16) & 0xFFFF == rows[0]["length"]
    assert rows[0]["sent"] == rows[0]["length"] and rows[3]["sent"] == 0
    machine.send("\x03")
    machine.expect(rf'^\{{"shown":{marks + len(cases)},"missed":0\}}')
    machine.prompt()
    balanced(machine)


def test_trace_names_the_fate_of_a_frame_to_the_address_of_another_port(boot):
    other = "198.51.100.1"
    machine = boot(f"app=route port0.ip={THEIR_IP}/24 port1.ip={other}/24",
                   devices=[f"mac={THEIR_MAC}", "mac=52:54:00:00:00:0b"])
    begin(machine, "trace port 0 2")
    for protocol, fate in ((UDP(sport=40000, dport=9), "consumed"), (UDP(sport=40000, dport=10),
                                                                     "dropped: udp_no_port")):
        frame = bytes(ETHER / IP(src=OUR_IP, dst=other) / protocol / Raw(b"x" * 100))
        machine.wires[0].send(frame)
        machine.expect(rf" {len(frame)} \S+ +slow +{fate}\r?\n")
    machine.expect(r"# 2 frames\r?\n")
    machine.prompt()
    balanced(machine)


def test_trace_of_a_port_without_an_output_shows_the_drop(boot):
    machine = boot("app=forward")
    machine.set_cable(1, False)
    machine.wait_link(1, False)
    begin(machine, "trace port 0 1")
    machine.wires[0].send(plain(1, 100))
    machine.expect(r" 100 \S+ +slow +dropped: tx_no_link\r?\n# 1 frames\r?\n")
    machine.prompt()
    balanced(machine)


def test_capture_of_more_than_fits_counts_the_rest_and_loses_no_frame(boot):
    machine = boot("app=forward")
    marks_sent, marks_shown = begin(machine, "capture port 0 5000 -j")
    frames = [plain(i, 1514) for i in range(3000)]
    machine.wires[0].send(*frames)
    assert machine.wires[1].receive(len(frames)) == frames
    rows = [machine.expect(r'"length":1514,"direction":"in","bytes":"([0-9a-f]+)"\}').group(1)
            for _ in range(5)]
    assert [bytes.fromhex(row) for row in rows] == frames[:5]
    more, _ = mark(machine)
    machine.send("\x03")
    shown, missed = map(int, machine.expect(r'^\{"shown":(\d+),"missed":(\d+)\}').groups())
    assert shown >= 5 and missed > 0 and shown + missed == marks_shown + len(frames) + more
    assert machine.ledger()["received"] == marks_sent + len(frames) + more
    balanced(machine)
    # The tap is off: the next frames are not recorded, and a new tap begins with the next frame.
    machine.wires[0].send(plain(1, 99))
    machine.wires[1].receive(1)
    begin(machine, "trace port 0")
    machine.wires[0].send(plain(1, 98))
    machine.expect(r"became\r?\n +[0-9.]+ +\d+ +98 \S+ +fast .*\n")
    assert "# 1 frames\n" in finish(machine)


def test_trace_shows_the_frames_of_every_core(boot):
    machine = boot(f"app=echo port0.ip={THEIR_IP}/24", wires=1, devices=[f"mac={THEIR_MAC}"])
    begin(machine, "trace port 0 1000 -j")
    for i in range(64):
        machine.wires[0].send(udp(7, b"x" * 30, source=20000 + 7 * i))
    rows = [json.loads(machine.expect(r'^\{"port".*\}')[0]) for _ in range(64)]
    assert {row["core"] for row in rows} == {0, 1, 2, 3}
    assert all(row["way"] == "fast" and row["became"] == "sent" for row in rows)


def test_unsafe_filters_are_refused(boot):
    machine = boot("app=forward", links=False)
    for words, why in (("9 1", "usage: capture port N"), ("x", "usage: capture port N"),
                       ("0 0", "not a number of frames"),
                       ("0 3 1,5 0 0 0", "jump beyond the end"), ("0 3 1,52 0 0 0", "division by zero"),
                       ("0 3 1,7 0 0 0", "last step does not return"),
                       ("0 3 udp prot 53", 'filter: and or or is missing before "prot"'),
                       ("0 3 ip protochain 6", "filter: protochain is not supported")):
        assert why in machine.run(f"capture port {words}")
    assert "it has no filter" in machine.run("trace port 0 3 1,6 0 0 1")
