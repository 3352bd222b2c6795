# SPDX-License-Identifier: BSD-2-Clause
"""app=forward: frames pass unchanged, in order, both ways at once; others are counted under their reason;
links go down and up."""
import os
import random
import threading
import time

import captures
from conftest import balanced
from machine import PATIENCE_S, ROOT, Wire, wait_until

FRAME_MAX, TAG_BYTES, WIRE_MIN = 1600, 4, 60
PCAP_FOLDERS = [f"{ROOT}/tests/data/pcap"] + \
    [f for f in os.environ.get("FERRULE_PCAPS", "").split(":") if f]


def fits(frame):
    """The card takes this frame: a VLAN tag is not counted."""
    return len(frame) <= FRAME_MAX + TAG_BYTES * (frame[12:14] == b"\x81\x00")


def padded(frame):
    return frame + bytes(max(0, WIRE_MIN - len(frame)))


def send_both_ways(machine, there, back, timeout_s=PATIENCE_S):
    """Send `there` to port 0 and `back` to port 1 at the same time, and wait until as many frames have
    come out. Returns the output of port 1 and of port 0."""
    a, b = machine.wires[:2]
    errors = []

    def feed(wire, frames):
        try:
            for i in range(0, len(frames), 64):
                wire.send(*frames[i:i + 64])
        except AssertionError as error:
            errors.append(error)

    feeders = [threading.Thread(target=feed, args=pair, daemon=True)
               for pair in ((a, there), (b, back))]
    for feeder in feeders:
        feeder.start()
    try:
        came_there = b.receive(sum(map(fits, there)), timeout_s)
        came_back = a.receive(sum(map(fits, back)), timeout_s)
    finally:
        for feeder in feeders:
            feeder.join(1)
    if errors:
        raise errors[0]
    return came_there, came_back


def check_same(sent, came):
    """The frames are equal, byte for byte and in order, each padded as the card pads."""
    wanted = [padded(f) for f in sent if fits(f)]
    for i, (frame, other) in enumerate(zip(wanted, came)):
        assert frame == other, f"frame {i} of {len(wanted)}:\n{frame.hex()}\nbecame\n{other.hex()}"
    assert len(wanted) == len(came)


def check_counters(machine, there, back):
    """Our ledger, the counters of both cards, and the model's own counts agree."""
    n = sum(map(fits, there + back))
    ledger = balanced(machine)
    assert (ledger["received"], ledger["sent"], ledger["held"]) == (n, n, 0), ledger
    assert sum(ledger["drops"].values()) == ledger["consumed"] == ledger["generated"] == 0, ledger
    for port, (into, out_of) in zip(machine.ports(), ((there, back), (back, there))):
        good = [padded(f) for f in into if fits(f)]
        sent = [padded(f) for f in out_of if fits(f)]
        assert port["rx_packets"] == len(good), port
        assert port["tx_packets"] == len(sent), port
        assert port["rx_over_errors"] == sum(not fits(f) for f in into), port
        assert port["rx_dropped"] == port["rx_missed_errors"] == port["rx_crc_errors"] == 0, port
        # Bytes are counted as in Linux: without the CRC.
        assert port["rx_bytes"] == sum(map(len, good)), port
        assert port["tx_bytes"] == sum(map(len, sent)), port
        truth = machine.truth(port["port"])
        assert truth["frames_to_host"] == len(good) and truth["frames_out"] == len(sent), truth
        assert truth["dma_refused"] == 0, truth


def test_every_captured_ethernet_frame_passes_unchanged_both_ways_at_once(boot):
    paths = captures.files_under([f for f in PCAP_FOLDERS if os.path.isdir(f)])
    # A host's capture may have packets that only its card cut into frames: longer than QEMU takes.
    frames = [f for path in paths for f in captures.read_frames(path) if 0 < len(f) <= Wire.FRAME_MAX]
    assert len(frames) > 400, f"only {len(frames)} frames in {PCAP_FOLDERS}"
    machine = boot("app=forward cpus=1")
    there, back = frames, frames[::-1]
    came_there, came_back = send_both_ways(machine, there, back, PATIENCE_S + len(frames) / 1000)
    check_same(there, came_there)
    check_same(back, came_back)
    assert machine.wires[0].is_silent() and machine.wires[1].is_silent()
    check_counters(machine, there, back)
    assert machine.poweroff() == 0


def test_every_length_from_1_to_1600_passes(boot):
    machine = boot("app=forward cpus=1")
    numbers = random.Random(540)
    there = [numbers.randbytes(n) for n in range(1, FRAME_MAX + 1)]
    back = there[::-1]
    came_there, came_back = send_both_ways(machine, there, back)
    check_same(there, came_there)
    check_same(back, came_back)
    check_counters(machine, there, back)


