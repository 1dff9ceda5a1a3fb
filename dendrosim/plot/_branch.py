"""Equilibria against a parameter, with their bifurcations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.errors import ParameterError
from dendrosim.plot.states import matching
from dendrosim.plot.style import INK, PALETTE, QUIET, axes, legend_right, si_label, styled
from dendrosim.stability.continuation.branch import Bifurcation, Branch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKS: dict[str, dict[str, Any]] = {
    "fold": {"marker": "s", "markerfacecolor": "white"},
    "hopf": {"marker": "o", "markerfacecolor": PALETTE[4]},
    "branch point": {"marker": "D", "markerfacecolor": INK},
    "kink": {"marker": "^", "markerfacecolor": QUIET},
}
"""The marker of each type of bifurcation."""

FAR = 10.0
"""Multiple of the usual size of states beyond which two opposite states may be on the two sides of a pole.

A pole is a value of the parameter at which the equilibrium is infinite, as in a linear circuit with an eigenvalue
0.
"""

UNBOUNDED = 100.0
"""A bifurcation is at a pole if its state exceeds the largest state of the branch by more than this factor."""


@styled
def branch(
    branches: Branch | Sequence[Branch],
    state: str | None = None,
    *,
    units: Mapping[str, str] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw a state variable at equilibria against a parameter: solid where they are stable, dashed elsewhere.

    Parameters
    ----------
    branches : Branch or sequence of Branch
        Results of `ds.continuation` and of `Branch.switch`; all of the same flow and parameter.
    state : str, optional
        A label such as `layer1.h[0]`, a name such as `layer1.h`, or a pattern. Each matching state is a line; at
        most six are drawn. By default, one state is drawn: the one that changes most, relative to the size of the
        states of its unit. If no state changes, the largest real part of an eigenvalue is drawn.
    units : mapping of str to str, optional
        SI unit of the parameter by its name, such as ``{"tau": "s"}`` (default: no unit).
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).

    Returns
    -------
    Axes

    Raises
    ------
    UnknownMemberError
        If no state matches `state`.
    ParameterError
        If there is no branch, or branches differ in parameter or states.

    Examples
    --------
    >>> branch = ds.continuation(field, "mu", start=0.02, stop=0.5)
    >>> ds.plot.branch(branch, "layer1.h")
    """
    given = [branches] if isinstance(branches, Branch) else list(branches)
    _check(given)
    if still := state is None and not _moves(given):
        given = [_as_abscissa(one) for one in given]
    first = given[0]
    places = [_liveliest(given)] if state is None else matching(first.labels, state)
    shown = places[: len(PALETTE)]
    levels = np.concatenate([b.states[:, shown].ravel() for b in given])
    name = first.labels[shown[0]] if len(places) == 1 else str(state)
    y_scale, y_label = si_label(name, first.units[shown[0]], _usual(levels))
    unit = (units or {}).get(first.parameter, "")
    x_scale, x_label = si_label(first.parameter, unit, np.concatenate([b.values for b in given]))

    ax = axes(ax, (6.0, 3.6))
    for k, one in enumerate(given):
        pieces = _pieces(one)
        for j, place in enumerate(shown):
            colour = PALETTE[(j if len(shown) > 1 else k) % len(PALETTE)]
            for values, states, stable in pieces:
                ax.plot(
                    x_scale * values,
                    y_scale * states[:, place],
                    color=colour,
                    lw=1.8 if stable else 1.2,
                    ls="-" if stable else (0, (4, 2)),
                    dash_capstyle="butt",
                    marker="o" if len(values) == 1 else None,
                    zorder=2,
                )
            for mark in one.bifurcations:
                if _at_pole(one, mark):
                    ax.axvline(x_scale * mark.value, color=QUIET, lw=0.8, ls=":", zorder=1)
                    continue
                ax.plot(
                    [x_scale * mark.value],
                    [y_scale * mark.state[place]],
                    ls="none",
                    color=INK,
                    markersize=6,
                    zorder=3,
                    **MARKS[mark.kind],
                )
    if still:
        ax.axhline(0.0, color=QUIET, lw=0.8, zorder=1)
    ax.margins(x=0.03)
    usual = y_scale * _usual(levels)
    if len(usual) < len(levels):
        edge = 0.05 * float(np.ptp(usual))
        ax.set_ylim(usual.min() - edge, usual.max() + edge)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    if len(places) > len(shown):
        ax.set_title(f"{len(shown)} of {len(places)} states")
    legend_right(ax, handles=_handles(given, [first.labels[i] for i in shown]))
    return ax


