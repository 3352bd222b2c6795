# SPDX-License-Identifier: BSD-2-Clause
"""The console, used by a person and by a script: keys, history, completion, jobs, run=, log lines above
the line that is being edited; and unsolicited ARP claims."""
import fcntl
import logging
import random
import struct
import termios
import threading
import time

import pytest

from conftest import balanced
from machine import PATIENCE_S, Failure

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP  # noqa: E402
from scapy.layers.l2 import ARP, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

OUR_MAC, THEIR_MAC, EVIL_MAC = "52:54:00:aa:bb:01", "52:54:00:00:00:0a", "52:54:00:66:66:66"
OUR_IP, THEIR_IP = "192.0.2.9", "192.0.2.1"
LINE = f"app=echo port0.ip={THEIR_IP}/24"
BROADCAST = "ff:ff:ff:ff:ff:ff"
UP, LEFT = "\x1b[A", "\x1b[D"


@pytest.fixture
def console(boot):
    return boot(LINE, wires=1, devices=[f"mac={THEIR_MAC}"])


def arp(**fields):
    return bytes(Ether(src=fields["hwsrc"], dst=BROADCAST) / ARP(**fields))


def receive(machine, wanted, timeout_s=PATIENCE_S):
    return Ether(machine.wires[0].receive_where(lambda f: wanted(Ether(f)), timeout_s))


def answer_arp(machine):
    """Wait for the machine's ARP request for our address, and answer it."""
    receive(machine, lambda p: ARP in p and p[ARP].op == 1 and p[ARP].pdst == OUR_IP)
    machine.wires[0].send(arp(op=2, hwsrc=OUR_MAC, psrc=OUR_IP, hwdst=THEIR_MAC, pdst=THEIR_IP))


def answer_ping(machine):
    request = receive(machine, lambda p: ICMP in p and p[ICMP].type == 8)
    reply = Ether(src=OUR_MAC, dst=request.src) / IP(src=OUR_IP, dst=THEIR_IP) \
        / ICMP(type=0, id=request[ICMP].id, seq=request[ICMP].seq) / Raw(bytes(request[Raw]))
    machine.wires[0].send(bytes(reply))
    return request


def settle(machine, seconds=2):
    """Wait until the console has printed nothing for `seconds`."""
    shown = None
    while shown != machine.console_text:
        shown = machine.console_text
        time.sleep(seconds)


def test_words_may_be_abbreviated_and_completed(console):
    assert console.run("sh po -j").startswith('{"port":0')
    console.send("sh\tpo\t-j\r")
    console.expect(r'^\{"port":0')
    console.prompt()
    assert "ambiguous command" in console.run("s h") or "unknown" in console.run("s h")
    listed = console.run("help").splitlines()
    assert len(listed) > 25 and max(len(row) for row in listed) <= 80
    console.send("show p?")
    console.expect(r"^  show ports \[-j\] ")
    console.send("\x15")


def test_line_editing_and_history(console):
    console.send("xhow memorz" + LEFT * 11 + "\x04s\x05\x7fy -j\r")
    console.expect(r'^\{"ram_bytes":')
    console.prompt()
    console.send("show log 1\r")
    console.prompt()
    console.send(UP + UP + "\r")
    console.expect(r'^\{"ram_bytes":')
    console.prompt()


def test_commands_of_a_line_stop_at_the_first_error(console):
    text = console.run("show memory; nonsense; poweroff")
    assert "unknown command: nonsense" in text and "not run: poweroff" in text
    assert console.run("show memory -j; show memory -j").count('{"ram_bytes":') == 2


def test_run_stops_at_the_first_error_and_prompts(boot):
    machine = boot(LINE + ' run="show memory -j; nonsense; poweroff"', wires=1, prompt=False)
    machine.expect(r'^ferrule> show memory -j\r?\n\{"ram_bytes":')
    machine.expect(r"^not run: poweroff")
    machine.prompt()
    assert machine.poweroff() == 0


