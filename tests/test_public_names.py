"""The public names of the package, and what happens to those who ask for others."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dendrosim as ds
from dendrosim.discovery import public_classes


def test_every_public_name_is_there():
    for name in ds.__all__:
        assert getattr(ds, name) is not None
    assert set(ds.__all__) <= set(dir(ds))


def test_programs_ask_only_for_figures_that_there_are():
    # A submodule such as `plot.style` is an attribute only once something else has imported it.
    root = Path(ds.__file__).parent
    files = [
        *root.rglob("*.py"),
        *(root.parent / "models").glob("*"),
        *(root.parent / "protocols").glob("*.py"),
    ]
    asked = {
        (path.name, name)
        for path in files
        if path.suffix == ".py"
        for name in re.findall(
            r"(?<![.\w])(?:ds\.)?plot\.([a-z]\w*)\b(?!\s+import)", path.read_text("utf-8")
        )
    }
    assert len(asked) > 30
    assert {(file, name) for file, name in asked if name not in ds.plot.__all__} == set()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("Circiut", "Circuit"), ("load_protocoll", "load_protocol"), ("vectorfield", "vector_field")],
)
def test_a_misspelt_name_is_answered_with_the_nearest(name, nearest):
    with pytest.raises(
        AttributeError,
        match=f"^module 'dendrosim' has no attribute '{name}'; did you mean '{nearest}'",
    ):
        getattr(ds, name)


@pytest.mark.parametrize(
    "code", ["import dendrosim as ds; ds.Circiut", "from dendrosim import Circiut"]
)
def test_a_traceback_suggests_the_nearest_name_once(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    # For the second form it is Python that suggests, from version 3.12 on.
    suggests = code.startswith("import") or sys.version_info >= (3, 12)
    assert last.lower().count("did you mean") == suggests, last


def test_an_error_while_the_module_of_a_public_name_loads_is_seen_as_it_is(tmp_path):
    package = Path(ds.__file__).parent
    shutil.copytree(package, tmp_path / "dendrosim", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "dendrosim/circuit/circuit.py").open("a") as file:
        file.write("\nimport os\nos.no_such_function\n")
    code = "import dendrosim as ds; ds.Circuit"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert "no_such_function" in done.stderr.strip().splitlines()[-1]


def test_a_name_that_is_near_none_is_answered_with_all():
    with pytest.raises(AttributeError, match=r"no attribute 'xyz'; there are: .*Circuit, .*tasks"):
        _ = ds.xyz


@pytest.mark.parametrize(
    "module",
    [
        "dendrosim.members",
        "dendrosim.kinds",
        "dendrosim.stability.build",
        "dendrosim.engine.cpp.execute",
    ],
)
def test_a_module_that_has_moved_raises_the_error_of_python_itself(module):
    with pytest.raises(ModuleNotFoundError, match=f"^No module named '{module}'$"):
        importlib.import_module(module)


@pytest.mark.parametrize(
    ("folder", "known"),
    [
        ("signals", {"Pulse", "ShotNoise", "Table"}),
        ("circuit.connectivity", {"AllToAll", "Probability"}),
        ("circuit.initial_values", {"Normal", "Product", "PseudoInverse"}),
        ("circuit.sources", {"Poisson", "PoissonInput", "SpikeTimes"}),
    ],
)
def test_every_class_of_a_folder_is_public(folder, known):
    found = public_classes(f"dendrosim.{folder}").keys()
    assert known <= found <= set(dir(ds))
    assert not {
        "Signal",
        "Course",
        "Process",
        "Connections",
        "Initial",
        "Computed",
        "Derived",
        "Source",
    } & set(dir(ds))


def test_the_module_of_errors_lists_errors_only():
    assert {"SpecError", "UnitError"} <= set(dir(ds.errors))
    assert all(issubclass(getattr(ds.errors, name), Exception) for name in dir(ds.errors))


@pytest.mark.parametrize("module", ["streams", "circuit", "cli"])
def test_a_module_of_the_package_is_imported_without_the_files_of_signals(module):
    code = (
        f"import sys; from dendrosim import {module}; import dendrosim as ds; hasattr(ds, '__wrapped__'); "
        "print(*(m for m in sys.modules if m.startswith('dendrosim.signals')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


def test_importing_the_package_and_listing_import_nothing_heavy():
    code = (
        "import sys, dendrosim.cli.main; dendrosim.cli.main.main(['list']); "
        "print(*{'numpy', 'brian2', 'sympy', 'xarray', 'matplotlib', 'scipy'} & set(sys.modules), "
        "file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
