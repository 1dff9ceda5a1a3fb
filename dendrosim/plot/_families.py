"""A family of curves y(x; p), with one line per value of the parameter p."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import AnyArray
from dendrosim.errors import ParameterError, ShapeError, UnknownNameError
from dendrosim.plot.style import axes, band_key, legend_right, line, number_text, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LISTED = 7
"""Number of curves above which a colour scale replaces the legend."""

MARKED = 40
"""Largest number of points of a curve whose points are marked; with more points the marks would touch."""

Band = tuple[ArrayLike, ArrayLike]


@styled
def families(
    x: ArrayLike,
    curves: Mapping[float, ArrayLike],
    ax: "Axes | None" = None,
    *,
    xlabel: str,
    ylabel: str,
    parameter: str,
    bands: Mapping[float, Band] | None = None,
    band_label: str = "",
    title: str = "",
    colours: str = "viridis",
    log: bool = False,
) -> "Axes":
    """Draw one curve per value of a parameter, the curve of the smallest value darkest.

    Examples are event rate against somatic current at several dendritic currents, and burst probability against
    dendritic current at several somatic currents.

    Parameters
    ----------
    x : array_like, shape (n,)
        Values on the x axis, shared by all curves.
    curves : mapping of float to array_like, shape (n,)
        One curve for each value of the parameter; a NaN leaves a gap.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    xlabel, ylabel : str
        Labels of the axes, with units.
    parameter : str
        Name of the parameter with its unit; it is the title of the legend or of the colour scale.
    bands : mapping of float to tuple (lower, upper), optional
        Limits of a shaded band around each curve, array_like of shape (n,).
    band_label : str, default ""
        Meaning of the bands, such as `95 % interval`, for the legend.
    title : str, default ""
    colours : str, default "viridis"
        A sequential colour map of Matplotlib.
    log : bool, default False
        Whether the y axis is logarithmic.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If a curve or band does not have the shape of `x`.
    ParameterError
        If there is no curve.
    UnknownNameError
        If a band belongs to no curve.
    """
    from matplotlib import colormaps

    if not curves:
        raise ParameterError("families: there must be at least one curve")
    x = np.asarray(x, dtype=float)
    limits = dict(bands or {})
    for value in limits:
        if value not in curves:
            raise UnknownNameError("curve of a band", f"{value:g}", [f"{v:g}" for v in curves])
    ax = axes(ax, (5.4, 3.4))
    ordered = sorted(curves)
    shades = colormaps[colours](np.linspace(0.0, 0.9, len(ordered)))
    for value, colour in zip(ordered, shades, strict=True):
        y = _like(x, curves[value], f"curve {value:g}")
        if value in limits:
            low, high = (_like(x, b, f"band of curve {value:g}") for b in limits[value])
            ax.fill_between(x, low, high, color=colour, alpha=0.2, lw=0, zorder=1)
        line(ax, x, y, color=colour, label=number_text(value))
        if 1 < len(x) <= MARKED:
            ax.lines[-1].set(marker="o", markersize=3.5)
    if len(ordered) > LISTED:
        _scale(ax, ordered, shades, parameter)
    else:
        keys = [band_key(band_label)] if band_label and limits else []
        legend_right(ax, parameter, [*ax.get_legend_handles_labels()[0], *keys])
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.set_title(title)
    if log:
        ax.set_yscale("log")
    ax.margins(x=0.02)
    return ax


def _like(x: AnyArray, given: ArrayLike, where: str) -> AnyArray:
    y = np.asarray(given, dtype=float)
    if y.shape != x.shape:
        raise ShapeError(f"families: {where} has shape {y.shape}, but x {x.shape}")
    return y


def _scale(ax: "Axes", ordered: list[float], shades: AnyArray, parameter: str) -> None:
    """Put a block of each curve's colour beside the axes, and write the values of some curves at their blocks."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    count = len(ordered)
    blocks = ScalarMappable(BoundaryNorm(np.arange(count + 1) - 0.5, count), ListedColormap(shades))
    bar = ax.figure.colorbar(blocks, ax=ax, shrink=0.8, aspect=18, pad=0.03)
    bar.set_label(parameter)
    bar.outline.set_visible(False)  # type: ignore[operator]
    named = range(0, count, -(-count // LISTED))
    bar.set_ticks(named, labels=[number_text(ordered[k]) for k in named])
    bar.minorticks_off()
    bar.ax.tick_params(length=0)