def _check(given: list[Branch]) -> None:
    if not given:
        raise ParameterError("branch: there must be at least one branch")
    for one in given[1:]:
        if one.parameter != given[0].parameter or tuple(one.labels) != tuple(given[0].labels):
            raise ParameterError(
                "branch: all branches must have the same states and parameter, not "
                f"{given[0].parameter} and {one.parameter}"
            )


STILL = 1e-6
"""Range of a state, relative to the states of its unit, below which it does not change along a branch."""


def _moves(given: list[Branch]) -> bool:
    """Return whether any state changes along the branches."""
    return bool(_relative_ranges(given).max(initial=0.0) > STILL)


def _as_abscissa(one: Branch) -> Branch:
    """Return a branch whose only state is the largest real part of an eigenvalue; zero modes do not count."""
    real = np.where(one.eigenvalues == 0.0, -np.inf, one.eigenvalues.real).max(axis=1)
    marks = tuple(
        replace(mark, state=np.array([mark.eigenvalue.real])) for mark in one.bifurcations
    )
    return replace(
        one,
        states=np.where(np.isfinite(real), real, 0.0)[:, None],
        labels=("largest real part of an eigenvalue",),
        units=("1/s",),
        bifurcations=marks,
    )


def _liveliest(given: list[Branch]) -> int:
    """Return the index of the state with the largest range, relative to the size of states of its unit."""
    return int(np.argmax(_relative_ranges(given)))


def _relative_ranges(given: list[Branch]) -> Array:
    """Return the range of each state along the branches, relative to the size of states of its unit."""
    states = np.concatenate([b.states for b in given])
    ranges = np.ptp(states, axis=0)
    units = np.asarray(given[0].units)
    for unit in set(given[0].units):
        ranges[units == unit] /= float(np.max(np.abs(states[:, units == unit]))) or 1.0
    return ranges


def _pieces(one: Branch) -> list[tuple[Array, Array, bool]]:
    """Split a branch where its stability changes: at a bifurcation or, in a step without one, halfway.

    Returns parameter values, states and stability of each piece.
    """
    inside, poles = _bifurcations_by_step(one), _poles(one)
    points: list[tuple[float, Array]] = [(float(one.values[0]), one.states[0])]
    pieces: list[tuple[Array, Array, bool]] = []

    def cut(stable: bool) -> None:
        values, states = zip(*points, strict=True)
        pieces.append((np.array(values), np.array(states), stable))

    now = bool(one.stable[0])
    for i, after in enumerate(one.stable[1:].tolist()):
        marks = [(m.value, m.state) for m in inside.get(i, [])]
        if i in poles:
            cut(now)
            points, marks, now = [], [], after
        if after != now and not marks:
            marks = [(float(one.values[i : i + 2].mean()), one.states[i : i + 2].mean(axis=0))]
        # If a step has several bifurcations, the first and the last of them change the stability.
        changes = {0, len(marks) - 1} if after == now else {0 if now else len(marks) - 1}
        for k, mark in enumerate(marks):
            points.append(mark)
            if k in changes and (after != now or (len(marks) > 1 and after)):
                cut(now)
                now, points = not now, [mark]
        now = after
        points.append((float(one.values[i + 1]), one.states[i + 1]))
    cut(now)
    return pieces


