#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Build build/x540.so: the X540 model as a plugin for the QEMU that this machine has installed.

QEMU's inner interfaces move even inside one release of Debian, so the object is built from the
headers of exactly the installed package and says so to QEMU, which refuses any other pair. The
headers come from the matching source package, through apt (tests/tools/debian.py says how; nothing
outside the build folder is changed). About 20 seconds the first time, then only compiling.

tests/tools/newer_qemu.py uses the same functions for a QEMU that is not installed.
Read next: x540_qemu.c, which is what is compiled here.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests/tools"))
from debian import Apt, Failure, run  # noqa: E402

# config-host.h as far as the headers ask. With these every structure that the model shares with
# QEMU has the size that a full configuration gives it; CONFIG_INT128 alone moves 24 bytes.
CONFIG = """\
#define CONFIG_LINUX
#define CONFIG_POSIX
#define HOST_X86_64 1
#define CONFIG_ATOMIC64
#define CONFIG_TCG
#define CONFIG_IOVEC
#define CONFIG_INT128
#define CONFIG_PLUGIN
#define QEMU_VERSION_MAJOR {0}
#define QEMU_VERSION_MINOR {1}
#define QEMU_VERSION_MICRO {2}
"""
KEEP = ("include", "linux-headers", "tcg/i386", "VERSION")


def installed_source(package):
    """("qemu", "1:7.2+dfsg-7+deb12u18"): the source that the installed binary was built from."""
    try:
        text = run(["dpkg-query", "-W", "-f", "${source:Package}=${source:Version}", package])
    except Failure as failure:
        raise Failure(f"{package} is not installed from a Debian package ({failure})") from None
    return tuple(text.split("=", 1))


def package_string(qemu):
    """What QEMU calls its package: "Debian 1:7.2+dfsg-7+deb12u18+b3"."""
    found = re.search(r"version \S+ \((.*)\)", run([str(qemu), "--version"]).splitlines()[0])
    if not found:
        raise Failure(f"{qemu} names no package in its version line")
    return found.group(1)


# ---- QEMU's headers ----

def make_headers(build, name, version, package, suite=None):
    """The folder below `build` that holds QEMU's headers for this version, filled if need be. suite:
    the release that has it, if it is not this machine's."""
    target = build / ("qemu-src-" + version.replace(":", "_").replace("/", "_"))
    if (target / "complete").exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    work = build / "qemu-apt"
    shutil.rmtree(work, ignore_errors=True)
    tree = work / "tree"
    print(f"x540.so: fetching the headers of {name} {version} (once)", flush=True)
    dsc = Apt(work, "deb-src", package, suite).source(name, version)
    run(["dpkg-source", "--no-check", "-x", str(dsc), str(tree)])
    generated = target / "generated"
    generated.mkdir(parents=True)
    for part in KEEP:
        source, goal = tree / part, target / part
        goal.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, goal, symlinks=True)
        else:
            shutil.copy(source, goal)
    run([sys.executable, str(tree / "scripts/qapi-gen.py"), "-b", "-o", str(generated / "qapi-all"),
         str(tree / "qapi/qapi-schema.json")])
    (generated / "qapi").mkdir()
    for header in (generated / "qapi-all").glob("qapi-*types*.h"):
        shutil.copy(header, generated / "qapi" / header.name)
    shutil.rmtree(generated / "qapi-all")
    (generated / "config-poison.h").write_text("")
    (generated / "config-host.h").write_text(
        CONFIG.format(*(tree / "VERSION").read_text().strip().split(".")))
    (target / "linux-headers" / "asm").unlink(missing_ok=True)
    (target / "linux-headers" / "asm").symlink_to("asm-x86")
    shutil.rmtree(work)
    (target / "complete").write_text("")
    return target


def build_object(headers, package, out):
    """Compile the glue against QEMU's headers, the core against none, and link both."""
    work = out.parent / (out.name + ".o")
    work.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CC", "gcc")
    common = ["-O2", "-g", "-fPIC", "-fvisibility=hidden", "-fno-strict-aliasing", "-fno-common",
              "-fwrapv", "-Wall", "-Wextra", "-Werror"]
    # The core checks itself: no header of QEMU's can reach it.
    core = [*common, "-std=c11", f"-I{ROOT}"]
    glue = [*common, "-std=gnu11", "-Wno-unused-parameter", "-Wno-sign-compare",
            "-Wno-missing-field-initializers",
            "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-D_LARGEFILE_SOURCE",
            f'-DX540_QEMU_PACKAGE="{package}"']
    if "MemReentrancyGuard" in (headers / "include/net/net.h").read_text():
        glue.append("-DX540_NIC_HAS_GUARD")
    glue += [f"-I{headers / part}" for part in
             ("generated", "include", ".", "tcg/i386")]
    glue += ["-isystem", str(headers / "linux-headers"), f"-I{HERE}"]
    glue += run(["pkg-config", "--cflags", "glib-2.0"]).split()
    objects = []
    for source in sorted(HERE.glob("x540*.c")):
        target = work / (source.stem + ".o")
        flags = glue if source.name.startswith("x540_qemu") else core
        run_compiler([compiler, *flags, "-c", str(source), "-o", str(target)])
        objects.append(str(target))
    run_compiler([compiler, "-shared", "-Wl,-z,now", *objects, "-o", str(out) + ".new"])
    os.replace(str(out) + ".new", out)


def run_compiler(command):
    if subprocess.run(command).returncode != 0:
        raise Failure(f"the compiler failed on {command[-3]}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("--out", type=Path, default=ROOT / "build/x540.so")
    given = arguments.parse_args()
    qemu = shutil.which("qemu-system-x86_64")
    try:
        if not qemu:
            raise Failure("qemu-system-x86_64 is not installed: apt-get install qemu-system-x86")
        name, version = installed_source("qemu-system-x86")
        package = package_string(qemu)
        headers = make_headers(ROOT / "build", name, version, "qemu-system-x86")
        given.out.parent.mkdir(parents=True, exist_ok=True)
        build_object(headers, package, given.out)
    except Failure as failure:
        print(f"x540.so: {failure}", file=sys.stderr)
        return 1
    print(f"x540.so: {given.out.name} for QEMU {package}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