def test_a_frame_shorter_than_an_ethernet_header_is_an_undersize_error(boot):
    machine = boot("app=forward cpus=1", devices=["pad=off"] * 2)
    machine.wires[0].send(b"", bytes([1]), bytes([2]) * 13, bytes([3]) * 14)
    assert machine.wires[1].receive(1) == [padded(bytes([3]) * 14)]
    balanced(machine)
    # 13 bytes are 17 with the CRC; below 12 the card discards a frame without counting an error.
    assert machine.ports()[0]["rx_length_errors"] == 1


def test_longer_frames_are_counted_as_oversize_and_good_ones_pass(boot):
    machine = boot("app=forward cpus=1")
    lengths = (1514, 1601, 60, 1600, 2047, 2048, 2049, 4096, 9000, 16000, 16383, 16384, 16385, 65535,
               Wire.FRAME_MAX, 1514)
    there = [bytes([n % 251]) * n for n in lengths]
    came, _ = send_both_ways(machine, there, [])
    check_same(there, came)
    assert machine.wires[1].is_silent()
    check_counters(machine, there, [])


def test_an_mtu_above_1586_lets_longer_frames_pass_and_an_invalid_one_is_named(boot):
    machine = boot("app=forward cpus=1 port0.mtu=2000 port1.mtu=67")
    assert "port1.mtu=67 is invalid; expected 68 to 9216" in machine.console_text
    lengths = (60, 1600, 1601, 2013, 2014, 2015, 9000)
    frames = [bytes([n % 251]) * n for n in lengths]
    machine.wires[0].send(*frames)
    short = [padded(f) for f in frames if len(f) <= 2014]
    assert machine.wires[1].receive(len(short)) == short
    machine.wires[1].send(*frames)
    assert machine.wires[0].receive(2) == frames[:2]
    balanced(machine)
    assert [port["rx_over_errors"] for port in machine.ports()] == [2, 5]


def test_jumbo_frames_pass_with_an_mtu_of_9216(boot):
    machine = boot("app=forward cpus=1 port0.mtu=9216 port1.mtu=9216", memory_mb=64)
    numbers = random.Random(9216)
    there = [numbers.randbytes(n) for n in (60, 9230, 1514, 2047, 2048, 2049, 9229, 4096, 9231, 9230) * 30]
    fit = [f for f in there if len(f) <= 9230]
    feeder = threading.Thread(target=lambda: machine.wires[0].send(*there), daemon=True)
    feeder.start()
    assert machine.wires[1].receive(len(fit)) == fit
    feeder.join(PATIENCE_S)
    machine.wires[1].send(*fit[:5])
    assert machine.wires[0].receive(5) == fit[:5]
    assert balanced(machine)["received"] == len(fit) + 5
    assert [port["rx_over_errors"] for port in machine.ports()] == [30, 0]
    # A tap keeps the first 2048 bytes.
    machine.send("capture port 1 1\r")
    machine.expect(r"^# frames in")
    machine.wires[0].send(fit[1])
    assert machine.wires[1].receive(1) == [fit[1]]
    machine.expect(f"^0007f0 {fit[1][2032:2048].hex(' ')}")
    machine.prompt()
    assert "\n000800 " not in machine.console_text
    assert machine.poweroff() == 0


def test_a_tagged_frame_may_be_four_bytes_longer(boot):
    machine = boot("app=forward cpus=1")
    there = [bytes(12) + ethertype + bytes([n % 251]) * (n - 14)
             for ethertype in (b"\x81\x00", b"\x08\x00", b"\x88\xa8")
             for n in (1599, 1600, 1601, 1603, 1604, 1605, 1608)]
    assert sum(map(fits, there)) == 5 + 2 + 2
    came, _ = send_both_ways(machine, there, [])
    check_same(there, came)
    assert machine.wires[1].is_silent()
    check_counters(machine, there, [])


# As the first two bytes of a number, little-endian, EtherType 8808h: such frames end in the MAC.
MAC_CONTROL = 0x0888


def test_mac_control_frames_end_in_the_card(boot):
    """PAUSE and other opcodes, to one host and to the group: a wire cannot carry them truly
    (drivers/x540/README.md, "Pause frames"). A frame after them passes."""
    machine = boot("app=forward cpus=1")
    group, host = bytes.fromhex("0180c2000001"), bytes.fromhex("020000000009")
    control = [to + bytes(6) + bytes.fromhex("8808") + bytes([0, opcode]) + bytes(44)
               for to in (group, host) for opcode in (1, 2)]
    machine.wires[0].send(*control, bytes([8]) * 100)
    assert machine.wires[1].receive(1) == [bytes([8]) * 100]
    assert machine.wires[1].is_silent()
    assert machine.truth(0)["dropped_filter"] == len(control)
    balanced(machine)


