"""Legends of figures in files: in a corner without data if there is one, else beside the axes."""

import numpy as np
import pytest

from dendrosim import plot

X = np.linspace(0.0, 1.0, 50)


def inside(ax, tmp_path):
    """Whether the legend is inside the axes after the figure has been saved."""
    plot.save(ax, tmp_path / "figure")
    ax.figure.draw_without_rendering()
    box, frame = ax.get_legend().get_window_extent(), ax.get_window_extent()
    return frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)


@pytest.mark.parametrize(
    ("corner", "values"),
    [
        ("upper right", 1 - X),
        ("upper left", X),
        ("lower right", np.minimum(1, 9 * X)),
        ("lower left", 1 - np.exp(-(((X - 0.9) / 0.05) ** 2))),
    ],
)
def test_a_legend_goes_to_a_corner_without_data(tmp_path, corner, values):
    ax = plot.curve(X, {"one": values}, log=False)
    assert inside(ax, tmp_path)
    box, frame = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert ((box.x0 + box.x1) / 2 > (frame.x0 + frame.x1) / 2) == ("right" in corner)
    assert ((box.y0 + box.y1) / 2 > (frame.y0 + frame.y1) / 2) == ("upper" in corner)


def test_a_legend_stays_beside_axes_that_are_full(tmp_path):
    ax = plot.curve(X, {"up": X, "down": 1 - X, "top": 1 + 0 * X, "bottom": 0 * X}, log=False)
    for level in np.linspace(0.1, 0.9, 9):
        ax.plot(X, np.full(50, level))
    assert not inside(ax, tmp_path)


def test_an_area_counts_also_where_it_has_no_edge(tmp_path):
    """The band covers the whole of the axes, and its outline runs along their edge."""
    ax = plot.curve(X, {"one": 0.5 + 0 * X}, bands={"one": (-10 + 0 * X, 10 + 0 * X)}, log=False)
    ax.set_ylim(0.0, 1.0)
    assert not inside(ax, tmp_path)


def test_gaps_are_not_data(tmp_path):
    values = np.where(X > 0.5, np.nan, X)
    assert inside(plot.curve(X, {"one": values}, log=False), tmp_path)
