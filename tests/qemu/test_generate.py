# SPDX-License-Identifier: BSD-2-Clause
"""app=generate and app=sink: the sink reports the losses, duplicates and reordering that a simulated
device under test causes; Scapy and a Linux host check the frames sent; garbage, lost links, wrong
options."""
import json
import logging
import random
import re
import threading
import time

import pytest

import hosts
from conftest import balanced
from machine import PATIENCE_S, ROOT, Failure, wait_until
from sharing import Watch

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import IP, UDP  # noqa: E402
from scapy.layers.l2 import ARP, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

MACS = ["52:54:00:00:00:0a", "52:54:00:00:00:0b"]
DEVICES = [f"mac={mac}" for mac in MACS]


def is_probe(frame):
    return len(frame) >= 60 and frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\0\x09"


def flow_and_number(frame):
    return int.from_bytes(frame[34:36], "big") - 49152, int.from_bytes(frame[50:54], "little")


class Device:
    """A device under test: carries every frame of one wire to the other until it is closed."""

    def __init__(self, wires, both=False):
        self.is_over = False
        pairs = [wires, wires[::-1]] if both else [wires]
        self.threads = [threading.Thread(target=self.carry, args=pair, daemon=True) for pair in pairs]
        for thread in self.threads:
            thread.start()

    def carry(self, source, target):
        while not self.is_over:
            try:
                target.send(*source.receive(1, 0.5))
            except (Failure, OSError):
                pass

    def close(self):
        self.is_over = True
        for thread in self.threads:
            thread.join(PATIENCE_S)


def report(machine, command):
    """The one row of a command, which is repeated while a core that gets no CPU time of the host does
    not answer."""
    limit = time.monotonic() + PATIENCE_S
    while True:
        rows = machine.json(command)
        assert len(rows) == 1, rows
        if rows[0]["cores_silent"] == 0:
            return rows[0]
        assert time.monotonic() < limit, rows


def report_of(sink, received):
    """The report of a sink once it has received that many probes: some may still be on the cable."""
    limit = time.monotonic() + PATIENCE_S
    while '"received":' not in (text := sink.run("show sink -j")) or \
            json.loads(text)["received"] < received:
        assert time.monotonic() < limit, text
        time.sleep(0.1)
    return report(sink, "show sink -j")


def wait_done(machine, timeout_s=PATIENCE_S):
    limit = time.monotonic() + timeout_s
    while (row := report(machine, "show generate -j"))["state"] != "done":
        assert time.monotonic() < limit, row
        time.sleep(0.2)
    return row


def test_every_frame_equals_the_one_that_scapy_builds(boot):
    machine = boot("app=generate rate=5000 count=1203 size=64,65,66,594,1518 flows=7", cores=2,
                   devices=DEVICES)
    frames = machine.wires[0].receive(1203)
    done = wait_done(machine)
    assert (done["sent"], done["of"], done["skipped"]) == (1203, 1203, 0)
    tags, numbers, sizes = set(), {}, {}
    for frame in frames:
        packet = Ether(frame)
        assert (packet.src, packet.dst) == tuple(MACS)
        assert (packet[IP].src, packet[IP].dst) == ("198.18.0.1", "198.18.1.1")
        assert packet[UDP].dport == 9 and packet[IP].ttl == 64
        fresh = packet.copy()
        for layer, names in ((IP, ("len", "chksum")), (UDP, ("len", "chksum"))):
            for name in names:
                delattr(fresh[layer], name)
        fresh[Raw].load = bytes(packet[Raw].load)
        assert bytes(fresh)[:packet[IP].len + 14] == frame[:packet[IP].len + 14]
        tags.add(frame[42:50])
        flow, number = flow_and_number(frame)
        numbers.setdefault(flow, []).append(number)
        sizes[len(frame)] = sizes.get(len(frame), 0) + 1
    assert len(tags) == 1
    # Each flow is in order, whichever core sends it; all flows have equally many frames.
    assert sorted(numbers) == list(range(7))
    for flow, seen in numbers.items():
        assert seen == list(range(len(seen))) and len(seen) in (171, 172), (flow, len(seen))
    assert set(sizes) == {60, 61, 62, 590, 1514} and max(sizes.values()) - min(sizes.values()) <= 4
    ledger = balanced(machine)
    assert ledger["generated"] == ledger["sent"] == 1203 and ledger["held"] == 0
    assert machine.truth(0)["frames_out"] == 1203
    assert machine.poweroff() == 0