def test_rings_wrap_many_times_without_loss_or_disorder(boot):
    machine = boot("app=forward cpus=1")
    there = [i.to_bytes(4, "big") * (15 + i % 64) for i in range(6000)]
    back = [i.to_bytes(4, "little") * (15 + i % 300) for i in range(6001) if i != MAC_CONTROL]
    came_there, came_back = send_both_ways(machine, there, back, 2 * PATIENCE_S)
    check_same(there, came_there)
    check_same(back, came_back)
    check_counters(machine, there, back)


def test_damaged_frames_are_counted_and_never_forwarded(boot):
    machine = boot("app=forward cpus=1")
    machine.card(0, "damage", "crc:3")
    machine.wires[0].send(*[bytes([7]) * 100] * 3, bytes([8]) * 100)
    assert machine.wires[1].receive(1) == [bytes([8]) * 100]
    assert machine.ports()[0]["rx_crc_errors"] == 3
    assert machine.wires[1].is_silent()
    balanced(machine)


def test_frames_with_a_wrong_length_field_pass_as_the_driver_asks(boot):
    machine = boot("app=forward cpus=1")
    machine.card(0, "damage", "length:3")
    machine.wires[0].send(*[bytes([7]) * 100] * 3)
    assert machine.wires[1].receive(3) == [bytes([7]) * 100] * 3
    assert machine.ports()[0]["rx_length_errors"] == 0
    balanced(machine)


def test_link_goes_down_and_comes_back(boot):
    machine = boot("app=forward cpus=1")
    machine.wires[0].send(bytes([1]) * 60)
    assert machine.wires[1].receive(1) == [bytes([1]) * 60]

    machine.set_cable(1, False)
    machine.wait_link(1, False)
    machine.wires[0].send(*[bytes([2]) * 60] * 10)
    wait_until(machine.ledger, lambda ledger: ledger["received"] >= 11, "10 more frames come in")
    ledger = balanced(machine)
    assert ledger["received"] == 11 and ledger["drops"]["tx_no_link"] == 10, ledger
    assert machine.ports()[1]["speed_mbps"] == 0

    machine.set_cable(1, True)
    machine.wait_link(1, True)
    machine.wires[0].send(bytes([3]) * 60)
    assert machine.wires[1].receive(1) == [bytes([3]) * 60]
    machine.wires[1].send(bytes([4]) * 60)
    assert machine.wires[0].receive(1) == [bytes([4]) * 60]
    balanced(machine)
    assert machine.poweroff() == 0


def test_link_flaps_under_load_lose_only_counted_frames(boot):
    machine = boot("app=forward cpus=1")
    stop = threading.Event()
    errors = []

    def feed(i):
        try:
            while not stop.is_set():
                machine.wires[i].send(*[bytes([i]) * 200] * 16)
                time.sleep(0.01)
        except (AssertionError, OSError) as error:
            errors.append(error)

    def grows(what, read):
        before = read(machine.ledger())
        wait_until(lambda: read(machine.ledger()), lambda n: n > before, what)

    feeders = [threading.Thread(target=feed, args=(i,), daemon=True) for i in (0, 1)]
    for feeder in feeders:
        feeder.start()
    for _ in range(4):
        for port in (1, 0):
            machine.set_cable(port, False)
            machine.wait_link(port, False)
            grows(f"frames for port{port}, which is down, are dropped",
                  lambda ledger: ledger["drops"]["tx_no_link"])
            machine.set_cable(port, True)
            machine.wait_link(port, True)
            grows(f"port{port}, which is up again, sends",
                  lambda ledger, port=port: ledger["ports"][port]["sent"])
    stop.set()
    for feeder in feeders:
        feeder.join(PATIENCE_S)
    assert not errors and not any(feeder.is_alive() for feeder in feeders), errors
    # When these frames have passed, so have all before them.
    for i in (0, 1):
        machine.wires[i].send(bytes([9 + i]) * 77)
        machine.wires[1 - i].receive_where(lambda f, i=i: f == bytes([9 + i]) * 77)
    wait_until(machine.ledger, lambda ledger: ledger["held"] == 0, "the cards complete all descriptors")
    ledger = balanced(machine)
    truths = [machine.truth(i) for i in (0, 1)]
    assert ledger["received"] == sum(t["frames_to_host"] for t in truths)
    assert ledger["sent"] >= sum(t["frames_out"] for t in truths)
