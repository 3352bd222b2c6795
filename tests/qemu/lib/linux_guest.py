# SPDX-License-Identifier: BSD-2-Clause
"""A Debian kernel under QEMU, with a small root file system in memory, driven by commands.

The kernel is the packaged one, unmodified: downloaded by name, unpacked into build/, never installed.
The root has busybox, a few of the host's own programs with their libraries, and the kernel modules
that a test names (with their dependencies). Two serial ports: the kernel's console, and a channel on
which an agent in the guest runs one command line at a time,

    guest = LinuxGuest(folder, kernel("linux-image-amd64"), devices=[...])
    guest.check("ip link set eth0 up")      # raises Failure with the output unless the exit code is 0

Every wait has a limit. Read next: test_linux_ixgbe.py.
"""
import io
import json
import lzma
import os
import re
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

from machine import MODEL, PATIENCE_S, ROOT, Failure, Monitor, end_process

sys.path.insert(0, f"{ROOT}/tests/tools")
import debian  # noqa: E402

PROGRAMS = ("ip", "ethtool", "iperf3", "ping", "taskset")
MODULES = ("ixgbe", "8021q", "bridge", "pktgen", "e1000e", "virtio_net", "virtio_pci")

# Messages that must not occur during a test: alarms of the kernel and of the driver.
ALARMS = re.compile(r"WARNING:|BUG[: ]|Oops|Call Trace|general protection|NETDEV WATCHDOG|Tx Unit Hang"
                    r"|hung task|blocked for more|soft lockup|rcu.*stall|Adapter removed|Kernel panic|PANIC:"
                    r"|oom-killer|allocation failure|\[#\d+\]|hard LOCKUP|unchecked MSR"
                    r"|DMAR:.*[Ff]ault|DMAR-IR:.*[Ff]ault|ixgbe.*(fail|Fail|error|Error|timed out"
                    r"|not cleared|unexpected|Reset adapter)|[Ll]eak|nobody cared")

# The day-long ping keeps the kernel's receive time stamps enabled. Otherwise each start and end of a
# ping enables and disables them by patching the receive path, with a breakpoint as the first step; and
# QEMU before 8.1, with one thread a processor, can execute its translation of such a breakpoint for
# ever if another processor replaces it meanwhile: the guest then hangs in asm_exc_int3.
AGENT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /run/netns /tmp /var/run
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t tmpfs tmp /tmp
/bin/busybox mount -t tmpfs run /run
/bin/busybox --install -s /bin
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/bin HOME=/tmp
FUNCTIONS
ip link set lo up
ping -q -n -i 86400 127.0.0.1 >/dev/null 2>&1 &
stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1 >/dev/ttyS1 2>&1
echo @@ready
while IFS= read -r line; do
    id=${line%% *}; rest=${line#* }; length=${rest%% *}; command=${rest#* }
    if [ "${#command}" = "$length" ]; then
        ( eval "$command" ) </dev/null
        code=$?
    else
        code=again
    fi
    echo
    echo "@@$id $code"
done
"""


# ---- The kernel ----

class Kernel:
    """An unpacked kernel package: .image, .release, .modules (folder of .ko by name)."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.image = self.folder / "vmlinuz"
        self.release = (self.folder / "release").read_text(encoding="utf-8")

    def closure(self, names):
        """The named modules and their dependencies, each after its own dependencies, as file names."""
        order = []

        def add(name, above=()):
            path = self.folder / "modules" / f"{name.replace('-', '_')}.ko"
            if name in above or path.name in order or not path.exists():
                return
            found = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
            for need in (found.group(1).decode().split(",") if found and found.group(1) else ()):
                add(need, (*above, name))
            order.append(path.name)

        for name in names:
            add(name)
        return order


def kernel(package="linux-image-amd64", suite=None):
    """Debian's current kernel. suite: a suffix of the release's name, "backports"."""
    build = Path(ROOT) / "build"
    work = build / ("linux-apt" + (f"-{suite}" if suite else ""))
    apt = debian.Apt(work, "deb", package, suite and f"{debian.release()[1]}-{suite}")
    name = apt.dependency(package, r"linux-image-\d.*-amd64")
    version = re.search(r"^Version: (\S+)", apt.query("show", name), re.MULTILINE).group(1)
    folder = build / f"linux-{version.replace(':', '_')}"
    complete, wanted = folder / "complete", " ".join(MODULES)
    if not complete.exists() or complete.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "modules").mkdir(parents=True)
        _unpack(apt.binary(name), folder)
        complete.write_text(wanted, encoding="utf-8")
    shutil.rmtree(work)
    return Kernel(folder)


