# SPDX-License-Identifier: BSD-2-Clause
"""One ferrule under QEMU: its command line, its serial console, QEMU's monitor (QMP), the wires of its
ports, and the broken rules that the card's model reported. Used by the system tests and by `make run`
and `make demo`.

Console, monitor and wires are socket pairs whose far ends QEMU inherits: they need no paths or port
numbers, and no output is lost before it is read. Every wait has a limit. Read next: conftest.py.
"""
import json
import os
import re
import shlex
import socket
import struct
import subprocess
import threading
import time
from typing import NamedTuple

from console import PATIENCE_S, Console, Failure

ROOT = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../../..")
IMAGE = f"{ROOT}/build/ferrule.elf"
MODEL = f"{ROOT}/build/x540.so"
PROMPT = "ferrule> "


def wait_until(look, holds, what, timeout_s=PATIENCE_S):
    """Call look() repeatedly until holds(its result); returns that result. what: the expected event, for
    the message of a failure, which also has the last result."""
    limit = time.monotonic() + timeout_s
    while True:
        is_late = time.monotonic() > limit
        seen = look()
        if holds(seen):
            return seen
        if is_late:
            raise Failure(f"not within {timeout_s:g} s: {what}; last result: {seen}")
        time.sleep(0.05)


class Emulator(NamedTuple):
    """A QEMU, the model built for it, and the folder of headers for plugins (tests/tools/newer_qemu.py
    prints these)."""
    program: str
    model: str
    headers: str


