"""A family of curves y(x; p): one line per value of a second parameter."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import AnyArray
from dendrosim.errors import ParameterError, ShapeError, UnknownNameError
from dendrosim.plot.style import axes, legend_right, line, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LISTED = 7
"""Curves above which a colour scale stands for the legend."""

MARKED = 40
"""Points up to which each is marked."""

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
    title: str = "",
    colours: str = "viridis",
) -> "Axes":
    """Draw one curve per value of a parameter, from dark for the smallest to light.

    Such as event rate against somatic current at several dendritic currents, or burst probability
    against dendritic current at several somatic ones.

    Parameters
    ----------
    x : array (n,)
        Shared by all curves.
    curves : mapping of number to array (n,)
        By the value of the parameter; a NaN is a gap.
    xlabel, ylabel, parameter : str
        With units; `parameter` heads the legend, or the colour scale of many curves.
    bands : mapping of number to (array, array), optional
        Lower and upper limits of curves, such as the standard deviation over units, drawn as shades.
    colours : str
        A sequential colour map of Matplotlib.

    Raises
    ------
    ShapeError
        If a curve or band is not as long as `x`.
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
        line(ax, x, y, color=colour, label=f"{value:g}")
        if 1 < len(x) <= MARKED:
            ax.lines[-1].set(marker="o", markersize=3.5)
    if len(ordered) > LISTED:
        _scale(ax, ordered, shades, parameter)
    else:
        legend_right(ax, parameter)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.set_title(title)
    ax.margins(x=0.02)
    return ax


def _like(x: AnyArray, given: ArrayLike, where: str) -> AnyArray:
    y = np.asarray(given, dtype=float)
    if y.shape != x.shape:
        raise ShapeError(f"families: {where} has shape {y.shape}, but x {x.shape}")
    return y


def _scale(ax: "Axes", ordered: list[float], shades: AnyArray, parameter: str) -> None:
    """Put a block of each curve's colour beside the axes, and name some of them."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    count = len(ordered)
    blocks = ScalarMappable(BoundaryNorm(np.arange(count + 1) - 0.5, count), ListedColormap(shades))
    bar = ax.figure.colorbar(blocks, ax=ax, shrink=0.8, aspect=18, pad=0.03)
    bar.set_label(parameter)
    bar.outline.set_visible(False)  # type: ignore[operator]
    named = range(0, count, -(-count // LISTED))
    bar.set_ticks(named, labels=[f"{ordered[k]:g}" for k in named])
    bar.minorticks_off()
    bar.ax.tick_params(length=0)