@pytest.mark.parametrize("cores,flows", [(1, 1), (4, 50)])
def test_the_sink_reports_loss_duplicates_and_reordering(boot, cores, flows):
    machine = boot("app=generate", cores=cores, devices=DEVICES)
    numbers = random.Random(2544 + cores)
    for round_, (drop, twice, late) in enumerate([(0, 0, 0), (10, 0, 0), (0, 10, 0), (0, 0, 30),
                                                  (10, 10, 10)]):
        machine.run(f"start rate=20k count=2000 size=imix flows={flows}")
        sent = machine.wires[0].receive(2000)
        passed = []
        for frame in sent:
            if numbers.randrange(100) < drop:
                continue
            passed += [frame] * (2 if numbers.randrange(100) < twice else 1)
        for i, frame in enumerate(passed):
            if numbers.randrange(100) < late:
                to = min(i + numbers.randrange(100), len(passed) - 1)
                passed.insert(to, passed.pop(i))
        highest, seen, duplicates, reordered = {}, set(), 0, 0
        for frame in passed:
            flow, number = flow_and_number(frame)
            if (flow, number) in seen:
                duplicates += 1
                continue
            seen.add((flow, number))
            reordered += number < highest.get(flow, -1)
            highest[flow] = max(highest.get(flow, -1), number)
        for i in range(0, len(passed), 100):
            machine.wires[1].send(*passed[i:i + 100])
        limit = time.monotonic() + PATIENCE_S
        while True:
            got = report(machine, "show sink -j")
            if got["received"] + got["duplicates"] >= len(passed) or time.monotonic() > limit:
                break
            time.sleep(0.2)
        wanted = {"port": 1, "from": 0, "own": True, "sent": 2000, "received": len(seen),
                  "lost": 2000 - len(seen), "duplicates": duplicates, "reordered": reordered,
                  "beyond_window": 0, "clock_backwards": 0,
                  "bytes": sum(map(len, passed)), "trial": wait_done(machine)["trial"]}
        assert {key: got[key] for key in wanted} == wanted, (round_, got)
        latency = got["latency_ns"]
        assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["p999"] \
            <= latency["max"] < 1e9 * PATIENCE_S, latency
    ledger = balanced(machine)
    assert ledger["received"] == ledger["consumed"] and ledger["generated"] == 10000, ledger
    assert machine.wires[0].is_silent() and machine.wires[1].is_silent()
    assert machine.poweroff() == 0


def readme_recipe():
    with open(f"{ROOT}/net/README.md", encoding="utf-8") as f:
        text = f.read()
    block = re.search(r"^    (app=generate .*)\n((?:    ferrule> .*\n)+)", text, re.M)
    return block[1], [line.strip()[len("ferrule> "):] for line in block[2].splitlines()]


def test_the_readmes_trial_through_a_bridge(boot):
    line, commands = readme_recipe()
    machine = boot(line, cores=2, devices=DEVICES)
    device = Device(machine.wires, both=True)
    shown = {command: machine.run(command, 2 * PATIENCE_S) for command in commands}
    assert re.search(r"port0 \w+ done +2000 +2000 +0 ", shown["show generate"]), shown
    sink = shown["show sink"]
    assert re.search(r"^ +sent +2000\n +received +2000 .*\n +lost +0 ", sink, re.M), sink
    assert "latency us" in sink and max(map(len, sink.splitlines())) <= 80, sink
    # Both directions at once, without a new start of the machine.
    machine.run("start wait ports=0,1 rate=500 count=300 flows=3", 2 * PATIENCE_S)
    rows = machine.json("show sink -j")
    assert [(r["port"], r["from"], r["received"], r["lost"]) for r in rows] == \
        [(0, 1, 300, 0), (1, 0, 300, 0)], rows
    device.close()
    balanced(machine)
    assert "ports=0,1" in machine.run("show config")
    assert machine.poweroff() == 0


def test_frames_that_do_not_return_are_reported_lost(boot):
    machine = boot("app=generate", cores=2, devices=DEVICES)
    assert "no frame of a trial" in machine.run("show sink")
    machine.run("start wait rate=1000 count=10", 2 * PATIENCE_S)
    row = report(machine, "show sink -j")
    assert (row["port"], row["sent"], row["received"], row["lost"]) == (None, 10, 0, 10), row


