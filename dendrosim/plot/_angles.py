"""Angles between the weight updates of a network and the directions that theory proposes."""

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import AnyArray
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.plot.style import QUIET, legend_right, line, row, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = 26
"""Number of characters of the longest line of a title above a panel."""

MARKED = 40
"""Largest number of points of a line whose points are marked; with more points the marks would touch."""


@styled
def angles(
    trials: ArrayLike,
    angles: Mapping[str, ArrayLike],
    *,
    title: str = "",
    xlabel: str = "trial",
    ylabel: str = "angle (degrees)",
) -> "AnyArray":
    """Draw angles against trials: one panel per direction, with one line per layer, darkest for layer 1.

    The panels share their y axis, which reaches from 0 to at least 90 degrees. A thin line marks 90 degrees, the
    angle between orthogonal updates.

    Parameters
    ----------
    trials : array_like, shape (times,)
        Values on the x axis of all panels.
    angles : mapping of str to array_like, shape (times, layers)
        For the name of each direction, from the left panel to the right, angles in degrees; a NaN leaves a gap.
    title : str, default ""
        Title above all panels.
    xlabel : str, default "trial"
        Label of the x axis, which says what `trials` counts.
    ylabel : str, default "angle (degrees)"
        Label of the shared y axis.

    Returns
    -------
    ndarray of Axes, shape (directions,)

    Raises
    ------
    ParameterError
        If there is no direction.
    ShapeError
        If an array does not have the shape (times, layers), or directions have different numbers of layers.

    Examples
    --------
    >>> from dendrosim.plot import angles
    >>> axes = angles([0, 100], {"back-propagation": [[80.0, 20.0], [30.0, 5.0]]})
    >>> [line.get_label() for line in axes[0].lines[:2]]
    ['layer 1', 'layer 2']
    """
    from matplotlib import colormaps

    x = np.asarray(trials, dtype=float)
    courses = _checked(x, angles)
    layers = next(iter(courses.values())).shape[1]
    shades = colormaps["viridis"](np.linspace(0.0, 0.85, layers))
    panels = row(len(courses), (1.4 + 2.1 * len(courses), 2.7))
    for ax, (direction, values) in zip(panels, courses.items(), strict=True):
        for k, colour in enumerate(shades):
            # Drawn unclipped and above the axis, so that a line at 0, the best angle, is fully visible.
            options = {"label": f"layer {k + 1}", "clip_on": False, "zorder": 3}
            line(ax, x, values[:, k], color=colour, **options)
            if 1 < len(x) <= MARKED:
                ax.lines[-1].set(marker="o", markersize=3.5)
        ax.axhline(90.0, color=QUIET, lw=0.6, zorder=1)
        ax.set_title(fill(direction, TITLE))
        ax.set_xlabel(xlabel)
        ax.margins(x=0.02)
    _limit(panels[0], np.concatenate([v.ravel() for v in courses.values()]))
    panels[0].set_ylabel(ylabel)
    legend_right(panels[-1])
    if title:
        width = int(len(courses) * TITLE * 1.15)
        panels[0].figure.suptitle(fill(title, width), x=0.01, ha="left")
    return panels


def _checked(x: AnyArray, angles: Mapping[str, ArrayLike]) -> dict[str, AnyArray]:
    """Return angles as arrays, all with the same number of layers."""
    if not angles:
        raise ParameterError("angles: there must be at least one direction")
    courses = {name: np.asarray(values, dtype=float) for name, values in angles.items()}
    layers = next(iter(courses.values())).shape[-1:]
    for name, values in courses.items():
        if x.ndim != 1 or values.ndim != 2 or values.shape != (*x.shape, *layers):
            raise ShapeError(
                f"angles: {name!r} has shape {values.shape}, but must be (times, layers) at "
                f"{x.shape} trials, with as many layers as every other direction"
            )
    return courses


def _limit(ax: "Axes", values: AnyArray) -> None:
    """Let the y axis reach from 0 to a little above 90 degrees or the largest angle, but not above 180."""
    largest = np.max(values, initial=90.0, where=np.isfinite(values))
    top = min(180.0, 1.04 * largest)
    ax.set_ylim(0.0, top)
    ax.set_yticks(np.arange(0.0, top + 1.0, 30.0))
