"""Interrupts (SIGINT) that wait until what must not be interrupted is done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def delay_interrupts() -> Iterator[None]:
    """Handle an interrupt that comes in the body at its end.

    In other threads than the main one, and where no handler of Python is set, there is nothing to delay.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    received: list[tuple[int, Any]] = []
    signal.signal(signal.SIGINT, lambda number, frame: received.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if received:
            handler(*received[0])


@contextmanager
def block_interrupts() -> Iterator[None]:
    """Delay interrupts to the end of the body, also for a program that is started in it.

    The program starts with SIGINT blocked and receives interrupts when it unblocks the signal.
    """
    with delay_interrupts():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
