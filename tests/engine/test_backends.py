"""A back end is one folder, found by its name, that states all there is to know about it."""

import os
import shutil
import subprocess
import sys

import pytest
from reference_problems import leaky_protocol

from dendrosim.cli.main import main
from dendrosim.engine.backend import Backend
from dendrosim.engine.backends import backends, choose
from dendrosim.engine.compilation import compile_without_run
from dendrosim.errors import UnknownNameError
from dendrosim.experiments.run import run
from dendrosim.machine.code_digest import PACKAGE

BACKEND = '''
"""Back end for a test: that of NumPy under another name, in single precision."""

from dendrosim.engine.backend import Diagnosis
from dendrosim.engine.runtime.backend import Numpy


class Mine(Numpy):
    name = "mine"
    automatic_precision = "single"
    packages = ("typer",)

    def run(self, task, progress):
        from dendrosim.engine.runtime.run import run

        return run(task, "numpy", progress)

    def diagnoses(self):
        return [Diagnosis("mine", True, "as always")]


BACKENDS = (Mine(),)
'''

RUN = """
import dendrosim as ds

cell = ds.Population("cell", 1, "dv/dt = (1 - v)/(10*ms) : 1")
protocol = ds.Protocol(ds.Circuit((cell,)), (ds.Block("b", (ds.Phase("p", "1 ms"),)),), dt="0.1 ms")
result = ds.run(protocol, backend="mine")
given = result.provenance
print(given["backend"], given["precision"], "typer" in given["versions"], result.state["cell.v"].dtype)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a function that starts Python with a copy of the package to which a back end was added."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE, folder / "dendrosim", ignore=shutil.ignore_patterns("__pycache__"))
    added = folder / "dendrosim" / "engine" / "mine"
    added.mkdir()
    (added / "backend.py").write_text(BACKEND)

    def start(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
        )  # fmt: skip
        assert not done.returncode, done.stderr
        return done.stdout

    return start


def test_a_folder_is_all_that_it_takes_to_add_a_back_end(copy):
    assert copy("-c", RUN).split() == ["mine", "single", "True", "float32"]


def test_the_command_line_knows_a_back_end_that_was_added(copy):
    assert "mine" in copy("-m", "dendrosim.cli", "run", "--help")
    assert "as always" in copy("-m", "dendrosim.cli", "doctor")


def test_names_of_back_ends_are_found_without_loading_them():
    script = (
        "import sys; from dendrosim.engine.backends import backends; print(*backends());"
        "assert not {'numpy', 'brian2', 'brian2cuda', 'sympy'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["cpp", "cuda", "cython", "numpy"]


@pytest.mark.parametrize("backend", backends().values(), ids=list(backends()))
def test_a_back_end_states_what_the_contract_asks_for(backend):
    assert isinstance(backend, Backend)
    assert backend.automatic_precision in ("single", "double")
    assert backends()[backend.name] is backend


@pytest.mark.parametrize("name", ["numba", ""])
def test_an_unknown_back_end_is_answered_with_those_there_are(name):
    for call in (choose, lambda n: run(leaky_protocol(), n)):
        with pytest.raises(UnknownNameError, match="back end"):
            call(name)
    with pytest.raises(UnknownNameError, match="back end to compile for"):
        compile_without_run(leaky_protocol(), "numpy")
    assert main(["run", "fi_curve", "--backend", name]) == 2


def test_only_a_back_end_that_makes_a_program_can_compile():
    makes = {name for name, backend in backends().items() if backend.compiles}
    assert makes == {"cpp", "cuda"}
    with pytest.raises(NotImplementedError, match="numpy makes no program"):
        backends()["numpy"].compile(leaky_protocol(), "double", None)
