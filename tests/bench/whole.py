# SPDX-License-Identifier: BSD-2-Clause
"""The traffic for a whole system, ours or Linux: which frames go in at port 0, and what must come out
where. tests/qemu/test_whole_image.py gives it to the image, linux_peer.py to Linux, so that both get
the same and are judged alike.

The system has 192.0.2.1/24 on port 0 and 198.51.100.1/24 on port 1, and a route to 203.0.113.0/24 by
198.51.100.100, who answers to GATEWAY."""
from scapy.all import ARP, IP, UDP, Ether

HOST, GATEWAY = "02:00:00:00:00:77", "02:00:00:00:01:64"
HOST_IP, GATEWAY_IP = "192.0.2.9", "198.51.100.100"
WORKS = ("forward", "route", "echo")
BURSTS = {32: 40, 1: 300}  # frames in flight: how many such bursts are counted


class Wrong(Exception):
    """What came out is not what went in, changed as it should be."""


def traffic(work, macs, n):
    """(frames in, frames out, port by which they leave) of one burst."""
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


def _judged(work, frame):
    """What of a frame is compared: Linux gives its own datagrams an identification, a flag that
    forbids fragments and so another header checksum."""
    return frame[:18] + frame[22:24] + frame[26:] if work == "echo" else frame


def burst(wires, work, frames, expected, way):
    """One burst in at port 0; returns when all of it came out by `way`, in order or not."""
    wires[0].send(*frames)
    came = [wires[way].receive_where(_is_ours) for _ in expected]
    wanted = sorted(_judged(work, frame) for frame in expected)
    for frame, other in zip(sorted(came, key=lambda f: _judged(work, f)), wanted):
        if _judged(work, frame) != other:
            raise Wrong(f"{work}: came out {frame.hex()}, of which {other.hex()} was expected")


def answer_arp(wires):
    """Tell the system its gateway's address: wait until it asks, and answer."""
    question = Ether(wires[1].receive_where(lambda f: f[12:14] == b"\x08\x06" and
                                            Ether(f)[ARP].pdst == GATEWAY_IP))
    wires[1].send(bytes(Ether(src=GATEWAY, dst=question.src) /
                        ARP(op=2, hwsrc=GATEWAY, psrc=GATEWAY_IP, hwdst=question.src,
                            pdst=question[ARP].psrc)))
