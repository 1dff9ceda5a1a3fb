"""The distribution of weights over time."""

from typing import TYPE_CHECKING

import numpy as np

from dendrosim.errors import UnknownNameError
from dendrosim.plot.style import axes, colourbar, note, si_label, styled
from dendrosim.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def weight_change(
    result: Result, name: str, ax: "Axes | None" = None, *, bins: int = 60, sample: int = 0
) -> "Axes":
    """Draw how the distribution of weights changes: in each column, the part of the weights in each bin.

    Parameters
    ----------
    result : Result
    name : str
        Name of a matrix, or of a variable of synapses such as `feed.weight`, that was recorded.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    bins : int, default 60
        Number of bins.
    sample : int, default 0
        Sample of the batch; matrices are the same in all samples.

    Returns
    -------
    Axes

    Raises
    ------
    UnknownNameError
        If no such weights were recorded.
    """
    if name not in result.traces:
        raise UnknownNameError("recording", name, result.traces)
    array = result[name]
    if "sample" in array.dims:
        array = array.isel(sample=sample)
    time, values = array["time"].values, array.values.reshape(len(array["time"]), -1)
    finite = values[np.isfinite(values)]
    scale, label = si_label(
        f"weight {name}" if "." not in name else name.replace(".", " "),
        array.attrs["units"],
        finite,
    )
    ax = axes(ax, (6.0, 3.2))
    ax.set(xlabel="time (s)", ylabel=label)
    if len(time) < 2 or not len(finite):
        note(ax, "not recorded more than once" if len(finite) else "there are no weights")
        return ax
    edges = np.histogram_bin_edges(scale * finite, bins)
    parts = np.array([np.histogram(scale * row, edges)[0] / len(row) for row in values])
    ends = np.append(time, 2 * time[-1] - time[-2])
    image = ax.pcolormesh(ends, edges, parts.T, cmap="Blues", rasterized=True)
    colourbar(ax, image, "part of the weights")
    return ax
