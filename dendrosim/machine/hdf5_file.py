"""A file into which HDF5 can write without a crash, even if the disk is full or the user interrupts."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO


class Disk:
    """A file that hides write errors from HDF5, because HDF5 would crash after one, at once or later.

    After the first error or interrupt, further writes are kept in memory, so that HDF5 can read what it wrote and
    close the file. `check` then raises the error.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.number = file.fileno()
        self.place = self.end = 0
        self.error: BaseException | None = None
        self.unwritten: list[tuple[int, bytes]] = []

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.place, os.SEEK_END: self.end}
        self.place = start[whence] + offset
        return self.place

    def write(self, content: Any) -> int:
        view = memoryview(content).cast("B")
        done = 0
        while self.error is None and done < len(view):
            with self._keep_error():
                done += os.pwrite(self.number, view[done:], self.place + done)
        if done < len(view):
            self.unwritten.append((self.place + done, bytes(view[done:])))
        self.place += len(view)
        self.end = max(self.end, self.place)
        return len(view)

    def read(self, size: int) -> bytes:
        content = bytearray(size)
        self.readinto(content)
        return bytes(content)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = os.preadv(self.number, [view], self.place)
        view[count:] = bytes(len(view) - count)
        for start, content in self.unwritten:
            first = max(start, self.place)
            last = min(start + len(content), self.place + len(view))
            if first < last:
                view[first - self.place : last - self.place] = content[first - start : last - start]
        self.place += len(view)
        return len(view)

    def truncate(self, size: int) -> int:
        self.end = size
        if self.error is None:
            with self._keep_error():
                os.ftruncate(self.number, size)
        return size

    def flush(self) -> None:
        """Do nothing, because every write goes to the file at once."""

    def check(self) -> None:
        """Raise the first error of a write, or an interrupt, if there was one."""
        if self.error is not None:
            raise self.error

    @contextmanager
    def delay_interrupts(self) -> Iterator[None]:
        """Delay what a handler of a signal raises until `check`; inside HDF5 it would act like a failed write.

        Such handlers are those of an interrupt and, on the command line, of SIGTERM and SIGHUP, or of the user.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        found = {number: signal.getsignal(number) for number in signal.valid_signals()}
        before: dict[int, Any] = {n: handler for n, handler in found.items() if callable(handler)}

        def keep(number: int, frame: Any) -> None:
            try:
                before[number](number, frame)
            except BaseException as error:
                self.error = self.error or error

        for number in before:
            signal.signal(number, keep)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def _keep_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = self.error or error
