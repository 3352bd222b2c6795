#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Provides a QEMU that emulates x2APIC and records the faults of interrupt remapping (9 or later; Debian
12 has 7.2), and the model of the card for it. Prints three paths on a line: the program, the model's
shared object, the folder of headers for plugins.

If the installed QEMU is new enough, it is used, with build/x540.so. Otherwise the next Debian release's
QEMU is unpacked below build/newer-qemu with all the libraries it needs, including the C library, so
that this machine is not changed and its versions need not match; a script there starts it. 40 MB, once.
(Debian 12's backport is not used: the archive need not keep the source of the offered backport build,
and the model cannot be built without that source.)

On failure, the exit code is 1 and standard error has a line with the reason.
"""
import glob
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")
sys.path[:0] = [f"{ROOT}/tests/tools", f"{ROOT}/tests/model"]
import qemu_build  # noqa: E402
from debian import Apt, Failure, release, run  # noqa: E402

EMULATOR = "qemu-system-x86_64"
PACKAGES = ("qemu-system-x86", "seabios")
WANTED = 9
NEXT = {"bookworm": "trixie"}
FOLDER = f"{ROOT}/build/newer-qemu"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
KEEP = (f"usr/bin/{EMULATOR}", LIBRARIES, "usr/share/qemu", "usr/share/seabios")
START = f"""#!/bin/sh
# Made by tests/tools/newer_qemu.py: starts the QEMU in this folder with its own libraries.
tree="$(dirname "$(readlink -f "$0")")/tree"
export QEMU_MODULE_DIR="$tree/{LIBRARIES}/qemu"
exec "$tree/{LIBRARIES}/ld-linux-x86-64.so.2" --library-path "$tree/{LIBRARIES}" \\
    "$tree/usr/bin/{EMULATOR}" -L "$tree/usr/share/qemu" -L "$tree/usr/share/seabios" "$@"
"""


def installed_version():
    try:
        return int(re.search(r"version (\d+)", run([EMULATOR, "--version"]))[1])
    except (Failure, TypeError):
        return 0


def unpack(suite):
    """Fill FOLDER with tree/, the start script, and the file `source` (name, version and suite)."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    apt = Apt(f"{FOLDER}/apt", "deb", PACKAGES[0], suite)
    whole = f"{FOLDER}/whole"
    for package in apt.with_dependencies(PACKAGES):
        run(["dpkg-deb", "-x", str(package), whole])
        if package.name.startswith(f"{PACKAGES[0]}_"):
            fields = run(["dpkg-deb", "-f", str(package), "Source", "Version"])
            found = dict(re.findall(r"^(\w+): (.+)$", fields, re.M))
            name, own = re.match(r"(\S+)(?: \((.+)\))?", found.get("Source", PACKAGES[0])).groups()
            with open(f"{FOLDER}/source", "w", encoding="utf-8") as f:
                f.write(f"{name} {own or found['Version']} {suite}\n")
    for part in KEEP:
        os.makedirs(os.path.dirname(f"{FOLDER}/new/{part}"), exist_ok=True)
        shutil.move(f"{whole}/{part}", f"{FOLDER}/new/{part}")
    with open(f"{FOLDER}/{EMULATOR}", "w", encoding="utf-8") as f:
        f.write(START)
    os.chmod(f"{FOLDER}/{EMULATOR}", 0o755)
    shutil.rmtree(whole)
    shutil.rmtree(f"{FOLDER}/apt")
    os.rename(f"{FOLDER}/new", f"{FOLDER}/tree")


def make_model():
    """(the model for the unpacked QEMU, its headers); the model is rebuilt if a source has changed."""
    with open(f"{FOLDER}/source", encoding="utf-8") as f:
        name, version, suite = f.read().split()
    out = qemu_build.Path(FOLDER) / "x540.so"
    headers = qemu_build.make_headers(out.parent, name, version, PACKAGES[0], suite)
    sources = glob.glob(f"{ROOT}/tests/model/*")
    if not out.exists() or out.stat().st_mtime < max(map(os.path.getmtime, sources)):
        program = f"{FOLDER}/{EMULATOR}"
        qemu_build.build_object(headers, qemu_build.package_string(program), out)
    return str(out), str(headers)


def main():
    if installed_version() >= WANTED:
        headers = max(glob.glob(f"{ROOT}/build/qemu-src-*"), key=os.path.getmtime)
        print(EMULATOR, f"{ROOT}/build/x540.so", headers)
        return 0
    real_stdout = os.dup(1)
    os.dup2(2, 1)  # the output of compilers and apt goes to standard error
    try:
        suite = NEXT.get(release()[1])
        if not suite:
            raise Failure(f"the installed QEMU is older than {WANTED}, and a source of a newer one is "
                          "known only for Debian 12")
        if not os.path.isdir(f"{FOLDER}/tree"):
            unpack(suite)
        model, headers = make_model()
        run([f"{FOLDER}/{EMULATOR}", "--version"])
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        print(f"newer_qemu: {failure}", file=sys.stderr)
        return 1
    os.write(real_stdout, f"{FOLDER}/{EMULATOR} {model} {headers}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
