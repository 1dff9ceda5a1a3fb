"""Benchmarks are not run by the tests, but their files fit the package as it is."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
NAMES = [m.name for m in pkgutil.iter_modules([str(FOLDER)]) if m.name != "__main__"]


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_can_be_imported(name, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    importlib.import_module(f"benchmarks.{name}")


@pytest.mark.parametrize("source", sorted(FOLDER.rglob("*.c*")), ids=lambda path: path.name)
def test_included_files_of_the_package_exist(source):
    for included in re.findall(r'^#include "(.+)"', source.read_text(), re.MULTILINE):
        assert (source.parent / included).is_file(), included


def test_the_time_of_a_step_of_a_compiled_program_is_measured(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    gpu = importlib.import_module("benchmarks.gpu")
    cases = importlib.import_module("benchmarks.gpu_cases")
    case = next(c for c in cases.AGREEING if c.workload == "D" and c.precision == "double")
    run = gpu._program(case, gpu._state(case), "cpp", 20, tmp_path / "run")
    assert gpu._loop(*run) > 0


@pytest.mark.parametrize("case", range(3))
def test_circuits_that_compare_back_ends_can_be_made(case, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    cases = importlib.import_module("benchmarks.gpu_cases")
    circuits = [c for c in cases.AGREEING if c.workload != "model" and c.precision == "double"]
    assert circuits[case].protocol(3).total_steps == 3
