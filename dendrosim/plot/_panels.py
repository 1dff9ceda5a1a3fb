"""Responses to several stimuli side by side: voltages above the injected currents."""

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import AnyArray
from dendrosim.errors import ParameterError, ShapeError, UnknownNameError
from dendrosim.plot.style import PALETTE, legend_right, line, new_figure, si_label, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Course = tuple[ArrayLike, ArrayLike]
"""Times in seconds, and one value per time in SI units."""

Courses = dict[str, dict[str, tuple[AnyArray, AnyArray]]]
"""For each title of a column and each label of a curve, the times and values of the curve."""


@styled
def panels(
    columns: Mapping[str, Mapping[str, Course]],
    currents: Mapping[str, Mapping[str, Course]] | None = None,
    spikes: Mapping[str, Mapping[str, ArrayLike]] | None = None,
    *,
    peak: float = 0.02,
    ylabel: str = "voltage",
    current_label: str = "current",
) -> "AnyArray":
    """Draw one column per stimulus: voltages above, and the currents that caused them below.

    The classical use is back-propagation-activated calcium spike firing: a somatic pulse, a dendritic current,
    both together, and a stronger dendritic current, each with the voltages of soma and dendrite. The columns share
    their voltage axis and their current axis. A label has the same colour everywhere, so that the current into a
    compartment has the colour of its voltage.

    Parameters
    ----------
    columns : mapping of str to mapping of str to tuple (time, voltage)
        For the title of each column, from left to right, its curves by label: times in seconds and voltages in
        volts, array_like of shape (n,). Each curve has its own times.
    currents : mapping of str to mapping of str to tuple (time, current), optional
        Curves to draw below the column with the same title, in seconds and amperes. Without currents, the figure
        has one row.
    spikes : mapping of str to mapping of str to array_like, optional
        Spike times in seconds, by title and label of a voltage. A line is drawn from the voltage up to `peak`, for
        models with a threshold and a reset, whose voltage does not show spikes.
    peak : float, default 0.02
        Upper end of the lines of spikes in volts.
    ylabel : str, default "voltage"
    current_label : str, default "current"
        Labels of the y axes without units.

    Returns
    -------
    ndarray of Axes, shape (rows, columns)
        Voltages are in row 0, and currents, if there are any, in row 1.

    Raises
    ------
    ParameterError
        If there is no column.
    ShapeError
        If a curve does not have one value per time.
    UnknownNameError
        If currents or spikes have a title that no column has, or spikes have a label that no voltage has.

    Examples
    --------
    >>> from dendrosim.plot import panels
    >>> time, v = [0.0, 0.1], [-0.07, -0.06]
    >>> axes = panels({"soma alone": {"soma": (time, v)}}, spikes={"soma alone": {"soma": [0.05]}})
    >>> axes.shape
    (1, 1)
    """
    if not columns:
        raise ParameterError("panels: there must be at least one column")
    voltages = _checked("voltage", columns, columns)
    injected = _checked("current", currents or {}, columns)
    marked = _marked(spikes or {}, columns)
    colours = _colours(voltages, injected)
    grid = _grid(len(columns), bool(injected))
    v_scale, v_label = si_label(ylabel, "V", _values(voltages))
    i_scale, i_label = si_label(current_label, "A", _values(injected))
    for column, title in zip(grid.T, columns, strict=True):
        courses, below = voltages[title], injected.get(title, {})
        t_scale, t_label = si_label("time", "s", _times(courses, below))
        for label, (time, v) in courses.items():
            options = {"color": colours[label], "label": label}
            line(column[0], t_scale * time, v_scale * v, **options)
            at = marked.get(title, {}).get(label, np.zeros(0))
            foot = np.interp(at, time, v)
            column[0].vlines(
                t_scale * at, v_scale * foot, v_scale * peak, color=colours[label], lw=1.0
            )
        for label, (time, i) in below.items():
            line(column[1], t_scale * time, i_scale * i, color=colours[label], label=label)
        column[0].set_title(fill(title, 22, replace_whitespace=False))
        column[0].margins(x=0.01)
        column[-1].set_xlabel(t_label)
    grid[0, 0].set_ylabel(v_label)
    if injected:
        grid[1, 0].set_ylabel(i_label)
    grid[0, 0].figure.align_ylabels(grid[:, 0])
    _legend(grid[0, -1], colours)
    return grid


def _checked(
    quantity: str, given: Mapping[str, Mapping[str, Course]], columns: Mapping[str, Any]
) -> Courses:
    """Return curves as arrays; `quantity` is voltage or current."""
    checked: Courses = {}
    for title, courses in given.items():
        _known("column", title, columns)
        checked[title] = {}
        for label, course in courses.items():
            time, values = (np.asarray(part, dtype=float) for part in course)
            if time.ndim != 1 or time.shape != values.shape:
                raise ShapeError(
                    f"panels: {quantity} {label!r} of {title!r} has {values.shape} values "
                    f"at {time.shape} times"
                )
            checked[title][label] = time, values
    return checked


def _marked(
    spikes: Mapping[str, Mapping[str, ArrayLike]], columns: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, AnyArray]]:
    for title, times in spikes.items():
        _known("column", title, columns)
        for label in times:
            _known(f"voltage of {title!r}", label, columns[title])
    return {
        title: {label: np.asarray(t, dtype=float) for label, t in times.items()}
        for title, times in spikes.items()
    }


def _known(what: str, name: str, allowed: Mapping[str, Any]) -> None:
    if name not in allowed:
        raise UnknownNameError(what, name, allowed)


def _colours(*groups: Courses) -> dict[str, str]:
    """Return the colour of each label, in order of appearance."""
    labels = dict.fromkeys(n for group in groups for courses in group.values() for n in courses)
    return {label: PALETTE[k % len(PALETTE)] for k, label in enumerate(labels)}


def _values(group: Courses) -> AnyArray:
    values = [v for courses in group.values() for _, v in courses.values()]
    return np.concatenate([*values, np.zeros(0)])


def _times(*groups: Mapping[str, tuple[AnyArray, AnyArray]]) -> AnyArray:
    return np.concatenate([*(t for g in groups for t, _ in g.values()), np.zeros(0)])


def _grid(count: int, two_rows: bool) -> "AnyArray":
    """Return the Axes of a new figure, in which each row shares its y axis and each column its x axis."""
    ratios = (3, 1) if two_rows else (1,)
    return new_figure((1.6 + 1.6 * count, 3.6 if two_rows else 2.6)).subplots(
        len(ratios), count, sharex="col", sharey="row", squeeze=False, height_ratios=ratios
    )


def _legend(ax: "Axes", colours: Mapping[str, str]) -> None:
    from matplotlib.lines import Line2D

    legend_right(ax, handles=[Line2D([], [], color=c, label=n) for n, c in colours.items()])
