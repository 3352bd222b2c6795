# SPDX-License-Identifier: BSD-2-Clause
"""The traffic for a whole system, ours or Linux: the input frames of port 0, and the frames that must
come out by which port. tests/qemu/test_whole_image.py sends it to the image, linux_peer.py to Linux, so
that both get the same frames and the same checks.

The system has 192.0.2.1/24 on port 0 and 198.51.100.1/24 on port 1, and a route to 203.0.113.0/24 via
198.51.100.100, whose MAC address is GATEWAY."""
from scapy.all import ARP, IP, UDP, Ether

HOST, GATEWAY = "02:00:00:00:00:77", "02:00:00:00:01:64"
HOST_IP, GATEWAY_IP = "192.0.2.9", "198.51.100.100"
WORKS = ("forward", "route", "echo")
BURSTS = {32: 40, 1: 300}  # frames in flight: number of bursts that are counted


class Wrong(Exception):
    """A frame that came out differs from the expected one."""


def traffic(work, macs, n):
    """(input frames, expected output frames, output port) of one burst."""
    if work == "forward":
        frames = [bytes(range(59)) + bytes([i]) for i in range(n)]
        return frames, frames, 1
    to = "192.0.2.1" if work == "echo" else "203.0.113.5"
    frames, out = [], []
    for i in range(n):
        ends = {"sport": 40000 + i, "dport": 7}
        frames.append(Ether(src=HOST, dst=macs[0]) / IP(src=HOST_IP, dst=to) / UDP(**ends) / bytes(18))
        if work == "echo":
            out.append(Ether(src=macs[0], dst=HOST) / IP(src=to, dst=HOST_IP) /
                       UDP(sport=7, dport=40000 + i) / bytes(18))
        else:
            out.append(Ether(src=macs[1], dst=GATEWAY) / IP(src=HOST_IP, dst=to, ttl=63) / UDP(**ends) /
                       bytes(18))
    return list(map(bytes, frames)), list(map(bytes, out)), 0 if work == "echo" else 1


def _is_ours(frame):
    return frame[12:14] in (b"\x08\x00", b"\x0c\x0d")


def _compared(work, frame):
    """The part of a frame that is compared: Linux sets its own identification and Don't Fragment in
    its datagrams, and so another header checksum."""
    return frame[:18] + frame[22:24] + frame[26:] if work == "echo" else frame


def burst(wires, work, frames, expected, way):
    """Send one burst to port 0; returns when all of it came out by port `way`, in any order."""
    wires[0].send(*frames)
    came = [wires[way].receive_where(_is_ours) for _ in expected]
    wanted = sorted(_compared(work, frame) for frame in expected)
    for frame, other in zip(sorted(came, key=lambda f: _compared(work, f)), wanted):
        if _compared(work, frame) != other:
            raise Wrong(f"{work}: came out {frame.hex()}, whose compared part should be {other.hex()}")


def answer_arp(wires):
    """Wait for the system's ARP request for its gateway, and answer it."""
    request = Ether(wires[1].receive_where(lambda f: f[12:14] == b"\x08\x06" and
                                            Ether(f)[ARP].pdst == GATEWAY_IP))
    wires[1].send(bytes(Ether(src=GATEWAY, dst=request.src) /
                        ARP(op=2, hwsrc=GATEWAY, psrc=GATEWAY_IP, hwdst=request.src,
                            pdst=request[ARP].psrc)))
