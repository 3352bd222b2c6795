# SPDX-License-Identifier: BSD-2-Clause
"""One ferrule under Bochs, an emulator that shares no code with QEMU: real BIOS, GRUB from the ISO, and
the console on COM1, a TCP connection to this process. Virtual time is counted in instructions
(ips= of them a second), so that the load of the host changes nothing that the machine can see.
"""
import os
import pty
import re
import shutil
import socket
import subprocess
import threading

from console import PATIENCE_S, Console, Failure
from machine import ROOT

BIOS = "/usr/share/bochs/BIOS-bochs-latest"
VGA_BIOS = "/usr/share/bochs/VGABIOS-lgpl-latest"

CONFIGURATION = """\
config_interface: textconfig
display_library: term
cpu: model={model}, count={cores}, ips={ips}
memory: guest={memory_mb}, host={memory_mb}
romimage: file={BIOS}
vgaromimage: file={VGA_BIOS}
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
clock: sync=none
com1: enabled=1, mode=socket-client, dev=127.0.0.1:{tcp_port}
log: {folder}/bochs.log
panic: action=fatal
"""


class Bochs(Console):
    """A running Bochs. console_text: what COM1 has shown, GRUB's menu included."""

    name, patience_s = "Bochs", 2 * PATIENCE_S

    def __init__(self, folder, *, cores=1, model="corei7_skylake_x", ips=50000000, memory_mb=64,
                 iso=f"{ROOT}/build/ferrule.iso"):
        self.folder = folder
        self._console = None
        os.makedirs(folder, exist_ok=True)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(PATIENCE_S)
        with open(f"{folder}/bochsrc", "w", encoding="utf-8") as f:
            f.write(CONFIGURATION.format(BIOS=BIOS, VGA_BIOS=VGA_BIOS, folder=folder, cores=cores,
                                         model=model, ips=ips, memory_mb=memory_mb, iso=iso,
                                         tcp_port=listener.getsockname()[1]))
        # Debian's Bochs has its debugger built in, which waits for commands: continue.
        with open(f"{folder}/debugger", "w", encoding="utf-8") as f:
            f.write("c\n")
        program = shutil.which("bochs-bin") or shutil.which("bochs")
        if not program:
            raise Failure("no bochs is installed: tests/tools/setup.sh test")
        screen, theirs = pty.openpty()  # for the display: a terminal, whose output is thrown away
        self._screen = screen
        self.process = subprocess.Popen(
            [program, "-q", "-f", f"{folder}/bochsrc", "-rc", f"{folder}/debugger"],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, start_new_session=True,
            env={**os.environ, "TERM": "xterm"})
        os.close(theirs)
        threading.Thread(target=self._drain_screen, daemon=True).start()
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            self.stop()
            raise Failure(f"Bochs did not start:\n{self.errors()}") from None
        finally:
            listener.close()
        self.begin(connection, f"{folder}/console.log")

    def _drain_screen(self):
        try:
            while os.read(self._screen, 65536):
                pass
        except OSError:
            pass  # the terminal has gone with its process

    def errors(self):
        """The lines of Bochs's own log that report an error or its end, and the last ones."""
        try:
            with open(f"{self.folder}/bochs.log", encoding="utf-8", errors="replace") as f:
                lines = f.readlines()
                return "".join([line for line in lines if re.match(r"\d+[ep]\[", line)][-15:] +
                               lines[-5:])
        except FileNotFoundError:
            return "(no log)"

    def run(self, line):
        """Type one command and return what it printed."""
        self.send(line + "\r")
        self.expect(re.escape(line) + r"\r?\n")
        start = self._mark
        end = self.expect(r"^(?=ferrule> )").end()
        self.expect("ferrule> ")
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", self.console_text[start:end]).replace("\r", "")

    def wait_exit(self, timeout_s=2 * PATIENCE_S):
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Failure(f"Bochs still runs after {timeout_s:g} s:\n{self.errors()}") from None

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()  # its debugger waits at SIGINT, and it does not end at SIGTERM
            self.process.wait()
        if self._console:
            self._console.close()
        os.close(self._screen)
