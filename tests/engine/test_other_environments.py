"""A program and an interrupted run belong to versions, not to the virtual environment that they came from."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
import scipy_openblas32

from dendrosim.engine.standalone.host_compiler import find_compiler

TESTS = Path(__file__).parents[1]
SCRIPT = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import scipy_openblas32
import dendrosim as ds
from dendrosim.engine import progress, simulate
from long_runs import learning

out = sys.argv[2]
if sys.argv[3] == "begin":
    simulate.INTERVAL = 0.0
    # Not at the report of step 0, which comes before the first checkpoint.
    progress.Progress.at = lambda self, step, segment: step and os.kill(os.getpid(), signal.SIGKILL)
    ds.run(learning(), "cpp", seed=3, out=out)
else:
    result = ds.run(resume=out) if sys.argv[3] == "resume" else ds.run(learning(), "cpp", seed=3)
    print(result.provenance["compiled"], scipy_openblas32.__file__)
    result.save(out + ".nc")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a cache and a second copy of the BLAS package, as another virtual environment has it."""
    folder = tmp_path_factory.mktemp("environments")
    copy_blas(folder / "first")
    return folder


def copy_blas(site, version=None):
    """Copy the package and what is installed beside it to say its version; perhaps say another version."""
    package = Path(scipy_openblas32.__file__).parent
    info = Path(distribution("scipy-openblas32")._path)
    for source in (package, info):
        shutil.copytree(source, site / source.name)
    if version is not None:
        metadata = site / info.name / "METADATA"
        lines = metadata.read_text().splitlines()
        lines = [f"Version: {version}" if x.startswith("Version:") else x for x in lines]
        metadata.write_text("\n".join(lines))
    return site


def start(place, what, out, site=None, **variables):
    """Start a process that begins and loses a run, resumes it, or does it undisturbed."""
    environment = {**os.environ, "DENDROSIM_CACHE": str(place / "cache"), **variables}
    if site is not None:
        paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(TESTS), str(out), what],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip


@pytest.fixture(scope="module")
def begun(place):
    """An output folder whose run was begun, and its program compiled, in an environment that was deleted since."""
    done = start(place, "begin", place / "out", place / "first")
    assert done.returncode < 0, done.stderr
    assert (place / "out" / "unfinished" / "checkpoint.bin").exists()
    shutil.rmtree(place / "first")
    return place / "out"


@pytest.fixture
def out(begun, tmp_path):
    """A copy of that folder."""
    return Path(shutil.copytree(begun, tmp_path / "out"))


def test_a_run_is_resumed_in_another_environment_without_compiling_again(place, out):
    site = copy_blas(out.parent / "second")
    programs = sorted((place / "cache" / "programs").iterdir())
    resumed = start(place, "resume", out, site)
    assert not resumed.returncode, resumed.stderr
    compiled, blas = resumed.stdout.split()
    assert compiled == "False"
    assert Path(blas).is_relative_to(site)
    whole = start(place, "whole", out.with_name("whole"))
    assert whole.stdout.split()[0] == "False"
    assert sorted((place / "cache" / "programs").iterdir()) == programs
    assert_same(out.with_suffix(".nc"), out.with_name("whole.nc"))


def assert_same(path, expected):
    from comparisons import assert_identical

    import dendrosim as ds

    assert_identical(ds.open_result(path), ds.open_result(expected))


def test_another_version_of_the_blas_is_refused_by_name(place, out):
    done = start(place, "resume", out, copy_blas(out.parent / "newer", "99.1"))
    assert done.returncode
    assert "scipy-openblas32 is 99.1 and was " in done.stderr


def test_other_compiler_flags_are_refused_by_name(place, out):
    done = start(place, "resume", out, CXX="g++ -O2")
    assert done.returncode
    assert "compiler flags changed since the run began" in done.stderr


def test_another_compiler_is_refused_by_name(place, out, tmp_path):
    other = tmp_path / "c++"
    other.write_text(f'#!/bin/sh\nexec {find_compiler()} "$@"\n')
    other.chmod(0o755)
    done = start(place, "resume", out, CXX=str(other))
    assert done.returncode
    assert "compiler changed since the run began" in done.stderr


@pytest.mark.slow
def test_other_compiler_flags_need_another_program(place, begun):
    programs = set((place / "cache" / "programs").iterdir())
    done = start(place, "whole", begun.with_name("flags"), CXX="g++ -O2")
    assert done.stdout.split()[0] == "True", done.stderr
    assert set((place / "cache" / "programs").iterdir()) > programs
