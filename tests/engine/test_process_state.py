"""Several threads that change the state of the process: settings of Matplotlib, filters of warnings, modules."""

import subprocess
import sys
import textwrap

import pytest

THREADS = """
import sys, threading
sys.setswitchinterval(1e-6)

def at_once(work, count=8):
    start, found = threading.Barrier(count), [None]*count
    def fill(n):
        start.wait()
        try:
            found[n] = work(n)
        except BaseException as error:
            found[n] = error
    threads = [threading.Thread(target=fill, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for value in found:
        if isinstance(value, BaseException):
            raise value
    return found
"""

FIGURES = """
import matplotlib
before = dict(matplotlib.rcParams)

def work(n):
    import dendrosim as ds
    import numpy as np
    sizes = set()
    for _ in range(10):
        ax = ds.plot.window(np.arange(3.0), np.ones(3), 2.0)
        sizes.add(ax.xaxis.label.get_fontsize())
    paths = ds.plot.save(ax, f"{folder}/{n}")
    return sizes, [path.read_bytes() for path in paths]

found = at_once(work)
assert all(sizes == {9.0} for sizes, _ in found), found
assert all(files == found[0][1] for _, files in found)
assert dict(matplotlib.rcParams) == before
"""

FILTERS = """
import time, warnings
from dendrosim.machine.brian_import import own_filters
before = list(warnings.filters)

def work(n):
    for _ in range(20):
        with own_filters():
            warnings.simplefilter("error", UserWarning)
            time.sleep(1e-4)
            try:
                warnings.warn("expected", UserWarning)
            except UserWarning:
                continue
            raise AssertionError("the filter was ended by another thread")

at_once(work)
assert warnings.filters == before
"""

FILES = """
from pathlib import Path
log = Path(folder, "log")
Path(folder, "mine.py").write_text(
    "import time\\n"
    f"open({str(log)!r}, 'a').write('executed ')\\n"
    "time.sleep(0.05)\\n"
)

def work(n):
    from dendrosim.library.files import load_module
    return load_module(Path(folder, "mine.py"))

assert len(set(map(id, at_once(work)))) == 1
assert log.read_text() == "executed "
"""

NAMES = """
def work(n):
    import dendrosim as ds
    circuit = ds.load_circuit("dynamical_tp", sizes=(2, 2, 2), target="clamped")
    field = ds.vector_field(circuit, inputs={"layer0.h": [1.0, 0.5]})
    return ds.fixed_point(field).x.tobytes()

assert len(set(at_once(work))) == 1
"""


@pytest.mark.parametrize(
    "script", [FIGURES, FILTERS, FILES, NAMES], ids=["figures", "filters", "files", "names"]
)
def test_eight_threads_leave_the_process_as_it_was_and_find_the_same(script, tmp_path):
    code = f"folder = {str(tmp_path)!r}\n" + textwrap.dedent(THREADS + script)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


INTERRUPT = """
import os, signal, threading, time
from dendrosim.machine.brian_import import alone, lock
held, free = threading.Event(), threading.Event()

def hold():
    with lock:
        held.set()
        free.wait()

holder = threading.Thread(target=hold)
holder.start()
held.wait()
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    with alone():
        raise AssertionError("the lock was held by two threads")
except KeyboardInterrupt:
    assert holder.is_alive()
free.set()
holder.join()
assert at_once(lambda n: lock.acquire(timeout=10) and (lock.release() or True)) == [True]*8
"""

FORK = """
import os, threading, time
from dendrosim.machine.brian_import import lock
held = threading.Event()

def hold():
    with lock:
        held.set()
        time.sleep(0.2)

threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if not child:
    taken = [lock.acquire(timeout=10)]  # a new thread can have the identity of the former holder
    lock.release()
    thread = threading.Thread(target=lambda: taken.append(lock.acquire(timeout=10)))
    thread.start()
    thread.join()
    os._exit(0 if taken == [True, True] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.parametrize("script", [INTERRUPT, FORK], ids=["interrupt", "fork"])
def test_the_lock_is_free_after_an_interrupted_wait_and_in_a_forked_child(script):
    done = subprocess.run(
        [sys.executable, "-c", THREADS + script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