def test_two_machines_a_generator_and_a_sink(boot):
    sender = boot("app=generate port0.ip=192.0.2.1/24 dst=192.0.2.9 flows=4", 2, cores=2,
                  devices=DEVICES)
    sink = boot("app=sink port1.ip=192.0.2.9/24", 2, cores=2,
                devices=["mac=52:54:00:00:00:0c", "mac=52:54:00:00:00:0d"])
    # A cable between port 0 of the sender and port 1 of the sink that loses every tenth probe, but none
    # of the last fifty of a trial: a sink cannot notice that the newest probes are lost, and the two
    # sending cores are not in step.
    lost, count = [0], [0]

    def loses(frame):
        if not is_probe(frame):
            return False
        count[0] += 1
        is_lost = count[0] % 10 == 5 and count[0] % 1000 < 950
        lost[0] += is_lost
        return is_lost

    class Lossy(Device):
        def carry(self, source, target):
            while not self.is_over:
                try:
                    frame = source.receive(1, 0.5)[0]
                    if not loses(frame):
                        target.send(frame)
                except (Failure, OSError):
                    pass

    cable = Lossy([sender.wires[0], sink.wires[1]], both=True)
    sender.run("start wait rate=2000 count=1000", 2 * PATIENCE_S)
    row = report_of(sink, 905)
    assert (row["port"], row["own"], row["sent"], row["latency_ns"]) == (1, False, None, None), row
    assert (row["received"], row["lost"]) == (1000 - lost[0], lost[0]) and lost[0] == 95, row
    assert (row["duplicates"], row["reordered"]) == (0, 0), row
    assert "latency      not known" in sink.run("show sink")
    assert sink.run("clear sink") == ""
    assert "no frame of a trial" in sink.run("show sink")
    sender.run("start wait rate=2000 count=100", 2 * PATIENCE_S)
    assert report_of(sink, 90)["received"] == 90
    assert sink.wires[0].is_silent() and balanced(sink)["drops"]["trial_other"] == 0
    cable.close()
    balanced(sender)


def test_every_frame_is_counted_when_the_link_goes_down_and_up(boot):
    machine = boot("app=generate", cores=2, devices=DEVICES)
    machine.run("start rate=2000")
    machine.wires[0].receive(200)
    machine.set_cable(0, False)
    machine.wait_link(0, False)
    wait_until(lambda: report(machine, "show generate -j"), lambda row: row["skipped"] > 0,
               "the generator skips frames while the link is down")
    machine.set_cable(0, True)
    machine.wait_link(0, True)
    machine.wires[0].receive(200)
    assert machine.run("stop") == ""
    done = report(machine, "show generate -j")
    ledger = balanced(machine)
    lost = sum(ledger["drops"].values())
    assert done["skipped"] > 0 and done["sent"] + lost == ledger["generated"], (done, ledger)
    assert ledger["sent"] == done["sent"], ledger
    assert machine.poweroff() == 0


def test_stop_ends_a_trial_without_a_count(boot):
    machine = boot("app=generate rate=1000", cores=2, devices=DEVICES)
    machine.wires[0].receive(50)
    row = report(machine, "show generate -j")
    assert row["state"] == "running" and row["of"] is None
    assert machine.run("stop") == ""
    row = report(machine, "show generate -j")
    assert row["state"] == "done"
    time.sleep(0.5)  # a trial that still ran would send 500 frames in this time
    assert report(machine, "show generate -j")["sent"] == row["sent"]
    ledger = balanced(machine)
    assert ledger["generated"] == ledger["sent"] == row["sent"], ledger
    assert machine.run("start wait rate=100").startswith("wait needs count= or duration=")


def test_garbage_into_a_sink_is_counted_and_not_answered(boot):
    machine = boot("app=sink port0.ip=192.0.2.1/24", 1, cores=2, devices=DEVICES[:1])
    wire, numbers = machine.wires[0], random.Random(4737)
    ours = bytes.fromhex(MACS[0].replace(":", ""))
    probe = bytes(Ether(src="52:54:00:00:00:99", dst=MACS[0]) / IP(src="192.0.2.7", dst="192.0.2.1")
                  / UDP(sport=49152, dport=9) / Raw(b"FERL" + bytes([1, 0, 0, 0]) + bytes(10)))
    frames = []
    for i in range(1500):
        if i % 3 == 0:
            frames.append(ours + numbers.randbytes(numbers.randrange(50, 1500)))
        else:  # a probe with a few bytes changed
            changed = bytearray(probe)
            for _ in range(1 + i % 3):
                changed[numbers.randrange(6, len(changed))] = numbers.randrange(256)
            frames.append(bytes(changed))
    for i in range(0, len(frames), 100):
        wire.send(*frames[i:i + 100])
    wire.send(probe)
    wire.send(bytes(Ether(src="52:54:00:00:00:99", dst="ff:ff:ff:ff:ff:ff")
                    / ARP(op=1, hwsrc="52:54:00:00:00:99", psrc="192.0.2.7", pdst="192.0.2.1")))
    answer = Ether(wire.receive_where(lambda f: ARP in Ether(f) and Ether(f)[ARP].op == 2))
    assert answer[ARP].hwsrc == MACS[0]
    limit = time.monotonic() + PATIENCE_S
    while (ledger := balanced(machine))["received"] < 1502:
        assert time.monotonic() < limit, ledger
        time.sleep(0.2)
    assert ledger["held"] == 0 and sum(ledger["drops"].values()) > 800, ledger
    rows = machine.json("show sink -j")
    assert rows[0]["received"] >= 1, rows
    # Only ARP and ICMP errors may have been sent: no probe is answered.
    assert not any(is_probe(frame) for frame in wire.frames)
    assert machine.poweroff() == 0


