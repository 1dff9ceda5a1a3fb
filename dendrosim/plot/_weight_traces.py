"""Single weights of a matrix or of synapses against time, and their root mean square."""

from typing import TYPE_CHECKING

import numpy as np

from dendrosim.circuit.paths import is_variable
from dendrosim.plot.run_time import time_unit
from dendrosim.plot.style import INK, PALETTE, axes, legend_right, line, note, si_label, styled
from dendrosim.plot.weight_arrays import weight_courses
from dendrosim.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def weight_traces(
    result: Result, name: str, ax: "Axes | None" = None, count: int = 12, sample: int = 0
) -> "Axes":
    """Draw recorded weights of a matrix or of synapses against time, and their root mean square.

    If there are more than `count` weights, `count` of them are drawn, evenly spaced in the order of their final
    values, from the smallest to the largest. The root mean square is the Frobenius norm divided by the square root
    of the number of weights.

    Parameters
    ----------
    result : Result
    name : str
        Name of a recorded matrix, or of a recorded variable of synapses such as `feed.weight`.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    count : int, default 12
        Largest number of weights that are drawn.
    sample : int, default 0
        Sample of the batch, for a variable of synapses; matrices are the same in all samples.

    Returns
    -------
    Axes

    Raises
    ------
    UnknownNameError
        If there is no such recording.
    """
    from matplotlib import colormaps

    course, names = weight_courses(result, name, sample)
    time, values, total = course["time"].values, course.values, len(names)
    ax = axes(ax, (6.5, 3.2))
    x_scale, x_label = time_unit(result)
    shown_name = name.replace(".", " ") if is_variable(name) else f"weight {name}"
    scale, label = si_label(shown_name, course.attrs["units"], values)
    shown = min(count, total)
    few = shown == total <= len(PALETTE)
    summary = f"{shown} of {total} weights" if shown < total else f"{total} weights"
    if len(time) and total:
        order = np.argsort(values[-1], kind="stable")
        for k, index in enumerate(order[np.linspace(0, total - 1, shown).astype(int)]):
            colour = PALETTE[k] if few else colormaps["viridis"](0.9 * k / max(1, shown - 1))
            text = names[index] if few else summary if k == shown // 2 else None
            line(ax, x_scale * time, scale * values[:, index], color=colour, lw=0.9, label=text)
        rms = np.sqrt(np.mean(np.square(values, dtype=float), axis=1))
        label_all = "root mean square"
        line(ax, x_scale * time, scale * rms, color=INK, ls="--", lw=1.6, label=label_all)
        legend_right(ax)
        if not np.any(np.isfinite(values)):
            note(ax, "not finite")
    else:
        note(ax, "nothing was recorded")
    ax.set_xlabel(x_label)
    ax.set_ylabel(label)
    ax.margins(x=0.01)
    return ax
