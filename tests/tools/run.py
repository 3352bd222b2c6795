#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`make run` and `make qemu`: boot the image under QEMU with the console on this terminal.

Each port has a QEMU user network (no root rights, no change to this machine's interfaces); the UDP echo
of port 0 is reachable on 127.0.0.1. Environment: PORTS, how many, 1 to 8 (2); APP, the boot line;
QEMU_ARGS, more options for QEMU; IOMMU=on, a machine with VT-d; CABLE=a and CABLE=b, two machines
whose ports are connected to each other instead, port 0 to port 0 and so on (sockets in build/).

    run.py [--plain] [--gdb]    --plain: no introduction; --gdb: wait for gdb on build/gdb.socket
"""
import os
import shlex
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../qemu/lib")
from machine import ROOT, qemu_command  # noqa: E402

PORTS_MAX = 8


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


def ports_wanted():
    """The number of ports."""
    text = os.environ.get("PORTS") or "2"
    if not text.isdecimal() or not 1 <= int(text) <= PORTS_MAX:
        sys.exit(f"run: PORTS={text}: must be 1 to {PORTS_MAX}")
    return int(text)


def boot_line(ports):
    """The reflector, with each port on its user network."""
    return " ".join(["app=echo"] + [f"port{i}.ip=10.0.{2 + i}.15/24 port{i}.gw=10.0.{2 + i}.2"
                                    for i in range(ports)])


def user_networks(ports, udp_port):
    """The wires: 10.0.2.0/24 for port 0, 10.0.3.0/24 for port 1, and so on."""
    return [f"user,id=n{i},net=10.0.{2 + i}.0/24"
            + (f",hostfwd=udp:127.0.0.1:{udp_port}-10.0.2.15:7" if i == 0 else "")
            for i in range(ports)]


def cables(end, ports):
    """The wires of a machine's ports, connected to the other machine's."""
    if end not in "ab":
        sys.exit(f"run: CABLE={end}: must be a for one machine and b for the other")
    far = "b" if end == "a" else "a"
    return [f"dgram,id=n{i},local.type=unix,local.path=build/cable{i}{end},"
            f"remote.type=unix,remote.path=build/cable{i}{far}" for i in range(ports)]


def numbered(ports):
    return "1 X540 port" if ports == 1 else f"{ports} X540 ports"


def main():
    os.chdir(ROOT)
    port = free_udp_port(7777)
    end = os.environ.get("CABLE", "")
    extra = ["-serial", "mon:stdio", *shlex.split(os.environ.get("QEMU_ARGS", ""))]
    if "--gdb" in sys.argv:
        extra += ["-S", "-gdb", "unix:build/gdb.socket,server=on,wait=off"]
        print("gdb build/ferrule.elf -x tests/tools/gdb_x540.py "
              "-ex 'target remote build/gdb.socket'", flush=True)
    ports = ports_wanted()
    wires = cables(end, ports) if end else user_networks(ports, port)
    macs = [f"mac=52:54:00:00:0{end}:0{i}" for i in range(ports)] if end else ()
    command = qemu_command(wires, os.environ.get("APP") or boot_line(ports), devices=macs,
                           iommu=os.environ.get("IOMMU") == "on", extra=extra)
    if end:
        print(f"{numbered(ports)} under QEMU, joined to those of another machine. To end it: poweroff",
              flush=True)
    elif "--plain" not in sys.argv:
        print(f"""
{numbered(ports)} under QEMU. At the prompt:    ping 10.0.2.2     show ports     help
From another terminal, the UDP echo:         bash -c 'exec 3<>/dev/udp/127.0.0.1/{port}; \
echo hello >&3; timeout 5 head -n 1 <&3'
To end it:                                   poweroff          (or Ctrl-A, then X)
""", flush=True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
