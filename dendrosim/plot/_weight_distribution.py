"""The distribution of weights."""

from typing import TYPE_CHECKING

import numpy as np

from dendrosim.plot.style import PALETTE, QUIET, axes, legend_right, note, si_label, styled
from dendrosim.plot.weight_arrays import weights_at
from dendrosim.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def weight_distribution(
    result: Result, name: str, ax: "Axes | None" = None, bins: int = 40, sample: int = 0
) -> "Axes":
    """Draw the distribution of weights at the end, and of those at the beginning if they were recorded.

    Parameters
    ----------
    result : Result
    name : str
        Name of a matrix, or of a variable of synapses such as `feed.weight`.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    bins : int, default 40
        Number of bins, the same for both distributions.
    sample : int, default 0
        Sample of the batch; matrices are the same in all samples.

    Returns
    -------
    Axes

    Raises
    ------
    UnknownNameError
        If there are no such weights.
    """
    shown = [("end", PALETTE[0])]
    if name in result and len(result.traces[name].time):
        shown.insert(0, ("start", QUIET))
    found = [(weights_at(result, name, when, sample), colour) for when, colour in shown]
    values = [np.ravel(array.values).astype(float) for (array, _), _ in found]
    finite = np.concatenate([v[np.isfinite(v)] for v in values])
    scale, label = si_label(
        f"weight {name}" if "." not in name else name.replace(".", " "),
        found[-1][0][0].attrs["units"],
        finite,
    )
    ax = axes(ax, (5.0, 3.0))
    if len(finite):
        edges = np.histogram_bin_edges(scale * finite, bins).tolist()
        for ((_, moment), colour), each in zip(found, values, strict=True):
            ax.hist(
                scale * each[np.isfinite(each)], edges, color=colour, label=moment,
                histtype="step" if moment.endswith("start") else "stepfilled",
                alpha=1.0 if moment.endswith("start") else 0.7, lw=1.4,
            )  # fmt: skip
        legend_right(ax)
    else:
        note(ax, "there are no weights" if not any(map(len, values)) else "not finite")
    ax.set_xlabel(label)
    ax.set_ylabel("weights" if "." not in name else "synapses")
    return ax
