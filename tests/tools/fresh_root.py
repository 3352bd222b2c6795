#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Check that the README's commands work on a fresh machine: a Debian root folder with only make, git and
a C compiler, the project cloned into it, then `make run` used as by a newcomer (ping the gateway, use
the printed line for the UDP echo, power off), `make demo`, and `make test`.

    fresh_root.py [--suite bookworm|trixie] [--only run|demo|test] FOLDER     (as root)

FOLDER is created, or used again if it has a root already; the clone has the last commit, not the
working tree. Packages come from the archives in this machine's apt configuration. Needs debootstrap.
"""
import argparse
import os
import re
import selectors
import shutil
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")
MINIMUM = "make,git,gcc,libc6-dev"
HOME = "/ferrule"


def sources(suite):
    """[(address, release)] of Debian's own repositories in this machine's apt configuration, with the
    release names changed to those of `suite`."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(CODENAME) $(ORIGIN)",
         "Created-By: Packages"], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = []
    for line in listed.splitlines():
        address, release, codename, *origin = line.split()
        if origin == ["Debian"]:
            base = re.split(r"[-/]", codename)[0]
            entry = (address, release.replace(base, suite, 1))
            if entry not in found:
                found.append(entry)
    return found


def make_root(folder, suite):
    """Run debootstrap, then configure this machine's sources and proxies."""
    where = sources(suite)
    main = [address for address, release in where if release == suite]
    if not main:
        sys.exit("fresh_root: this machine's apt configuration names no Debian repository")
    if not os.path.exists(f"{folder}/usr/bin/make"):
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={MINIMUM}", suite, folder,
                        main[0]], check=True, stdout=subprocess.DEVNULL)
    with open(f"{folder}/etc/apt/sources.list", "w", encoding="utf-8") as f:
        f.writelines(f"deb {address} {release} main\n" for address, release in where)
    proxies = subprocess.run(["apt-config", "dump"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
    with open(f"{folder}/etc/apt/apt.conf.d/90here", "w", encoding="utf-8") as f:
        f.writelines(line + "\n" for line in proxies.splitlines()
                     if re.match(r"Acquire::https?::Proxy", line))
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", f"{folder}/etc/{name}")


def clone(folder):
    target = folder + HOME
    if os.path.isdir(target):
        shutil.rmtree(target)
    subprocess.run(["git", "clone", "-q", "--no-local", ROOT, target], check=True)
    subprocess.run(["chown", "-R", "root:root", target], check=True)


def inside(folder, command, **more):
    """Start command in the root folder, with its own mounts and processes, /proc, /sys and terminals,
    and a minimal environment."""
    return subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
         'mount -t proc proc "$0/proc" && mount -t sysfs sysfs "$0/sys" && '
         'mount -t devpts -o newinstance,ptmxmode=0666 devpts "$0/dev/pts" && '
         'mount --bind "$0/dev/pts/ptmx" "$0/dev/ptmx" && exec chroot "$0" env -i HOME=/root TERM=dumb '
         'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin '
         f'sh -c "cd {HOME} && $1"', folder, command], **more)


class Session:
    """`make run` in the root folder, with its console on a pipe."""

    def __init__(self, folder):
        self.text, self.mark = "", 0
        self.process = inside(folder, "make run", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def expect(self, pattern, seconds):
        limit = time.monotonic() + seconds
        while True:
            match = re.compile(pattern, re.M).search(self.text, self.mark)
            if match:
                self.mark = match.end()
                return match
            if time.monotonic() > limit or not self.selector.select(1) and \
                    self.process.poll() is not None:
                sys.exit(f"\nfresh_root: make run never showed {pattern!r}")
            if self.selector.select(0):
                data = os.read(self.process.stdout.fileno(), 65536).decode("utf-8", "replace")
                if not data:
                    sys.exit(f"\nfresh_root: make run ended without {pattern!r}")
                self.text += data
                sys.stdout.write(data)
                sys.stdout.flush()

    def send(self, line):
        self.process.stdin.write(line.encode() + b"\r")
        self.process.stdin.flush()


def try_run(folder):
    session = Session(folder)
    echo = session.expect(r"bash -c '([^']+)'", 900)[1]
    session.expect(r"^ferrule> ", 120)
    time.sleep(5)
    session.send("ping 10.0.2.2")
    session.expect(r"10\.0\.2\.2.*(ms|us)", 30)
    session.expect(r"ferrule> ", 60)
    answer = inside(folder, f"bash -c '{echo}'", stdout=subprocess.PIPE, text=True)
    text = answer.communicate(timeout=60)[0]
    if text != "hello\n":
        sys.exit(f"fresh_root: the UDP echo answered {text!r}")
    session.send("show ports")
    session.expect(r"ferrule> ", 60)
    session.send("poweroff")
    code = session.process.wait(60)
    print(f"\nfresh_root: make run: gateway answered, echo answered, exit code {code}")
    return code


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--only", choices=("run", "demo", "test"))
    parser.add_argument("folder")
    options = parser.parse_args()
    folder = os.path.abspath(options.folder)
    make_root(folder, options.suite)
    clone(folder)
    codes = {}
    for what in [options.only] if options.only else ["run", "demo", "test"]:
        began = time.monotonic()
        codes[what] = try_run(folder) if what == "run" else \
            inside(folder, f"make {what}", stdin=subprocess.DEVNULL).wait()
        print(f"fresh_root: {options.suite}: make {what}: exit code {codes[what]}, "
              f"{time.monotonic() - began:.0f} s", flush=True)
    return 1 if any(codes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
