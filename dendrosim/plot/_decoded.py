"""Signals decoded from the spikes of a population, beside the signals that were sent."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import AnyArray
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.plot.style import PALETTE, QUIET, band_key, legend_right, line, panels, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = tuple[ArrayLike, ArrayLike, tuple[ArrayLike, ArrayLike] | None]


@styled
def decoded(
    time: ArrayLike,
    rows: Mapping[str, Row],
    *,
    sent_label: str = "signal sent, scaled",
    band_label: str = "",
) -> "AnyArray":
    """Draw one row per statistic of a population against time, with the signal that it should follow behind it.

    Parameters
    ----------
    time : array_like, shape (n,)
        Seconds.
    rows : mapping of str to tuple (values, signal, band)
        Rows by label; a label is the name and unit of the statistic. `values` and `signal` are array_like of shape
        (n,); the signal is scaled to the mean and the standard deviation of the values, because only its time
        course matters. `band` is a tuple of lower and upper limits, array_like of shape (n,), or None.
    sent_label : str, default "signal sent, scaled"
        Name of the signals in the legend.
    band_label : str, default ""
        Meaning of the bands, such as `95 % interval`, for the legend.

    Returns
    -------
    ndarray of Axes, shape (rows,)

    Raises
    ------
    ParameterError
        If there is no row.
    ShapeError
        If values or signal do not have the shape of `time`.
    """
    if not rows:
        raise ParameterError("decoded: there must be at least one row")
    time = np.asarray(time, dtype=float)
    axes = panels(len(rows), (6.4, 1.0 + 1.7 * len(rows)))
    for k, (label, (values, signal, band)) in enumerate(rows.items()):
        _draw(axes[k], time, label, values, signal, band, PALETTE[k % len(PALETTE)], sent_label)
        keys = [band_key(band_label)] if band_label and band is not None else []
        legend_right(axes[k], "", [*axes[k].get_legend_handles_labels()[0], *keys])
    axes[-1].set_xlabel("time (s)")
    return axes


def _draw(
    ax: "Axes", time: AnyArray, label: str, values: ArrayLike, signal: ArrayLike, band: Any,
    colour: str, sent_label: str,
) -> None:  # fmt: skip
    y, x = np.asarray(values, dtype=float), np.asarray(signal, dtype=float)
    for name, array in (("values", y), ("signal", x)):
        if array.shape != time.shape:
            raise ShapeError(
                f"decoded: {name} of {label!r} have shape {array.shape}, but time {time.shape}"
            )
    if band is not None:
        ax.fill_between(time, *band, color=colour, alpha=0.2, lw=0, zorder=1)
    known = np.isfinite(y)
    size = np.std(x[known]) if known.any() else 0.0
    if size > 0:
        scaled = np.mean(y[known]) + (x - np.mean(x[known])) * np.std(y[known]) / size
        ax.plot(time, scaled, color=QUIET, lw=1.0, ls=(0, (5, 1.5)), label=sent_label, zorder=1)
    line(ax, time, y, color=colour, label="decoded", zorder=2)
    ax.set_ylabel(label)
    ax.margins(x=0.01)
