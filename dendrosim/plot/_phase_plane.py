"""Nullclines, flow directions and fixed points in the plane of two states."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.errors import DendrosimError, NonFiniteError, ParameterError, ShapeError
from dendrosim.plot.states import matching
from dendrosim.plot.style import INK, PALETTE, axes, legend_right, si_label, styled
from dendrosim.stability.fixed_points.point import FixedPoint
from dendrosim.stability.vector_field.flow import Flow
from dendrosim.stability.vector_field.typical_scales import typical_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Range = tuple[float, float]

GRID = 61
"""Number of points along each axis of the grid on which the rates of change are computed: 3721 evaluations of the
flow."""

LONG = 8.0
"""Duration of trajectories in time constants of the slowest mode, which then has decayed to 0.03 %."""

MARKS: dict[str, dict[str, Any]] = {
    "stable": {"marker": "o", "markerfacecolor": INK},
    "saddle": {"marker": "D", "markerfacecolor": "white"},
    "unstable": {"marker": "o", "markerfacecolor": "white"},
    "marginal": {"marker": "s", "markerfacecolor": "white"},
}


@styled
def phase_plane(
    flow: Flow,
    one: str,
    other: str,
    *,
    at: ArrayLike | Mapping[str, Any] | FixedPoint | None = None,
    points: FixedPoint | Iterable[FixedPoint] = (),
    ranges: tuple[Range, Range] | None = None,
    trajectories: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the nullclines of two states, and the directions of the flow in their plane.

    Parameters
    ----------
    flow : Flow
        Result of `ds.vector_field`, with n states.
    one, other : str
        Labels of the states on the x and y axes, such as `layer1.h[0]`; `layer1.h` is enough if it has one unit.
    at : array_like, shape (n,), mapping or FixedPoint, optional
        Values at which all other states are held, in SI units; a mapping has values by label or name (default: the
        first of `points`, or else the start of the flow).
    points : FixedPoint or iterable of FixedPoint, default ()
        Points to mark as stable, saddle, unstable or marginal, judged by all of their eigenvalues. A single point
        includes its `others`. If the flow has more than two states, points are projected onto the plane.
    ranges : tuple ((low, high), (low, high)), optional
        Ranges of the two states in SI units (default: around the points).
    trajectories : int, default 0
        Number of trajectories, which start near the edge. They follow the whole flow: the other states start
        at the values where they are held, and then change. A trajectory that reaches a state where the rates
        cannot be computed is left out.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).

    Returns
    -------
    Axes

    Raises
    ------
    UnknownMemberError
        If there is no such state.
    ParameterError
        If a name matches several states, both names match the same state, or a range does not ascend.
    ShapeError
        If `at` does not have one number per state.
    """
    i, j = _place(flow, one), _place(flow, other)
    if i == j:
        raise ParameterError(f"phase_plane: {flow.labels[i]} is on both axes; give two states")
    marks = [points, *points.others] if isinstance(points, FixedPoint) else list(points)
    base = _base(flow, at, marks)
    spans = ranges or (_span(flow, i, base, marks), _span(flow, j, base, marks))
    for low, high in spans:
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise ParameterError(f"phase_plane: a range must ascend, not {low:g} to {high:g}")
    x, y = (np.linspace(low, high, GRID) for low, high in spans)
    rates = _rates(flow, base, (i, j), x, y)
    (sx, x_label), (sy, y_label) = (
        si_label(flow.labels[k], flow.units[k], span) for k, span in zip((i, j), spans, strict=True)
    )

    ax = axes(ax, (6.0, 4.0))
    _directions(ax, sx * x, sy * y, sx * rates[0], sy * rates[1])
    handles = _nullclines(ax, sx * x, sy * y, rates, (flow.labels[i], flow.labels[j]))
    if trajectories > 0:
        for path in _trajectories(flow, base, (i, j), spans, marks, trajectories):
            ax.plot(sx * path[0], sy * path[1], color=PALETTE[2], lw=1.0, zorder=2.5)
            ax.plot(sx * path[0, :1], sy * path[1, :1], ".", color=PALETTE[2], markersize=4)
        handles += _handle("trajectory", color=PALETTE[2], lw=1.0)
    for point_type, look in MARKS.items():
        places = np.array([p.x[[i, j]] for p in marks if _point_type(p) == point_type]).reshape(
            -1, 2
        )
        if len(places):
            options = {"ls": "none", "color": INK, "markersize": 7, "markeredgewidth": 1.2, **look}
            ax.plot(sx * places[:, 0], sy * places[:, 1], zorder=4, **options)
            name = "saddle" if point_type == "saddle" else f"{point_type} point"
            handles += _handle(name, **options)
    ax.set_xlim(sx * spans[0][0], sx * spans[0][1])
    ax.set_ylim(sy * spans[1][0], sy * spans[1][1])
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    others = flow.size - 2
    if others:
        ax.set_title(f"{others} other {'state' if others == 1 else 'states'} held")
    if handles:
        legend_right(ax, handles=handles)
    return ax


def _place(flow: Flow, name: str) -> int:
    found = matching(flow.labels, name)
    if len(found) > 1:
        names = ", ".join(flow.labels[k] for k in found[:4])
        raise ParameterError(
            f"phase_plane: {name!r} matches {len(found)} states; give one of {names}"
            + (", …" if len(found) > 4 else "")
        )
    return found[0]