def test_run_of_a_module_names_the_line_that_fails(boot, folder):
    with open(f"{folder}/commands", "w", encoding="utf-8") as f:
        f.write("# what the operator wants\nshow memory -j\n\nset loglevel debug; nonsense; show arp\n"
                "poweroff\n")
    machine = boot(LINE, wires=1, extra=["-initrd", f"{folder}/commands"])
    assert "must be the last command of a line" in machine.run("run it; show memory")
    machine.send("run it\r")
    machine.expect(r'^ferrule> show memory -j\r?\n\{"ram_bytes":')
    machine.expect(r"^ferrule> set loglevel debug\r?\nferrule> nonsense\r?\nunknown command: nonsense")
    machine.expect(r"^not run: show arp\r?\nit: stopped at line 4\r?\nferrule> ")
    assert "no boot module" in boot(LINE, wires=1, links=False).run("run it")


def test_an_interrupt_ends_a_command_that_prints(console):
    """Between two of its lines. Its output takes a tenth of a second, so the key may come too late."""
    for _ in range(20):
        console.send("show card 0; show memory\r")
        console.expect(r"0x00000  0x")
        console.send("\x03")
        if console.expect(r"^\^C\r?\nnot run: show memory|KiB free")[0] != "KiB free":
            break
    else:
        raise Failure("no interrupt came in time")
    console.prompt()
    assert "KiB free" in console.run("show memory")


def test_watch_repeats_until_a_key_and_discards_it(console):
    console.send("watch sh mem -j; show log 0\r")
    for _ in range(3):
        console.expect(r'^\{"ram_bytes":')
    console.send("q")
    console.prompt()
    assert console.run("show memory -j").startswith('{"ram_bytes":')
    console.send("watch show arp 3600\r")
    console.expect(r"^port0  192.0.2.1 ")
    console.send("\x03")
    console.prompt()
    for line in ("watch", "watch poweroff", "watch show", "watch show arp 0", "watch show arp 3601"):
        assert "usage: watch show" in console.run(line) or "1 to 3600" in console.run(line)
    assert "usage: show arp" in console.run("watch show arp x y")


def test_any_bytes_leave_a_working_console(console):
    for byte in range(256):
        if byte not in (0x1b,):
            console._console.sendall(bytes([byte, 0x1b, 0x5b, byte]) * 3)
    console._console.sendall(b"\x1b[" * 500 + bytes(range(128, 256)) * 8)
    settle(console)
    console.send("\x03\x15")
    settle(console)
    assert console.run("show memory -j").startswith('{"ram_bytes":')


def bytes_not_read(machine):
    """The memory used by typed bytes that the machine's serial line has not read yet."""
    return struct.unpack("i", fcntl.ioctl(machine._console, termios.TIOCOUTQ, bytes(4)))[0]


