# SPDX-License-Identifier: BSD-2-Clause
"""No core goes long without a poll of its queues, whatever is typed: a TCG plugin counts the instructions
and the reads of a card's registers between two polls. One CPU: what waits for another core depends on the
host. The stretches of each command go to build/logs/system/<test>/stretches.txt. Meanwhile frames through
the router are not lost, and keep their order."""
import socket
import struct
import threading

import pytest

from conftest import balanced
from console import Failure
from stretch import Stretches

INSTRUCTIONS_MAX = 20_000
READS_MAX = 4
GATEWAYS, LAST_ROUTE = 50, "23.249.0.0"
ROUTER = "app=route port0.ip=10.0.0.1/24 port1.ip=10.0.1.1/24"

# The lines typed for each command of `help`, and what ends them if it is not the prompt.
LINES = {
    "capture port": ["capture port 0 1 len > 5 and not (" + " or ".join(f"net 10.{i}.0.0/16" for i in range(12)) + ")",
                     "capture port 0 1 ether broadcast -j",
                     "capture port 0 1 64," + ",".join(["6 0 0 1500"] * 64)],
    "clear arp": ["clear arp 0", "clear arp"],
    "clear route": ["clear route 0.0.0.0/0", "clear route 10.9.0.128/25"],
    "help": ["help", "help show", "help nonsense"],
    "ping": ["ping 10.0.0.9 1", "ping 10.0.1.1 1"],
    "run": ["run routes", "run nothing"],
    "set arp": ["set arp 0 10.0.0.77 02:00:00:00:00:77", "clear arp 0 10.0.0.77"],
    "set loglevel": ["set loglevel debug"],
    "set poll": ["set poll always", "set poll adaptive"],
    "set route": ["set route 0.0.0.0/0 via 10.0.1.9", "set route 128.0.0.0/1 via port1",
                  "set route 10.9.0.128/25 via 10.0.1.9", "set route 10.0.0.0/24 via reject"],
    "show arp": ["show arp", "show arp -j"],
    "show boot": ["show boot", "show boot -j"],
    "show card": ["show card 0", "show card 0 -j", "show card 1 100"],
    "show config": ["show config", "show config -j"],
    "show cores": ["show cores", "show cores -j"],
    "show iommu": ["show iommu", "show iommu -j"],
    "show irqs": ["show irqs", "show irqs -j"],
    "show log": ["show log", "show log 1000"],
    "show memory": ["show memory", "show memory -j"],
    "show modules": ["show modules", "show modules -j"],
    "show routes": ["show routes", "show routes -j", "show routes 10.0.1.7", "show routes 10.9.0.128/25"],
    "show version": ["show version", "show version -j"],
    "trace port": ["trace port 0 1", "trace port 0 1 -j"],
    "watch": ["watch show memory 1"],
    "show generate": ["show generate"],
    "show sink": ["show sink"],
    "clear sink": ["clear sink"],
}
# Those that read or change cards and lanes.
PORT_LINES = {
    "clear counters": ["clear counters"],
    "set port": ["set port 0 down", "set port 0 up", "set port 0 ip 10.0.0.2/24"],
    "show ledger": ["show ledger", "show ledger -j"],
    "show ports": ["show ports", "show ports -j"],
    "start": ["start"],
    "stop": ["stop"],
}
AT_END = {"exit", "poweroff", "reboot"}


class Table:
    """The stretches of a test, as text and as what is too long."""

    def __init__(self, folder):
        self.file = open(f"{folder}/stretches.txt", "w", encoding="ascii")
        self.too_long = []

    def add(self, what, longest, most_reads):
        what = what if len(what) < 40 else what[:37] + "..."
        self.file.write(f"{what:40} {longest.instructions:8} {longest.functions}\n"
                        f"{'':40} {most_reads.reads:8} reads: {most_reads.functions}\n")
        self.file.flush()
        if longest.instructions > INSTRUCTIONS_MAX:
            self.too_long.append((what, longest))
        if most_reads.reads > READS_MAX:
            self.too_long.append((what, most_reads))


