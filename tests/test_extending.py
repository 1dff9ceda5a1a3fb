"""To add a back end, a signal, a connection rule or the like is to add one file: it is found and used from there.

The package is copied, each addition is written into the copy, and a process that imports the copy uses it.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ADDED = {
    "dendrosim/engine/halved/backend.py": '''
"""The NumPy back end under another name."""

from dendrosim.engine.runtime.backend import Numpy


class Halved(Numpy):
    name = "halved"
    automatic_precision = "single"

    def run(self, task, progress):
        from dendrosim.engine.runtime.run import run

        return run(task, "numpy", progress)


BACKENDS = (Halved(),)
''',
    "dendrosim/signals/sawtooth.py": '''
"""A sawtooth."""

from dataclasses import dataclass
from typing import Any, ClassVar

from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class Sawtooth(Course):
    """Rises from 0 to `amplitude` in each `period`.

    Parameters
    ----------
    amplitude : quantity
        The largest value, in the unit of the input.
    period : quantity
        Length of a period, a time.
    """

    amplitude: Any
    period: Any

    text: ClassVar[str] = "amplitude*(t/period - floor(t/period + 1e-9))"
    units: ClassVar[dict[str, str]] = {"amplitude": "x", "period": "s"}
''',
    "dendrosim/circuit/connectivity/ring.py": '''
"""A ring."""

from dataclasses import dataclass

import numpy as np

from dendrosim.circuit.connectivity.base import Connections


@dataclass(frozen=True, eq=False)
class Ring(Connections):
    """Unit i with unit i + 1, the last one with the first."""

    def expected(self, post, pre):
        return pre

    def draw(self, post, pre, same, rng):
        units = np.arange(pre, dtype=np.int64)
        return (units + 1) % post, units
''',
    "dendrosim/circuit/initial_values/stairs.py": '''
"""Equal steps."""

from dataclasses import dataclass

import numpy as np

from dendrosim.circuit.initial_values.base import Initial


@dataclass(frozen=True, eq=False)
class Stairs(Initial):
    """0 for the first unit, `step` more for each further one.

    Parameters
    ----------
    step : float
        The difference between neighbours.
    """

    step: float

    def sample(self, shape, rng):
        return self.step * np.ones(shape) * np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
''',
    "dendrosim/equations/transfer/cubic.py": '''
"""The cube."""

from dendrosim.equations.transfer.base import Transfer

TRANSFER = Transfer(s="x**3", ds="3*x**2")
''',
    "dendrosim/plot/_dots.py": '''
"""Dots."""

from dendrosim.plot.style import PALETTE, axes, styled


@styled
def dots(values, ax=None):
    """Draw one dot per value."""
    ax = axes(ax)
    ax.plot(values, "o", color=PALETTE[0])
    return ax
''',
    "models/ring_of_cubes.py": '''
"""Units in a ring relax to the cube of their drive."""

import dendrosim as ds


def circuit(*, size: int = 3) -> ds.Circuit:
    """Return the ring.

    Parameters
    ----------
    size
        Number of units.
    """
    unit = ds.Population(
        "unit", size, "dv/dt = (s(drive) - v)/(10*ms) : 1\\ndrive : 1",
        inputs=["drive"], initial={"v": ds.Stairs(0.5)}, transfer="cubic", threshold="v > 0.89",
    )
    ring = ds.Pathway("ring", "unit", "unit", "v_post -= 0.25", ds.Ring())
    return ds.Circuit((unit,), pathways=[ring])
''',
    "protocols/driven_ring.py": '''
"""A ring of cubes follows a sawtooth."""

import dendrosim as ds


def protocol() -> ds.Protocol:
    """Return the protocol."""
    return ds.Protocol(
        ds.load_circuit("ring_of_cubes"), (ds.Block("all", (ds.Phase("on", "2 ms"),)),), dt="1 ms",
        recordings=(ds.Recording("unit.*", "1 ms"), ds.Recording("unit.spike", "spike")),
        signals={"unit.drive": ds.Sawtooth(2.0, "2 ms")},
    )
''',
}  # fmt: skip

USE = """
import json
import sys
import dendrosim as ds
imported = [name for name in sys.modules if name.startswith("dendrosim.")]
from dendrosim.library.catalogue import list_entries

def message(ask):
    try:
        ask()
    except (AttributeError, ds.errors.SpecError) as error:
        return str(error)

