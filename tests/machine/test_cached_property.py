"""A cached property is computed once for all readers, and no thread waits for another that computes it."""

import re
import threading
from pathlib import Path

import dendrosim
from dendrosim.machine.brian_import import lock
from dendrosim.machine.cached_property import cached_property


class Counted:
    def __init__(self):
        self.count = 0

    @cached_property
    def value(self):
        """The value."""
        self.count += 1
        return [self.count]


def test_it_is_computed_once_for_each_object():
    one, other = Counted(), Counted()
    assert one.value is one.value
    assert one.value == [1] == other.value
    assert one.value is not other.value
    assert Counted.value.__doc__ == "The value."


def test_all_threads_get_the_same_object():
    start, found, counted = threading.Barrier(8), [None] * 8, Counted()

    def read(n):
        start.wait()
        found[n] = counted.value

    threads = [threading.Thread(target=read, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(value is found[0] for value in found)


def test_a_thread_that_computes_and_one_that_holds_the_lock_do_not_wait_for_each_other():
    computing, ended = threading.Event(), []

    class Slow:
        @cached_property
        def value(self):
            computing.set()
            with lock:
                return 1

    def draw():
        with lock:
            computer.start()
            computing.wait()
            ended.append(Slow().value)

    computer = threading.Thread(target=lambda: ended.append(Slow().value), daemon=True)
    drawer = threading.Thread(target=draw, daemon=True)
    drawer.start()
    for thread in (drawer, computer):
        thread.join(20)
    assert ended == [1, 1]


def test_the_package_uses_no_other():
    for path in Path(dendrosim.__file__).parent.rglob("*.py"):
        if path.name != "cached_property.py":
            text = path.read_text("utf-8")
            assert not re.search(r"functools.*cached_property", text), path