def record_one(machine):
    """Send frames until the trace or capture of one that has been typed is over: with -j nothing shows that
    it has begun."""
    for _ in range(50):
        machine.wires[0].send(bytes([0xFF] * 6) + bytes(1494))
        try:
            machine.expect('^# 1 frames|"missed":', 0.5)
            return
        except Failure:
            pass
    raise Failure("no frame was recorded")


def type_line(machine, name, line):
    """Type a line of the command and wait for its end."""
    if name in ("capture port", "trace port"):
        machine.send(line + "\r")
        record_one(machine)
        machine.prompt()
    elif name == "watch":
        machine.send(line + "\r")
        machine.expect("KiB free")
        machine.send("q")
        machine.prompt()
    elif line == "run routes":
        machine.send(line + "\r")
        machine.expect(rf"set route {LAST_ROUTE}/\d+ via [\d.]+\s+(\S+ warn.*\s+)*ferrule> ")
    else:
        machine.run(line)


@pytest.fixture
def table(folder):
    table = Table(folder)
    yield table
    table.file.close()


def routes_file(folder, n):
    """A boot module of n set route commands."""
    path = f"{folder}/routes"
    with open(path, "w", encoding="ascii") as f:
        for i in range(n):
            f.write(f"set route {20 + i // 250}.{i % 250}.0.0/{16 + i % 17} via 10.0.1.{2 + i % GATEWAYS}\n")
    return path


def test_every_command_leaves_core_0_polling(boot, folder, table):
    stretches = Stretches(folder)
    machine = boot(ROUTER, cores=1, iommu=True, extra=[
        *stretches.options, "-device", "VGA", "-initrd", routes_file(folder, 1000)])
    known = tuple(f"  {name} " for name in set(LINES) | set(PORT_LINES) | AT_END)
    missing = [row for row in machine.run("help").splitlines()[:-1] if not row.startswith(known)]
    assert not missing, f"no line is typed for {missing}"
    for name, lines in {**LINES, **PORT_LINES}.items():
        for line in lines:
            longest, most_reads, _ = stretches.of(
                machine, lambda name=name, line=line: type_line(machine, name, line))
            table.add(line, longest, most_reads)
    balanced(machine)
    assert not table.too_long, table.too_long


@pytest.mark.parametrize("app", ["app=forward", ROUTER])
def test_changes_of_ports_leave_core_0_polling(boot, folder, table, app):
    stretches = Stretches(folder)
    machine = boot(app, cores=1, iommu=True, complaints=False, extra=stretches.options)

    def cable(plugged):
        machine.set_cable(1, plugged)
        machine.wait_link(1, plugged)

    def memory_error():
        machine.card(1, "evil", "causes:0x10000000")
        machine.expect("port1: memory error in the card: reset")
        machine.wait_steps()

    for what, work in [
            ("cable out", lambda: cable(False)), ("cable in", lambda: cable(True)),
            ("memory error", memory_error), ("set port 1 down", lambda: machine.run("set port 1 down")),
            ("cable out of a port that is down", lambda: machine.set_cable(1, False)),
            ("set port 1 up", lambda: machine.run("set port 1 up")), ("cable in again", lambda: cable(True)),
            ("stop; start", lambda: machine.run("stop; start"))]:
        longest, most_reads, _ = stretches.of(machine, work)
        table.add(what, longest, most_reads)
    machine.wait_links()
    balanced(machine)
    assert not table.too_long, table.too_long