BAD = {"rate=fast": "rate=fast is invalid; expected frames",
       "size=63": "size=63 is invalid; expected 64 to 1518",
       "flows=5000": "flows=5000 is invalid; expected 1 to 4096",
       "count=0": "count=0 is invalid; expected a number of frames",
       "duration=10": "duration=10 is invalid; expected a time",
       "dst=224.0.0.1": "dst=224.0.0.1 is invalid; expected the address of a host",
       "dstmac=1": "dstmac=1 is invalid; expected a MAC address",
       "ports=9": "ports=9 is invalid; expected numbers of ports"}


def test_a_wrong_option_is_reported_with_key_value_and_expected_form(boot):
    machine = boot("app=generate " + " ".join(BAD), cores=1, devices=DEVICES)
    for word, message in BAD.items():
        assert message in machine.console_text, word
        assert machine.run(f"start rate=1 {word}").startswith(message), word
    for command, message in {"start": "rate= must be set", "start rate=1 ports=5": "ports= names a port",
                          "start rate=1 ports=0 colour=red": "colour=red is invalid; expected wait",
                          "start rate=1 ports=0 dst=192.0.2.1": "dst= needs an address",
                          "clear sink": "app=generate: start begins a new trial"}.items():
        assert machine.run(command).startswith(message), command
    assert report(machine, "show generate -j")["state"] == "idle"
    machine = boot("app=echo", cores=1, devices=DEVICES)
    assert machine.run("show generate").startswith("app=echo does not generate frames")
    assert machine.run("show sink").startswith("app=echo does not measure")


def test_with_an_iommu_frames_to_send_are_mapped_read_only(boot):
    machine = boot("app=generate rate=2000 count=500 flows=4", cores=2, devices=DEVICES,
                   iommu="aw-bits=48")
    device = Device(machine.wires)
    wait_done(machine)
    limit = time.monotonic() + PATIENCE_S
    while report(machine, "show sink -j")["received"] < 500:
        assert time.monotonic() < limit, machine.run("show sink")
        time.sleep(0.2)
    device.close()
    maps = [row for row in machine.json("show iommu -j") if "access" in row]
    read_only = {port: sum(row["bytes"] for row in maps
                           if row["port"] == port and row["access"] == "r") for port in (0, 1)}
    for port in (0, 1):  # feeds of two cores, a MiB each
        assert read_only[port] >= 2 << 20, maps
    balanced(machine)
    assert machine.poweroff() == 0


@pytest.fixture
def host(request):
    """A Linux host with the address 192.0.2.2."""
    linux = hosts.Host("linux")
    request.addfinalizer(linux.close)
    linux.add_address("192.0.2.2/24")
    return linux


def test_a_linux_host_receives_every_datagram(boot, host):
    counter = host.start("/usr/bin/python3", "-c", """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE: room for all datagrams
except PermissionError:  # only root may; the system's limit is lower
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
s.bind(("192.0.2.2", 9))
s.settimeout(60)
print("ready", flush=True)
seen, sizes = set(), {}
while len(seen) < 3000:
    data, (ip, port) = s.recvfrom(2048)
    seen.add((port, data[8:12]))
    sizes[len(data)] = sizes.get(len(data), 0) + 1
print(len(seen), sorted(sizes), len({p for p, _ in seen}), flush=True)
""")
    assert counter.stdout.readline() == "ready\n"
    machine = boot("app=generate port0.ip=192.0.2.1/24 dst=192.0.2.2 flows=10 size=64,128,1518",
                   [host], cores=2, devices=DEVICES[:1])
    host.wait_carrier()
    machine.run("start wait rate=2000 count=3000", 2 * PATIENCE_S)
    assert counter.stdout.readline() == "3000 [18, 82, 1472] 10\n"
    names, values = [row.split()[1:] for row in host.run("cat", "/proc/net/snmp").splitlines()
                     if row.startswith("Udp:")]
    udp = dict(zip(names, map(int, values)))
    assert udp["InDatagrams"] == 3000 and udp["InCsumErrors"] == udp["InErrors"] == 0, udp
    # The generator answers ARP and ping.
    assert "2 received" in host.run("ping", "-n", "-c", "2", "-W", "30", "192.0.2.1")
    balanced(machine)
    assert machine.poweroff() == 0