def _unpack(package, folder):
    """Extract the image, and the MODULES with their dependencies, from a .deb."""
    wanted = re.compile(r"\./(usr/)?lib/modules/([^/]+)/.*/([^/]+)\.ko(\.xz)?")
    modules = {}
    reader = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE)
    with reader, tarfile.open(fileobj=reader.stdout, mode="r|") as archive:
        for member in archive:
            found = wanted.fullmatch(member.name)
            if found:
                data = archive.extractfile(member).read()
                name = found.group(3).replace("-", "_")
                modules[name] = lzma.decompress(data) if found.group(4) else data
                (folder / "release").write_text(found.group(2), encoding="utf-8")
            elif re.fullmatch(r"\./boot/vmlinuz-.*", member.name):
                (folder / "vmlinuz").write_bytes(archive.extractfile(member).read())
    if not modules or not (folder / "vmlinuz").exists():
        raise debian.Failure(f"{package.name} contains no kernel")
    todo = list(MODULES)
    while todo:
        name = todo.pop()
        if name in modules:
            data = modules.pop(name)
            (folder / "modules" / f"{name}.ko").write_bytes(data)
            found = re.search(rb"\0depends=([^\0]*)\0", data)
            todo += found.group(1).decode().replace("-", "_").split(",") if found else []


# ---- The root file system ----

