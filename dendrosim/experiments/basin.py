"""Basins of attraction: the fraction of perturbed states that return to a fixed point."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks import as_time, as_whole_number
from dendrosim.circuit.paths import is_variable
from dendrosim.display.short import ShortRepr
from dendrosim.errors import NotConvergedError, ParameterError
from dendrosim.stability.fixed_points.nearby import find_nearby
from dendrosim.stability.fixed_points.point import FixedPoint, same_point
from dendrosim.stability.trajectories.trajectory import trajectory
from dendrosim.stability.vector_field.circuit_field import CircuitField
from dendrosim.stability.vector_field.number_arguments import read_number
from dendrosim.units import TIME, Quantity

Ending = Literal["returned", "elsewhere", "moving", "left"]
"""How a perturbed state ends: at the point, at another fixed point, still moving, or without finite values."""

_TIME_CONSTANTS = 20.0
"""Default duration in time constants of the slowest mode, after which a decaying mode has fallen to 2e-9."""

_CLOSE = 1e-3
"""A state has returned if its distance from the point, relative to `size`, is at most this number. It is at rest
if it is this close to any fixed point, relative to typical sizes."""


@dataclass(frozen=True)
class Basin(ShortRepr):
    """Number of perturbed states that returned to a fixed point.

    Attributes
    ----------
    fraction : float
        Fraction of the perturbed states that returned.
    interval : tuple of float
        Lower and upper bound of the confidence interval of the fraction (Wilson's interval).
    confidence : float
        Confidence level of the interval.
    samples : int
        Number of perturbed states.
    returned : int
        Number of states that returned to the point, or to another point of its orbit under a symmetry.
    elsewhere : int
        Number of states that came to rest at another fixed point. The remaining states were still moving, or did
        not stay finite.
    duration : float
        Simulated time in seconds.
    message : str
        The result in a sentence.
    """

    fraction: float
    interval: tuple[float, float]
    confidence: float
    samples: int
    returned: int
    elsewhere: int
    duration: float
    message: str


def basin(
    point: FixedPoint,
    size: float = 0.1,
    *,
    samples: int = 100,
    duration: Any = None,
    seed: int = 0,
    confidence: float = 0.95,
    backend: str | None = None,
    dt: Any = None,
) -> Basin:
    """Perturb a fixed point many times, and count how many of the perturbed states return to it.

    Parameters
    ----------
    point : FixedPoint
        Result of `ds.fixed_point`.
    size : float, default 0.1
        Standard deviation of the normal perturbation of each state, in units of `point.scale`.
    samples : int, default 100
        Number of perturbed states.
    duration : time, optional
        Time after which the states are compared with the point (default: 20 times the longest time constant of
        growth or decay).
    seed : int, default 0
        Seed of the perturbations.
    confidence : float, default 0.95
        Confidence level of the interval, between 0 and 1.
    backend : str, optional
        Name of the back end that simulates the circuit (see `ds.run`), with the perturbed states as samples of a
        batch. The field must then have no unfrozen matrices, no slaved states and one sample (default: the vector
        field is integrated by LSODA).
    dt : time, optional
        Time step of the back end (default: a tenth of the largest stable time step).

    Returns
    -------
    Basin
        The fraction of states that returned, its confidence interval, and how the other states ended.

    Raises
    ------
    ParameterError
        If `point` is not a fixed point, a number is out of its range, or a back end cannot simulate the field.

    References
    ----------
    Confidence interval of a fraction: Wilson (1927), Probable inference, the law of succession, and statistical
    inference, Journal of the American Statistical Association 22:209.

    Examples
    --------
    >>> point = ds.fixed_point(ds.vector_field(circuit))
    >>> ds.basin(point, size=0.5, samples=200).message
    """
    from scipy.stats import binomtest

    if not isinstance(point, FixedPoint):
        raise ParameterError(
            f"point is a {type(point).__name__}; it must be a fixed point, as ds.fixed_point returns it"
        )
    samples, seed = as_whole_number("samples", samples, 1), as_whole_number("seed", seed)
    read_number("size", size)
    if not (size > 0 and 0 < confidence < 1):
        raise ParameterError(
            f"size is {size}, confidence {confidence}; size must be positive, and confidence between 0 and 1"
        )
    time = _duration(point) if duration is None else float(as_time("duration", duration).value)
    rng = np.random.default_rng(seed)
    starts = point.x + size * point.scale * rng.standard_normal((samples, len(point.x)))
    if backend is None:
        accuracy = 1e-3 * _CLOSE * min(size, 1.0)  # far below the distance that counts as close
        ends = np.array([_integrated(point, start, time, accuracy) for start in starts])
    else:
        ends = _stepped(
            point, starts, time, backend, None if dt is None else float(as_time("dt", dt).value)
        )
    endings = [_ending(point, end, size) for end in ends]
    returned, elsewhere = endings.count("returned"), endings.count("elsewhere")
    interval = binomtest(returned, samples).proportion_ci(confidence, method="wilson")
    return Basin(
        returned / samples,
        (float(interval.low), float(interval.high)),
        confidence,
        samples,
        returned,
        elsewhere,
        time,
        f"{returned} of {samples} perturbations of {size:g} times the size of the states returned within "
        f"{time:.4g} s, {elsewhere} came to rest elsewhere",
    )


def _duration(point: FixedPoint) -> float:
    """Return the default duration in seconds."""
    slow = abs(point.time_constants[np.isfinite(point.time_constants)])
    if not len(slow):
        raise ParameterError(
            "duration: no mode of the point decays or grows, so there is no time scale; give a duration"
        )
    return _TIME_CONSTANTS * float(slow.max())


def _integrated(point: FixedPoint, start: Array, time: float, accuracy: float) -> Array:
    """Return the state after `time`; NaN if the trajectory leaves the domain of the vector field.

    `accuracy` is the tolerance in units of the scale of the states.
    """
    course = trajectory(
        point.flow,
        Quantity(time, TIME),
        start=start,
        times=[time],
        tolerance=accuracy,
        scale=point.scale,
    )
    return course.final if course.completed else np.full_like(start, np.nan)


def _stepped(
    point: FixedPoint, starts: Array, time: float, backend: str, dt: float | None
) -> Array:
    """Return the states after `time`; a back end simulates them, with the perturbed states as samples."""
    from dendrosim.engine.settings import RunSettings
    from dendrosim.engine.simulate import run
    from dendrosim.errors import NonFiniteError

    flow = point.flow
    if (
        not isinstance(flow, CircuitField)
        or flow.samples > 1
        or not all(map(is_variable, flow.shapes))
    ):
        raise ParameterError(
            f"backend is {backend!r}, but back ends simulate whole circuits with one sample each: use a field "
            "without unfrozen matrices, slaved states and samples, or leave backend out"
        )
    # At a tenth of the largest stable step, no real mode decays more than 12 % too fast: log(1 - 0.2)/0.2 = -1.12.
    step = dt or point.spectrum.max_euler_step / 10
    if not 0 < step < np.inf:
        raise ParameterError("dt: the point gives no stable time step; give one, such as '0.1 ms'")
    steps = max(1, round(time / step))
    protocol = flow.resting_protocol(steps * step, step, len(starts))
    initial = {**flow.weights, **flow.states_as_samples(starts)}
    try:
        result = run(protocol, RunSettings(backend), initial, progress=False)
    except NonFiniteError as error:  # the last state shows which samples did not stay finite
        result = error.partial  # type: ignore[assignment]
    final = {name: result.state[name] for name in flow.shapes}
    return np.concatenate([final[name] for name in flow.shapes], axis=0).T


def _ending(point: FixedPoint, end: Array, size: float) -> Ending:
    """Return how a perturbed state ended."""
    if not np.all(np.isfinite(end)):
        return "left"
    away = np.max(abs(end - point.x) / point.scale)
    if away <= _CLOSE * size:
        return "returned"
    try:
        reached = find_nearby(point.flow, end)
    except NotConvergedError:
        return "moving"
    if np.max(abs(end - reached.x) / point.scale) > _CLOSE:
        return "moving"
    return "returned" if same_point(point, reached) else "elsewhere"