def test_editing_a_line_leaves_core_0_polling(boot, folder, table):
    stretches = Stretches(folder)
    machine = boot(ROUTER, cores=1, extra=stretches.options)
    long_line = "show memory;" * 80
    for what, keys, then in [
            ("a long line", long_line, ""), ("keys at its start", "\x01" + "x" * 40 + "\x7f" * 40, ""),
            ("moving through it", "\x05\x01" * 40, ""), ("history", "\x10\x0e" * 40, ""),
            ("running it", "\r", "^ferrule> "),
            ("Tab", "sh\tca\t\t\t\x15", ""), ("?", "?", "^  watch .*"), ("redraw", "\x0c" * 20, ""),
            ("200 words", "show log " + "a " * 200 + "\r", "usage"),
            ("unknown words", "nonsense of several words\r", "unknown command")]:
        def work(keys=keys, then=then):
            machine.send(keys)
            if then:
                machine.expect(then)
        longest, most_reads, _ = stretches.of(machine, work)
        table.add(what, longest, most_reads)
    assert not table.too_long, table.too_long


class Traffic:
    """Frames of some flows from port 0 through the router to a host on port 1, which is played here, batch
    after batch until it is stopped."""
    HOST, HOST_MAC, BATCH = "10.0.1.200", bytes.fromhex("020000000cc8"), 64

    def __init__(self, machine):
        self.machine, self.sent, self.wrong, self.is_over = machine, 0, None, False
        self.mac = bytes.fromhex(machine.ports()[0]["mac"].replace(":", ""))
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def frame(self, number):
        payload = struct.pack(">I", number) + bytes(42)
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0,
                             socket.inet_aton("10.0.0.77"), socket.inet_aton(self.HOST))
        total = sum(struct.unpack(">10H", header))
        total = (total & 0xFFFF) + (total >> 16)
        header = header[:10] + struct.pack(">H", 0xFFFF ^ ((total & 0xFFFF) + (total >> 16))) + header[12:]
        udp = struct.pack(">HHHH", 40000 + number % 8, 4000, 8 + len(payload), 0)
        return self.mac + bytes.fromhex("020000000077") + b"\x08\0" + header + udp + payload

    def number_of(self, frame):
        """Of a frame that left by port 1; None: another one. Answers ARP requests."""
        if frame[12:14] == b"\x08\x06" and frame[38:42] == socket.inet_aton(self.HOST):
            self.machine.wires[1].send(frame[6:12] + self.HOST_MAC + frame[12:20] + b"\0\x02"
                                       + self.HOST_MAC + frame[38:42] + frame[22:32] + bytes(18))
        is_ours = frame[:6] == self.HOST_MAC and frame[12:14] == b"\x08\0"
        return struct.unpack(">I", frame[42:46])[0] if is_ours else None

    def receive(self, first):
        """A batch of frames, each flow's in order."""
        seen = {}
        while sum(map(len, seen.values())) < self.BATCH:
            number = self.number_of(self.machine.wires[1].receive(1)[0])
            if number is not None:
                seen.setdefault(number % 8, []).append(number)
        for flow, numbers in seen.items():
            assert numbers == [n for n in range(first, first + self.BATCH) if n % 8 == flow], numbers

    def work(self):
        try:
            self.machine.wires[0].send(self.frame(0))  # one frame waits for the host's MAC address
            while self.number_of(self.machine.wires[1].receive(1)[0]) is None:
                pass
            self.sent = 8
            while not self.is_over:
                self.machine.wires[0].send(*map(self.frame, range(self.sent, self.sent + self.BATCH)))
                self.receive(self.sent)
                self.sent += self.BATCH
        except AssertionError as wrong:
            self.wrong = wrong

    def stop(self):
        self.is_over = True
        self.thread.join(60)
        assert not self.wrong and not self.thread.is_alive(), self.wrong
        return self.sent


def test_frames_through_the_router_are_not_lost_while_commands_run(boot, folder):
    machine = boot(ROUTER, cores=2, extra=["-initrd", routes_file(folder, 1000)])
    traffic = Traffic(machine)
    for name, lines in {**LINES, **PORT_LINES}.items():
        for line in lines:
            if name not in ("clear arp", "set port", "start", "stop"):
                type_line(machine, name, line)
    sent = traffic.stop()
    drops = {name: n for name, n in balanced(machine)["drops"].items()
             if n and name != "eth_other"}  # the frames of record_one
    assert sent > 1000 and not drops, (sent, drops)
