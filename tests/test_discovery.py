"""To add a connection rule, distribution, transfer function, signal or figure takes one new file in its folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dendrosim"

FILES = {
    "circuit/connectivity/ring.py": """
from dataclasses import dataclass

import numpy as np

from dendrosim.circuit.connectivity.base import Connections


@dataclass(frozen=True, eq=False)
class Ring(Connections):
    def expected(self, post, pre):
        return post

    def draw(self, post, pre, same, rng):
        units = np.arange(post)
        return (units + 1) % post, units
""",
    "circuit/initial_values/ascending.py": """
from dataclasses import dataclass

import numpy as np

from dendrosim.circuit.initial_values.base import Initial


@dataclass(frozen=True, eq=False)
class Ascending(Initial):
    def sample(self, shape, rng):
        return np.arange(float(np.prod(shape))).reshape(shape)
""",
    "equations/transfer/cubic.py": """
from dendrosim.equations.transfer.base import Transfer

TRANSFER = Transfer(s="x + x**3", ds="1.0 + 3.0*x**2")
""",
    "plot/_histogram.py": """
import numpy as np

from dendrosim.plot.style import axes, styled


@styled
def histogram(values, ax=None):
    ax = axes(ax)
    ax.hist(np.asarray(values))
    return ax
""",
    "signals/square_root.py": """
from dataclasses import dataclass
from typing import Any

from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class SquareRoot(Course):
    amplitude: Any
    scale: Any

    text = "amplitude*sqrt(t/scale)"
    units = {"amplitude": "x", "scale": "s"}
""",
}

USE = """
import sys

import dendrosim as ds

assert not [m for m in sys.modules if m.startswith("dendrosim.")]
cell = ds.Population(
    "cell", 3, "v : 1\\ndx/dt = u/second : 1\\ndy/dt = -y/second : 1\\nu : 1\\nz = s(x) : 1", inputs="u",
    parameters={"v": [0.0, 0.0, 2.0]}, initial={"x": ds.Ascending()}, threshold="v > 1", transfer="cubic",
)
made = ds.Circuit((cell,), pathways=(ds.Pathway("next", "cell", "cell", "y_post += 1", ds.Ring()),))
block = ds.Block("only", (ds.Phase("on", "3 s"),))
protocol = ds.Protocol(
    made, (block,), "1 s", (ds.Recording(("cell.x", "cell.z"), "1 s"),),
    {"cell.u": ds.SquareRoot(1.0, "1 s")},
)
print(protocol.to_json())
result = ds.run(protocol, backend="numpy")
assert result["cell.x"].values[0].tolist() == [0, 1, 2]
assert result["cell.z"].values[0].tolist() == [0, 2, 10]
assert result.final["cell.x"].values.tolist() == [1 + 2**0.5, 2 + 2**0.5, 3 + 2**0.5]
assert result.final["cell.y"].values.tolist() == [1, 0, 0]
"""

READ = """
import sys
from dendrosim.protocol.protocol import Protocol

assert type(Protocol.from_json(sys.stdin.read()).circuit.pathways[0].connect).__name__ == "Ring"
"""

DRAW = """
import sys

import dendrosim as ds

assert "histogram" in dir(ds.plot) and "matplotlib" not in sys.modules
for path in ds.plot.save(ds.plot.histogram([1.0, 2.0, 2.0]), "numbers"):
    print(path.name, path.stat().st_size > 1000)
"""

REFUSE = """
import dendrosim as ds

for make in (
    lambda: ds.Pathway("next", "cell", "cell", "y_post += 1", connect="ring"),
    lambda: ds.Population("cell", 1, "x = s(1) : 1", transfer="none"),
):
    try:
        make()
    except ds.errors.SpecError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a function that runs a text with a copy of the package to which one file of each was added."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE, folder / "dendrosim", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in FILES.items():
        (folder / "dendrosim" / name).write_text(text)

    def execute(text, given=""):
        done = subprocess.run(
            [sys.executable, "-c", text], input=given, capture_output=True, text=True, cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
        )  # fmt: skip
        assert not done.returncode, done.stderr
        return done.stdout

    return execute


def test_a_new_file_is_used_by_a_run_and_read_from_json_by_another_process(copy):
    copy(READ, copy(USE))


def test_a_message_lists_what_a_new_file_adds(copy):
    said = copy(REFUSE)
    assert "Pairings, Probability, Ring" in said
    assert "there are: cubic, leaky_relu, linear" in said


def test_a_new_figure_is_drawn_and_saved(copy):
    assert copy(DRAW).split() == ["numbers.png", "True", "numbers.svg", "True"]
