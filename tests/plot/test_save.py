"""Figures are written as PNG and SVG, and leave no global state."""

import subprocess
import sys

import matplotlib as mpl
import pytest
import result_examples as examples

from dendrosim import plot
from dendrosim.errors import StorageError


def test_save_writes_png_and_svg(tmp_path):
    panels = plot.traces(examples.result())
    for k, what in enumerate((panels, panels[0], panels[0].figure)):
        paths = plot.save(what, tmp_path / f"run.v{k}")
        assert paths == [tmp_path / f"run.v{k}.png", tmp_path / f"run.v{k}.svg"]
        assert paths[0].read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in paths[1].read_bytes()
    assert len(list(tmp_path.iterdir())) == 6


def test_saved_figures_are_reproducible(tmp_path):
    for name in "ab":
        plot.save(plot.weights(examples.result(), "w"), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_save_fails_by_name(tmp_path):
    ax = plot.curve([0, 1], [1, 2])
    with pytest.raises(StorageError, match="there is no folder"):
        plot.save(ax, tmp_path / "nowhere" / "figure")


def test_settings_of_matplotlib_stay_as_they_were():
    before = {name: value for name, value in mpl.rcParams.items() if name != "backend"}
    plot.traces(examples.result())
    assert {name: mpl.rcParams[name] for name in before} == before


def test_drawing_leaves_pyplot_alone():
    code = (
        "import sys; from dendrosim import plot;"
        "assert 'matplotlib' not in sys.modules;"
        "plot.curve([0, 1], [1, 2]);"
        "assert 'matplotlib' in sys.modules;"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