def _base(flow: Flow, at: Any, marks: list[FixedPoint]) -> Array:
    """Return the state at which the states that are not drawn are held."""
    if at is None:
        return marks[0].x if marks else flow.start
    if isinstance(at, FixedPoint):
        return at.x
    base = flow.pack(at) if isinstance(at, Mapping) else np.asarray(at, dtype=float)
    if base.shape != (flow.size,):
        raise ShapeError(f"phase_plane: at must have {flow.size} numbers, not shape {base.shape}")
    return base


def _span(flow: Flow, place: int, base: Array, marks: list[FixedPoint]) -> Range:
    """Return a range of a state that is twice as wide as the span of the points and the base."""
    values = np.array([base[place], *(p.x[place] for p in marks)])
    wide = float(np.ptp(values))
    # Points as close as this are the same point, up to rounding and the tolerance of the search.
    if wide <= 1e-6 * np.max(np.abs(values)):
        wide = float(np.max(np.abs(values))) or typical_size(flow.units[place])
    return float(values.min()) - 0.5 * wide, float(values.max()) + 0.5 * wide


def _rates(flow: Flow, base: Array, places: tuple[int, int], x: Array, y: Array) -> Array:
    """Return the rates of both states on the grid, (2, len(y), len(x)); NaN where they cannot be computed."""
    rates = np.full((2, len(y), len(x)), np.nan)
    state = base.copy()
    for row, high in enumerate(y):
        for column, right in enumerate(x):
            state[list(places)] = right, high
            try:
                with np.errstate(all="ignore"):
                    rates[:, row, column] = flow.f(state)[list(places)]
            except DendrosimError:  # for instance, slaved fast states may have no fixed point there
                continue
    rates[~np.isfinite(rates)] = np.nan
    return rates


def _directions(ax: "Axes", x: Array, y: Array, u: Array, v: Array) -> None:
    if not np.any(np.hypot(np.nan_to_num(u), np.nan_to_num(v))):
        return
    with np.errstate(all="ignore"):
        ax.streamplot(
            x,
            y,
            np.ma.masked_invalid(u),
            np.ma.masked_invalid(v),
            density=0.9,
            linewidth=0.6,
            arrowsize=0.7,
            color="#A8A8A8",
            zorder=1,
        )


def _nullclines(ax: "Axes", x: Array, y: Array, rates: Array, labels: tuple[str, str]) -> list[Any]:
    """Draw where the rate of each state is zero; return the entries of the legend."""
    handles = []
    for rate, label, colour, style in zip(rates, labels, PALETTE, ("-", "--"), strict=False):
        finite = rate[np.isfinite(rate)]
        if len(finite) and finite.min() < 0.0 < finite.max():
            ax.contour(
                x,
                y,
                np.ma.masked_invalid(rate),
                levels=[0.0],
                colors=colour,
                linewidths=1.8,
                linestyles=style,
                zorder=3,
            )
            handles += _handle(f"{label} constant", color=colour, lw=1.8, ls=style)
    return handles


def _trajectories(
    flow: Flow,
    base: Array,
    places: tuple[int, int],
    spans: tuple[Range, Range],
    marks: list[FixedPoint],
    count: int,
) -> list[Array]:
    """Return trajectories in the plane, shape (2, times), from starts near the edge."""
    from scipy.integrate import solve_ivp

    centres, halves = (np.array([f(*span) for span in spans]) for f in (_middle, _half))
    rates = np.concatenate([p.eigenvalues.real for p in marks] or [np.zeros(0)])
    if not len(rates):
        jacobian = flow.jacobian(base)
        dense = jacobian.toarray() if hasattr(jacobian, "toarray") else jacobian
        rates = np.linalg.eigvals(dense).real
    # Rates below a millionth of the largest belong to zero modes, which would make the duration infinite.
    rates = np.abs(rates)
    slowest = float(np.min(rates[rates > 1e-6 * np.max(rates)], initial=np.inf))
    end = LONG / slowest if np.isfinite(slowest) else 1.0

    def left(_: float, x: Array) -> float:  # zero at three times the drawn range
        return 3.0 - float(np.max(np.abs(x[list(places)] - centres) / halves))

    def rates_at(_: float, x: Array) -> Array:
        with np.errstate(all="ignore"):
            found = flow.f(x)
        if not np.all(np.isfinite(found)):
            raise NonFiniteError("there are no rates here")
        return found

    left.terminal = True  # type: ignore[attr-defined]
    # Absolute tolerances follow the size of each state, with a floor for states that are held at 0.
    scale = np.maximum(np.abs(base), 1e-3)
    scale[list(places)] = halves
    paths = []
    for angle in 2.0 * np.pi * (np.arange(count) + 0.5) / count:
        start = base.copy()
        round_edge = np.array([np.cos(angle), np.sin(angle)])
        start[list(places)] = centres + 0.9 * halves * round_edge / np.max(np.abs(round_edge))
        try:
            found = solve_ivp(
                rates_at,
                (0.0, end),
                start,
                method="LSODA",
                events=left,
                rtol=1e-6,
                atol=1e-8 * scale,
                max_step=end / 100.0,
            )
        except DendrosimError:  # the trajectory reaches a state without rates
            continue
        paths.append(found.y[list(places)])
    return paths


def _middle(low: float, high: float) -> float:
    return 0.5 * (low + high)


def _half(low: float, high: float) -> float:
    return 0.5 * (high - low)


def _point_type(point: FixedPoint) -> str:
    """Return the key of `MARKS` for a fixed point."""
    if point.verdict == "unstable":
        growing = point.spectrum.unstable_count
        return "unstable" if growing == point.flow.size else "saddle"
    return point.verdict


def _handle(label: str, **options: Any) -> list[Any]:
    from matplotlib.lines import Line2D

    return [Line2D([], [], label=label, **options)]
