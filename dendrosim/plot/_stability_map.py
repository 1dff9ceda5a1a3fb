"""Stability of equilibria over two parameters."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.plot.style import (
    INK,
    MISSING,
    QUIET,
    axes,
    colourbar,
    diverging,
    logarithmic,
    note,
    si_label,
    styled,
)
from dendrosim.stability.stability_map import StabilityMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNEVEN = 30.0
"""Ratio of the largest to the median rate above which the colours are logarithmic on either side of zero."""


@styled
def stability_map(
    found: StabilityMap,
    *,
    units: Mapping[str, str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the spectral abscissa over two parameters: blue where stable, red where unstable, with a line between.

    Points at which no equilibrium was found are hatched.

    Parameters
    ----------
    found : StabilityMap
        Result of `ds.stability_map`; its first parameter is on the y axis, its second on the x axis.
    units : mapping of str to str, optional
        SI units of the parameters by name, such as ``{"tau": "s"}`` (default: no units).
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).

    Returns
    -------
    Axes
    """
    from matplotlib.colors import SymLogNorm
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    rows, columns = (np.argsort(v, kind="stable") for v in found.values)
    abscissa = np.ma.masked_invalid(found.abscissa[np.ix_(rows, columns)])
    sides = []
    for name, values in zip(found.parameters, found.values, strict=True):
        factor, label = si_label(name, (units or {}).get(name, ""), values)
        sides.append((factor * np.sort(values), label))
    (y, y_label), (x, x_label) = sides

    ax = axes(ax, (5.8, 3.8))
    ax.patch.set(facecolor=MISSING, hatch="////", edgecolor="white", linewidth=0)
    colours, limit = diverging(abscissa.filled(np.nan), "none")
    options: dict[str, Any] = {"vmin": -limit, "vmax": limit}
    sizes = np.abs(abscissa.compressed())
    sizes = sizes[sizes > 0.0]
    if len(sizes) and limit > UNEVEN * np.median(sizes):
        options = {"norm": SymLogNorm(float(np.median(sizes)), vmin=-limit, vmax=limit)}
    image = ax.pcolormesh(_edges(x), _edges(y), abscissa, cmap=colours, **options)
    handles: list[Any] = []
    if min(abscissa.shape) > 1 and len(sizes) and abscissa.min() < 0.0 < abscissa.max():
        ax.contour(x, y, abscissa, levels=[0.0], colors=INK, linewidths=1.4)
        handles.append(Line2D([], [], color=INK, lw=1.4, label="limit of stability"))
        # Dots show the unstable region to readers who do not see the colours.
        dots = ax.contourf(x, y, abscissa, [0.0, np.inf], colors="none", hatches=[".."])
        dots.set(edgecolor=QUIET, linewidth=0.0)
        dotted = Patch(
            facecolor="none", hatch="...", edgecolor=QUIET, linewidth=0, label="unstable"
        )
        handles.append(dotted)
    if np.ma.is_masked(abscissa):
        hatched = Patch(facecolor=MISSING, hatch="////", edgecolor="white", linewidth=0)
        hatched.set_label("no equilibrium found")
        handles.append(hatched)
    for axis, values in (("x", x), ("y", y)):
        edges = _edges(values)
        ax.set(**{f"{axis}lim": (edges[0], edges[-1])})
        if _geometric(values):
            logarithmic(ax, axis)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    if len(abscissa.compressed()):
        colourbar(ax, image, "spectral abscissa (1/s)")
    else:
        note(ax, "no equilibrium was found")
    if handles:
        ax.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=len(handles),
            borderaxespad=0.2,
        )
    return ax


def _geometric(values: Array) -> bool:
    """Return whether values are positive, span more than a factor of 5, and are evenly spaced as logarithms."""
    if len(values) < 3 or values[0] <= 0.0:
        return False
    steps = np.diff(np.log(values))
    return bool(np.allclose(steps, steps[0], rtol=1e-3) and values[-1] > 5.0 * values[0])


def _edges(values: Array) -> Array:
    """Return the edges of the cells around ascending values."""
    if len(values) == 1:
        half = 0.05 * abs(float(values[0])) or 0.5
        return np.array([values[0] - half, values[0] + half])
    if _geometric(values):
        return np.asarray(np.exp(_edges_between(np.log(values))))
    return _edges_between(values)


def _edges_between(values: Array) -> Array:
    middle = 0.5 * (values[:-1] + values[1:])
    first, last = 2.0 * values[0] - middle[0], 2.0 * values[-1] - middle[-1]
    return np.concatenate([[first], middle, [last]])
