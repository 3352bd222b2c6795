# SPDX-License-Identifier: BSD-2-Clause
"""The far end of a serial line that a test types at: a socket, all text that has come, kept in a log
file too, and waiting for a part of it with a limit. Machine and Bochs are consoles."""
import os
import re
import threading
import time

# Emulated CPUs on a busy small machine are slow: the limits detect hangs, they do not measure speed.
PATIENCE_S = float(os.environ.get("FERRULE_PATIENCE_S", "60"))


class Failure(AssertionError):
    """An expected event did not happen; the message shows the state instead."""


class Console:
    """begin() first. console_text: what has come, as text. name: the emulator, for messages."""

    name, patience_s = "QEMU", PATIENCE_S

    def begin(self, connection, log_path):
        """Read from a connected socket until its end."""
        self.console_text = ""
        self._mark = 0
        self._news = threading.Condition()
        self._console = connection
        self._log = open(log_path, "wb")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def errors(self):
        """What else a failure's message shows."""
        return ""

    def _read(self):
        while True:
            try:
                data = self._console.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            self._log.write(data)
            self._log.flush()
            with self._news:
                self.console_text += data.decode("utf-8", "replace")
                self._news.notify_all()
        with self._news:
            self._log.close()
            self._news.notify_all()

    def expect(self, pattern, timeout_s=None):
        """Wait until the console has shown pattern (a regular expression, lines as in re.M) after
        what was expected last. Returns the match."""
        timeout_s = self.patience_s if timeout_s is None else timeout_s
        limit = time.monotonic() + timeout_s
        compiled = re.compile(pattern, re.M)
        with self._news:
            while True:
                match = compiled.search(self.console_text, self._mark)
                if match:
                    self._mark = match.end()
                    return match
                left = limit - time.monotonic()
                if left <= 0 or self._log.closed:
                    why = f"{self.name} ended" if self._log.closed else f"{timeout_s:g} s passed"
                    tail = "\n".join(self.console_text[self._mark:].splitlines()[-25:])
                    raise Failure(f"{why} without {pattern!r} on the console, which shows:\n{tail}"
                                  f"\n{self.errors()}")
                self._news.wait(left)

    def send(self, text):
        self._console.sendall(text.encode())
