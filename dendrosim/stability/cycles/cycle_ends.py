"""Ends of branches of periodic orbits: fixed points, orbits of half the period, and periods that grow for ever."""

import numpy as np

from dendrosim.arrays import Array
from dendrosim.errors import DendrosimError
from dendrosim.stability.cycles.condensed import integral, node_rows
from dendrosim.stability.cycles.cycle_branch import parameter_text
from dendrosim.stability.cycles.cycle_curve import CycleCurve, CyclePoint
from dendrosim.stability.fixed_points.nearby import find_nearby

LONG = 5.0
"""Period, relative to the shortest one of the branch, above which it may grow without bound..."""

STILL = 1e-5
"""... if the parameter moves by less than this fraction of its range while the period grows e-fold."""

NEUTRAL = 0.02
"""Ratio of the smallest to the largest eigenvalue below which a fixed point near a long orbit counts as a saddle
node."""


def ends_at_fixed_point(curve: CycleCurve, left: CyclePoint, right: CyclePoint) -> str | None:
    """Return the message of a branch whose orbits shrink to a fixed point in this step, or None.

    The curve passes through the fixed point to the same orbits, half a period later.
    """
    one, two = left.oscillation, right.oscillation
    if (
        float(np.sum(integral(left.orbit.mesh, one) * two[node_rows(len(left.orbit.mesh) - 1)]))
        >= 0.0
    ):
        return None
    place = _between(left.position, right.position, _size(left, one), _size(left, two))
    return f"the orbit shrinks to a fixed point, at the Hopf point near {_at(curve, place)}"


def ends_at_half(curve: CycleCurve, left: CyclePoint, right: CyclePoint) -> str | None:
    """Return the message of a branch whose orbits end as twice an orbit of half the period, or None."""
    one, two = (p.orbit.at((left.orbit.times + 0.5) % 1.0) - p.orbit.states for p in (left, right))
    if (
        float(np.sum(integral(left.orbit.mesh, one) * two[node_rows(len(left.orbit.mesh) - 1)]))
        >= 0.0
    ):
        return None
    place = _between(left.position, right.position, _size(left, one), _size(left, two))
    return (
        f"the orbit becomes one of half the period, at the period doubling near {_at(curve, place)}"
    )


def long_period(curve: CycleCurve, point: CyclePoint, shortest: float, limit: float) -> str | None:
    """Return the message of a branch whose period grows without bound, or None."""
    growth = point.orbit.period / shortest
    along = point.tangent
    speed = abs(along.position) / max(abs(along.period) / point.orbit.period, 1e-300)
    period = parameter_text(point.orbit.period, "s", 6)
    if not (growth > LONG and speed < STILL and along.period > 0.0):
        if growth > limit:
            return f"the period reached {period} at {_at(curve, point.position)}"
        return None
    return (
        f"the period grows without bound near {_at(curve, point.position)} (here {period}): "
        f"{_closest_state(curve, point)}"
    )


def _closest_state(curve: CycleCurve, point: CyclePoint) -> str:
    """Return a text about the fixed point near which the orbit is slowest."""
    flow = curve.flow(point.position)
    states = point.orbit.states * curve.scale
    rates, _, _ = flow.at_states(states[:-1])
    slow = int(np.argmin(np.linalg.norm(rates / curve.scale, axis=1)))
    try:
        found = find_nearby(flow, states[slow])
    except DendrosimError:
        return (
            "a saddle node on the orbit, since there is no fixed point where the orbit is slowest"
        )
    away = float(np.linalg.norm((states - found.x) / curve.scale, axis=1).min())
    values = found.undelayed_spectrum.eigenvalues
    smallest = float(np.min(np.abs(values)) / np.max(np.abs(values)))
    unstable = int(np.sum(values.real > 0.0))
    if smallest < NEUTRAL:
        return f"it comes as close as {away:.2g} (scaled) to a saddle node"
    return (
        f"a homoclinic orbit; it comes as close as {away:.2g} (scaled) to a fixed point with {unstable} unstable "
        f"of {len(values)} eigenvalues"
    )


def _size(point: CyclePoint, states: Array) -> float:
    """Return the mean square of states at the nodes of an orbit."""
    rows = node_rows(len(point.orbit.mesh) - 1)
    return float(np.sum(integral(point.orbit.mesh, states) * states[rows]))


def _between(left: float, right: float, before: float, after: float) -> float:
    """Return the position at which the amplitude is zero; the position is quadratic in the amplitude.

    `before` and `after` are squares of amplitudes with opposite signs.
    """
    if abs(after - before) < 1e-3 * (after + before):
        return 0.5 * (left + right)
    found = (left * after - right * before) / (after - before)
    low, high = min(left, right), max(left, right)
    reach = high - low
    return float(np.clip(found, low - reach, high + reach))


def _at(curve: CycleCurve, position: float) -> str:
    unit = curve.field.parameter_unit(curve.parameter)
    return f"{curve.parameter} = {parameter_text(curve.value(position), unit)}"
