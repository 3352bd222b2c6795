# SPDX-License-Identifier: BSD-2-Clause
"""A machine whose processor is halted and whose card the test drives, by the parts of QEMU's qtest
protocol that one card needs: the test accesses configuration space, registers and memory in the
processor's place. (QEMU's own "qtest" accelerator, which also stops the clock, is not in Debian's
packages.) Read next: test_model_in_qemu.py."""
import json
import os
import shlex
import socket
import subprocess
import time

from machine import MODEL, PATIENCE_S, ROOT, Failure, Monitor, end_process

SLOT = 5                  # the card's slot on bus 0
BAR0, BAR4 = 0xE0000000, 0xE0800000
COMMAND_MEMORY, COMMAND_MASTER = 2, 4

# The machine's firmware: at the reset vector cli, hlt, and a jump back to hlt.
SLEEP = bytes(0xFFF0) + b"\xfa\xf4\xeb\xfd" + bytes(12)


class Protocol:
    """QEMU's qtest protocol. Add `options` to QEMU's command line, let it inherit `theirs`, then close
    `theirs`."""

    def __init__(self):
        self._ours, self.theirs = socket.socketpair()
        self._ours.settimeout(PATIENCE_S)
        self._lines = self._ours.makefile("r", encoding="ascii")
        self.options = ["-chardev", f"socket,id=qtest,fd={self.theirs.fileno()}",
                        "-qtest", "chardev:qtest", "-qtest-log", "/dev/null"]

    def __call__(self, *words):
        """Send one command. Returns the text after OK."""
        self._ours.sendall((" ".join(str(word) for word in words) + "\n").encode())
        try:
            while (line := self._lines.readline()).startswith("IRQ"):
                pass
        except OSError:
            line = ""
        if not line:
            raise Failure(f"QEMU ended, or hung, at {words}")
        if not line.startswith("OK"):
            raise Failure(f"{words}: {line.strip()}")
        return line[3:].strip()

    def close(self):
        self._ours.close()


class Qtest:
    """A running machine; properties: more of the card's properties (",name=value"). self.wire is the far
    end of the card's wire, one frame a datagram."""

    def __init__(self, folder, properties="", extra=(), iommu=False):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.qmp = Monitor()
        self._protocol = Protocol()
        self.wire, wire_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.wire.settimeout(PATIENCE_S)
        fds = [self._protocol.theirs.fileno(), self.qmp.theirs.fileno(), wire_theirs.fileno()]
        with open(f"{folder}/sleep.bin", "wb") as f:
            f.write(SLEEP)
        command = ["qemu-system-x86_64", "-accel", "tcg", "-M", "q35,kernel-irqchip=split",
                   "-bios", f"{folder}/sleep.bin", "-m", "64", "-nodefaults", "-display", "none", "-plugin", MODEL,
                   *self._protocol.options,
                   "-chardev", f"socket,id=monitor,fd={fds[1]}",
                   "-mon", "chardev=monitor,mode=control"]
        if iommu:
            command += ["-device", "intel-iommu,intremap=on"]
        command += ["-netdev", f"dgram,id=n0,local.type=fd,local.str={fds[2]}",
                    "-device", f"x540,id=port0,netdev=n0,addr={SLOT}.0{properties}", *extra]
        with open(f"{folder}/command", "w", encoding="utf-8") as f:
            f.write(shlex.join(command) + "\n")
        with open(f"{folder}/qemu.log", "wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors,
                                            stderr=errors, pass_fds=fds, cwd=ROOT)
        self._protocol.theirs.close()
        wire_theirs.close()
        try:
            self.qmp.started()
        except Failure:
            self.stop()
            raise Failure(f"QEMU did not start:\n{self.errors()}") from None

    def __call__(self, *words):
        """Send one command of the protocol. Returns the text after OK."""
        try:
            return self._protocol(*words)
        except Failure as failure:
            raise Failure(f"{failure}: {self.errors()[-2000:]}") from None

    # ---- the processor's view ----

    def config(self, offset, value=None):
        """Read or write a dword of the card's first 256 bytes of configuration space."""
        self("outl", 0xCF8, 0x80000000 | SLOT << 11 | offset)
        if value is None:
            return int(self("inl", 0xCFC), 16)
        return self("outl", 0xCFC, value)

    def place(self, command=COMMAND_MEMORY | COMMAND_MASTER):
        """Set the card's BARs and enable it."""
        for offset, value in ((0x10, BAR0), (0x14, 0), (0x20, BAR4), (0x24, 0), (4, command)):
            self.config(offset, value)

    def read(self, register):
        return int(self("readl", BAR0 + register), 16)

    def write(self, register, value):
        self("writel", BAR0 + register, value & 0xFFFFFFFF)

    def memory(self, address, data=None, n=0):
        """Read n bytes of memory, or write data."""
        if data is None:
            return bytes.fromhex(self("read", address, n)[2:])
        return self("write", address, len(data), "0x" + bytes(data).hex())

    def wait(self, register, mask, value):
        """Poll a register until its bits in mask equal value. Returns the whole register."""
        limit = time.monotonic() + PATIENCE_S
        while (now := self.read(register)) & mask != value:
            if time.monotonic() > limit:
                raise Failure(f"register {register:#07x} still reads {now:#010x}, "
                              f"wanted {value:#x} in {mask:#x}\n{self.errors()}")
        return now

    # ---- the card and the process ----

    def card(self, name, value=None):
        path = "/machine/peripheral/port0"
        if value is None:
            return self.qmp("qom-get", path=path, property=name)
        return self.qmp("qom-set", path=path, property=name, value=value)

    def complaints(self):
        return {row["rule"]: row for row in json.loads(self.card("complaints"))}

    def truth(self):
        return json.loads(self.card("truth"))

    def wait_truth(self, name, least):
        """Wait until a counter of the model reaches `least`: QEMU's main loop delivers frames with delay."""
        limit = time.monotonic() + PATIENCE_S
        while self.truth()[name] < least:
            if time.monotonic() > limit:
                raise Failure(f"{name} stays below {least}: {self.truth()}")
            time.sleep(0.01)

    def errors(self):
        with open(f"{self.folder}/qemu.log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def is_alive(self):
        return self.process.poll() is None and self.qmp("query-status") is not None

    def stop(self):
        end_process(self.process)
        for end in (self._protocol, self.wire):
            end.close()
        self.qmp.close()
