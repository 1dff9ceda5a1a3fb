"""A program whose stderr is a terminal, as a user sees it."""

import contextlib
import os
import pty
import subprocess
import threading


class InTerminal:
    """A process that writes its stderr to a terminal; `seen` has what it has written so far."""

    def __init__(self, command, **options):
        reads, writes = pty.openpty()
        self.process = subprocess.Popen(
            command, stderr=writes, text=True, start_new_session=True, **options
        )
        os.close(writes)
        self.seen, self._more = "", threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(reads,), daemon=True)
        self._thread.start()

    def _read(self, terminal):
        with contextlib.suppress(OSError):  # the last process has closed its end
            while text := os.read(terminal, 4096).decode():
                with self._more:
                    self.seen += text.replace("\r\n", "\n")
                    self._more.notify()
        os.close(terminal)

    def wait_for(self, text, times, seconds=60):
        """Wait until the process has written a text a number of times."""
        with self._more:
            assert self._more.wait_for(lambda: self.seen.count(text) >= times, seconds), self.seen

    def end(self, seconds=60):
        """Wait for the end of the process, and return its stdout and what it has written to the terminal."""
        out, _ = self.process.communicate(timeout=seconds)
        self._thread.join(seconds)
        return out, self.seen