class Archive:
    """A cpio archive (newc), which the kernel unpacks into its initial root."""

    def __init__(self):
        self._out = io.BytesIO()
        self._names = set()

    def _entry(self, name, mode, data=b""):
        fields = (len(self._names) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        self._out.write(b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0")
        self._out.write(b"\0" * (-self._out.tell() % 4) + data)
        self._out.write(b"\0" * (-self._out.tell() % 4))
        self._names.add(name)

    def file(self, name, data, mode=0o755):
        name = name.lstrip("/")
        if name in self._names:
            return
        parts = name.split("/")
        for i in range(1, len(parts)):
            folder = "/".join(parts[:i])
            if folder not in self._names:
                self._entry(folder, stat.S_IFDIR | 0o755)
        self._entry(name, stat.S_IFREG | mode, data)

    def console(self):
        """Add /dev/console, init's output before it has mounted a file system."""
        self._entry("dev", stat.S_IFDIR | 0o755)
        name = "dev/console"
        fields = (len(self._names) + 1, stat.S_IFCHR | 0o600, 0, 0, 1, 0, 0, 0, 0, 5, 1,
                  len(name) + 1, 0)
        self._out.write(b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0")
        self._out.write(b"\0" * (-self._out.tell() % 4))
        self._names.add(name)

    def finish(self):
        self._entry("TRAILER!!!", 0)
        return self._out.getvalue()


def _program(archive, name):
    """Add a program of the host and the libraries that it is linked with."""
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not path:
        raise Failure(f"{name} is not installed; the Linux guest needs it")
    archive.file(f"/usr/bin/{name}", Path(path).read_bytes())
    libraries = re.findall(r"(/\S+) \(0x", debian.run(["ldd", path]))
    # The C library loads this one when a thread is cancelled.
    libraries += [str(Path(name).parent / "libgcc_s.so.1") for name in libraries
                  if name.endswith("/libc.so.6")]
    for library in libraries:
        if os.path.exists(library):
            archive.file(library, Path(library).read_bytes())


def initrd(linux, programs=PROGRAMS, own=(), modules=MODULES):
    """Build a root for this kernel; returns its path. own: paths of static programs for /bin."""
    archive = Archive()
    archive.console()
    busybox = next((p for p in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(p)), None)
    if not busybox:
        raise Failure("busybox-static is not installed; the Linux guest needs it")
    archive.file("/bin/busybox", Path(busybox).read_bytes())
    # The shell prefers its own applets to programs in PATH, but functions to both.
    functions = "".join(f'{name}() {{ /usr/bin/{name} "$@"; }}\n' for name in programs)
    archive.file("/init", AGENT.replace("FUNCTIONS\n", functions).encode())
    for name in programs:
        _program(archive, name)
    for path in own:
        archive.file(f"/bin/{Path(path).name}", Path(path).read_bytes())
    folder = f"/lib/modules/{linux.release}"
    order = linux.closure(modules)
    for name in order:
        archive.file(f"{folder}/{name}", (linux.folder / "modules" / name).read_bytes(), 0o644)
    rows = []
    for name in order:
        needs = linux.closure([name.removesuffix(".ko")])[:-1]
        rows.append(f"{name}: {' '.join(reversed(needs))}".rstrip() + "\n")
    archive.file(f"{folder}/modules.dep", "".join(rows).encode(), 0o644)
    path = linux.folder / "initrd"
    path.write_bytes(archive.finish())
    return path


# ---- The machine ----

class LinuxGuest:
    """Boot, run commands, stop. devices: QEMU's options for the cards; fds: descriptors named in them;
    programs, own: see initrd."""

    def __init__(self, folder, linux, devices, *, cores=4, memory_mb=768, iommu=False, append="",
                 extra=(), fds=(), programs=PROGRAMS, own=(), boot_s=4 * PATIENCE_S):
        self.folder = folder
        self.linux = linux
        self.console_text = ""
        self._agent_text = ""
        self._silent = ""  # why no more commands are sent
        self._news = threading.Condition()
        self._count = 0
        os.makedirs(folder, exist_ok=True)
        self.qmp = Monitor()
        self._console, console_theirs = socket.socketpair()
        self._agent, agent_theirs = socket.socketpair()
        ours = [end.fileno() for end in (console_theirs, agent_theirs, self.qmp.theirs)]
        words = "console=ttyS0 loglevel=7 mitigations=off tsc=reliable panic=-1 oops=panic " \
                "net.ifnames=0 rdinit=/init " + append
        command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "qemu64,+ssse3,+sse4.1,+sse4.2,+rdrand",
                   "-M", "q35,kernel-irqchip=split", "-m", str(memory_mb), "-smp", str(cores), "-nodefaults",
                   "-display", "none", "-no-reboot", "-plugin", MODEL]
        if iommu:
            command += ["-device", "intel-iommu,intremap=on"]
            words += " intel_iommu=on iommu.strict=1 iommu.passthrough=0"
        command += ["-kernel", str(linux.image), "-initrd", str(initrd(linux, programs, own)), "-append", words]
        command += list(devices) + list(extra)
        for name, fd in zip(("console", "agent"), ours):
            command += ["-chardev", f"socket,id={name},fd={fd}", "-serial", f"chardev:{name}"]
        command += ["-chardev", f"socket,id=monitor,fd={ours[2]}",
                    "-mon", "chardev=monitor,mode=control"]
        Path(folder, "command").write_text(shlex.join(command) + "\n", encoding="utf-8")
        with open(f"{folder}/qemu.log", "wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors,
                                            stderr=errors, pass_fds=[*ours, *fds], cwd=ROOT)
        console_theirs.close()
        agent_theirs.close()
        self._readers = [threading.Thread(target=self._read, args=ends, daemon=True) for ends in
                         ((self._console, "console_text"), (self._agent, "_agent_text"))]
        for reader in self._readers:
            reader.start()
        try:
            self.qmp.started()
            self._wait(r"^@@ready$", boot_s, "the agent")
        except Failure as failure:
            self.stop()
            raise Failure(f"the Linux guest did not start: {failure}\n"
                          f"{self.console_text[-2000:]}\n{self.errors()}") from None

    def _read(self, end, name):
        with open(f"{self.folder}/{name.strip('_')}.log", "w", encoding="utf-8") as log:
            while True:
                try:
                    data = end.recv(65536)
                except OSError:
                    data = b""
                text = data.decode("utf-8", "replace").replace("\r", "")
                log.write(text)
                log.flush()
                with self._news:
                    setattr(self, name, getattr(self, name) + text)
                    self._news.notify_all()
                if not data:
                    return

    def _wait(self, pattern, timeout_s, what):
        """Wait until the agent has printed a line that matches pattern; consume the output up to it."""
        limit = time.monotonic() + timeout_s
        compiled = re.compile(pattern, re.MULTILINE)
        with self._news:
            while True:
                found = compiled.search(self._agent_text)
                if found:
                    before = self._agent_text[:found.start()]
                    self._agent_text = self._agent_text[found.end():].lstrip("\n")
                    return before, found
                left = limit - time.monotonic()
                if left <= 0 or not self._readers[1].is_alive():
                    break
                self._news.wait(left)
        self._silent = "QEMU ended" if left > 0 else f"no answer in {timeout_s:g} s to {what!r}"
        if left <= 0:
            self._keep_state()
        raise Failure(f"{what}: {self._silent}; its kernel's alarm or last lines: {self._first_alarm()}; it printed:\n"
                      f"{self._agent_text[-2000:]}\nconsole:\n{self.console_text[-1500:]}\n"
                      f"{self.errors()}")

    def _keep_state(self):
        """Write each processor's state, twice, to a file, to help find why the guest does not answer."""
        with open(f"{self.folder}/silence", "w", encoding="utf-8") as out:
            for _ in range(2):
                for command in ("info status", "info registers -a", "info lapic", "info network"):
                    try:
                        out.write(self.qmp("human-monitor-command", **{"command-line": command}))
                    except Failure as failure:  # QEMU does not answer either
                        out.write(f"{command}: {failure}\n")
                        return

    def _first_alarm(self):
        """The kernel's first alarm with the lines around it, as one line; else its last lines."""
        lines = [re.sub(r"^\[ *[\d.]+\] *", "", line) for line in self.console_text.splitlines()]
        first = next((i for i, line in enumerate(lines) if ALARMS.search(line)), None)
        shown = lines[-3:] if first is None else lines[max(first - 6, 0):first + 16]
        return " | ".join(line for line in shown if line)[:900]

    def run(self, command, timeout_s=PATIENCE_S):
        """Run one line of shell. Returns (exit code, output)."""
        assert "\n" not in command
        if self._silent:
            raise Failure(f"{command}: not sent, since the guest does not answer: {self._silent}")
        self._count += 1
        for _ in range(3):
            self._agent.sendall(f"{self._count} {len(command)} {command}\n".encode())
            text, found = self._wait(r"^@@(.*) (\d+|again)$", timeout_s, command)
            # A guest that is out of memory loses characters of its serial line: the agent found the
            # line too short and did not run it.
            if found.group(2) != "again":
                return int(found.group(2)), text.strip("\n")
        raise Failure(f"{command}: reached the guest truncated three times")

    def check(self, command, timeout_s=PATIENCE_S):
        """Run one line of shell whose exit code must be 0. Returns its output."""
        code, text = self.run(command, timeout_s)
        if code != 0:
            raise Failure(f"{command!r} ended with {code} and printed:\n{text}\n"
                          f"console:\n{self.console_text[-1500:]}")
        return text

    def wait_for(self, command, pattern, timeout_s=PATIENCE_S):
        """Repeat a command until its output matches pattern."""
        limit = time.monotonic() + timeout_s
        while True:
            text = self.run(command, timeout_s)[1]
            found = re.search(pattern, text, re.MULTILINE)
            if found:
                return found
            if time.monotonic() > limit:
                raise Failure(f"{command!r} did not show {pattern!r} in {timeout_s:g} s but:\n"
                              f"{text}\nconsole:\n{self.console_text[-1500:]}")
            time.sleep(0.2)

    def alarms(self):
        """The lines of the kernel's log that match ALARMS."""
        return [line for line in self.console_text.splitlines() if ALARMS.search(line)]

    def errors(self):
        return Path(self.folder, "qemu.log").read_text(encoding="utf-8", errors="replace")

    def complaints(self):
        """The rules that the driver broke, except for advice: Linux's driver works with real cards, so it
        must break no rule."""
        return [line for line in self.errors().splitlines()
                if ": rule " in line and " (advice): " not in line]

    def stop(self):
        end_process(self.process)
        for reader in self._readers:
            reader.join(5)
        self._console.close()
        self._agent.close()
        self.qmp.close()


def iperf3(client, server, address, more, *, client_prefix="", server_prefix="", timeout_s=120):
    """Run iperf3 between two guests, or two namespaces of one (the prefixes). Returns the "end" of its
    report."""
    listeners = f"{server_prefix} netstat -lnt"
    server.wait_for(f"{listeners} | grep -c :5201", "^0$")  # the one before has ended
    server.check(f"rm -f /tmp/iperf3.log; {server_prefix} iperf3 -s -1 --logfile /tmp/iperf3.log "
                 ">/dev/null 2>&1 &")
    server.wait_for(listeners, ":5201 ")
    code, text = client.run(f"{client_prefix} iperf3 -c {address} -J {more}", timeout_s)
    end = json.loads(text[text.index("{"):])["end"] if "{" in text else None
    if code != 0 or not end:
        raise Failure(f"iperf3 {more}: {text[-500:]}\nits server: "
                      f"{server.run('cat /tmp/iperf3.log; killall iperf3')[1][-1000:]}\n"
                      f"console:\n{server.console_text[-1500:]}")
    return end


def joined_ports(device, more=""):
    """QEMU's options for two cards of a type, each behind its own root port, whose wires are connected
    inside QEMU."""
    options = []
    for i in (0, 1):
        options += ["-netdev", f"hubport,id=n{i},hubid=0",
                    "-device", f"pcie-root-port,id=root{i},chassis={i + 1},slot={i + 1}",
                    "-device", f"{device},id=port{i},bus=root{i},netdev=n{i},"
                               f"mac=02:00:00:00:00:0{i + 1}{more}"]
    return options
