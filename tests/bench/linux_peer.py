# SPDX-License-Identifier: BSD-2-Clause
"""Debian's Linux with its own ixgbe driver as bridge, router and UDP echo, on the same model of the
card and with the same traffic (whole.py) as the image: guest instructions a frame.

One CPU, one boot, TCG with the plugin that also counts the image. A marker is a program in the guest
that executes an address known to the plugin (linux_end.c). From marker to marker all instructions of
the guest count: interrupts, driver, stack, program, timers. The count of an equally long idle time (the
shell that starts the markers, and Linux's background work) is subtracted, so that only the cost of the
frames is left. Mitigations are off (linux_guest.py), which favours Linux; there is no IPv6, no packet
filter, and no multicast snooping by the bridge (else it would also send IGMP by itself).

    linux_peer.py    prints the figures as JSON
"""
import json
import os
import re
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")
sys.path[:0] = [f"{ROOT}/tests/qemu/lib", f"{ROOT}/tests/tools", f"{ROOT}/tests/bench"]
import debian  # noqa: E402
import whole  # noqa: E402
from linux_guest import LinuxGuest, kernel  # noqa: E402
from machine import Failure, Wire  # noqa: E402

COUNTER = f"{ROOT}/build/bench/count.so"
END = f"{ROOT}/build/bench/linux_end"
MACS = ("02:00:00:00:02:01", "02:00:00:00:02:02")
BOOT_S = 600  # slow, since the plugin counts every instruction

# The set-up of each work, from two ports that are down and without addresses.
SET_UP = {
    "forward": ("ip link add br0 type bridge mcast_snooping 0", "ip link set eth0 master br0",
                "ip link set eth1 master br0", "ip link set br0 up"),
    "route": ("ip addr add 192.0.2.1/24 dev eth0", "ip addr add 198.51.100.1/24 dev eth1",
              "echo 1 >/proc/sys/net/ipv4/ip_forward"),
    "echo": ("ip addr add 192.0.2.1/24 dev eth0",),
}
ONCE_UP = {
    "forward": (),
    "route": (f"ip neigh replace {whole.GATEWAY_IP} lladdr {whole.GATEWAY} dev eth1 nud permanent",
              f"ip route add 203.0.113.0/24 via {whole.GATEWAY_IP}"),
    "echo": (f"ip neigh replace {whole.HOST_IP} lladdr {whole.HOST} dev eth0 nud permanent",
             "linux_end echo >/tmp/echo.log 2>&1 &"),
}
TEAR_DOWN = ("killall linux_end 2>/dev/null", "ip link del br0 2>/dev/null",
             "echo 0 >/proc/sys/net/ipv4/ip_forward", "ip link set eth0 down", "ip link set eth1 down",
             "ip addr flush dev eth0", "ip addr flush dev eth1")


class Linux:
    def __init__(self, folder):
        self.wires = [Wire(), Wire()]
        devices, fds = ["-plugin", f"{COUNTER},at={self.marker()}"], []
        for i, wire in enumerate(self.wires):
            devices += ["-netdev", wire.netdev(f"n{i}"),
                        "-device", f"pcie-root-port,id=root{i},chassis={i + 1},slot={i + 1}",
                        "-device", f"x540,id=port{i},bus=root{i},netdev=n{i},mac={MACS[i]}"]
            fds += wire.fds()
        self.kernel = kernel()
        self.guest = LinuxGuest(folder, self.kernel, devices, cores=1, append="ipv6.disable=1", fds=fds,
                                programs=("ip",), own=(END,), boot_s=BOOT_S)
        for wire in self.wires:
            wire.started()
        self.guest.check("modprobe ixgbe && modprobe bridge", 120)

    @staticmethod
    def marker():
        rows = subprocess.run(["nm", END], capture_output=True, text=True, check=True).stdout.splitlines()
        return next(row.split()[0] for row in rows if row.split()[-1] == "mark")

    def mark(self):
        """Execute the marker. Returns the count of instructions so far."""
        known = len(self._marks())
        self.guest.check("linux_end mark")
        limit = time.monotonic() + 10
        while len(marks := self._marks()) == known:
            if time.monotonic() > limit:
                raise Failure("the plugin did not see the marker")
            time.sleep(0.05)
        return marks[-1]

    def _marks(self):
        return [int(n) for n in re.findall(r"^count: (\d+) at .*\n", self.guest.errors(), re.M)]

    def become(self, work):
        for command in TEAR_DOWN:
            self.guest.run(command)
        for command in SET_UP[work]:
            self.guest.check(command)
        for i in (0, 1):
            self.guest.check(f"ip link set eth{i} up")
            self.guest.wait_for(f"ip link show eth{i}", "[<,]LOWER_UP")
        for command in ONCE_UP[work]:
            self.guest.check(command)
        if work == "forward":  # a bridge's port forwards only in state 3
            for i in (0, 1):
                self.guest.wait_for(f"cat /sys/class/net/br0/brif/eth{i}/state", "^3$")
        if work == "echo":
            self.guest.wait_for("netstat -lnu", r":7 ")

    def cost(self, work, n):
        """Instructions a frame, n in flight."""
        frames, expected, way = whole.traffic(work, MACS, n)
        whole.burst(self.wires, work, frames, expected, way)
        before, began = self.mark(), time.monotonic()
        for _ in range(whole.BURSTS[n]):
            whole.burst(self.wires, work, frames, expected, way)
        took = time.monotonic() - began
        between = self.mark()
        time.sleep(took)
        idle = self.mark() - between
        return round((between - before - idle) / (n * whole.BURSTS[n]), 1)

    def stop(self):
        self.guest.stop()
        for wire in self.wires:
            wire.close()


def measure(log=print):
    """{"kernel": release, "forward/32": instructions a frame, …}; {"missing": why} if the kernel cannot
    be fetched."""
    try:
        kernel()
    except (debian.Failure, OSError) as failure:
        return {"missing": f"Debian's kernel could not be fetched: {failure}"}
    linux = Linux(f"{ROOT}/build/logs/bench/linux")
    try:
        figures = {"kernel": linux.kernel.release}
        for work in whole.WORKS:
            linux.become(work)
            for n in whole.BURSTS:
                figures[f"{work}/{n}"] = linux.cost(work, n)
                log(f"  Linux, {work}, {n} in flight: {figures[f'{work}/{n}']} instructions a frame")
        if linux.guest.alarms():
            raise Failure(f"Linux was not well: {linux.guest.alarms()[0]}")
        return figures
    finally:
        linux.stop()


if __name__ == "__main__":
    print(json.dumps(measure(lambda line: print(line, file=sys.stderr)), indent=1))
