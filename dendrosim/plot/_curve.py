"""Losses, errors or distances that fall, and the level that they could reach."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.plot.style import INK, PALETTE, axes, band_key, legend_right, line, spread, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))


@styled
def curve(
    x: ArrayLike,
    y: ArrayLike | Mapping[str, ArrayLike],
    reference: float | Mapping[str, float] | None = None,
    ax: "Axes | None" = None,
    *,
    xlabel: str = "time (s)",
    ylabel: str = "loss",
    label: str = "",
    reference_label: str = "optimum",
    title: str = "",
    bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    band_label: str = "",
    marked: bool = False,
    log: bool | None = None,
) -> "Axes":
    """Draw one or several curves, and dashed horizontal lines for the levels that they are compared with.

    Parameters
    ----------
    x : array_like, shape (n,)
        Values on the x axis, shared by all curves.
    y : array_like, shape (n,), or mapping of str to array_like
        One curve, or several by name, such as the losses of two learning rules.
    reference : float or mapping of str to float, optional
        One level, or several levels by name, such as the loss of the optimum.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    xlabel : str, default "time (s)"
    ylabel : str, default "loss"
        Labels of the axes, with units.
    label : str, default ""
    reference_label : str, default "optimum"
        Names of a single curve and a single level in the legend.
    title : str, default ""
    bands : mapping of str to tuple (lower, upper), optional
        Limits of a shaded band around the curve of this name, array_like of shape (n,).
    band_label : str, default ""
        Meaning of the bands, such as `95 % interval`, for the legend.
    marked : bool, default False
        Whether the points of the curves are marked.
    log : bool, optional
        Whether the y axis is logarithmic (default: if all numbers are positive and span more than a factor of 5).

    Returns
    -------
    Axes

    Examples
    --------
    >>> ds.plot.curve([0, 1, 2], {"gradient": [1.0, 0.3, 0.1]}, 0.05, xlabel="trial")
    """
    x = np.asarray(x)
    curves = {k: np.asarray(v) for k, v in (y if isinstance(y, Mapping) else {label: y}).items()}
    lines = reference if isinstance(reference, Mapping) else {reference_label: reference}
    levels = {k: float(v) for k, v in lines.items() if v is not None}
    ax = axes(ax, (6.0, 3.2))
    for k, (name, values) in enumerate(curves.items()):
        colour, style = PALETTE[k % len(PALETTE)], _LINES[k // len(PALETTE) % len(_LINES)]
        line(ax, x, values, color=colour, ls=style, label=name or None)
        if marked:
            ax.lines[-1].set(marker="o", markersize=3.5)
        if bands and name in bands:
            ax.fill_between(x, *bands[name], color=colour, alpha=0.2, lw=0, zorder=1)
    for k, (name, level) in enumerate(levels.items()):
        ax.axhline(level, color=INK, lw=1.0, ls=_LINES[1 + k % 3], label=name, zorder=1)
    everything = np.concatenate([*(v.ravel() for v in curves.values()), list(levels.values())])
    if spread(everything) if log is None else log:
        ax.set_yscale("log")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.set_title(title)
    ax.margins(x=0.01)
    keys = [band_key(band_label)] if bands and band_label else []
    if ax.get_legend_handles_labels()[1] or keys:
        legend_right(ax, "", [*ax.get_legend_handles_labels()[0], *keys])
    return ax
