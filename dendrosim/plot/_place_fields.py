"""Activity of a cell by position on a track, one line per lap."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.errors import ShapeError
from dendrosim.plot.style import INK, PALETTE, QUIET, axes, legend_right, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def place_fields(
    laps: Mapping[str, tuple[ArrayLike, ArrayLike]],
    ax: "Axes | None" = None,
    *,
    marks: Sequence[float] = (),
    ylabel: str = "activity",
) -> "Axes":
    """Draw the activity of a cell by position on a track, a line for each lap.

    The first lap is grey and the last one dark, so that a field which appears between them is seen at once.

    Parameters
    ----------
    laps : mapping of str to (array_like, array_like)
        For each lap, by the name in the legend, positions in metres and the activity there, both of shape (n,).
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    marks : sequence of float, optional
        Positions in metres that dashed lines mark, such as those of plateaus (default: none).
    ylabel : str, default "activity"
        Label of the activity, with its unit if it has one.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If the positions and the activity of a lap do not have the same shape (n,).
    """
    ax = axes(ax, (5.6, 3.0))
    for k, (name, (position, activity)) in enumerate(laps.items()):
        x, y = np.asarray(position, dtype=float), np.asarray(activity, dtype=float)
        if x.ndim != 1 or x.shape != y.shape:
            raise ShapeError(
                f"place_fields: lap {name!r} has positions of shape {x.shape} and activity of shape {y.shape}"
            )
        colour = QUIET if k == 0 else INK if k == len(laps) - 1 else PALETTE[(k - 1) % len(PALETTE)]
        ax.plot(100 * x, y, color=colour, label=name, lw=1.8 if colour == INK else 1.2)
    for mark in marks:
        ax.axvline(100 * mark, color=PALETTE[1], lw=1, ls="--", zorder=0)
    ax.set(xlabel="position (cm)", ylabel=ylabel)
    legend_right(ax)
    return ax