def test_capture_shows_the_frames_that_a_generator_sends(boot):
    machine = boot("app=generate", cores=2, devices=DEVICES)
    machine.run("start rate=50 size=64,65,594 flows=2")
    shown = [json.loads(line) for line in machine.run("capture port 0 31 -j").splitlines()
             if line.startswith("{")]  # a log line about the first frame may come between
    machine.run("stop")
    assert shown.pop() == {"shown": 31, "missed": 0}
    assert {row["direction"] for row in shown} == {"out"} and {row["core"] for row in shown} == {0, 1}
    sent = machine.wires[0].receive(report(machine, "show generate -j")["sent"])
    times = {}
    for row in shown:
        frame = bytes.fromhex(row["bytes"])
        assert len(frame) == row["length"] in (60, 61, 590)
        flow, number = flow_and_number(frame)
        times.setdefault(flow, []).append((number, sent.index(frame)))
    for numbers in times.values():  # every frame of a flow, in order, none twice
        assert [n for n, _ in numbers] == list(range(numbers[0][0], numbers[0][0] + len(numbers)))
        assert [at for _, at in numbers] == sorted(at for _, at in numbers)
    balanced(machine)


def test_datagrams_of_a_linux_host_are_no_probes_for_a_sink(boot, host):
    machine = boot("app=sink port0.ip=192.0.2.1/24", [host], cores=2, devices=DEVICES[:1])
    host.wait_carrier()
    assert "3 received" in host.run("ping", "-n", "-c", "3", "-i", "0.2", "-W", "30", "192.0.2.1")
    before = balanced(machine)
    host.run("/usr/bin/python3", "-c", """
import random, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 40000))
numbers = random.Random(1)
for i in range(400):  # to the probes' port: random bytes, half of them with the probes' signature
    s.sendto((b"FERL" if i % 2 else b"") + numbers.randbytes(14 + i % 1400), ("192.0.2.1", 9))
for i in range(100):
    s.sendto(numbers.randbytes(i), ("192.0.2.1", 5000 + i))
""")
    limit = time.monotonic() + PATIENCE_S
    while (now := balanced(machine))["received"] < before["received"] + 500:
        assert time.monotonic() < limit, now
        time.sleep(0.2)
    # The source port is below 49152, which no flow uses.
    assert now["drops"]["trial_other"] + now["drops"]["udp_no_port"] > 100, now["drops"]
    assert "no frame of a trial" in machine.run("show sink") or \
        report(machine, "show sink -j")["received"] == 0


def test_cores_that_generate_and_measure_share_no_written_lines(boot, folder):
    # Watched only once the trial runs: core 0 sets it up by mailbox, as it does for every command.
    watch = Watch(folder, ["generate_poll", "generate_burst", "returned_poll", "returned_poll_busy"],
                  ("generate_burst", 20000))
    machine = boot("app=generate rate=1000 flows=64 count=3000", cores=4, devices=DEVICES,
                   extra=watch.options, links=False)
    device = Device(machine.wires)
    limit = time.monotonic() + 3 * PATIENCE_S
    while machine.truth(1)["frames_to_host"] < 3000:
        assert time.monotonic() < limit, machine.truth(1)
        time.sleep(0.2)
    device.close()
    assert machine.poweroff() == 0
    seen = watch.totals()
    assert seen["loop_lines"] > 2000 and seen["accesses"] > 20000, seen


def test_too_little_memory_for_the_cores_is_reported_and_the_console_answers(boot):
    """A lane must not take the page that maps the cards' interrupt vectors: without it the sixteen cores
    cannot sleep, and the console of an emulated machine does not answer."""
    machine = boot("app=generate", cores=16, memory_mb=64, prompt=False)
    machine.expect(r"links +all up")
    machine.prompt()
    assert "cannot be set" not in machine.console_text
    for port in (0, 1):
        assert re.search(rf"port{port}: out of service: memory for the lanes of \d+ of 16 cores", machine.console_text)
    assert "a port that is out of service" in machine.run("start rate=1k")
    wait_until(machine.cores, lambda rows: all(row["sleeps"] > 0 for row in rows), "every core sleeps")
    balanced(machine)
    assert machine.poweroff() == 0
