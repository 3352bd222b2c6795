#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Frames a second through a network card under QEMU: the X540 model compared with QEMU's own e1000e
and virtio-net, in one run.

For each card two Debian guests are connected by one wire (a socket pair, QEMU's `stream` netdev). One
sends with the kernel's pktgen, the other counts frames that reached its stack; then TCP by iperf3.
Emulation by TCG, one CPU a guest. The result depends on both the guest's driver, which is emulated code
and differs between cards, and the card, which is part of QEMU; so the output also has the processor
time that the two QEMU processes used for a frame. The cards take turns, and each figure is the median
of its rounds.

    bench_qemu_nics.py [--seconds 5] [--rounds 3] [--cards x540,e1000e,virtio-net-pci] [--json FILE]
"""
import argparse
import json
import os
import socket
import statistics
import sys
import time

ROOT = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")
sys.path.insert(0, f"{ROOT}/tests/qemu/lib")
from linux_guest import LinuxGuest, iperf3, kernel  # noqa: E402
from machine import wait_until  # noqa: E402

DRIVERS = {"x540": "ixgbe", "e1000e": "e1000e", "virtio-net-pci": "virtio_pci virtio_net"}
MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")


def cpu_seconds(guests):
    """Processor time that the guests' QEMU processes have used."""
    ticks = 0
    for guest in guests:
        with open(f"/proc/{guest.process.pid}/stat", encoding="utf-8") as f:
            ticks += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def received(guest):
    text = guest.check("cat /sys/class/net/eth0/statistics/rx_packets")
    return int(text)


def stream_of_frames(guests, size, seconds):
    """Run pktgen at full speed for `seconds`. Returns the frames a second that arrived, and the
    processor time for each in microseconds."""
    sender, receiver = guests
    for setting in ("count 0", f"pkt_size {size}", "delay 0", "clone_skb 0", "burst 1",
                    "dst 10.9.0.2", f"dst_mac {MACS[1]}", "udp_dst_min 9", "udp_dst_max 9"):
        sender.check(f"echo {setting} >/proc/net/pktgen/eth0@0")
    idle = received(receiver)
    sender.check("(echo start >/proc/net/pktgen/pgctrl) >/dev/null 2>&1 &")
    wait_until(lambda: received(receiver), lambda n: n > idle + 1000, f"the stream brings more than {idle}")
    began, before, used = time.monotonic(), received(receiver), cpu_seconds(guests)
    time.sleep(seconds)
    moved, passed = received(receiver) - before, time.monotonic() - began
    used = cpu_seconds(guests) - used
    sender.check("echo stop >/proc/net/pktgen/pgctrl", 120)
    sender.wait_for("cat /proc/net/pktgen/kpktgend_0", r"^Stopped:.* eth0@0")
    return {f"frames_{size}_per_s": round(moved / passed),
            f"cpu_us_per_frame_{size}": round(used / moved * 1e6, 1)}


def tcp(guests, seconds):
    used = cpu_seconds(guests)
    end = iperf3(*guests, "10.9.0.2", f"-t {seconds}")
    used = cpu_seconds(guests) - used
    moved = end["sum_received"]["bytes"]
    return {"tcp_mbit_per_s": round(end["sum_received"]["bits_per_second"] / 1e6),
            "tcp_cpu_ns_per_byte": round(used / moved * 1e9, 1)}


def measure(card, linux, seconds):
    """One round of one card: a dictionary of figures."""
    ends = socket.socketpair()
    for end in ends:
        end.set_inheritable(True)
    guests = []
    try:
        for i, end in enumerate(ends):
            devices = ["-netdev", f"stream,id=n0,addr.type=fd,addr.str={end.fileno()}",
                       "-device", f"{card},id=port0,netdev=n0,mac={MACS[i]}"]
            guest = LinuxGuest(f"{ROOT}/build/logs/bench/{card}-{i}", linux, devices, cores=1,
                               memory_mb=512, fds=[end.fileno()])
            guests.append(guest)
            guest.check(f"for m in {DRIVERS[card]}; do modprobe $m; done", 60)
            guest.check(f"ip addr add 10.9.0.{i + 1}/24 dev eth0; ip link set eth0 up")
        for end in ends:
            end.close()
        for i, guest in enumerate(guests):
            guest.wait_for("ip link show eth0", "[<,]LOWER_UP")
            guest.check(f"ip neigh add 10.9.0.{2 - i} lladdr {MACS[1 - i]} dev eth0 nud permanent")
        guests[0].check("modprobe pktgen; echo add_device eth0@0 >/proc/net/pktgen/kpktgend_0")
        figures = tcp(guests, seconds)
        for size in (60, 1514):
            figures.update(stream_of_frames(guests, size, seconds))
        return figures
    finally:
        for guest in guests:
            guest.stop()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    arguments.add_argument("--seconds", type=int, default=5)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--cards", default=",".join(DRIVERS))
    arguments.add_argument("--json", help="write all rounds to this file as well")
    given = arguments.parse_args()
    linux = kernel()
    rounds = {card: [] for card in given.cards.split(",")}
    for _ in range(given.rounds):
        for card, seen in rounds.items():
            seen.append(measure(card, linux, given.seconds))
    columns = list(next(iter(rounds.values()))[0])
    print(f"{'':<22}" + "".join(f"{card:>16}" for card in rounds))
    for column in columns:
        medians = (statistics.median(one[column] for one in seen) for seen in rounds.values())
        print(f"{column:<22}" + "".join(f"{value:>16}" for value in medians))
    if given.json:
        with open(given.json, "w", encoding="utf-8") as f:
            json.dump({"kernel": linux.release, "rounds": rounds}, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
