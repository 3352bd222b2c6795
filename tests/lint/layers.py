#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks which files may include which: arch <- kernel <- drivers <- net <- net/app; and pure files.

Classes, each with what its files may include:
    P  pure: freestanding headers and other P headers; no volatile, no asm
    A  P and arch/
    K  A, boot/ and kernel/
    D  K, drivers/*.h, its own folder and those below
    N  P, kernel/, drivers/*.h and net/ (net/app/ only from net/app/)
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tap  # noqa: E402

FREESTANDING = {"stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "limits.h", "stdalign.h",
                "stdnoreturn.h", "float.h", "iso646.h"}
FIRMWARE = "boot/efi/loader.c"  # a UEFI program, which includes <efi.h>
PURE = re.compile(r"""
    arch/(bytes|types|vtd_table)\.[ch]
  | boot/(bootinfo|cmdline)\.[ch]
  | boot/efi/text\.[ch]
  | drivers/(desc|drops)\.[ch]
  | drivers/x540/regs\.[ch]
  | kernel/console/(command|shell|words)\.[ch]
  | kernel/firmware/(acpi|dmar|madt)\.[ch]
  | kernel/lib/(fmt|hist|json|out|parse|ranges|str)\.[ch]
  | net/lane/cbpf\.[ch]
  | net/route/(fragment|ip_option|table|text)\.[ch]
  | net/stack/(arp|csum|eth|icmp|internal|ip|netif|netif_ip|reass|services|udp)\.[ch]
  | net/trial/(measure|options|probe)\.[ch]
""", re.X)


def class_of(path):
    if PURE.fullmatch(path):
        return "P"
    return {"arch": "A", "boot": "K", "kernel": "K", "drivers": "D", "net": "N"}[path.split("/")[0]]


def may_include(path, header):
    kind, folder = class_of(path), os.path.dirname(path)
    if class_of(header) == "P":
        return True
    top = header.split("/")[0]
    if top == "arch":
        return kind in "AKDN"  # N: the loop reads the TSC and writes tails itself
    if top in ("kernel", "boot"):
        return kind in "KDN"
    if top == "drivers":
        in_own = f"{os.path.dirname(header)}/".startswith(f"{folder}/")
        return (kind in "DN" and os.path.dirname(header) == "drivers") or (kind == "D" and in_own)
    return kind == "N" and (header == "net/app/app.h" or not header.startswith("net/app/") or folder == "net/app")


def main():
    report = tap.Report()
    sources = tap.files(r"(arch|boot|kernel|drivers|net)/.*\.[ch]")
    direction, rooted, system, hardware, impure = [], [], [], [], []
    for path in sources:
        text = tap.read(path)
        if re.match(r"/\*((?!\*/).)*\bPure\b", text, re.S) and class_of(path) != "P":
            impure.append(f"{path} is of class {class_of(path)}")
        for i, line in enumerate(text.splitlines(), 1):
            quoted = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            angled = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
            if quoted:
                header = quoted[1]
                if not re.match(r"(arch|boot|kernel|drivers|net)/", header):
                    rooted.append(f'{path}:{i}: "{header}" does not start at the top folder')
                elif not may_include(path, header):
                    direction.append(f"{path}:{i}: class {class_of(path)} includes {header} "
                                     f"(class {class_of(header)})")
            elif angled and angled[1] not in FREESTANDING and path != FIRMWARE:
                system.append(f"{path}:{i}: <{angled[1]}> is not a freestanding header")
        if class_of(path) == "P" or not path.startswith("arch/"):
            for i, line in enumerate(tap.code_of(text).splitlines(), 1):
                word = re.search(r"\b(volatile|asm|__asm__)\b", line)
                if word:
                    hardware.append(f"{path}:{i}: {word[1]} outside arch/")
    report.check("includes are rooted", rooted)
    report.check("includes point to the same layer or to the left", direction)
    report.check("only freestanding system headers", system)
    report.check("volatile and asm only in arch/", hardware)
    report.check("a header that claims to be pure is of class P", impure)
    report.end()


if __name__ == "__main__":
    main()
