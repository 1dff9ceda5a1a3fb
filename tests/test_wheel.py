"""The wheel is whole: installed elsewhere, it runs without the repository or the network."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def call(*command, cwd):
    # Packages elsewhere that the caller's environment names would hide what is installed here.
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH")}
    command = list(map(str, command))
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build a source distribution and, from nothing but that, the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Return the scripts folder of an environment that holds the wheel.

    Its dependencies are seen through a path entry that comes after its own packages; `.pth` files
    behind such an entry are not read, so that an editable install of the repository stays unseen.
    """
    home = tmp_path_factory.mktemp("environment")
    call(sys.executable, "-m", "venv", "--without-pip", home, cwd=home)
    pip = (sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install")
    call(*pip, "--no-index", "--no-deps", wheel, cwd=home)
    (site,) = home.glob("lib/python3*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def test_it_holds_package_models_protocols_data_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("models", "protocols"):
        there = {f"dendrosim/shipped/{folder}/{path.name}" for path in (ROOT / folder).glob("*.py")}
        assert there
        assert there <= names
    assert {
        "dendrosim/py.typed",
        "dendrosim/tasks/data/digits.npz",
        "dendrosim/tasks/data/ATTRIBUTION.md",
    } <= names
    tops = {name.split("/")[0] for name in names}
    assert len(tops) == 2
    assert all(top == "dendrosim" or top.endswith(".dist-info") for top in tops)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_it_lists_models_and_protocols_from_another_folder(environment, tmp_path):
    code = "import dendrosim; print(dendrosim.__file__)"
    package = Path(call(environment / "python", "-c", code, cwd=tmp_path).strip())
    assert environment.parent in package.parents
    listing = call(environment / "dendrosim", "list", cwd=tmp_path)
    for folder in ("models", "protocols"):
        for path in (ROOT / folder).glob("[!_]*.py"):
            assert path.stem in listing


def test_it_loads_its_digits(environment, tmp_path):
    code = "from dendrosim.tasks import load_digits; print(len(load_digits('all').labels))"
    assert call(environment / "python", "-c", code, cwd=tmp_path).strip() == "1797"