def _bifurcations_by_step(one: Branch) -> dict[int, list[Bifurcation]]:
    """Return the bifurcations by step, without those at poles.

    A bifurcation belongs to the step whose length would grow least if the step passed through the bifurcation.
    """
    if len(one.values) < 2:
        return {}
    # A range below a millionth of the state is rounding error, and must not look like a change.
    size = 1e-6 * np.max(np.abs(one.states), axis=0)
    scale = np.maximum(np.ptp(one.states, axis=0), np.where(size > 0.0, size, 1.0))
    across = float(np.ptp(one.values)) or 1.0
    curve = np.column_stack([one.values / across, one.states / scale])
    lengths = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    found: dict[int, list[Bifurcation]] = {}
    for mark in one.bifurcations:
        if _at_pole(one, mark):
            continue
        away = np.linalg.norm(curve - np.append(mark.value / across, mark.state / scale), axis=1)
        longer = away[:-1] + away[1:] - lengths
        # A bifurcation between two points is in one step; a bifurcation at a point of the branch is in two steps.
        changes = np.diff(one.unstable) != 0
        best = np.flatnonzero(longer <= longer.min() + 1e-9)
        step = int(next((i for i in best if changes[i]), best[0]))
        found.setdefault(step, []).append(mark)
    return found


def _poles(one: Branch) -> set[int]:
    """Return the steps across a pole, which join large opposite states and are longer than their neighbours."""
    sizes = np.linalg.norm(one.states, axis=1)
    steps = np.linalg.norm(np.diff(one.states, axis=0), axis=1)
    before, after = np.append(0.0, steps[:-1]), np.append(steps[1:], 0.0)
    # Nearly opposite (the cosine of the angle is below -0.9), and five times as far apart as neighbouring points.
    opposite = np.sum(one.states[:-1] * one.states[1:], axis=1) < -0.9 * sizes[:-1] * sizes[1:]
    large = np.minimum(sizes[:-1], sizes[1:]) > FAR * np.median(sizes)
    alone = steps > 5.0 * np.maximum(before, after)
    return set(np.flatnonzero(opposite & large & alone).tolist())


def _at_pole(one: Branch, mark: Bifurcation) -> bool:
    """Return whether a bifurcation is at a pole, as in a linear circuit with an eigenvalue 0."""
    largest = float(np.max(np.linalg.norm(one.states, axis=1)))
    return float(np.linalg.norm(mark.state)) > UNBOUNDED * largest > 0.0


def _usual(levels: Array) -> Array:
    """Return the levels that set the range of the y axis: all levels that are not near a pole."""
    sizes = np.abs(levels)
    top = float(np.percentile(sizes, 90.0))  # few points are near a pole
    return levels[sizes <= FAR * top] if np.max(sizes) > UNBOUNDED * FAR * top > 0.0 else levels


def _handles(given: list[Branch], names: list[str]) -> list[Any]:
    from matplotlib.lines import Line2D

    handles = []
    if len(names) > 1:
        handles += [Line2D([], [], color=c, label=n) for c, n in zip(PALETTE, names, strict=False)]
    flags = np.concatenate([b.stable for b in given])
    if flags.any():
        handles.append(Line2D([], [], color=QUIET, lw=1.8, label="stable"))
    if not flags.all():
        handles.append(Line2D([], [], color=QUIET, ls=(0, (4, 2)), label="unstable"))
    marks = [(b, mark) for b in given for mark in b.bifurcations]
    found = {mark.kind for b, mark in marks if not _at_pole(b, mark)}
    if any(_at_pole(b, mark) for b, mark in marks):
        handles.append(Line2D([], [], color=QUIET, lw=0.8, ls=":", label="through infinity"))
    for name, look in MARKS.items():
        if name in found:
            label = "Hopf" if name == "hopf" else name
            handles.append(Line2D([], [], ls="none", color=INK, markersize=6, label=label, **look))
    return handles
