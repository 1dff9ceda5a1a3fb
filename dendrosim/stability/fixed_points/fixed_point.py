"""Fixed points of a flow: where dx/dt is zero, found by Newton's method from one or several starts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array, Complex
from dendrosim.errors import NotConvergedError, ParameterError, ShapeError
from dendrosim.stability.fixed_points.linear_solver import factorise
from dendrosim.stability.fixed_points.newton import (
    Attempt,
    ConvergenceRules,
    deflated_newton,
    newton,
)
from dendrosim.stability.fixed_points.scaling import ScaledFlow, rescale_jacobian
from dendrosim.stability.spectrum.spectrum import Spectrum, Verdict, spectrum
from dendrosim.stability.vector_field.flow import Flow, check_flow
from dendrosim.stability.vector_field.number_arguments import read_number, read_numbers
from dendrosim.stability.vector_field.typical_scales import scales_by_unit
from dendrosim.units import as_whole_number

if TYPE_CHECKING:
    from dendrosim.results.result import Result

SAME_POINT = 1e-6
"""Distance, relative to the scale, and relative difference of eigenvalues up to which two points are one."""


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """A point where dx/dt is zero, or the best one found.

    Attributes
    ----------
    flow : Flow
    x : array, shape (n,)
        The state, in SI units, in the order of ``flow.labels``.
    scale : array, shape (n,)
        Typical size of each state.
    converged : bool
    residual : float
        Largest |dx/dt|, in SI units per second.
    relative_residual : float
        Largest |dx_i/dt| relative to sum_j |J_ij| (|x_j| + scale_j), the size of the terms that cancel in it, or
        to a millionth of the largest of these sums (in units of the scale).
    iterations : int
        Newton steps from the start that led here.
    stuck : str
        Label of the state with the largest relative residual.
    failures : tuple of str
        One sentence for each start that led nowhere.
    others : tuple of FixedPoint
        Further points, by ascending spectral abscissa.
    """

    flow: Flow
    x: Array
    scale: Array
    converged: bool
    residual: float
    relative_residual: float
    iterations: int
    stuck: str
    failures: tuple[str, ...] = ()
    others: tuple["FixedPoint", ...] = ()

    @cached_property
    def state(self) -> Mapping[str, Any]:
        """The state by name, as the flow unpacks it."""
        return dict(self.flow.unpack(self.x))

    @cached_property
    def spectrum(self) -> Spectrum:
        """Spectrum of the Jacobian at the point, computed when first asked for."""
        return spectrum(self.flow.jacobian(self.x), self.flow.symmetries(self.x))

    @property
    def eigenvalues(self) -> Complex:
        """Eigenvalues in 1/s: see `Spectrum`."""
        return self.spectrum.eigenvalues

    @property
    def verdict(self) -> Verdict:
        """stable, unstable or marginal; zero modes of symmetries do not count."""
        return self.spectrum.verdict

    @property
    def stable(self) -> bool:
        """Whether the point is converged and attracts what starts close to it, up to symmetries."""
        return self.converged and self.verdict == "stable"

    @property
    def time_constants(self) -> Array:
        """-1/Re of each eigenvalue, in s: see `Spectrum`."""
        return self.spectrum.time_constants

    @property
    def mixed_scale(self) -> Array | None:
        """What one of each state is in a norm over all: `scale` where their units differ, else None, 1 in SI."""
        return None if len(set(self.flow.units)) < 2 else self.scale

    @cached_property
    def condition(self) -> float:
        """Condition number of the Jacobian in units of `scale`, in the 1-norm, estimated from its LU factors.

        1e16 and more is normal where equilibria form a family.
        """
        return factorise(rescale_jacobian(self.flow.jacobian(self.x), self.scale)).condition

    @cached_property
    def kinks(self) -> list[str]:
        """Labels of what lies exactly on a corner of its equation, where the eigenvalues are one-sided."""
        return list(self.flow.kinks(self.x))

    @cached_property
    def message(self) -> str:
        """What was found, in one sentence."""
        if not self.converged:
            return (
                f"no fixed point found: the residual is {self.residual:.3g} per second"
                f" after {self.iterations} iterations, stuck at {self.stuck}"
            )
        parts = [f"{self.verdict} fixed point with residual {self.residual:.2g}"]
        parts[0] += f" after {_count(self.iterations, 'iteration')}"
        if self.spectrum.symmetry_zeros:
            parts.append(
                f"{_count(self.spectrum.symmetry_zeros, 'zero mode')} of symmetries ignored"
            )
        if self.spectrum.further_zeros:
            parts.append(_count(self.spectrum.further_zeros, "further zero eigenvalue"))
        if self.kinks:
            parts.append("on a corner of " + ", ".join(self.kinks))
        if self.others:
            parts.append(_count(len(self.others), "further point") + " found")
        if self.failures:
            parts.append(_count(len(self.failures), "start") + " failed")
        return "; ".join(parts)


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
    """Find where dx/dt = 0.

    Damped Newton with the exact Jacobian; where that is singular (families of equilibria), steps of least norm,
    orthogonal to the zero modes of symmetries. A point is converged when the last correction of each state
    is at most `tolerance` times |x_i| + scale_i, and the residual at most `tolerance` times the size of
    the terms that cancel in it (`FixedPoint.relative_residual`). Of several points the one with the smallest
    spectral abscissa is returned, zero modes of symmetries left out, and the others are listed in it.

    Parameters
    ----------
    flow : Flow
    start : array, shape (n,) or (m, n), mapping, or Result, optional
        Where to start, in SI units; several rows are several starts. A mapping gives states by name, a result
        its final state. By default ``flow.start``.
    starts : int
        Number of starts in all: those that `start` does not give are random, normal around its first row
        with standard deviation `scale`.
    scale : float or array, shape (n,), optional
        Typical size of each state, in SI units. By default the largest at the start among the states of that unit.
    seed : int
        Of the random starts.
    tolerance : float
        Without unit.
    max_iterations : int
        For each start.
    deflate : int
        How many further points to look for by deflation of those found.

    Raises
    ------
    NotConvergedError
        No start converges; it carries the best point.
    DifferentiationError
        The point lies where the flow means nothing, such as above a threshold.
    ShapeError
        The start or the scale does not fit the flow.
    ParameterError
        Something that is no vector field, or a number that is not of its kind or range.
    """
    check_flow(flow)
    begin = np.atleast_2d(_start_states(flow, start))
    if begin.ndim != 2 or begin.shape[1] != flow.size:
        raise ShapeError(f"start must have {flow.size} numbers in a row, not shape {begin.shape}")
    as_whole_number("starts", starts, 1)
    as_whole_number("max_iterations", max_iterations, 1)
    as_whole_number("deflate", deflate)
    as_whole_number("seed", seed)
    if not read_number("tolerance", tolerance) > 0.0:
        raise ParameterError(f"tolerance is {tolerance}; it must be positive")
    sizes = _state_scales(flow, begin[0], scale)
    scaled = ScaledFlow(flow, sizes)
    rules = ConvergenceRules(np.ones(flow.size), tolerance, max_iterations)
    random = np.random.default_rng(seed)
    rows = list(begin / sizes)
    while len(rows) < starts:
        rows.append(rows[0] + random.standard_normal(flow.size))
    with np.errstate(all="ignore"):  # what is not finite is told apart
        attempts = [newton(scaled, row, rules) for row in rows]
    points = _add_distinct(scaled, [a for a in attempts if a.converged])
    failures = [
        _describe_failure(flow, f"start {i}", a) for i, a in enumerate(attempts) if not a.converged
    ]
    if not points:
        finite = [a for a in attempts if np.isfinite(a.relative)] or attempts
        best = _make_point(scaled, min(finite, key=lambda a: a.relative))
        best = replace(best, failures=tuple(failures))
        raise NotConvergedError(
            f"no fixed point found from {_count(len(rows), 'start')}: {failures[0]};"
            " give another start, or more starts",
            point=best,
            where=best.stuck,
        )
    tries = iter(rows + [rows[0] + random.standard_normal(flow.size) for _ in rows])
    wanted = len(points) + deflate
    row = next(tries, None) if deflate else None
    while row is not None and len(points) < wanted:
        with np.errstate(all="ignore"):
            attempt = deflated_newton(scaled, row + 1e-3, rules, [p.x / sizes for p in points])
        more = _add_distinct(scaled, [attempt], points) if attempt.converged else points
        if len(more) == len(points):
            failures.append(_describe_failure(flow, "deflation", attempt))
            row = next(tries, None)
        points = more
    for point in points:
        flow.check(point.x)
    if len(points) > 1:
        points = sorted(points, key=lambda p: p.spectrum.abscissa)
    return replace(points[0], failures=tuple(failures), others=tuple(points[1:]))


def _start_states(flow: Flow, start: Any) -> Array:
    if start is None:
        return flow.start
    final = getattr(
        start, "final", None
    )  # of a result, which keeps more than the states of the flow
    if final is not None:
        names = {label.partition("[")[0] for label in flow.labels}
        start = {name: final[name] for name in final if name in names}
    if isinstance(start, Mapping):
        return flow.pack(start)
    return read_numbers("start", start)


def _state_scales(flow: Flow, start: Array, scale: ArrayLike | None) -> Array:
    """Typical size of each state."""
    if scale is not None:
        given = read_numbers("scale", scale)
        if given.shape not in ((), (flow.size,)):
            raise ShapeError(f"scale must be one number or {flow.size}, not shape {given.shape}")
        if not np.all(np.isfinite(given) & (given > 0.0)):
            raise ParameterError("scale must be positive")
        return np.broadcast_to(given, flow.size).copy()
    return scales_by_unit(flow.units, np.abs(start))


def _make_point(scaled: ScaledFlow, attempt: Attempt) -> FixedPoint:
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
    scaled: ScaledFlow, attempts: list[Attempt], known: list[FixedPoint] | None = None
) -> list[FixedPoint]:
    """Add what is not there yet; of a symmetry orbit one point is enough."""
    points = list(known or [])
    for attempt in attempts:
        new = _make_point(scaled, attempt)
        if not any(same_point(old, new) for old in points):
            points.append(new)
    return points


def same_point(one: FixedPoint, two: FixedPoint) -> bool:
    """Whether two points are one, or lie on one orbit of a continuous symmetry.

    On an orbit the eigenvalues agree and, where the symmetry keeps lengths, so does |x|.
    """
    apart = np.abs(one.x - two.x) / (np.abs(one.x) + one.scale)
    if np.max(apart, initial=0.0) <= SAME_POINT:
        return True
    bases = [point.flow.symmetries(point.x) for point in (one, two)]
    if not bases[0].shape[1] or bases[0].shape != bases[1].shape:
        return False
    lengths = [float(np.linalg.norm(point.x)) for point in (one, two)]
    across = [float(np.linalg.norm(b.T @ p.x)) for b, p in zip(bases, (one, two), strict=True)]
    keeps = max(across) <= SAME_POINT * max(lengths)
    if keeps and abs(lengths[0] - lengths[1]) > SAME_POINT * max(lengths):
        return False
    first, second = one.spectrum.eigenvalues, two.spectrum.eigenvalues
    size = float(np.max(np.abs(first), initial=0.0))
    return bool(np.allclose(first, second, rtol=0.0, atol=SAME_POINT * size))


def _describe_failure(flow: Flow, name: str, attempt: Attempt) -> str:
    if attempt.converged:
        return f"{name} led to a point that is known already"
    return (
        f"{name}: {attempt.reason} (residual {attempt.residual:.3g} of the typical size per second"
        f" after {_count(attempt.iterations, 'iteration')}, largest in {flow.labels[attempt.worst]})"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
