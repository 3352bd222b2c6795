#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Build build/x540.so: the X540 model as a plugin for the QEMU that this machine has installed.

QEMU's inner interfaces move even inside one release of Debian, so the object is built from the
headers of exactly the installed package and says so to QEMU, which refuses any other pair. The
headers come from the matching source package, through apt, from where this machine's own apt
configuration has its Debian packages from: the entries for binaries are read, deb-src ones are
derived from them into a private list, and nothing outside the build folder is changed. Works as
root and as an ordinary user. About 20 seconds the first time, then only compiling.

    qemu_build.py                          what make calls: build/x540.so for /usr/bin's QEMU
    qemu_build.py --qemu DIR/usr/bin/qemu-system-x86_64 --source qemu=1:10.0.2+ds-2 --out FILE
                                           for a QEMU unpacked elsewhere
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


class Failure(Exception):
    """Carries the one line that the user reads."""


def run(command, **more):
    """Run and return standard output; a failure becomes one line with the last words of stderr."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="replace", **more)
    except FileNotFoundError:
        raise Failure(f"{command[0]} is not installed") from None
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no message"]
        raise Failure(f"{' '.join(map(str, command[:3]))} …: {words[-1]}")
    return done.stdout


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


# ---- apt, with lists and caches of our own ----

def apt_setting(name):
    text = run(["apt-config", "shell", "VALUE", name])
    return text.split("'")[1] if "'" in text else ""


def source_entries():
    """The machine's enabled binary entries, each turned into deb-src: (suffix, text) pairs, one for
    each one-line entry and each deb822 stanza."""
    files = [Path(apt_setting("Dir::Etc::sourcelist/f"))]
    parts = Path(apt_setting("Dir::Etc::sourceparts/d"))
    if parts.is_dir():
        files += sorted(p for p in parts.iterdir() if p.suffix in (".list", ".sources"))
    for path in files:
        try:
            text = path.read_text()
        except OSError:
            continue
        if path.suffix == ".sources":
            for stanza in re.split(r"\n\s*\n", text):
                lines = [line for line in stanza.splitlines() if not line.startswith("#")]
                fields = {line.split(":", 1)[0].strip().lower(): line.split(":", 1)[1].strip()
                          for line in lines if ":" in line and not line[0].isspace()}
                if "deb" not in fields.get("types", "").split():
                    continue
                if fields.get("enabled", "yes").lower() in ("no", "false", "off", "0", "without"):
                    continue
                body = [line for line in lines if not re.match(r"(?i)(types|architectures):", line)]
                yield ".sources", "\n".join(["Types: deb-src"] + body) + "\n"
        else:
            for line in text.splitlines():
                found = re.match(r"\s*deb\s+(\[[^]]*\]\s+)?(\S+\s+\S+.*?)(#.*)?$", line)
                if found:
                    options = re.sub(r"\barch[+-]?=\S+", "", found.group(1) or "").strip()
                    options = "" if re.fullmatch(r"\[\s*\]", options) else options
                    yield ".list", f"deb-src {options} {found.group(2).strip()}\n"


def where_offered(package):
    """[(uri, suite)] of the archives that offer the package, as far as apt's lists know."""
    try:
        lines = run(["apt-cache", "madison", package]).splitlines()
    except Failure:
        return []
    places = [line.split("|")[-1].split() for line in lines]
    return [(words[0].rstrip("/"), words[1].split("/")[0]) for words in places if len(words) > 1]


class Apt:
    """apt-get with private lists and caches below a folder of the build."""

    def __init__(self, folder, package):
        self.folder = folder
        for name in ("lists/partial", "cache/archives/partial", "sources.d"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for old in (folder / "sources.d").iterdir():
            old.unlink()
        entries = list(source_entries())
        if not entries:
            raise Failure("apt has no enabled 'deb' entry, so there is nowhere to take source from")
        places = where_offered(package)
        chosen = [entry for entry in entries
                  if any(uri in entry[1] and suite in entry[1] for uri, suite in places)]
        for i, (suffix, text) in enumerate(chosen or entries):
            (folder / "sources.d" / f"entry{i}{suffix}").write_text(text)
        self.options = [
            "-o", "Dir::Etc::sourcelist=/dev/null",
            "-o", f"Dir::Etc::sourceparts={folder / 'sources.d'}",
            "-o", f"Dir::State::lists={folder / 'lists'}",
            "-o", f"Dir::Cache={folder / 'cache'}",
            "-o", "APT::Sandbox::User=" + ("root" if os.geteuid() == 0 else ""),
            "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=2",
        ]

    def download_source(self, name, version):
        """The path of the .dsc, everything it names beside it."""
        update = subprocess.run(["apt-get", *self.options, "update"], capture_output=True,
                                text=True, errors="replace")
        offered = subprocess.run(["apt-cache", *self.options, "showsrc", "--only-source", name],
                                 capture_output=True, text=True).stdout
        versions = re.findall(r"^Version: (\S+)", offered, re.MULTILINE)
        if not versions:
            words = [line for line in update.stderr.splitlines() if line.startswith(("E:", "W:"))]
            raise Failure(f"the apt sources offer no deb-src with {name}"
                          + (f": {words[0]}" if words else ""))
        if version not in versions:
            raise Failure(f"source {name} {version} is no longer offered (there is "
                          f"{', '.join(versions)}): apt-get install qemu-system-x86 brings the "
                          "binary up to date")
        run(["apt-get", *self.options, "source", "--download-only", f"{name}={version}"],
            cwd=self.folder)
        return self.folder / f"{name}_{version.split(':')[-1]}.dsc"


# ---- QEMU's headers ----

def make_headers(build, name, version, package):
    """The folder that holds QEMU's headers for this version, filled if need be."""
    target = build / ("qemu-src-" + version.replace(":", "_").replace("/", "_"))
    if (target / "complete").exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    work = build / "qemu-apt"
    shutil.rmtree(work, ignore_errors=True)
    tree = work / "tree"
    print(f"x540.so: fetching the headers of {name} {version} (once)", flush=True)
    dsc = Apt(work.resolve(), package).download_source(name, version)
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
        flags = glue if source.name == "x540_qemu.c" else core
        run_compiler([compiler, *flags, "-c", str(source), "-o", str(target)])
        objects.append(str(target))
    run_compiler([compiler, "-shared", "-Wl,-z,now", *objects, "-o", str(out) + ".new"])
    os.replace(str(out) + ".new", out)


def run_compiler(command):
    if subprocess.run(command).returncode != 0:
        raise Failure(f"the compiler failed on {command[-3]}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("--qemu", help="the QEMU to build for [qemu-system-x86_64 of PATH]")
    arguments.add_argument("--source", help="its source package, name=version [asked of dpkg]")
    arguments.add_argument("--package", default="qemu-system-x86", help="its binary package")
    arguments.add_argument("--out", type=Path, default=ROOT / "build/x540.so")
    given = arguments.parse_args()
    qemu = given.qemu or shutil.which("qemu-system-x86_64")
    try:
        if not qemu:
            raise Failure("qemu-system-x86_64 is not installed: apt-get install qemu-system-x86")
        name, version = (given.source.split("=", 1) if given.source
                         else installed_source(given.package))
        package = package_string(qemu)
        headers = make_headers(ROOT / "build", name, version, given.package)
        given.out.parent.mkdir(parents=True, exist_ok=True)
        build_object(headers, package, given.out)
    except Failure as failure:
        print(f"x540.so: {failure}", file=sys.stderr)
        return 1
    print(f"x540.so: {given.out.name} for QEMU {package}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
