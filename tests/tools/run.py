#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`make run` and `make qemu`: boot the image under QEMU with the console on this terminal.

Port 0 and port 1 each have a QEMU user network (no root rights, no change to this machine's
interfaces); the UDP echo of port 0 is reachable on 127.0.0.1. Environment: APP, the boot line;
QEMU_ARGS, more options for QEMU; IOMMU=on, a machine with VT-d; CABLE=a and CABLE=b, two machines
whose ports are connected to each other instead, port 0 to port 0 and port 1 to port 1 (sockets in
build/).

    run.py [--plain] [--gdb]    --plain: no introduction; --gdb: wait for gdb on build/gdb.socket
"""
import os
import shlex
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../qemu/lib")
from machine import ROOT, qemu_command  # noqa: E402

BOOT_LINE = ("app=echo port0.ip=10.0.2.15/24 port0.gw=10.0.2.2 "
             "port1.ip=10.0.3.15/24 port1.gw=10.0.3.2")


def free_udp_port(first):
    """The first unused UDP port of 127.0.0.1 from `first` on."""
    for port in range(first, first + 100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    sys.exit(f"run: no free UDP port from {first} to {first + 99} on 127.0.0.1")


def cables(end):
    """The wires of a machine's two ports, connected to the other machine's."""
    if end not in "ab":
        sys.exit(f"run: CABLE={end}: must be a for one machine and b for the other")
    far = "b" if end == "a" else "a"
    return [f"dgram,id=n{i},local.type=unix,local.path=build/cable{i}{end},"
            f"remote.type=unix,remote.path=build/cable{i}{far}" for i in (0, 1)]


def main():
    os.chdir(ROOT)
    port = free_udp_port(7777)
    end = os.environ.get("CABLE", "")
    extra = ["-serial", "mon:stdio", *shlex.split(os.environ.get("QEMU_ARGS", ""))]
    if "--gdb" in sys.argv:
        extra += ["-S", "-gdb", "unix:build/gdb.socket,server=on,wait=off"]
        print("gdb build/ferrule.elf -x tests/tools/gdb_x540.py "
              "-ex 'target remote build/gdb.socket'", flush=True)
    wires = cables(end) if end else [f"user,id=n0,hostfwd=udp:127.0.0.1:{port}-10.0.2.15:7",
                                     "user,id=n1,net=10.0.3.0/24"]
    macs = [f"mac=52:54:00:00:0{end}:0{i}" for i in (0, 1)] if end else ()
    command = qemu_command(wires, os.environ.get("APP") or BOOT_LINE, devices=macs,
                           iommu=os.environ.get("IOMMU") == "on", extra=extra)
    if end:
        print("Two X540 ports under QEMU, joined to those of another machine. To end it: poweroff",
              flush=True)
    elif "--plain" not in sys.argv:
        print(f"""
Two X540 ports under QEMU. At the prompt:    ping 10.0.2.2     show ports     help
From another terminal, the UDP echo:         bash -c 'exec 3<>/dev/udp/127.0.0.1/{port}; \
echo hello >&3; timeout 5 head -n 1 <&3'
To end it:                                   poweroff          (or Ctrl-A, then X)
""", flush=True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
