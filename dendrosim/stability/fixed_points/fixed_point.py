"""The search for fixed points of a flow: Newton's method from one or several starts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.checks import as_whole_number
from dendrosim.display.short import count
from dendrosim.errors import NotConvergedError, ParameterError, ShapeError
from dendrosim.stability.fixed_points.newton import (
    Attempt,
    ConvergenceRules,
    deflated_newton,
    newton,
)
from dendrosim.stability.fixed_points.point import FixedPoint, same_point
from dendrosim.stability.fixed_points.scaling import ScaledFlow
from dendrosim.stability.vector_field.flow import Flow, check_flow
from dendrosim.stability.vector_field.given_start import read_scale, read_start
from dendrosim.stability.vector_field.number_arguments import read_number

if TYPE_CHECKING:
    from dendrosim.results.result import Result

DEFLATION_SHIFT = 1e-3
"""Shift of the start of a deflated search, in units of the scale: at a known point deflation divides by zero."""


def fixed_point(
    flow: Flow,
    start: "ArrayLike | Mapping[str, Any] | Result | None" = None,
    starts: int = 1,
    *,
    scale: ArrayLike | None = None,
    seed: int = 0,
    tolerance: float = 1e-10,
    max_iterations: int = 200,
    deflate: int = 0,
) -> FixedPoint:
    """Find fixed points of a flow, where dx/dt = 0.

    Parameters
    ----------
    flow : Flow
        A vector field, as `vector_field` returns it.
    start : array, shape (n,) or (m, n), mapping, or Result, optional
        Start of the search, in SI units. Several rows are several starts, a mapping gives states by name, and a
        result gives its final state. Default: `flow.start`.
    starts : int, optional
        Total number of starts. Those that `start` does not give are drawn from a normal distribution around its
        first row, with standard deviation `scale`. Default: 1.
    scale : float or array, shape (n,), optional
        Typical size of each state, in SI units. Default: the largest size at the start among the states of the
        same unit.
    seed : int, optional
        Seed of the random starts. Default: 0.
    tolerance : float, optional
        Relative tolerance of state and residual, without unit; see Notes. Default: 1e-10.
    max_iterations : int, optional
        Largest number of Newton steps from each start. Default: 200.
    deflate : int, optional
        Number of further points to search for by deflation, which keeps the search away from the points that are
        already known. Default: 0.

    Returns
    -------
    FixedPoint
        If several points are found, the one with the smallest spectral abscissa, without zero modes of symmetries;
        the others are in its `others`. Starts that failed are in its `failures`.

    Raises
    ------
    NotConvergedError
        If no start converges. The error's `point` is the best point that was reached.
    DifferentiationError
        If the flow does not describe the circuit at the point, such as above a spike threshold.
    ShapeError
        If the start or the scale does not have the shape of the state.
    ParameterError
        If `flow` is not a vector field, or a number has the wrong type or is out of range.

    Notes
    -----
    The search is Newton's method with the exact Jacobian and damped steps. If the Jacobian is singular, as in
    families of fixed points, steps have least norm and are orthogonal to the zero modes of symmetries. A point is
    converged when the last correction of each state is at most `tolerance` times `|x_i| + scale_i`, and the
    residual is at most `tolerance` times the size of the terms that cancel in it (`FixedPoint.relative_residual`).

    References
    ----------
    Newton's method: Deuflhard (2011), Newton Methods for Nonlinear Problems, Springer.
    Singular Jacobians: Fan & Yuan (2005), On the quadratic convergence of the Levenberg-Marquardt method without
    nonsingularity assumption, Computing 74:23.
    Deflation: Farrell, Birkisson & Funke (2015), Deflation techniques for finding distinct solutions of nonlinear
    partial differential equations, SIAM Journal on Scientific Computing 37:A2026.

    Examples
    --------
    >>> point = ds.fixed_point(field, starts=10)
    >>> print(point.message, point.eigenvalues)
    """
    check_flow(flow)
    begin = np.atleast_2d(read_start(flow, start))
    if begin.ndim != 2 or begin.shape[1] != flow.size:
        raise ShapeError(f"start must have {flow.size} numbers in a row, not shape {begin.shape}")
    as_whole_number("starts", starts, 1)
    as_whole_number("max_iterations", max_iterations, 1)
    as_whole_number("deflate", deflate)
    as_whole_number("seed", seed)
    if not read_number("tolerance", tolerance) > 0.0:
        raise ParameterError(f"tolerance is {tolerance}; it must be positive")
    sizes = read_scale(flow, begin[0], scale)
    scaled = ScaledFlow(flow, sizes)
    rules = ConvergenceRules(np.ones(flow.size), tolerance, max_iterations)
    random = np.random.default_rng(seed)
    rows = list(begin / sizes)
    while len(rows) < starts:
        rows.append(rows[0] + random.standard_normal(flow.size))
    with np.errstate(all="ignore"):  # values that are not finite end an attempt with a message
        attempts = [newton(scaled, row, rules) for row in rows]
    points = _add_distinct(scaled, [a for a in attempts if a.converged], [])
    failures = [
        _describe_failure(flow, f"start {i}", a) for i, a in enumerate(attempts) if not a.converged
    ]
    if not points:
        finite = [a for a in attempts if np.isfinite(a.relative)] or attempts
        best = _make_point(scaled, min(finite, key=lambda a: a.relative))
        best = replace(best, failures=tuple(failures))
        raise NotConvergedError(
            f"no fixed point found from {count(len(rows), 'start')}: {failures[0]};"
            " give another start, or more starts",
            point=best,
            where=best.stuck,
        )
    if deflate:
        further = [rows[0] + random.standard_normal(flow.size) for _ in rows]
        wanted = len(points) + deflate
        points, failed = _search_further(scaled, rows + further, rules, points, wanted)
        failures += failed
    for point in points:
        flow.check(point.x)
    if len(points) > 1:
        points = sorted(points, key=lambda p: p.undelayed_spectrum.abscissa)
    return replace(points[0], failures=tuple(failures), others=tuple(points[1:]))


def _search_further(
    scaled: ScaledFlow,
    rows: list[Array],
    rules: ConvergenceRules,
    points: list[FixedPoint],
    wanted: int,
) -> tuple[list[FixedPoint], list[str]]:
    """Search by deflation until `wanted` points are known; return the points, and a sentence for each failure.

    Each row is a start, which is used again as long as it leads to new points.
    """
    failures = []
    tries = iter(rows)
    row = next(tries, None)
    while row is not None and len(points) < wanted:
        known = [p.x / scaled.scale for p in points]
        with np.errstate(all="ignore"):
            attempt = deflated_newton(scaled, row + DEFLATION_SHIFT, rules, known)
        more = _add_distinct(scaled, [attempt], points) if attempt.converged else points
        if len(more) == len(points):
            failures.append(_describe_failure(scaled.flow, "deflation", attempt))
            row = next(tries, None)
        points = more
    return points, failures


def _make_point(scaled: ScaledFlow, attempt: Attempt) -> FixedPoint:
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


def _add_distinct(
    scaled: ScaledFlow, attempts: list[Attempt], known: list[FixedPoint]
) -> list[FixedPoint]:
    """Return the known points and the new points of attempts; all points of a symmetry orbit count as one."""
    points = list(known)
    for attempt in attempts:
        new = _make_point(scaled, attempt)
        if not any(same_point(old, new) for old in points):
            points.append(new)
    return points


def _describe_failure(flow: Flow, name: str, attempt: Attempt) -> str:
    """Return a sentence on why an attempt led to no new point."""
    if attempt.converged:
        return f"{name} led to a point that is known already"
    return (
        f"{name}: {attempt.reason} (residual {attempt.residual:.3g} of the typical size per second"
        f" after {count(attempt.iterations, 'iteration')}, largest in {flow.labels[attempt.worst]})"
    )
