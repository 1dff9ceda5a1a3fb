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
    """Draw by how much a back-propagating spike lowers the dendrite's threshold, at each delay.

    The time window in which soma and dendrite coincide is where the line lies below the dashed one;
    the difference is shaded.

    Parameters
    ----------
    delays : array (n,)
        In seconds, negative if the dendritic current comes before the spike.
    thresholds : array (n,)
        The smallest dendritic current, in ampere, that sets off a dendritic spike. NaN where none
        of those tried did: drawn as a triangle at the top.
    alone : float
        The threshold without a somatic spike, in ampere; NaN where none of those tried reached it.
    tried : float, optional
        The largest current tried, in ampere, where the triangles point up from; default: somewhat
        above the largest threshold.
    xlabel, ylabel : str
        Without units.
    label, alone_label : str
        Names in the legend.

    Raises
    ------
    ShapeError
        If `delays` and `thresholds` differ in length.
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
