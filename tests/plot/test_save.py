"""Figures are written as PNG, SVG or PDF, and leave no global state."""

import re
import subprocess
import sys

import matplotlib as mpl
import pytest
import result_examples as examples

from dendrosim import plot
from dendrosim.errors import StorageError, UnknownNameError, UsageError

ALL = ("png", "svg", "pdf")


@pytest.mark.parametrize(
    ("formats", "written"),
    [((), ["png"]), (("svg",), ["svg"]), (("PDF, svg,pdf",), ["pdf", "svg"]), ((ALL,), [*ALL])],
)
def test_save_writes_the_formats_that_are_named(tmp_path, formats, written):
    panels = plot.traces(examples.result())
    begins = {"png": b"\x89PNG\r", "svg": b"<?xml", "pdf": b"%PDF-"}
    for k, what in enumerate((panels, panels[0], panels[0].figure)):
        paths = plot.save(what, tmp_path / f"run.v{k}", *formats)
        assert paths == [tmp_path / f"run.v{k}.{end}" for end in written]
        assert [path.read_bytes()[:5] for path in paths] == [begins[end] for end in written]
    assert len(list(tmp_path.iterdir())) == 3 * len(written)


@pytest.mark.parametrize(
    ("formats", "kind", "message"),
    [
        ("jpg", UnknownNameError, "unknown format of figures 'jpg'"),
        (" ,", UsageError, "name one or more of png, svg, pdf"),
        ([], UsageError, "name one or more of png, svg, pdf"),
        ([1], UsageError, "formats of figures are texts"),
    ],
)
def test_formats_that_do_not_exist_are_refused_before_anything_is_written(
    tmp_path, formats, kind, message
):
    with pytest.raises(kind, match=message):
        plot.save(plot.curve([0, 1], [1, 2]), tmp_path / "figure", formats)
    assert not list(tmp_path.iterdir())


def test_files_are_fit_for_print(tmp_path):
    """300 dots per inch (11811 per metre); text that is text, in Arial where there is one; embedded fonts."""
    ax = plot.curve([0, 1], [-1, 2e-9], xlabel="time (ms)", log=False)
    png, svg, pdf = (path.read_bytes() for path in plot.save(ax, tmp_path / "figure", ALL))
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
        "plot.save(plot.curve([0, 1], [1, 1e-9], xlabel='τ (m⁻² S)', log=True), sys.argv[1], 'png,svg,pdf')"
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
        plot.save(plot.weights(examples.result(), "w"), tmp_path / name, ALL)
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