starred = {}
exec("from dendrosim import *", starred)
protocol = ds.load_protocol("driven_ring")
result = ds.run(protocol, "halved")
drawn = ds.plot.dots([3.0, 1.0])
print(json.dumps({
    "package": ds.__file__,
    "listed": [entry.name for entry in list_entries()],
    "drive": result.traces["unit.drive"].values[:, 0, 0].tolist(),
    "v": result.traces["unit.v"].values[:, :, 0].tolist(),
    "final": result.state["unit.v"][:, 0].tolist(),
    "kept": ds.Protocol.from_json(protocol.to_json()) == protocol,
    "backend": [result.provenance["backend"], result.provenance["precision"]],
    "dots": drawn.lines[0].get_ydata().tolist(),
    "figures": dir(ds.plot),
    "imported": imported,
    "names": [dir(ds), ds.__all__],
    "starred": sorted(name for name in ("Sawtooth", "Ring", "Stairs") if name in starred),
    "misspelt": [message(lambda: ds.Sawtoth), message(lambda: ds.Stair)],
    "rules": message(lambda: ds.Pathway("next", "unit", "unit", "v_post += 1", connect="ring")),
    "transfers": message(lambda: ds.Population("unit", 1, "v = s(1) : 1", transfer="none")),
    "json": protocol.to_json(),
}))
"""

READ = """
import sys
from dendrosim.protocol.protocol import Protocol

protocol = Protocol.from_json(sys.stdin.read())
print(type(protocol.circuit.pathways[0].connect).__name__, type(*protocol.signals["unit.drive"]).__name__)
"""


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """What a process finds that imports a copy of the package with one file more per addition."""
    folder = tmp_path_factory.mktemp("extended")
    for part in ("dendrosim", "models", "protocols"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    for name, text in ADDED.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def execute(text, given=""):
        done = subprocess.run(
            [sys.executable, "-c", text], input=given, capture_output=True, text=True, cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
        )  # fmt: skip
        assert not done.returncode, done.stderr
        return done.stdout

    found = json.loads(execute(USE))
    assert Path(found["package"]).is_relative_to(folder)
    return {**found, "read": execute(READ, found["json"]).split()}


def test_a_back_end_is_found_in_its_folder(used):
    assert used["backend"] == ["halved", "single"]


def test_models_and_protocols_are_found(used):
    assert {"ring_of_cubes", "driven_ring"} <= set(used["listed"])


def test_a_signal_drives_an_input(used):
    assert used["drive"] == [0.0, 1.0]


def test_a_distribution_gives_initial_values(used):
    assert used["v"][0] == [0.0, 0.5, 1.0]


def test_a_transfer_function_and_a_connection_rule_do_what_they_say(used):
    """Two steps by hand: a tenth of the way to the cube of the drive, 0.25 less after a spike of the last unit."""
    assert used["v"][1] == pytest.approx([0.0 - 0.25, 0.45, 0.9], abs=1e-6)
    expected = [-0.25 + 0.1 * 1.25 - 0.25, 0.45 + 0.1 * 0.55, 0.9 + 0.1 * 0.1]
    assert used["final"] == pytest.approx(expected, abs=1e-6)


def test_additions_are_written_to_json_and_read_back(used):
    assert used["kept"]


def test_a_figure_is_drawn(used):
    assert used["dots"] == [3.0, 1.0]
    assert "dots" in used["figures"]


def test_new_classes_are_public_names(used):
    """They are listed and imported by a star like those of the stub, and no file is imported before that."""
    assert used["imported"] == []
    for names in used["names"]:
        assert {"Sawtooth", "Ring", "Stairs", "Circuit"} <= set(names)
    assert used["starred"] == ["Ring", "Sawtooth", "Stairs"]


def test_messages_name_what_new_files_add(used):
    sawtooth, stairs = used["misspelt"]
    assert "did you mean 'Sawtooth'" in sawtooth
    assert "did you mean 'Stairs'" in stairs
    assert "Pairings, Probability, Reversed, Ring" in used["rules"]
    assert "there are: cubic, leaky_relu, linear" in used["transfers"]


def test_another_process_reads_additions_from_json(used):
    """The classes are found by name, although nothing of the package has been imported before."""
    assert used["read"] == ["Ring", "Sawtooth"]
