# SPDX-License-Identifier: BSD-2-Clause
"""The capture reader itself, which the forwarder's tests rely on: Scapy's reader, which is independent,
must find the same frames, and files written here in each variant must be read back."""
import glob
import struct

import pytest

import captures
from machine import ROOT

FRAMES = [bytes([n % 251]) * n for n in (1, 14, 60, 1514, 3000)]


def pcap(order, magic, link=1, extra=0):
    data = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for frame in FRAMES:
        data += struct.pack(order + "IIII", 1, 2, len(frame), len(frame) + 4) + bytes(extra) + frame
    return data


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + \
        struct.pack(order + "I", len(body) + 12)


def pcapng(order, links):
    data = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    for link in links:
        data += block(order, 1, struct.pack(order + "HHI", link, 0, 0))
    for i, frame in enumerate(FRAMES):
        data += block(order, 6, struct.pack(order + "IIIII", i % len(links), 0, 0, len(frame),
                                            len(frame)) + frame)
    return data


def read(tmp_path, data, name="x.pcap"):
    (tmp_path / name).write_bytes(data)
    return captures.read_frames(str(tmp_path / name))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("magic, extra", [(0xA1B2C3D4, 0), (0xA1B23C4D, 0), (0xA1B2CD34, 8)])
def test_pcap_in_every_variant(tmp_path, order, magic, extra):
    assert read(tmp_path, pcap(order, magic, extra=extra)) == FRAMES
    assert read(tmp_path, pcap(order, magic, link=0x40000001, extra=extra)) == FRAMES
    assert read(tmp_path, pcap(order, magic, link=101, extra=extra)) == []


@pytest.mark.parametrize("order", "<>")
def test_pcapng_takes_ethernet_interfaces_only(tmp_path, order):
    assert read(tmp_path, pcapng(order, [1])) == FRAMES
    assert read(tmp_path, pcapng(order, [1, 101])) == FRAMES[::2]
    assert read(tmp_path, pcapng(order, [101])) == []
    assert read(tmp_path, pcapng(order, [101]) + pcapng("<", [1])) == FRAMES


@pytest.mark.parametrize("data", [pcap("<", 0xA1B2C3D4), pcapng("<", [1])])
def test_a_truncated_file_gives_the_frames_before_the_cut(tmp_path, data):
    for cut in range(len(data)):
        frames = read(tmp_path, data[:cut])
        assert frames == FRAMES[:len(frames)]
    assert captures.read_frames(str(tmp_path / "x.pcap")) == FRAMES[:-1]


def test_written_frames_are_read_back(tmp_path):
    captures.write_pcap(tmp_path / "x.pcap", [(1.5, frame) for frame in FRAMES])
    assert captures.read_frames(str(tmp_path / "x.pcap")) == FRAMES


def test_scapy_finds_the_same_frames():
    from scapy.data import MTU  # its readers return no more than that of a frame
    from scapy.utils import RawPcapReader
    n = 0
    for path in glob.glob(f"{ROOT}/tests/data/pcap/**/*.pcap*", recursive=True):
        reader = RawPcapReader(path)
        theirs = [frame for frame, about in reader
                  if getattr(about, "linktype", getattr(reader, "linktype", 1)) & 0xFFFF == 1]
        reader.close()
        assert [frame[:MTU] for frame in captures.read_frames(path)] == theirs, path
        n += len(theirs)
    assert n > 400
