"""The threshold of the dendrite against the delay after a back-propagating spike."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.errors import ShapeError
from dendrosim.plot.style import INK, PALETTE, axes, legend_right, note, si_label, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def window(
    delays: ArrayLike,
    thresholds: ArrayLike,
    alone: float,
    ax: "Axes | None" = None,
    *,
    tried: float | None = None,
    xlabel: str = "delay after the somatic spike",
    ylabel: str = "dendritic threshold",
    label: str = "with a somatic spike",
    alone_label: str = "dendrite alone",
) -> "Axes":
    """Draw the threshold of the dendrite against the delay after a back-propagating somatic spike.

    A dashed line shows the threshold without a somatic spike. Where a somatic spike lowers the threshold below
    that line, the difference is shaded.

    Parameters
    ----------
    delays : array_like, shape (n,)
        Delays in seconds, negative if the dendritic current comes before the spike.
    thresholds : array_like, shape (n,)
        Smallest dendritic current in amperes that evokes a dendritic spike; NaN if no tried current evokes one. A
        NaN is drawn as a triangle at the top.
    alone : float
        Smallest current in amperes that evokes a dendritic spike without a somatic spike; NaN if no tried current
        evokes one.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    tried : float, optional
        Largest tried current in amperes, at which triangles are drawn (default: 10 % above the largest
        threshold).
    xlabel : str, default "delay after the somatic spike"
    ylabel : str, default "dendritic threshold"
        Labels of the axes without units.
    label : str, default "with a somatic spike"
    alone_label : str, default "dendrite alone"
        Names of the two lines in the legend.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If `delays` and `thresholds` do not have the same shape (n,).
    """
    x, y = np.asarray(delays, dtype=float), np.asarray(thresholds, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ShapeError(f"window: delays have shape {x.shape}, thresholds {y.shape}")
    order = np.argsort(x, kind="stable")
    x, y = 1e3 * x[order], y[order]
    finite = np.append(y, alone)[np.isfinite(np.append(y, alone))]
    top = float(1.1 * np.max(finite, initial=0.0)) if tried is None else tried
    scale, y_label = si_label(ylabel, "A", [top])
    y, level, top = scale * y, scale * alone, scale * top or 1.0

    ax = axes(ax, (5.6, 3.2))
    missing = np.isnan(y)
    unit = y_label.rpartition("(")[2].rstrip(")")
    unreached = "not reached" if tried is None else f"above {top:g} {unit}"
    ax.plot(x, y, color=PALETTE[0], marker="o", markersize=4, label=label)
    if np.isfinite(level):
        ax.axhline(level, color=INK, ls="--", lw=1.0, label=alone_label, zorder=1)
        ax.fill_between(
            x,
            y,
            level,
            where=(y < level).tolist(),
            interpolate=True,
            color=PALETTE[0],
            alpha=0.15,
            lw=0,
            label="reduction",
        )
    else:
        ax.axhline(top, color=INK, ls="--", lw=1.0, label=f"{alone_label}: {unreached}", zorder=1)
    if missing.any():
        ax.plot(
            x[missing],
            np.full(missing.sum(), top),
            ls="none",
            marker="^",
            markersize=5,
            color=PALETTE[0],
            markerfacecolor="white",
            label=unreached,
        )
    if not len(x):
        note(ax, "no delay was tried")
    ax.set_ylim(min(0.0, 1.05 * np.min(scale * finite, initial=0.0)), 1.06 * top)
    ax.margins(x=0.04)
    ax.set_xlabel(f"{xlabel} (ms)")
    ax.set_ylabel(y_label)
    legend_right(ax)
    return ax
