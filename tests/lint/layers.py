#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks which files may include which: arch <- kernel <- drivers <- net, room by room
within a layer; and pure files.

Classes, each with what its files may include:
    P  pure: freestanding headers and other P headers; no volatile, no asm
    A  P and arch/
    K  A, boot/ and kernel/
    D  K, drivers/*.h, its own folder and those below
    N  P, kernel/, drivers/*.h and net/

Rooms: the folders of a layer, and the files at its own level, in the order in which they stand on each
other. A file includes its own room or one below it, pure or not. CONTRACTS are open to every room: by
them lower rooms register commands and settings, and higher ones are known as what they promise.
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
    arch/(bytes|idle|stretch|types|vtd_table)\.[ch]
  | boot/(bootinfo|cmdline|console_key)\.[ch]
  | boot/efi/text\.[ch]
  | drivers/desc\.[ch]
  | drivers/x540/regs\.[ch]
  | kernel/console/(command|shell|words)\.[ch]
  | kernel/firmware/(acpi|dmar|madt)\.[ch]
  | kernel/iommu/policy\.[ch]
  | kernel/lib/(fmt|hist|json|out|parse|ranges|str)\.[ch]
  | net/drops\.[ch]
  | net/filter/.*\.[ch]
  | net/route/(fragment|ip_option|table|text)\.[ch]
  | net/stack/(addr|arp|csum|eth|icmp|internal|ip|netif|netif_ip|quick|reass|services|udp)\.[ch]
  | net/trial/(measure|options|probe)\.[ch]
""", re.X)

ROOMS = [re.compile(room, re.X) for room in (
    # kernel
    r"kernel/lib/.*",
    r"kernel/firmware/.*",
    r"kernel/slice\.[ch]",
    r"kernel/log/.*",
    r"kernel/(ksym|leaving|power|panic|mailbox|ask|grace|watchdog|pci|silence|usb)\.[ch]",
    r"kernel/memory/.*",
    r"kernel/iommu/.*",
    r"kernel/console/.*",
    r"kernel/selftest/.*",
    r"kernel/(bootlog|platform|start|steps|main)\.[ch]",
    # drivers
    r"drivers/[^/]*\.h",
    r"drivers/x540/.*",
    r"drivers/boot_line\.c",
    r"drivers/drivers\.c",
    # net
    r"net/drops\.h",
    r"net/stack/.*",
    r"net/filter/.*",
    r"net/lane/.*",
    r"net/(app/app|run)\.h",  # what an application is, and which one runs; implemented by the last room
    r"net/route/.*",
    r"net/trial/.*",
    r"net/console/.*",
    r"net/app/.*",
    r"net/[^/]*\.[ch]",
)]
CONTRACTS = {"kernel/console/command.h", "kernel/console/config.h", "kernel/start.h"}


def room_of(path):
    """Its place in ROOMS; None in arch/ and boot/, which have none."""
    if re.match(r"(arch|boot)/", path):
        return None
    return next((i for i, room in enumerate(ROOMS) if room.fullmatch(path)), len(ROOMS))


def is_way_back(path, header):
    """Within a layer, does path include a room above its own?"""
    same_layer = path.split("/")[0] == header.split("/")[0]
    return same_layer and header not in CONTRACTS and room_of(path) is not None \
        and room_of(header) > room_of(path)


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
    return kind == "N"


def main():
    report = tap.Report()
    sources = tap.files(r"(arch|boot|kernel|drivers|net)/.*\.[ch]")
    direction, back, rooted, system, hardware, impure = [], [], [], [], [], []
    roomless = [path for path in sources if room_of(path) == len(ROOMS)]
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
                elif is_way_back(path, header):
                    back.append(f"{path}:{i}: {header} is of a room above")
            elif angled and angled[1] not in FREESTANDING and path != FIRMWARE:
                system.append(f"{path}:{i}: <{angled[1]}> is not a freestanding header")
        if class_of(path) == "P" or not path.startswith("arch/"):
            for i, line in enumerate(tap.code_of(text).splitlines(), 1):
                word = re.search(r"\b(volatile|asm|__asm__)\b", line)
                if word:
                    hardware.append(f"{path}:{i}: {word[1]} outside arch/")
    report.check("includes are rooted", rooted)
    report.check("includes point to the same layer or to the left", direction)
    report.check("includes lead to the same room or to one below", back)
    report.check("every file of kernel/, drivers/ and net/ is in a room", roomless)
    report.check("only freestanding system headers", system)
    report.check("volatile and asm only in arch/", hardware)
    report.check("a header that claims to be pure is of class P", impure)
    report.end()


if __name__ == "__main__":
    main()
