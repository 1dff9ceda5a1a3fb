"""Figures are written as PNG, SVG and PDF, and leave no global state."""

import re
import subprocess
import sys

import matplotlib as mpl
import pytest
import result_examples as examples

from dendrosim import plot
from dendrosim.errors import StorageError


def test_save_writes_png_svg_and_pdf(tmp_path):
    panels = plot.traces(examples.result())
    for k, what in enumerate((panels, panels[0], panels[0].figure)):
        paths = plot.save(what, tmp_path / f"run.v{k}")
        assert paths == [tmp_path / f"run.v{k}.{end}" for end in ("png", "svg", "pdf")]
        starts = [path.read_bytes()[:5] for path in paths]
        assert starts == [b"\x89PNG\r", b"<?xml", b"%PDF-"]
    assert len(list(tmp_path.iterdir())) == 9


def test_files_are_fit_for_print(tmp_path):
    """300 dots per inch (11811 per metre); text that is text, in Arial where there is one; embedded fonts."""
    ax = plot.curve([0, 1], [-1, 2e-9], xlabel="time (ms)", log=False)
    png, svg, pdf = (path.read_bytes() for path in plot.save(ax, tmp_path / "figure"))
    size = png.index(b"pHYs") + 4
    assert int.from_bytes(png[size : size + 4], "big") == 11811
    assert b">time (ms)</text>" in svg
    assert "\N{MINUS SIGN}".encode() in svg
    fonts = re.findall(rb"font-family: ([^;]*);", svg)
    assert fonts
    assert all(font.startswith(b"'Arial', 'Helvetica', ") for font in fonts)
    assert b"/Subtype /Type3" not in pdf


def test_no_font_is_missed_aloud(tmp_path):
    """Each process warns only once, so this one is new."""
    code = (
        "import logging, sys; logging.basicConfig(level=logging.WARNING); from dendrosim import plot;"
        "plot.save(plot.curve([0, 1], [1, 1e-9], xlabel='τ (m⁻² S)', log=True), sys.argv[1])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, str(tmp_path / "figure")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_saved_figures_are_reproducible(tmp_path):
    for name in "ab":
        plot.save(plot.weights(examples.result(), "w"), tmp_path / name)
    for end in ("svg", "pdf"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()


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