def end_process(process):
    """End a QEMU that still runs: terminate it, and kill it after ten seconds."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


INSTALLED = Emulator("qemu-system-x86_64", MODEL, "")


def installed_version():
    """The major version of the installed QEMU."""
    text = subprocess.run([INSTALLED.program, "--version"], check=True, capture_output=True,
                          text=True).stdout
    return int(re.search(r"version (\d+)", text)[1])


def qemu_command(netdevs=(), append="", *, boot=None, memory_mb=256, cores=4, iommu=False,
                 devices=(), extra=(), emulator=None):
    """QEMU's command line. netdevs: the text after `-netdev ` for each port, with id=n<i>, or None
    for a card without a wire. devices: more properties for each port's device. boot: the options
    that boot (default: the image by -kernel, with append as its boot line). iommu: True, or more
    properties of the device intel-iommu. emulator: another Emulator than the installed one."""
    program, model, _ = emulator or INSTALLED
    command = [program, "-accel", "tcg", "-M", "q35,kernel-irqchip=split", "-m", str(memory_mb),
               "-smp", str(cores), "-nodefaults", "-display", "none", "-no-reboot", "-plugin", model]
    if iommu:
        more = f",{iommu}" if isinstance(iommu, str) else ""
        command += ["-device", f"intel-iommu,intremap=on{more}"]
    command += list(boot) if boot is not None else ["-kernel", IMAGE, "-append", append]
    for i, netdev in enumerate(netdevs):
        more = f",{devices[i]}" if i < len(devices) and devices[i] else ""
        if netdev:
            command += ["-netdev", netdev, "-device", f"x540,id=port{i},netdev=n{i}{more}"]
        else:
            command += ["-device", f"x540,id=port{i}{more}"]
    return command + list(extra)


class Wire:
    """The far side of a port: sends and receives frames, and records both. QEMU's `stream` netdev
    transfers each frame after its length (four bytes, big-endian), and waits while the card has no
    room, so no frame is lost between here and the card."""

    # QEMU's NET_BUFSIZE (include/net/net.h): its netdev ends the connection at a longer frame.
    FRAME_MAX = 4096 + 65536

    def __init__(self):
        self.ours, self.theirs = socket.socketpair()
        for end in (self.ours, self.theirs):
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                end.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
        self.ours.settimeout(PATIENCE_S)
        self.frames = []      # received from the port, in order
        self.sent = 0         # number of frames sent to the port
        self.came = 0         # number of frames received from the port
        self.log = []         # (time, frame) both ways, for the capture of a failed run
        self._news = threading.Condition()
        self._taken = 0
        self._closed = False

    def netdev(self, ident):
        return f"stream,id={ident},addr.type=fd,addr.str={self.theirs.fileno()}"

    def fds(self):
        return [self.theirs.fileno()]

    def started(self):
        self.theirs.close()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        data = b""
        while True:
            try:
                more = self.ours.recv(1 << 18)
            except TimeoutError:
                continue
            except OSError:
                more = b""
            if not more:
                break
            data += more
            at, found = 0, []
            while len(data) - at >= 4:
                length = struct.unpack_from(">I", data, at)[0]
                if len(data) - at - 4 < length:
                    break
                found.append(data[at + 4:at + 4 + length])
                at += 4 + length
            data = data[at:]
            if found:
                now = time.time()
                with self._news:
                    self.came += len(found)
                    self.frames += found
                    self.log += [(now, frame) for frame in found]
                    self._news.notify_all()
        with self._news:
            self._closed = True
            self._news.notify_all()

    def send(self, *frames):
        longest = max(map(len, frames), default=0)
        if longest > self.FRAME_MAX:
            raise Failure(f"a frame of {longest} bytes: QEMU takes {self.FRAME_MAX} at most")
        now = time.time()
        self.log += [(now, frame) for frame in frames]
        self.sent += len(frames)
        try:
            self.ours.sendall(b"".join(struct.pack(">I", len(f)) + f for f in frames))
        except TimeoutError:
            raise Failure(f"the port took no frame for {PATIENCE_S:.0f} s") from None

    def receive(self, n=1, timeout_s=PATIENCE_S):
        """The next n frames that the port sent, oldest first."""
        limit = time.monotonic() + timeout_s
        with self._news:
            while len(self.frames) - self._taken < n:
                left = limit - time.monotonic()
                if left <= 0 or self._closed:
                    why = "QEMU closed the wire" if self._closed else f"waited {timeout_s:g} s"
                    raise Failure(f"{why}: {n} frames expected, received "
                                  f"{len(self.frames) - self._taken}")
                self._news.wait(left)
            self._taken += n
            return self.frames[self._taken - n:self._taken]

    def receive_where(self, wanted, timeout_s=PATIENCE_S):
        """The next frame for which wanted(frame) holds; frames before it are skipped."""
        limit = time.monotonic() + timeout_s
        while True:
            frame = self.receive(1, max(0.0, limit - time.monotonic()))[0]
            if wanted(frame):
                return frame

    def forget(self):
        """Delete the record of frames that were taken, for long runs."""
        with self._news:
            del self.frames[:self._taken]
            self._taken = 0
            self.log.clear()

    def is_silent(self, seconds=0.5):
        """True if no frame is waiting and none arrives within `seconds`."""
        with self._news:
            if len(self.frames) == self._taken:
                self._news.wait(seconds)
            return len(self.frames) == self._taken

    def close(self):
        self.ours.close()


class Monitor:
    """QMP, one command at a time."""

    def __init__(self):
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(PATIENCE_S)
        self.events = []

    def started(self):
        self.theirs.close()
        self._lines = self.ours.makefile("r", encoding="utf-8")
        self._next()  # the greeting
        self("qmp_capabilities")

    def _next(self):
        try:
            line = self._lines.readline()
        except OSError:
            line = ""
        if not line:
            raise Failure("QEMU closed its monitor, or did not answer on it")
        return json.loads(line)

    def __call__(self, command, **arguments):
        message = {"execute": command}
        if arguments:
            message["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        self.ours.sendall(json.dumps(message).encode() + b"\n")
        while True:
            answer = self._next()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise Failure(f"QMP {command}: {answer['error']['desc']}")
            self.events.append(answer)

    def close(self):
        self.ours.close()


class Machine(Console):
    """A running QEMU. `wires` are Wires, objects with the same netdev(), fds(), started() and close() (a
    tap), None for a card without a wire, or the text of a -netdev option. inherit: descriptors of files
    that `extra` or `boot` name."""

    def __init__(self, folder, append="", wires=(), *, paused=False, inherit=(), **options):
        self.folder = folder
        self.wires = list(wires)
        self.console_text = ""  # if QEMU does not start
        self.qmp = Monitor()
        console_ours, console_theirs = socket.socketpair()
        console_theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        netdevs = [w if w is None or isinstance(w, str) else w.netdev(f"n{i}")
                   for i, w in enumerate(self.wires)]
        fds = [console_theirs.fileno(), self.qmp.theirs.fileno(), *inherit]
        for wire in self.wires:
            fds += wire.fds() if hasattr(wire, "fds") else []
        self.command_line = qemu_command(netdevs, append, **options) + [
            "-chardev", f"socket,id=console,fd={console_theirs.fileno()}",
            "-serial", "chardev:console",
            "-chardev", f"socket,id=monitor,fd={self.qmp.theirs.fileno()}",
            "-mon", "chardev=monitor,mode=control",
            "-S"]  # the guest begins when the monitor answers: it may power off at once

        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/command", "w", encoding="utf-8") as f:
            f.write(shlex.join(self.command_line) + "\n")
        self.began = time.monotonic()
        with open(f"{folder}/qemu.log", "wb") as errors:
            self.process = subprocess.Popen(self.command_line, stdin=subprocess.DEVNULL,
                                            stdout=errors, stderr=errors, pass_fds=fds, cwd=ROOT)
        console_theirs.close()
        self.begin(console_ours, f"{folder}/console.log")
        for wire in self.wires:
            if hasattr(wire, "started"):
                wire.started()
        try:
            self.qmp.started()
            if not paused:  # else gdb or the monitor starts it
                self.qmp("cont")
        except Failure:
            self.stop()
            raise Failure(f"QEMU did not start:\n{self.errors()}") from None

    # ---- console ----

    def prompt(self, timeout_s=PATIENCE_S):
        """Wait for the prompt of a console that is ready."""
        self.expect(r"^ferrule> ", timeout_s)

    def run(self, line, timeout_s=PATIENCE_S):
        """Type one command and return what it printed."""
        with self._news:
            self._mark = len(self.console_text)
        self.send(line + "\r")
        start = self._mark
        while True:
            end = self.expect(r"\n(?=ferrule> )", timeout_s).end()
            self.expect(r"ferrule> ", 5)
            text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", self.console_text[start:end]).replace("\r", "")
            # A log line replaces the typed text, and the console then prints prompt and text again: the
            # command begins at the line that is complete. (The console shows only part of long lines.)
            if line + "\n" in text:
                return text.split(line + "\n", 1)[1].removesuffix("\n")
            if len(line) > 60:
                return text.split("\n", 1)[1].removesuffix("\n")

    def json(self, line, timeout_s=PATIENCE_S):
        """The objects that a -j command printed."""
        text = self.run(line, timeout_s)
        objects = [json.loads(row) for row in text.splitlines() if row.startswith("{")]
        if not objects:
            raise Failure(f"{line!r} printed no object but:\n{text}")
        return objects

    def ports(self):
        return self.json("show ports -j")

    def cores(self):
        """The rows of `show cores`; read again if a core got too little CPU time of the host to answer."""
        return wait_until(lambda: self.json("show cores -j"),
                          lambda rows: all(row["state"] != "silent" for row in rows), "every core answers")

    def ledger(self):
        """The current ledger; read again if a core got too little CPU time of the host to answer."""
        limit = time.monotonic() + PATIENCE_S
        while True:
            ledger = self.json("show ledger -j")[-1]
            if ledger["cores_silent"] == 0:
                return ledger
            if time.monotonic() > limit:
                raise Failure(f"{ledger['cores_silent']} cores did not answer for {PATIENCE_S:g} s")

    # ---- the card and the process ----

    def card(self, port, name, value=None):
        """Read, or with a value set, a property of a port's model: evil, damage, truth, …"""
        path = f"/machine/peripheral/port{port}"
        if value is None:
            return self.qmp("qom-get", path=path, property=name)
        return self.qmp("qom-set", path=path, property=name, value=value)

    def truth(self, port):
        return json.loads(self.card(port, "truth"))

    def registers(self, port):
        """{"CTRL": value, "RXDCTL[3]": …} as the model holds them; nothing is read through the card."""
        return json.loads(self.card(port, "registers"))

    def config(self, port, offset):
        """A dword of the configuration space of a port on bus 0, read through the chipset's ports CF8h and
        CFCh: for a machine that uses them no more."""
        devices = [device for bus in self.qmp("query-pci") for device in bus["devices"]]
        slot = next(device["slot"] for device in devices if device["qdev_id"] == f"port{port}")
        self.qmp("human-monitor-command", command_line=f"o /w 0xcf8 {0x80000000 | slot << 11 | offset:#x}")
        text = self.qmp("human-monitor-command", command_line="i /wx 0xcfc")
        return int(re.search(r"= (0x[0-9a-f]+)", text)[1], 16)

    def settled_truth(self, port, timeout_s=PATIENCE_S):
        """truth() when no frame waits in the card's packet buffer: hosts send frames by themselves from
        time to time, so one may have arrived just now."""
        limit = time.monotonic() + timeout_s
        while True:
            truth = self.truth(port)
            waiting = truth["frames_in"] - truth["frames_to_host"] \
                - sum(n for name, n in truth.items() if name.startswith("dropped_"))
            if waiting == 0:
                return truth
            if time.monotonic() > limit:
                raise Failure(f"port{port}: {waiting} frames wait for {timeout_s:g} s: {truth}")
            time.sleep(0.05)

    def set_cable(self, port, plugged):
        self.qmp("set_link", name=f"n{port}", up=plugged)

    def wait_link(self, port, is_up, timeout_s=PATIENCE_S):
        """Wait until `show ports -j` shows this state of the link."""
        limit = time.monotonic() + timeout_s
        while self.ports()[port]["link"] != ("up" if is_up else "down"):
            if time.monotonic() > limit:
                raise Failure(f"port{port} not {'up' if is_up else 'down'} after {timeout_s:g} s:"
                              f" {self.ports()[port]}")
            time.sleep(0.1)

    def wait_links(self, timeout_s=PATIENCE_S):
        for i in range(len(self.wires)):
            self.wait_link(i, True, timeout_s)

    def wait_steps(self):
        """Wait until no card is being changed: reset, put back, taken down."""
        wait_until(lambda: [port["step"] for port in self.json("show ports -j")], lambda steps: not any(steps),
                   "core 0's task is over")

    def halted(self):
        """"1" for each halted processor, according to QEMU; the query wakes no processor."""
        return re.findall(r"HLT=(\d)", self.qmp("human-monitor-command",
                                                command_line="info registers -a"))

    def wait_asleep(self):
        """Wait until all processors are halted at once. Core 0 wakes ten times a second."""
        wait_until(self.halted, lambda halted: set(halted) == {"1"}, "every processor halts")

    def errors(self):
        """The output of QEMU and the model."""
        with open(f"{self.folder}/qemu.log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def complaints(self):
        """The model's lines about rules that the driver broke, without its advice."""
        return [line for line in self.errors().splitlines()
                if ": rule " in line and " (advice): " not in line]

    def wait_exit(self, timeout_s=PATIENCE_S):
        """QEMU's exit code."""
        try:
            code = self.process.wait(timeout_s)
            self._reader.join(PATIENCE_S)  # for the last of its output
            return code
        except subprocess.TimeoutExpired:
            tail = "\n".join(self.console_text.splitlines()[-15:])
            raise Failure(f"QEMU still runs after {timeout_s:g} s; console:\n{tail}") from None

    def poweroff(self):
        self.send("poweroff\r")
        return self.wait_exit()

    def stop(self):
        """End QEMU if it still runs; close everything."""
        end_process(self.process)
        self._reader.join(5)
        self._console.close()
        self.qmp.close()
        for wire in self.wires:
            if hasattr(wire, "close"):
                wire.close()
