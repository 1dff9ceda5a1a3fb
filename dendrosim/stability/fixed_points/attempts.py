"""The end of a search as a fixed point, and why a search failed."""

from collections.abc import Iterable

import numpy as np

from dendrosim.display.short import count
from dendrosim.stability.fixed_points.newton import Attempt
from dendrosim.stability.fixed_points.point import FixedPoint, same_point
from dendrosim.stability.fixed_points.scaling import ScaledFlow
from dendrosim.stability.vector_field.flow import Flow


def make_point(scaled: ScaledFlow, attempt: Attempt) -> FixedPoint:
    """Return the point, in SI units, at which an attempt ended."""
    flow, x = scaled.flow, attempt.x * scaled.scale
    with np.errstate(all="ignore"):
        residual = float(np.max(np.abs(flow.f(x)), initial=0.0))
    return FixedPoint(
        flow,
        x,
        scaled.scale,
        attempt.converged,
        residual,
        attempt.relative,
        attempt.iterations,
        flow.labels[attempt.worst] if len(flow.labels) else "",
    )


def add_distinct(
    scaled: ScaledFlow, attempts: Iterable[Attempt], known: list[FixedPoint]
) -> list[FixedPoint]:
    """Return the known points and the new points of attempts; all points of a symmetry orbit count as one."""
    points = list(known)
    for attempt in attempts:
        new = make_point(scaled, attempt)
        if not any(same_point(old, new) for old in points):
            points.append(new)
    return points


def describe_failure(flow: Flow, name: str, attempt: Attempt) -> str:
    """Return a sentence on why an attempt led to no new point."""
    if attempt.converged:
        return f"{name} led to a point that is known already"
    return (
        f"{name}: {attempt.reason} (residual {attempt.residual:.3g} of the typical size per second"
        f" after {count(attempt.iterations, 'iteration')}, largest in {flow.labels[attempt.worst]})"
    )
