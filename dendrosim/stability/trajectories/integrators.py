"""Integration of a flow with error control: the methods of SciPy, and CVODE of SUNDIALS if it is installed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from dendrosim.arrays import Array, Integers
from dendrosim.errors import DendrosimError, ExtraMissingError
from dendrosim.stability.vector_field.flow import Flow

METHODS = ("auto", "LSODA", "BDF", "Radau", "RK45", "DOP853", "CVODE")
"""Names of the methods; all but `auto` and `CVODE` are those of `scipy.integrate.solve_ivp`."""

LARGE = 200
"""Number of states above which `auto` keeps a sparse Jacobian sparse: below it, dense factorisations of LSODA take
less time than the steps of BDF in Python."""

BOUND = 1e9
"""Size of a state, in units of the scale, beyond which a solution counts as growing beyond all bounds."""

MOST_STEPS = 100_000
"""Largest number of steps of CVODE between two times of output: a bound only for flows that never advance."""


class LeftDomain(Exception):
    """Raised at the first state of LSODA without a finite rate: LSODA would go on with NaN."""


@dataclass
class Problem:
    """A flow in units of the scale of its states, as integrators take it; evaluations are counted.

    Attributes
    ----------
    flow : Flow
    scale : array, shape (n,)
        Unit of each state.
    tolerance : float
        Relative tolerance, and absolute tolerance in units of `scale`.
    reason : str
        Why the flow last had no value; empty if it always had one.
    evaluations, jacobians : int
        Number of evaluations of the flow and of its Jacobian.
    strict : bool
        Whether a rate that is not finite raises LeftDomain.
    """

    flow: Flow
    scale: Array
    tolerance: float
    reason: str = ""
    evaluations: int = field(default=0)
    jacobians: int = field(default=0)
    strict: bool = False

    def rates(self, _: float, y: Array) -> Array:
        """Return dy/dt, or NaN where the flow has no value; its reason is kept."""
        self.evaluations += 1
        try:
            found = np.asarray(self.flow.f(y * self.scale) / self.scale, dtype=float)
        except DendrosimError as error:  # slaved states without a fixed point of their own
            self.reason = str(error)
            found = np.full_like(y, np.nan)
        if self.strict and not np.all(np.isfinite(found)):
            raise LeftDomain
        return found

    def jacobian(self, _: float, y: Array) -> Any:
        """Return the Jacobian in units of the scale, dense or sparse.

        Entries that are not finite are 0: the rates are not finite there, so the step is repeated with half its
        length.
        """
        self.jacobians += 1
        try:
            matrix = self.flow.jacobian(y * self.scale)
        except DendrosimError as error:
            self.reason = str(error)
            return np.zeros((len(y), len(y)))
        if sp.issparse(matrix):
            found = sp.diags_array(1.0 / self.scale) @ matrix @ sp.diags_array(self.scale)
            found.data = np.nan_to_num(found.data, nan=0.0, posinf=0.0, neginf=0.0)
            return found.tocsc()
        return np.nan_to_num(matrix * self.scale / self.scale[:, None], posinf=0.0, neginf=0.0)

    def dense_jacobian(self, time: float, y: Array) -> Array:
        """Return the Jacobian in units of the scale as a dense array."""
        found = self.jacobian(time, y)
        return np.asarray(found.toarray() if sp.issparse(found) else found)


@dataclass(frozen=True)
class Crossing:
    """A function of the state whose zeros are an event, as integrators take it.

    Attributes
    ----------
    value : callable
        Function of the scaled state, shape (n,), that is zero at the event.
    direction : int
        1 if only zeros count at which the value rises, -1 if it falls, 0 for both.
    terminal : bool
        Whether the integration ends there.
    """

    value: Callable[[Array], float]
    direction: int
    terminal: bool


@dataclass(frozen=True)
class Solution:
    """What an integrator returns, with states in units of the scale.

    Attributes
    ----------
    times : array, shape (m,)
    states : array, shape (m, n)
    crossings : list of (array, shape (k,), array, shape (k, n))
        Times and states of each event.
    failure : str
        Why the integrator gave up; empty if it did not.
    """

    times: Array
    states: Array
    crossings: list[tuple[Array, Array]]
    failure: str


def choose_method(flow: Flow, start: Array) -> str:
    """Return the method that `auto` stands for."""
    if flow.size > LARGE and sp.issparse(flow.jacobian(start)):
        return "BDF"
    return "LSODA"


def integrate(
    problem: Problem,
    start: Array,
    times: Array,
    method: str,
    crossings: Sequence[Crossing] = (),
) -> Solution:
    """Integrate from `start` (scaled); `times` are the begin and the end, or all times of output."""
    bounded = Crossing(lambda y: BOUND - float(np.max(np.abs(y), initial=0.0)), -1, True)
    run = _integrate_by_cvode if method == "CVODE" else _integrate_by_scipy
    with np.errstate(all="ignore"):
        problem.strict = method == "LSODA"
        try:
            found = run(problem, start, times, method, [*crossings, bounded])
        except LeftDomain:  # perhaps in a step that was too long, and BDF repeats such steps
            problem.strict = False
            found = run(problem, start, times, "BDF", [*crossings, bounded])
    beyond = len(found.crossings[-1][0]) > 0
    failure = found.failure or ("a state grows beyond all bounds" if beyond else "")
    return replace(found, crossings=found.crossings[:-1], failure=failure)


def _integrate_by_scipy(
    problem: Problem, start: Array, times: Array, method: str, crossings: Sequence[Crossing]
) -> Solution:
    from scipy.integrate import solve_ivp

    def as_event(crossing: Crossing) -> Any:
        def value(_: float, y: Array) -> float:
            return crossing.value(y)

        value.terminal, value.direction = crossing.terminal, crossing.direction  # type: ignore[attr-defined]
        return value

    jacobian: dict[str, Any] = {}
    if method == "LSODA":
        jacobian = {"jac": problem.dense_jacobian}
    elif method in ("BDF", "Radau"):
        jacobian = {"jac": problem.jacobian}
    try:
        solved = solve_ivp(
            problem.rates,
            (times[0], times[-1]),
            start,
            method=method,
            t_eval=times if len(times) > 2 else None,
            events=[as_event(c) for c in crossings],
            rtol=problem.tolerance,
            atol=problem.tolerance,
            **jacobian,
        )
    except (
        ValueError,
        RuntimeError,
    ) as error:  # a factorisation or step of values that are not finite
        none = (np.zeros(0), np.zeros((0, len(start))))
        return Solution(times[:1], start[None], [none for _ in crossings], str(error))
    found = [
        (np.asarray(t), np.reshape(y, (-1, len(start))))
        for t, y in zip(solved.t_events or [], solved.y_events or [], strict=True)
    ]
    failure = "" if solved.success else str(solved.message)
    return Solution(solved.t, solved.y.T, found, failure)


def _integrate_by_cvode(
    problem: Problem, start: Array, times: Array, _: str, crossings: Sequence[Crossing]
) -> Solution:
    try:
        from sksundae.cvode import CVODE
    except ImportError:
        raise ExtraMissingError(
            "method is 'CVODE', and scikit-sundae is not installed; install it with "
            "pip install 'dendrosim[sundials]', or choose another method"
        ) from None

    def rates(time: float, y: Array, out: Array) -> None:
        out[:] = problem.rates(time, y)

    def jacobian(time: float, y: Array, _: Array, out: Array) -> None:
        out[:, :] = problem.dense_jacobian(time, y)

    def events(_: float, y: Array, out: Array) -> None:
        out[:] = [c.value(y) for c in crossings]

    events.terminal = [c.terminal for c in crossings]  # type: ignore[attr-defined]
    events.direction = [c.direction for c in crossings]  # type: ignore[attr-defined]
    watched = {"eventsfn": events, "num_events": len(crossings)} if crossings else {}
    solver = CVODE(
        rates,
        rtol=problem.tolerance,
        atol=problem.tolerance,
        jacfn=jacobian,
        max_num_steps=MOST_STEPS,
        **watched,
    )
    solved = solver.solve(times, start)
    found = _split_events(solved, len(crossings), len(start))
    return Solution(
        np.asarray(solved.t), np.asarray(solved.y), found, "" if solved.success else solved.message
    )


def _split_events(solved: Any, number: int, size: int) -> list[tuple[Array, Array]]:
    """Return times and states of each event of a solution of CVODE."""
    if solved.t_events is None or not number:
        return [(np.zeros(0), np.zeros((0, size))) for _ in range(number)]
    which: Integers = np.reshape(np.asarray(solved.i_events), (-1, number)) != 0
    return [(solved.t_events[rows], solved.y_events[rows]) for rows in which.T]
