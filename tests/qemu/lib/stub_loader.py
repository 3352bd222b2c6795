# SPDX-License-Identifier: BSD-2-Clause
"""A loader with arbitrary, also invalid, boot information: a file for QEMU's -kernel with the image's own
segments and one more, which has the multiboot2 or PVH information that a test wants, byte by byte, and
four instructions that enter the image with it. Multiboot2 specification 2.0, section 3.6, for the tags.
Read next: test_bad_loader.py."""
import struct

from machine import IMAGE

MAGIC = 0x36D76289
PLACE = 0x3000000  # address of the stub and its information, RAM in these tests' machines
INFORMATION = PLACE + 0x1000
MIB = 1 << 20
USABLE, RESERVED = 1, 2


def tag(kind, body=b"", length=None):
    """A tag, padded; length: its length field, if it is to be wrong."""
    data = struct.pack("<II", kind, 8 + len(body) if length is None else length) + body
    return data + bytes(-len(data) % 8)


def memory_map(*ranges, entry_bytes=24, cut=0):
    """A memory-map tag of ranges (start, bytes, type); entry_bytes: the tag's entry size, and the size of
    the entries unless it is too small; cut: number of bytes removed from its end."""
    body = struct.pack("<II", entry_bytes, 0)
    for row in ranges:
        body += struct.pack("<QQII", *row, 0).ljust(entry_bytes, b"\xA5")
    return tag(6, body[:len(body) - cut])


def module(start, end, words=b"routes.txt\0"):
    return tag(3, struct.pack("<II", start, end) + words)


def multiboot2(*tags, line="app=forward loglevel=warn", total=None, end=tag(0)):
    """Information with that boot line; total: its length field, if it is to be wrong."""
    data = tag(1, line.encode() + b"\0") + tag(2, b"a test\0") + b"".join(tags) + end
    return struct.pack("<II", 8 + len(data) if total is None else total, 0) + data


def pvh(ranges, line=b"app=forward loglevel=warn\0", version=1, n_ranges=None, modules=()):
    """Start info at INFORMATION, followed by its map, modules and boot line."""
    data = b"".join(struct.pack("<QQII", *row, 0) for row in ranges)
    listed = b"".join(struct.pack("<QQQQ", *row) for row in modules)
    at = INFORMATION + 64
    return struct.pack("<IIIIQQQQII", 0x336EC578, version, 0, len(modules), at + len(data),
                       at + len(data) + len(listed), 0, at,
                       len(ranges) if n_ranges is None else n_ranges, 0).ljust(64, b"\0") + \
        data + listed + line


def loads(path, information, eax=MAGIC):
    """Write the file: the image, with the bytes `information` at INFORMATION, entered with eax and
    INFORMATION in ebx. Returns QEMU's options."""
    with open(IMAGE, "rb") as f:
        image = f.read()
    entry, first = struct.unpack_from("<QQ", image, 24)
    size, n = struct.unpack_from("<HH", image, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", image, first + i * size) for i in range(n)]
    code = b"\xB8" + struct.pack("<I", eax) + b"\xBB" + struct.pack("<I", INFORMATION) + \
        b"\xB9" + struct.pack("<I", entry) + b"\xFF\xE1"  # mov eax, mov ebx, mov ecx, jmp ecx
    note = struct.pack("<III4sQ", 4, 8, 18, b"Xen", PLACE + 64)
    stub = (note.ljust(64, b"\0") + code).ljust(0x1000, b"\0") + information
    kept = [s for s in segments if s[0] == 1]
    at = 64 + 56 * (len(kept) + 2)
    data, rows = b"", []
    for kind, flags, offset, vaddr, paddr, file_bytes, memory_bytes, _ in kept:
        rows.append((kind, flags, at + len(data), vaddr, paddr, file_bytes, memory_bytes, 16))
        data += image[offset:offset + file_bytes]
    for kind, length in ((1, len(stub)), (4, len(note))):
        rows.append((kind, 4, at + len(data), PLACE, PLACE, length, length, 4))
    with open(path, "wb") as f:
        f.write(image[:24] + struct.pack("<QQQIHHHHHH", PLACE + 64, 64, 0, 0, 64, 56, len(rows), 0, 0, 0))
        for row in rows:
            f.write(struct.pack("<IIQQQQQQ", *row))
        f.write(data + stub)
    return ["-kernel", path]
