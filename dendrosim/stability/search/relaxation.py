"""Relaxation: the flow itself is followed until it settles, grows beyond all bounds, or its time is used up.

A trajectory that does not settle is still useful: the mean of an oscillation is close to the unstable fixed point
that it encircles, and so is the state at which the trajectory is slowest.
"""

from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import Array
from dendrosim.stability.trajectories.integrators import Problem, choose_method, integrate
from dendrosim.stability.vector_field.flow import Flow

TOLERANCE = 1e-5
"""Tolerance of the integration: only the end of the trajectory matters."""

SETTLED = 1e-4
"""A state has settled if the flow would move it by less than this fraction of the scale in the time that has
passed, and moved it by less than this in the last piece."""

GROWING = 1e-6
"""Real part of an eigenvalue, relative to the norm of the Jacobian, above which perturbations grow: zero modes of
families of fixed points are smaller where a trajectory has settled to four digits."""

MOST_STATES = 1000
"""Number of states above which no eigenvalues are computed, as they take more than a second."""

FIRST_TIME = 1.0
"""Length of the first piece of the trajectory, in units of the fastest time constant at the start; each further
piece makes the time that has passed four times as long, because every piece begins with short steps."""

PIECES = 40
"""Largest number of pieces: time constants may differ by a factor of 4^40."""


@dataclass(frozen=True)
class Relaxation:
    """The end of a trajectory.

    Attributes
    ----------
    settled : bool
    candidates : list of array, shape (n,)
        States at which a search for a fixed point may start, the most promising first.
    time : float
        The time that was integrated, in s.
    message : str
        How the trajectory ended.
    """

    settled: bool
    candidates: list[Array]
    time: float
    message: str


def relax(flow: Flow, start: Array, evaluations: int) -> Relaxation:
    """Follow the flow, in units of the typical size of its states, from `start` until it settles.

    No further piece of the trajectory begins after this number of evaluations of the flow.
    """
    problem = Problem(flow, np.ones(flow.size), TOLERANCE)
    with np.errstate(all="ignore"):
        matrix, method = problem.jacobian(0.0, start), choose_method(flow, start)
        speed = float(np.max(np.abs(matrix).sum(axis=1), initial=0.0))
    if not (np.isfinite(speed) and speed > 0.0):
        return Relaxation(False, [], 0.0, "the flow has no time scale at the start")
    x, time = start, 0.0
    slowest, least = start, np.inf
    for _ in range(PIECES):
        length = max(3.0 * time, FIRST_TIME / speed)
        solution = integrate(problem, x, np.array([0.0, length]), method)
        if solution.failure or not np.all(np.isfinite(solution.states)):
            why = problem.reason or solution.failure
            found = [] if least == np.inf else [slowest]
            return Relaxation(False, found, time, f"after {time:.3g} s the flow ends: {why}")
        before, x = x, solution.states[-1]
        time += length
        rates = np.abs(problem.rates(0.0, x))
        for state in (x, _mean(solution.times, solution.states)):
            speed_there = float(np.max(np.abs(problem.rates(0.0, state)), initial=0.0))
            if speed_there < least:
                slowest, least = state, speed_there
        moved = np.max(np.abs(x - before) / (1.0 + np.abs(x)), initial=0.0)
        slow = np.max(rates * time / (1.0 + np.abs(x)), initial=0.0) <= SETTLED
        if slow and moved <= SETTLED and not _near_saddle(problem, x):
            return Relaxation(True, [x], time, f"the flow settles after {time:.3g} s")
        if problem.evaluations > evaluations:
            break
    mean = _mean(solution.times, solution.states)
    return Relaxation(False, [mean, slowest, x], time, f"the flow still moves after {time:.3g} s")


def _near_saddle(problem: Problem, x: Array) -> bool:
    """Return whether small perturbations grow at `x`, so that a trajectory that is slow there moves on later."""
    if len(x) > MOST_STATES:
        return False
    matrix = problem.dense_jacobian(0.0, x)
    if not np.all(np.isfinite(matrix)):
        return False
    growth = float(np.max(np.linalg.eigvals(matrix).real, initial=-np.inf))
    return growth > GROWING * float(np.linalg.norm(matrix))


def _mean(times: Array, states: Array) -> Array:
    """Return the mean of a trajectory over its time."""
    if len(times) < 2:
        return np.asarray(states[-1])
    return np.asarray(np.trapezoid(states, times, axis=0) / (times[-1] - times[0]))
