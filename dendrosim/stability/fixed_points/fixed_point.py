"""Fixed points of a flow, from one or several starts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.checks import as_whole_number
from dendrosim.errors import ParameterError, ShapeError, UnknownNameError
from dendrosim.stability.fixed_points.attempts import add_distinct, describe_failure
from dendrosim.stability.fixed_points.newton import ConvergenceRules, deflated_newton
from dendrosim.stability.fixed_points.point import FixedPoint
from dendrosim.stability.fixed_points.scaling import ScaledFlow
from dendrosim.stability.search.search import METHODS, search
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
    method: str = "auto",
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
    method : {"auto", "newton"}, optional
        `newton`: only Newton's method from each start, which finds points close to the starts, stable or not.
        `auto`: also what the notes describe, if this finds no point, or only unstable ones. Default: `auto`.
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
        If no point is found. There may still be one. The error's `point` is the best point that was reached.
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

    If this finds no point, or only unstable points, the flow is followed from the first start by a stiff method
    with error control until it settles, grows beyond all bounds or has taken 5000 evaluations. Newton's
    method starts again from the state where it settles, or else from the mean of the trajectory and its slowest
    state. If there is still no point, pseudo-transient continuation, 20 random starts and a homotopy (a path of
    fixed points that begins at the start, in a flow that decays to it) follow. A flow of more than 1000 states is
    not followed if Newton's method has found a point, because its spectrum may take minutes.

    References
    ----------
    Newton's method: Deuflhard (2011), Newton Methods for Nonlinear Problems, Springer.
    Singular Jacobians: Fan & Yuan (2005), On the quadratic convergence of the Levenberg-Marquardt method without
    nonsingularity assumption, Computing 74:23.
    Pseudo-transient continuation: Kelley & Keyes (1998), Convergence analysis of pseudo-transient continuation,
    SIAM Journal on Numerical Analysis 35:508.
    Homotopy: Chow, Mallet-Paret & Yorke (1978), Finding zeroes of maps: homotopy methods that are constructive
    with probability one, Mathematics of Computation 32:887.
    Deflation: Farrell, Birkisson & Funke (2015), Deflation techniques for finding distinct solutions of nonlinear
    partial differential equations, SIAM Journal on Scientific Computing 37:A2026.

    Examples
    --------
    >>> point = ds.fixed_point(field, starts=10)
    >>> print(point.message, point.eigenvalues)
    """
    check_flow(flow)
    if method not in METHODS:
        raise UnknownNameError("method of search", method, METHODS)
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
    points, failures = search(scaled, rows, rules, random, method)
    if deflate:
        further = [rows[0] + random.standard_normal(flow.size) for _ in rows]
        wanted = len(points) + deflate
        points, failed = _search_further(scaled, rows + further, rules, points, wanted)
        failures += failed
    for point in points:
        flow.check(point.x)
    if len(points) > 1:
        points = sorted(points, key=lambda p: p.undelayed_spectrum.abscissa)
    return points[0].among(failures, points[1:])


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
        more = add_distinct(scaled, [attempt], points) if attempt.converged else points
        if len(more) == len(points):
            failures.append(describe_failure(scaled.flow, "deflation", attempt))
            row = next(tries, None)
        points = more
    return points, failures
