#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks that received bytes, which a card may still write, are looked at only in the two ways of
net/lane/wire.h: the compiler refuses to treat a wire_frame_t as bytes, and no file but wire.h and
wire.c casts one."""
import concurrent.futures
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tap  # noqa: E402

GCC = ["gcc", "-std=c11", "-ffreestanding", "-fsyntax-only", "-Wall", "-Wextra", "-I."]
WIRE = ("net/lane/wire.h", "net/lane/wire.c")

PROBE = """
#include "net/app/app.h"
#include "net/stack/netif.h"
#include "net/stack/eth.h"
#include "net/trial/measure.h"
static LANE_FAST bool fast(struct lane_app app, wire_frame_t frame, size_t length)
{
    uint8_t own[SLOT_BYTES] = {0};
    struct lane *lane = (struct lane *)app.a;
    (void)own, (void)lane, (void)frame, (void)length;
    %s
    return true;
}
static struct outcome slow(struct lane *lane, %s frame, uint32_t length)
{
    return netif_input(lane->netif, %s, length);
}
LANE_LOOP(probe_poll, .fast = fast, .slow = slow, .length_least = FRAME_MIN)
"""
COPY = ("uint8_t *", "frame")
# What must not compile: a line of the fast handler, the slow handler's type, what it passes on.
REFUSED = {
    "a slow handler that is given the receive buffer": ("", "wire_frame_t", "(uint8_t *)(uintptr_t)frame"),
    "a slow handler that hands on the lane's buffers": ("", "uint8_t *", "lane->frames"),
    "the stack on the receive buffer": ("netif_input(lane->netif, frame, 60);", *COPY),
    "a copy other than wire_copy": ("memcpy(own, frame, 60);", *COPY),
    "a plain load": ("own[0] = (uint8_t)load64(frame);", *COPY),
    "a byte by index": ("own[0] = frame[12];", *COPY),
    "a byte by pointer": ("own[0] = *frame;", *COPY),
    "a number at an offset": ("own[0] = (uint8_t)wire_get16(frame + 12);", *COPY),
    "a pointer to bytes": ("uint8_t *p = frame; p[0] = 0;", *COPY),
    "a measurement of the receive buffer": ("stream_take(0, frame, 60, 0, true);", *COPY),
}
ACCEPTED = ("own[0] = (uint8_t)wire_load8(frame, 12); wire_store32(frame, 6, 0);"
            "own[1] = wire_copy(frame, 0, 60)[12];", *COPY)


def compile_text(parts, *options):
    """The compiler's errors, b'' if there are none."""
    return subprocess.run([*GCC, *options, "-x", "c", "-"], input=(PROBE % parts).encode(), cwd=tap.ROOT,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False).stderr


def casts(path):
    """Where the file casts the volatile of a wire_frame_t away."""
    done = subprocess.run([*GCC, "-Wcast-qual", path], cwd=tap.ROOT, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False)
    lines = [line for line in done.stderr.decode().splitlines() if "cast discards" in line
             and "volatile" in line and not line.removeprefix("./").startswith(WIRE)]
    return lines + ([f"{path} does not compile"] if done.returncode else [])


def main():
    report = tap.Report()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        failed = list(pool.map(lambda parts: compile_text(parts, "-Werror"), REFUSED.values()))
        refused = [f"the compiler accepts {what}" for what, error in zip(REFUSED, failed) if not error]
        other = [f"{what}: {error.decode().splitlines()[0]}" for what, error in zip(REFUSED, failed)
                 if error and not re.search(rb"volatile|incompatible|incomplete|dma_bytes|undefined type",
                                            error)]
        report.check("received bytes are used as wire.h says, or the compiler refuses", refused + other)
        accepted = compile_text(ACCEPTED, "-Werror").decode().splitlines()
        report.check("what wire.h offers compiles", accepted[:3])
        sources = tap.files(r"net/.*\.c")
        report.check("no file but wire.h and wire.c casts a wire_frame_t",
                     [line for lines in pool.map(casts, sources) for line in lines])
    ways = []
    for path in tap.files(r"net/.*\.[ch]"):
        code = tap.code_of(tap.read(path))
        names = set(re.findall(r"\bwire_frame_t (\w+)", code)) | {"frames"}
        for i, line in enumerate(code.splitlines(), 1):
            if path not in WIRE and re.search(r"\bwire_at\(", line) \
                    or re.search(r"\(uintptr_t\)\s*\(?[\w>.-]*\b(" + "|".join(names) + r")\b(?!_buf)", line) \
                    or re.search(r"\blanes?(\[\w+\])?(->|\.)frames_buf\.va\b", line) \
                    and "wire_frames(" not in line:
                ways.append(f"{path}:{i}: {line.strip()}")
    report.check("no other way leads to the address of a received frame", ways)
    report.end()


if __name__ == "__main__":
    main()
