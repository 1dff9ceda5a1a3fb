"""Single weights of a matrix against time, and their root mean square."""

from typing import TYPE_CHECKING

import numpy as np

from dendrosim.plot.style import INK, PALETTE, axes, legend_right, line, note, si_label, styled
from dendrosim.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def weight_traces(result: Result, name: str, ax: "Axes | None" = None, count: int = 12) -> "Axes":
    """Draw weights of a recorded matrix against time, and their root mean square.

    If there are more than `count` weights, `count` of them are drawn, evenly spaced in the order of their final
    values, from the smallest to the largest. The root mean square is the Frobenius norm divided by the square root
    of the number of weights.

    Parameters
    ----------
    result : Result
    name : str
        Name of a recorded matrix.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    count : int, default 12
        Largest number of weights that are drawn.

    Returns
    -------
    Axes

    Raises
    ------
    UnknownNameError
        If the matrix was not recorded.
    """
    from matplotlib import colormaps

    course = result[name]
    time = course["time"].values
    total = course.sizes["post"] * course.sizes["pre"]
    values = course.values.reshape(len(time), total)
    ax = axes(ax, (6.5, 3.2))
    x_scale, x_label = si_label("time", "s", time)
    scale, label = si_label(f"weight {name}", course.attrs["units"], values)
    shown = min(count, total)
    few = shown == total <= len(PALETTE)
    summary = f"{shown} of {total} weights" if shown < total else f"{total} weights"
    if len(time):
        order = np.argsort(values[-1], kind="stable")
        for k, index in enumerate(order[np.linspace(0, total - 1, shown).astype(int)]):
            post, pre = divmod(int(index), course.sizes["pre"])
            colour = PALETTE[k] if few else colormaps["viridis"](0.9 * k / max(1, shown - 1))
            text = f"[{post}, {pre}]" if few else summary if k == shown // 2 else None
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
