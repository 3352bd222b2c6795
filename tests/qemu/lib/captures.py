# SPDX-License-Identifier: BSD-2-Clause
"""Reads frames from capture files, byte for byte, and writes them to one. Reads pcap (both byte orders,
micro- and nanoseconds, the variant with longer record headers) and pcapng; Ethernet frames only. A
truncated or invalid file gives the frames before the fault."""
import glob
import os
import struct

ETHERNET = 1
RECORD_MAX = 1 << 18


def read_pcap(data):
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\x34\xcd\xb2\xa1": "<",
             b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">", b"\xa1\xb2\xcd\x34": ">"}[data[:4]]
    if len(data) < 24 or struct.unpack_from(order + "I", data, 20)[0] & 0x3FFFFFF != ETHERNET:
        return []
    header = 24 if data[:4] in (b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34") else 16
    frames, at = [], 24
    while at + header <= len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        at += header
        if length > RECORD_MAX or at + length > len(data):
            break
        frames.append(data[at:at + length])
        at += length
    return frames


def read_pcapng(data):
    frames, links, at, order = [], [], 0, "<"
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":  # a section begins: byte order, no interfaces
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        kind, size = struct.unpack_from(order + "II", data, at)
        if size < 12 or size % 4 or at + size > len(data):
            break
        body = data[at + 8:at + size - 4]
        if kind == 1 and len(body) >= 8:  # interface description: link type, snap length
            links.append(struct.unpack_from(order + "HHI", body))
        elif kind in (2, 6) and len(body) >= 20:  # (obsolete and enhanced) packet
            interface = struct.unpack_from(order + ("I" if kind == 6 else "H"), body)[0]
            length = struct.unpack_from(order + "I", body, 12)[0]
            if interface < len(links) and links[interface][0] == ETHERNET \
                    and length <= len(body) - 20:
                frames.append(body[20:20 + length])
        elif kind == 3 and len(body) >= 4 and links and links[0][0] == ETHERNET:  # simple packet
            length = struct.unpack_from(order + "I", body)[0]
            if links[0][2]:
                length = min(length, links[0][2])
            frames.append(body[4:4 + length])
        at += size
    return frames


def read_frames(path):
    """The Ethernet frames of a capture file, or the one frame of a raw .bin seed."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        return read_pcapng(data)
    if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1", b"\x34\xcd\xb2\xa1",
                    b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d", b"\xa1\xb2\xcd\x34"):
        return read_pcap(data)
    return [data] if path.endswith(".bin") else []


def files_under(folders):
    """Every capture and raw seed below the folders, once each, in a stable order."""
    found = {}
    for folder in folders:
        for path in sorted(glob.glob(f"{folder}/**/*", recursive=True)):
            if path.endswith((".pcap", ".pcapng", ".cap", ".bin")) and os.path.isfile(path):
                found.setdefault(os.path.relpath(path, folder), path)
    return list(found.values())


def write_pcap(path, log):
    """log: (seconds since 1970, frame) pairs."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, RECORD_MAX, ETHERNET))
        for when, frame in log:
            f.write(struct.pack("<IIII", int(when), int(when % 1 * 1e6), len(frame), len(frame)))
            f.write(frame)
