"""Recorded variables of single units against time, with one panel per variable."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.circuit.paths import is_variable
from dendrosim.errors import ParameterError, UnknownNameError
from dendrosim.plot.phases import shade_phases
from dendrosim.plot.run_time import time_range, time_unit
from dendrosim.plot.spikes import seconds
from dendrosim.plot.style import (
    PALETTE,
    legend_right,
    line,
    note,
    panels,
    readable,
    si_label,
    styled,
)
from dendrosim.results.result import Result
from dendrosim.units import Quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import DataArray

WRAPPED = 16
"""Number of characters of the longest line of a label of the y axis, which has the height of its panel."""


@styled
def traces(
    result: Result,
    names: str | Sequence[str] | None = None,
    units: Sequence[int] | None = None,
    sample: int | None = None,
    ax: "Axes | None" = None,
    *,
    count: int = 6,
    start: str | float | None = None,
    stop: str | float | None = None,
    origin: str | float = 0.0,
    labels: Mapping[str, str] | None = None,
) -> Any:
    """Draw the recorded variables of single units against time.

    Parameters
    ----------
    result : Result
    names : str or sequence of str, optional
        Names such as `pyramidal.soma`, or patterns with `*` and `?` (default: all recorded variables).
    units : sequence of int, optional
        Indices of the units (default: `count` of those recorded, evenly spaced).
    sample : int, optional
        Index of the sample of the batch (default: the first one recorded).
    ax : Axes, optional
        Axes to draw all variables into (default: a new figure, with a panel for each variable).
    count : int, default 6
        Largest number of units if `units` is not given.
    start, stop : time, optional
        Range of the time axis: seconds, or text such as `20 ms` (default: all that was recorded).
    origin : time, default 0
        Time of the run from which the axis counts.
    labels : mapping of str to str, optional
        What the axes call a variable, without unit (default: its name in words, such as `pyramidal soma`).

    Returns
    -------
    Axes or ndarray of Axes, shape (variables,)
        `ax` if given, else the panels.

    Raises
    ------
    UnknownNameError
        If a name, unit or sample was not recorded.
    ParameterError
        If variables of different units are drawn into one `ax`, or `stop` is not after `start`.
    UnitError
        If a time has a unit that is not one of time.

    Examples
    --------
    >>> ds.plot.traces(result, "pyramidal.*", units=[0, 1])
    """
    chosen = _matching(result, names)
    arrays = [_select(result[name], units, sample, count) for name in chosen]
    if start is not None or stop is not None:
        low, high = time_range("traces", result, start, stop)
        arrays = [a.sel(time=slice(low, high)) for a in arrays]
    zero = seconds("traces: origin", origin)
    times = np.concatenate([a["time"].values for a in arrays])
    scale, time_label = time_unit(result)
    called = {name: _words(name) for name in chosen} | dict(labels or {})
    if ax is None:
        axes = panels(len(chosen), (7.0, 0.7 + 1.35 * len(chosen)))
        for panel, name, array in zip(axes, chosen, arrays, strict=True):
            y_scale, y_label = si_label(called[name], array.attrs["units"], array.values)
            panel.set_ylabel(y_label)
            _lines(panel, result, array, (scale, zero), y_scale, PALETTE)
            legend_right(panel, _title("unit", array, result[name]))
    else:
        axes = np.array([ax], dtype=object)
        y_scale = _one_scale(ax, arrays)
        for k, array in enumerate(arrays):
            colours = np.roll(PALETTE, -k * array.sizes["unit"])
            prefix = f"{readable(str(array.name))} " if len(arrays) > 1 else ""
            _lines(ax, result, array, (scale, zero), y_scale, colours, prefix)
        legend_right(ax, _title("unit", arrays[0], result[chosen[0]]))
    axes[-1].set_xlabel(time_label)
    if len(times) and np.ptp(times) > 0:
        shade_phases(result, axes, scale, zero)
    return axes if ax is None else ax


def _words(name: str) -> str:
    """Return the name of a variable as words, on two lines: the population above its variable."""
    return "\n".join(fill(readable(part), WRAPPED) for part in name.split("."))


def _lines(
    ax: "Axes",
    result: Result,
    array: "DataArray",
    axis: tuple[float, float],
    y_scale: float,
    colours: Sequence[str] | AnyArray,
    prefix: str = "",
) -> None:
    time, values = _with_gaps(result, array)
    x_scale, zero = axis
    for k, unit in enumerate(array["unit"].values):
        colour = colours[k % len(colours)]
        line(
            ax,
            x_scale * (time - zero),
            y_scale * values[:, k],
            color=colour,
            label=f"{prefix}{unit}",
        )
    ax.margins(x=0.01)
    if not len(time):
        note(ax, "nothing was recorded")


def _one_scale(ax: "Axes", arrays: "Sequence[DataArray]") -> float:
    """Label the y axis for all arrays, and return the factor of their SI prefix."""
    if len({a.attrs["units"] for a in arrays}) > 1:
        names = ", ".join(str(a.name) for a in arrays)
        raise ParameterError(f"{names} have different units; draw them without ax")
    name = readable(str(arrays[0].name)) if len(arrays) == 1 else "value"
    values = np.concatenate([a.values.ravel() for a in arrays])
    scale, label = si_label(name, arrays[0].attrs["units"], values)
    ax.set_ylabel(label)
    return scale


def _matching(result: Result, names: str | Sequence[str] | None) -> list[str]:
    circuit = result.circuit
    known = [n for n in result.names if is_variable(n) and not circuit.is_synaptic(n)]
    patterns = ["*"] if names is None else [names] if isinstance(names, str) else list(names)
    for pattern in patterns:
        if not any(fnmatchcase(n, pattern) for n in known):
            raise UnknownNameError("recording of a population", pattern, known)
    return [n for n in known if any(fnmatchcase(n, p) for p in patterns)]


def _select(
    array: "DataArray", units: Sequence[int] | None, sample: int | None, count: int
) -> "DataArray":
    """Return the recording of one sample and the chosen units, with dimensions time and unit."""
    if "sample" in array.dims:
        chosen = array["sample"].values[0] if sample is None else sample
        array = array.sel(sample=_known("sample", array, [chosen])[0])
    if units is not None:
        return array.sel(unit=_known("unit", array, units))
    total = array.sizes["unit"]
    return array.isel(unit=np.unique(np.linspace(0, total - 1, min(count, total)).astype(int)))


def _known(axis: str, array: "DataArray", wanted: Sequence[int]) -> list[int]:
    recorded = array[axis].values.tolist()
    for index in wanted:
        if index not in recorded:
            raise UnknownNameError(f"{axis} of {array.name}", str(index), map(str, recorded))
    return [int(i) for i in wanted]


def _title(word: str, array: "DataArray", full: "DataArray") -> str:
    """Return the title of a legend, which says how many units are shown if these are not all."""
    shown, total = array.sizes["unit"], full.sizes["unit"]
    return f"{word} ({shown} of {total})" if shown < total else word


def _with_gaps(result: Result, array: "DataArray") -> tuple[AnyArray, AnyArray]:
    """Return times and values, with a NaN wherever the recording paused."""
    time, values = array["time"].values, array.values
    recording = result.protocol.recordings_by_name().get(str(array.name))
    if recording is None or not isinstance(recording.every, Quantity) or len(time) < 2:
        return time, values
    # A gap of more than one and a half recording intervals is a pause; less is the rounding of times.
    breaks = np.flatnonzero(np.diff(time) > 1.5 * float(recording.every.value)) + 1
    return np.insert(time, breaks, time[breaks - 1]), np.insert(values, breaks, np.nan, axis=0)
