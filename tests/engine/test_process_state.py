"""Several threads that change the state of the process: settings of Matplotlib, filters of warnings, modules."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = str(Path(__file__).parents[1])

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
    paths = ds.plot.save(ax, f"{folder}/{n}", "png,svg,pdf")
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


RESULTS = """
from pathlib import Path
Path(folder, "mine.py").write_text('''
import dendrosim as ds

def protocol():
    cell = ds.Population("u", 3, "dv/dt = (1 - v)/(10*ms) : 1")
    return ds.Protocol(
        ds.Circuit((cell,)),
        blocks=(ds.Block("a", (ds.Phase("p", "20 ms"),)),),
        dt="0.1 ms",
        recordings=(ds.Recording("u.v", every="1 ms"),),
    )

def measure(result):
    return ds.Measurement({"last": float(result["u.v"].values.max())}, {})
''')

def work(n):
    import dendrosim as ds
    own, shared = Path(folder, f"{n}.nc"), Path(folder, "shared.nc")
    result = ds.run(ds.load_protocol(str(Path(folder, "mine.py"))), "numpy", seed=1)
    found = []
    for path in (own, shared, own, shared):
        opened = ds.open_result(result.save(path))
        found.append(opened["u.v"].values.tobytes() + opened.state["u.v"].tobytes())
    measured = ds.measure(opened, protocol=str(Path(folder, "mine.py"))).metrics
    return set(found), measured["last"]

found = at_once(work)
assert all(one == found[0] and len(one[0]) == 1 for one in found), found
assert not list(Path(folder).glob(".*")), "temporary files remain"
"""

BRANCHES = """
def work(n):
    import dendrosim as ds
    from continuation_flows import Pitchfork
    flow = Pitchfork([0.0, 0.0], p=0.0, c=0.0, cubic=1.0)
    branch = ds.continuation(flow, "p", 0.0, 3.0)
    values = (branch.values, branch.states, branch.eigenvalues, ds.fixed_point(flow).x)
    return b"".join(value.tobytes() for value in values)

found = at_once(work)
assert set(found) == {work(0)}
"""


SCRIPTS = {
    "figures": FIGURES, "filters": FILTERS, "files": FILES,
    "names": NAMES, "results": RESULTS, "branches": BRANCHES,
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=pytest.mark.slow) if n in ("figures", "branches") else n
        for n in SCRIPTS
    ],
)
def test_eight_threads_leave_the_process_as_it_was_and_find_the_same(name, tmp_path):
    code = THREADS + f"sys.path.insert(0, {TESTS!r})\nfolder = {str(tmp_path)!r}\n" + SCRIPTS[name]
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
try:
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()  # on a busy machine it may come too early
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


POOL = """
import multiprocessing, sys
from functools import partial
import dendrosim as ds
sys.path.insert(0, folder)
from reference_problems import leaky_protocol
protocols = [leaky_protocol(batch=1), leaky_protocol(batch=2)]
run = partial(ds.run, backend="numpy", seed=1)
with multiprocessing.get_context("spawn").Pool(2) as pool:
    found = pool.map(run, protocols)
for result, protocol in zip(found, protocols, strict=True):
    here = run(protocol).state
    assert set(here) == set(result.state)
    assert all(here[key].tobytes() == result.state[key].tobytes() for key in here)
"""


FORKED = """
import multiprocessing, sys, threading
import dendrosim as ds
sys.path.insert(0, folder)
from reference_problems import leaky_protocol

def run(backend, batch):
    result = ds.run(leaky_protocol(batch=batch), backend, seed=1, threads=1)
    circuit = ds.load_circuit("dynamical_tp", sizes=(2, 2, 2), target="clamped")
    field = ds.vector_field(circuit, inputs={"layer0.h": [1.0, 0.5]})
    return {k: v.tobytes() for k, v in result.state.items()}, ds.fixed_point(field).x.tobytes()

pairs = [(backend, batch) for backend in ("numpy", "cpp") for batch in (1, 2)]
expected = {}
def first():
    for pair in pairs:
        expected[pair] = run(*pair)

thread = threading.Thread(target=first)  # not the thread that forks has used Brian2 first
thread.start()
thread.join()
busy = threading.Thread(target=first)  # while it forks, another thread uses Brian2
busy.start()
with multiprocessing.get_context("fork").Pool(2) as pool:
    found = pool.starmap(run, pairs * 2)
busy.join()
assert found == [expected[pair] for pair in pairs * 2]
"""


@pytest.mark.slow
def test_a_forked_pool_gives_the_bits_of_threads_that_have_used_brian2_before():
    done = subprocess.run(
        [sys.executable, "-c", f"folder = {TESTS!r}\n{FORKED}"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_pool_of_new_processes_gives_the_bits_of_this_process():
    done = subprocess.run(
        [sys.executable, "-c", f"folder = {TESTS!r}\n{POOL}"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
