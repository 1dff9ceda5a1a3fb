"""The figure of a stability map shows the abscissa, its zero, and points without equilibrium."""

import continuation_flows
import numpy as np
import pytest
from drawing import drawn_legend
from matplotlib.collections import QuadMesh
from matplotlib.contour import ContourSet

from dendrosim import plot
from dendrosim.plot.style import figure_of
from dendrosim.stability.stability_map import StabilityMap, stability_map


def grid(abscissa, rows, columns, names=("mu", "tau")):
    """Return a map with given numbers; without an equilibrium where they are nan."""
    failed = {(int(i), int(j)): "none" for i, j in np.argwhere(np.isnan(abscissa))}
    verdicts = np.where(abscissa > 0.0, "unstable", "stable")
    values = (np.asarray(rows, float), np.asarray(columns, float))
    states = np.zeros((*abscissa.shape, 1))
    return StabilityMap(
        names, values, abscissa, verdicts, abscissa > 0, states, ["x"], ["1"], failed
    )


def test_a_map_shows_the_abscissa_and_where_it_is_zero():
    flow = continuation_flows.Chain([1.5, 2.0, 0.7], 0.2, 1.0)
    found = stability_map(
        flow, {"mu": np.linspace(0.05, 0.95, 19)}, {"gain": np.geomspace(0.5, 10.0, 20)}
    )
    ax = plot.stability_map(found)
    assert drawn_legend(ax) == ["limit of stability", "unstable"]
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    np.testing.assert_array_equal(mesh.get_array(), found.abscissa)
    assert mesh.norm.vmin == -mesh.norm.vmax == -np.max(np.abs(found.abscissa))
    lines = next(c for c in ax.collections if isinstance(c, ContourSet))
    gains, shares = lines.get_paths()[0].vertices.T
    # 1 = 2 mu (1 - mu) gain; between points of the grid the rates count as linear.
    np.testing.assert_allclose(gains, 1 / (2 * shares * (1 - shares)), rtol=0.05)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("gain", "mu")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert figure_of(ax).axes[1].get_ylabel() == "spectral abscissa (1/s)"


def test_axes_of_a_map_have_units_and_ascend():
    abscissa = np.array([[-1.0, 2.0, 3.0], [-2.0, -1.0, 1.0]])
    ax = plot.stability_map(grid(abscissa, [0.2, 0.1], [0.03, 0.02, 0.01]), units={"tau": "s"})
    drawn_legend(ax)
    assert ax.get_xlabel() == "tau (ms)"
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    np.testing.assert_array_equal(mesh.get_array(), abscissa[::-1, ::-1])
    np.testing.assert_allclose(mesh.get_coordinates()[0, :, 0], [5.0, 15.0, 25.0, 35.0])
    np.testing.assert_allclose(ax.get_xlim(), [5.0, 35.0])


def test_points_without_equilibrium_are_hatched():
    abscissa = np.array([[-1.0, np.nan], [-2.0, -1.0]])
    ax = plot.stability_map(grid(abscissa, [0.1, 0.2], [1.0, 2.0]))
    assert drawn_legend(ax) == ["no equilibrium found"]
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    np.testing.assert_array_equal(mesh.get_array().mask, np.isnan(abscissa))
    assert mesh.cmap.get_bad()[3] == 0.0
    assert ax.patch.get_hatch()
    nowhere = plot.stability_map(grid(np.full((2, 2), np.nan), [0.1, 0.2], [1.0, 2.0]))
    drawn_legend(nowhere)
    assert nowhere.texts[0].get_text() == "no equilibrium was found"


def test_a_map_may_be_a_single_row():
    ax = plot.stability_map(grid(np.array([[-1.0, 0.5, 2.0]]), [0.0], [1.0, 2.0, 3.0]))
    assert drawn_legend(ax) == []
    assert ax.get_ylim() == (-0.5, 0.5)


def test_colours_stay_readable_when_a_corner_is_extreme():
    abscissa = np.array([[-1.0, -2.0, -1.0], [1.0, 2.0, 5000.0]])
    ax = plot.stability_map(grid(abscissa, [0.1, 0.2], [1.0, 2.0, 3.0]))
    drawn_legend(ax)
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    assert mesh.norm(0.0) == pytest.approx(0.5)
    assert mesh.norm(-2.0) < 0.45
