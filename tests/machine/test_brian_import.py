"""Brian2 is loaded without changing how the process handles interrupts, and runs end as the user wants."""

import os
import subprocess
import sys

import pytest

LOAD = """
import signal, sys, threading
signal.signal(signal.SIGINT, eval(sys.argv[1]))
before, setter = signal.getsignal(signal.SIGINT), signal.signal
from dendrosim.machine import brian_import
if sys.argv[2] == "thread":
    thread = threading.Thread(target=brian_import.load)
    thread.start()
    thread.join()
else:
    brian_import.load()
assert "brian2" in sys.modules
assert signal.getsignal(signal.SIGINT) is before, signal.getsignal(signal.SIGINT)
assert signal.signal is setter
"""

RUN = """
import signal, sys
import dendrosim as ds
from dendrosim.engine.runtime.operations import NumpyOperations

signal.signal(signal.SIGINT, eval(sys.argv[1]))
before = signal.getsignal(signal.SIGINT)
cell = ds.Population("cell", 1, "dx/dt = -x/second : 1", initial={"x": 1.0})
block = ds.Block("only", (ds.Phase("on", "100 s"),))
protocol = ds.Protocol(ds.Circuit((cell,)), (block,), "1 s", (ds.Recording("cell.x", "1 s"),))
feed = NumpyOperations._feed

def interrupt_and_feed(self):  # at the beginning of a step
    if self.step == 30:
        signal.raise_signal(signal.SIGINT)
    feed(self)

NumpyOperations._feed = interrupt_and_feed
try:
    result = ds.run(protocol, "numpy", progress=False)
except ds.errors.RunInterruptedError as error:
    result = error.partial
assert signal.getsignal(signal.SIGINT) is before
print(len(result["cell.x"]))
"""


def execute(text, *given):
    done = subprocess.run([sys.executable, "-c", text, *given], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("where", ["main", "thread"])
@pytest.mark.parametrize(
    "handler", ["signal.SIG_IGN", "signal.SIG_DFL", "signal.default_int_handler"]
)
def test_loading_brian2_leaves_the_handler_of_interrupts(handler, where):
    execute(LOAD, handler, where)


@pytest.mark.parametrize(
    ("handler", "steps"), [("signal.SIG_IGN", 100), ("signal.default_int_handler", 31)]
)
def test_an_interrupt_ends_a_run_after_its_step_unless_it_is_ignored(handler, steps):
    assert int(execute(RUN, handler)) == steps


INTERRUPTED_IMPORTS = """
import signal, sys
import dendrosim as ds

class Interrupting:
    def __init__(self, name):
        self.name = name

    def find_spec(self, name, path, target=None):
        if name == self.name:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

def run():
    cell = ds.Population("cell", 1, "dx/dt = -x/second : 1", initial={"x": 1.0})
    block = ds.Block("only", (ds.Phase("on", "2 s"),))
    return ds.run(ds.Protocol(ds.Circuit((cell,)), (block,), "1 s"), "numpy")

hook, count = sys.excepthook, 0
for name in ("numpy.linalg", "brian2.core.magic"):
    sys.meta_path.insert(0, Interrupting(name))
    try:
        run()
    except KeyboardInterrupt:
        count += 1
assert sys.excepthook is hook
print(count, run().status)
"""


def test_an_interrupt_during_an_import_leaves_a_process_that_can_run():
    assert execute(INTERRUPTED_IMPORTS) == "2 done"


WARNINGS = """
import warnings
import numpy as np
import dendrosim as ds
cell = ds.Population("cell", 1, "dx/dt = -x/second : 1", initial={"x": 1.0})
protocol = ds.Protocol(ds.Circuit((cell,)), (ds.Block("b", (ds.Phase("p", "2 s"),)),), "1 s")
before = list(warnings.filters)
print(*(float(ds.run(protocol, backend).state["cell.x"][0, 0]) for backend in ("numpy", "cpp")))
assert warnings.filters == before
"""


def test_runs_work_where_warnings_are_errors():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WARNINGS], capture_output=True, text=True
    )
    assert (done.stdout.split(), done.stderr) == (["0.0", "0.0"], "")


@pytest.mark.parametrize("variable", ["MPLBACKEND", "MATPLOTLIBRC"])
def test_settings_of_matplotlib_that_it_refuses_are_named(variable, tmp_path):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n")
    command = ["run", "fi_curve", "--backend", "numpy", "--set", "duration=20 ms", "--out", "out"]
    given = (
        {"MPLBACKEND": "nonsense"}
        if variable == "MPLBACKEND"
        else {variable: str(tmp_path / "matplotlibrc")}
    )
    without_latex = os.environ | {"PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "dendrosim.cli", *command], capture_output=True, text=True, cwd=tmp_path,
        env=without_latex | given,
    )  # fmt: skip
    if variable == "MPLBACKEND":
        assert done.returncode == 5, done.stderr
        assert "Brian2 cannot be loaded (ValueError" in done.stderr
        assert "nonsense" in done.stderr
    else:  # our figures do not depend on the settings of the user
        assert done.returncode == 0, done.stderr
        assert list((tmp_path / "out").glob("*.png"))
