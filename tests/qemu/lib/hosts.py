# SPDX-License-Identifier: BSD-2-Clause
"""Linux hosts for the far sides of ports: each is a network namespace with one tap device, whose file
descriptor QEMU inherits. Nothing outside the namespaces changes, and they end with the test. Needs
root, or a kernel that lets ordinary users create namespaces.

Run as a program inside such a namespace, this file creates the tap and passes its descriptor on."""
import array
import errno
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
TUN = "/dev/net/tun"
IPERF3_PORT = 5201


class Host:
    """A Linux host, whose interface is tap0. Pass it as one of a Machine's wires."""

    def __init__(self, name):
        self.name = name
        self.processes = []
        as_user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        # The namespace exists as long as this process, which waits for the end of its input.
        self._keeper = subprocess.Popen(["unshare", *as_user, "--net", "sh", "-c",
                                         "echo ready; exec cat"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self._keeper.stdout.readline() != "ready\n":
            why = self._keeper.stderr.read().strip()
            self._keeper.wait()
            raise RuntimeError(f"no network namespace: {why}")
        self._enter = ["nsenter", "--target", str(self._keeper.pid), "--net"]
        if as_user:
            self._enter += ["--user", "--preserve-credentials"]
        try:
            self.tap_fd = self._make_tap()
            self.run("ip", "link", "set", "lo", "up")
            # No offloads: frames must leave complete, with checksums and segmented.
            self.run("ethtool", "-K", "tap0", "tx", "off", "sg", "off", "tso", "off", "gso", "off",
                     "gro", "off")
            self.run("ip", "link", "set", "tap0", "up")
        except (OSError, RuntimeError):
            self.close()
            raise

    def _make_tap(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            done = subprocess.run([*self._enter, sys.executable, "-B", __file__,
                                   str(theirs.fileno())], pass_fds=[theirs.fileno()],
                                  stderr=subprocess.PIPE, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"no tap device: {done.stderr.strip().splitlines()[-1]}")
            _, data, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
            return array.array("i", data[0][2][:4])[0]

    # ---- the interface of a wire, for Machine ----

    def netdev(self, ident):
        return f"tap,id={ident},fd={self.tap_fd},vhost=off"

    def fds(self):
        return [self.tap_fd]

    def started(self):
        os.close(self.tap_fd)
        self.tap_fd = None

    # ---- for tests ----

    def run(self, *command, timeout_s=60, check=True):
        """Run a command on this host; returns its output."""
        done = subprocess.run([*self._enter, *command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=timeout_s, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(command)}: exit code {done.returncode}\n"
                               f"{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, *command):
        """Start a command in the background; close() kills it."""
        process = subprocess.Popen([*self._enter, *command], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.processes.append(process)
        return process

    def add_address(self, address):
        self.run("ip", "address", "add", address, "dev", "tap0", "nodad")

    def interface(self):
        """`ip -s -j link` of the tap: state, MAC address, counters."""
        return json.loads(self.run("ip", "-s", "-j", "link", "show", "tap0"))[0]

    def wait_carrier(self, timeout_s=30):
        limit = time.monotonic() + timeout_s
        while "LOWER_UP" not in self.interface()["flags"]:
            if time.monotonic() > limit:
                raise RuntimeError(f"{self.name}: tap0 has no carrier")
            time.sleep(0.1)

    def link_local(self, timeout_s=30):
        """Wait for the IPv6 link-local address and return it."""
        limit = time.monotonic() + timeout_s
        while time.monotonic() < limit:
            for row in json.loads(self.run("ip", "-6", "-j", "address", "show", "dev", "tap0")):
                for address in row.get("addr_info", []):
                    if address.get("scope") == "link" and not address.get("tentative"):
                        return address["local"]
            time.sleep(0.2)
        raise RuntimeError(f"{self.name}: no IPv6 link-local address")

    def listens(self, port):
        """Is a socket of this host listening on this TCP port?"""
        rows = self.run("cat", "/proc/net/tcp", "/proc/net/tcp6").splitlines()
        return any(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A"
                   for row in rows if row.split()[1] != "local_address")

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        if getattr(self, "tap_fd", None) is not None:
            os.close(self.tap_fd)
            self.tap_fd = None
        self._keeper.stdin.close()
        self._keeper.wait()


def iperf3(client, server, address, *more):
    """Run iperf3 by UDP in both directions at once. Returns the results of its streams, each a dict. Waits
    for the server to end, so that its port is free for the next run."""
    end = server.start("nice", "-n", "-15", "iperf3", "-s", "-1")
    limit = time.monotonic() + 30
    while not server.listens(IPERF3_PORT):
        if end.poll() is not None or time.monotonic() > limit:
            end.kill()
            raise RuntimeError(f"{server.name}: iperf3 does not listen: {end.communicate()[0]}")
        time.sleep(0.05)
    report = json.loads(client.run("nice", "-n", "-15", "iperf3", "-J", "-c", address, "-u",
                                   "--bidir", *more, timeout_s=120, check=False))
    if "error" in report:
        end.kill()
    output = end.communicate(timeout=30)[0]
    if "error" in report:
        raise RuntimeError(f"{client.name}: iperf3: {report['error']}; its server printed:\n{output}")
    return [stream["udp"] for stream in report["end"]["streams"]]


def open_tun():
    """Open /dev/net/tun; if /dev does not have it, through a temporary device node."""
    try:
        return os.open(TUN, os.O_RDWR)
    except OSError as error:
        if error.errno != errno.ENOENT or os.geteuid() != 0:
            raise
    node = f"/tmp/tun.{os.getpid()}"
    os.mknod(node, 0o20600, os.makedev(10, 200))
    try:
        return os.open(node, os.O_RDWR)
    finally:
        os.unlink(node)


def make_tap(channel_fd):
    tap = open_tun()
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"tap0", IFF_TAP | IFF_NO_PI))
    with socket.socket(fileno=channel_fd) as channel:
        channel.sendmsg([b"t"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [tap]))])


if __name__ == "__main__":
    make_tap(int(sys.argv[1]))
