"""The fixed point near a state, by Newton's method alone."""

import numpy as np

from dendrosim.arrays import Array
from dendrosim.errors import NotConvergedError
from dendrosim.stability.fixed_points.attempts import describe_failure, make_point
from dendrosim.stability.fixed_points.newton import ConvergenceRules, newton
from dendrosim.stability.fixed_points.point import FixedPoint
from dendrosim.stability.fixed_points.scaling import ScaledFlow
from dendrosim.stability.vector_field.flow import Flow
from dendrosim.stability.vector_field.typical_scales import scales_by_unit

TOLERANCE, ITERATIONS = 1e-10, 200
"""Default tolerance and largest number of steps of Newton's method."""


def find_nearby(flow: Flow, start: Array) -> FixedPoint:
    """Return the fixed point to which Newton's method leads from `start`.

    Raises
    ------
    NotConvergedError
        If Newton's method does not converge. The error's `point` is the point that was reached.
    DifferentiationError
        If the flow does not describe the circuit at the point.
    """
    scaled = ScaledFlow(flow, scales_by_unit(flow.units, np.abs(start)))
    rules = ConvergenceRules(np.ones(flow.size), TOLERANCE, ITERATIONS)
    with np.errstate(all="ignore"):
        attempt = newton(scaled, start / scaled.scale, rules)
    point = make_point(scaled, attempt)
    if not attempt.converged:
        failure = describe_failure(flow, "Newton's method", attempt)
        raise NotConvergedError(
            f"no fixed point found nearby: {failure}", point=point, where=point.stuck
        )
    flow.check(point.x)
    return point
