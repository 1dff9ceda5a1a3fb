"""The speed at which weights change."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.circuit.pathway import WEIGHT
from dendrosim.errors import ParameterError, UnknownNameError
from dendrosim.plot.run_time import time_unit
from dendrosim.plot.style import PALETTE, axes, legend_right, line, note, spread, styled
from dendrosim.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def plasticity(
    result: Result, names: str | Sequence[str] = "*", ax: "Axes | None" = None
) -> "Axes":
    """Draw the rate of change of weights against time, as a root mean square over each matrix or pathway.

    The rate is the difference between two recordings divided by the time between them. In a batch, the weights of
    synapses in all samples count.

    Parameters
    ----------
    result : Result
    names : str or sequence of str, default "*"
        Names or patterns of recorded matrices and weights of synapses (`feed.weight`).
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).

    Returns
    -------
    Axes

    Raises
    ------
    UnknownNameError
        If a name or pattern matches no recorded weights.
    ParameterError
        If weights have different units.
    """
    known = [n for n in result.names if _has_weights(result, n)]
    patterns = [names] if isinstance(names, str) else list(names)
    for pattern in patterns:
        if not any(fnmatchcase(n, pattern) for n in known):
            raise UnknownNameError("recording of weights", pattern, known)
    chosen = [n for n in known if any(fnmatchcase(n, p) for p in patterns)]
    courses = [result[name] for name in chosen]
    units = {c.attrs["units"] for c in courses}
    if len(units) > 1:
        raise ParameterError(f"{', '.join(chosen)} have different units; draw them one by one")
    ax = axes(ax, (6.5, 3.0))
    x_scale, x_label = time_unit(result)
    rates = []
    for k, (name, course) in enumerate(zip(chosen, courses, strict=True)):
        time = course["time"].values
        change = np.diff(course.values.astype(float), axis=0)
        rate = np.sqrt(np.mean(change**2, axis=tuple(range(1, change.ndim)))) / np.diff(time)
        rates.append(rate)
        middle = (time[1:] + time[:-1]) / 2
        line(ax, x_scale * middle, rate, color=PALETTE[k % len(PALETTE)], label=name)
    everything = np.concatenate(rates)
    if spread(everything):
        ax.set_yscale("log")
    if not len(everything):
        note(ax, "fewer than two instants were recorded")
    elif not np.any(np.isfinite(everything)):
        note(ax, "not finite")
    ax.set_ylabel(f"rate of change, r.m.s. ({units.pop()}/s)")
    ax.set_xlabel(x_label)
    ax.margins(x=0.01)
    legend_right(ax, "weights")
    return ax


def _has_weights(result: Result, name: str) -> bool:
    """Return whether a recording is a matrix or the weights of a pathway."""
    return not is_variable(name) or (
        result.circuit.is_synaptic(name) and VariablePath.parse(name).variable == WEIGHT
    )
