#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Make the kernel's code pack better: a call names its target by the distance, so two calls of one
function differ in four bytes. Here the distance becomes the target's place in .text, and a list says
where, so that unpack.asm can undo it. Which E8h bytes are calls need not be known: what is listed is
undone, whatever it was.

    calls.py KERNEL TEXT OUT LIST    KERNEL: the kernel as it lies in memory, beginning with TEXT

LIST holds for each the step from the last one: 1 to 254; 255 stands for 254 and no call; 0 is the end.
"""
import struct
import sys

CALL, SKIP, SKIPPED = 0xE8, 255, 254


def main():
    with open(sys.argv[1], "rb") as f:
        kernel = bytearray(f.read())
    with open(sys.argv[2], "rb") as f:
        text_bytes = len(f.read())
    steps, at, last = bytearray(), 0, -1
    while at + 5 <= text_bytes:
        target = at + 5 + struct.unpack_from("<i", kernel, at + 1)[0]
        if kernel[at] != CALL or not 0 <= target < text_bytes:
            at += 1
            continue
        struct.pack_into("<I", kernel, at + 1, target)
        step = at - last
        while step > SKIPPED:
            steps.append(SKIP)
            step -= SKIPPED
        steps.append(step)
        last = at
        at += 5
    with open(sys.argv[3], "wb") as f:
        f.write(kernel)
    with open(sys.argv[4], "wb") as f:
        f.write(steps + b"\0")


if __name__ == "__main__":
    main()