def test_a_hundred_thousand_random_bytes_disturb_no_frame(boot):
    """Random bytes, as fast as the serial line reads them, to the core that also forwards. The seed is
    fixed, since a random line `re` would reboot."""
    machine = boot("app=forward cpus=1")
    noise = random.Random(6).randbytes(100_000)
    round_ended = threading.Semaphore(0)

    def type_noise():  # a tenth in each round at most, however slow the rounds are
        for at in range(0, len(noise), len(noise) // 10):
            assert round_ended.acquire(timeout=PATIENCE_S)
            machine._console.sendall(noise[at:at + len(noise) // 10])

    typist = threading.Thread(target=type_noise)
    typist.start()
    frames = [bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, i >> 8, i & 255]) + b"\x88\xb5" + bytes(50 + i % 400)
              for i in range(100)]
    rounds = 0
    while rounds == 0 or typist.is_alive() or bytes_not_read(machine):
        for out, back in ((0, 1), (1, 0)):
            machine.wires[out].send(*frames)
            assert machine.wires[back].receive(len(frames)) == frames
            machine.wires[back].forget()
        rounds += 1
        round_ended.release()
    typist.join()
    settle(machine)
    machine.send("\x03\x15")
    settle(machine)
    assert machine.run("show memory -j").startswith('{"ram_bytes":')
    ledger = balanced(machine)
    assert ledger["sent"] == ledger["received"] == rounds * 2 * len(frames), rounds
    assert rounds >= 10 and sum(ledger["drops"].values()) == 0, rounds


def test_a_flood_of_commands_loses_none(console):
    for _ in range(20):
        console.send("show memory -j\r" * 10)
        for _ in range(10):
            console.expect(r'^\{"ram_bytes":')


def test_ping_is_interrupted_and_type_ahead_is_run(console):
    console.send(f"ping {OUR_IP} 1000\r")
    answer_arp(console)
    answer_ping(console)
    console.expect(rf"64 bytes from {OUR_IP}: icmp_seq=1 ttl=64 time=[0-9.]+ ms")
    answer_ping(console)
    console.expect(r"icmp_seq=2")
    console.send("\x03")
    console.expect(r"[23] packets transmitted, 2 received")
    console.prompt()
    console.send(f"ping {OUR_IP} 1\rshow memory -j\r")
    answer_ping(console)
    console.expect(r"1 packets transmitted, 1 received, 0% packet loss")
    console.expect(r'^\{"ram_bytes":')
    console.prompt()
    balanced(console)


@pytest.mark.parametrize("app", ["echo", "route", "generate", "sink"])
def test_ping_works_with_every_application_except_forward(boot, app):
    machine = boot(f"app={app} port0.ip={THEIR_IP}/24", devices=[f"mac={THEIR_MAC}"])
    machine.send(f"ping {OUR_IP} 2\r")
    answer_arp(machine)
    answer_ping(machine)
    answer_ping(machine)
    machine.expect(r"2 packets transmitted, 2 received")
    machine.prompt()
    assert "is stopped" in machine.run(f"stop; ping {OUR_IP}") or app == "generate"
    balanced(machine)


def test_ping_with_forward_gives_the_reason(boot):
    machine = boot(f"app=forward port0.ip={THEIR_IP}/24")
    assert "no ping with app=forward" in machine.run(f"ping {OUR_IP}")


def test_frames_pass_while_ping_waits(console):
    console.send(f"ping {OUR_IP} 3\r")
    console.wires[0].send(bytes(Ether(src=OUR_MAC, dst=THEIR_MAC) / IP(src=OUR_IP, dst=THEIR_IP)
                                / ICMP(type=8, id=7, seq=7) / Raw(b"meanwhile")))
    assert bytes(receive(console, lambda p: ICMP in p and p[ICMP].type == 0)[Raw])[:9] == b"meanwhile"
    console.expect(r"3 packets transmitted, 0 received", 60)


def test_unsolicited_arp_claims_change_no_neighbour(console):
    console.send(f"ping {OUR_IP} 1\r")
    answer_arp(console)
    answer_ping(console)
    console.expect("1 received")
    console.prompt()
    console.wires[0].send(
        arp(op=2, hwsrc=EVIL_MAC, psrc=OUR_IP, hwdst=THEIR_MAC, pdst=THEIR_IP),
        arp(op=1, hwsrc=EVIL_MAC, psrc=OUR_IP, hwdst="00:00:00:00:00:00", pdst=OUR_IP),
        arp(op=2, hwsrc=EVIL_MAC, psrc="192.0.2.66", hwdst=THEIR_MAC, pdst=THEIR_IP))
    answer_arp(console)  # the machine asks again, and keeps the old MAC address meanwhile
    rows = {row["ip"]: row for row in console.json("show arp -j")}
    assert rows[OUR_IP]["mac"] == OUR_MAC and rows[OUR_IP]["state"] == "known"
    assert rows[THEIR_IP]["state"] == "ours" and "192.0.2.66" not in rows
    balanced(console)


def test_an_address_conflict_is_logged_above_the_line_and_defended(console):
    # While the machine probes, it does not defend the address yet: wait for the announcement.
    receive(console, lambda p: ARP in p and p[ARP].psrc == THEIR_IP and p[ARP].pdst == THEIR_IP)
    console.send("show mem")
    console.wires[0].send(arp(op=1, hwsrc=EVIL_MAC, psrc=THEIR_IP, hwdst="00:00:00:00:00:00",
                              pdst=THEIR_IP))
    ours = receive(console, lambda p: ARP in p and p[ARP].psrc == THEIR_IP
                   and p[ARP].pdst == THEIR_IP and p.dst == BROADCAST)
    assert ours[ARP].hwsrc == THEIR_MAC
    console.expect(rf"warning: port0: {EVIL_MAC} claims our address")
    console.send(" -j\r")
    console.expect(r'^\{"ram_bytes":')
