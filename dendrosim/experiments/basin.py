"""Basins of attraction: how many perturbations of a fixed point return to it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.errors import NotConvergedError, ParameterError
from dendrosim.stability.fixed_points.fixed_point import fixed_point
from dendrosim.stability.fixed_points.point import FixedPoint, same_point
from dendrosim.stability.vector_field.circuit_field import CircuitField
from dendrosim.stability.vector_field.number_arguments import read_number
from dendrosim.units import as_time, as_whole_number

if TYPE_CHECKING:
    pass


_TIME_CONSTANTS = 20.0
_CLOSE = (
    1e-3  # of the perturbation to have returned, of the typical size to have come to rest elsewhere
)


@dataclass(frozen=True)
class Basin:
    """How much of what is around a fixed point returns to it.

    Attributes
    ----------
    fraction : float
        Of the perturbed states that returned.
    interval : (float, float)
        Its confidence interval (Wilson's).
    confidence : float
        Level of the interval.
    samples, returned : int
        Perturbed states, and those that returned to the point, or to its orbit under a symmetry.
    elsewhere : int
        Those that came to rest at another fixed point; the remaining ones were still moving.
    duration : float
        Simulated time in seconds.
    message : str
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
    """Perturb a fixed point many times and count how often it is reached again.

    Parameters
    ----------
    point : FixedPoint
    size : float
        Standard deviation of the perturbation of each state, in units of `point.scale`.
    samples : int
        Number of perturbed states.
    duration : time, optional
        How long to wait; by default 20 of the longest time constants, of growth or decay.
    seed : int
        Of the perturbations.
    confidence : float
        Level of the interval.
    backend : {"numpy", "cython", "cpp"}, optional
        Step the compiled program, perturbed states side by side, in place of integrating the vector field. This
        needs a circuit without unfrozen matrices, slaved states and samples.
    dt : time, optional
        Time step of the program; by default a tenth of the largest stable one.

    Raises
    ------
    ParameterError
        For what is no fixed point, numbers that are out of range, and a back end with a flow that no program has.
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
        accuracy = 1e-3 * _CLOSE * min(size, 1.0)
        ends = np.array([_integrated(point, start, time, accuracy) for start in starts])
    else:
        ends = _stepped(
            point, starts, time, backend, None if dt is None else float(as_time("dt", dt).value)
        )
    kinds = [_ending(point, end, size) for end in ends]
    returned, elsewhere = kinds.count("returned"), kinds.count("elsewhere")
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
    slow = abs(point.time_constants[np.isfinite(point.time_constants)])
    if not len(slow):
        raise ParameterError(
            "duration: no mode of the point decays or grows, so there is no time scale to wait for; give one"
        )
    return _TIME_CONSTANTS * float(slow.max())


def _integrated(point: FixedPoint, start: Array, time: float, accuracy: float) -> Array:
    """Return where the vector field leads, to a share of the scale; not a number where it leaves its domain."""
    from scipy.integrate import solve_ivp

    flow, scale = point.flow, point.scale

    def jacobian(_: float, y: Array) -> Any:
        matrix = flow.jacobian(y * scale)
        dense = matrix.toarray() if hasattr(matrix, "toarray") else matrix
        return dense * scale / scale[:, None]

    with np.errstate(all="ignore"):
        solved = solve_ivp(
            lambda _, y: flow.f(y * scale) / scale,
            (0.0, time),
            start / scale,
            method="LSODA",
            jac=jacobian,
            rtol=1e-6,
            atol=accuracy,
        )
    return np.asarray(solved.y[:, -1] * scale) if solved.success else np.full_like(start, np.nan)


def _stepped(
    point: FixedPoint, starts: Array, time: float, backend: str, dt: float | None
) -> Array:
    """Return where the compiled program leads, perturbed states side by side."""
    from dendrosim.engine.simulate import run
    from dendrosim.errors import NonFiniteError

    flow = point.flow
    if (
        not isinstance(flow, CircuitField)
        or flow.samples > 1
        or any("." not in n for n in flow.shapes)
    ):
        raise ParameterError(
            f"backend is {backend!r}, but a program steps whole circuits with one sample each: use a field "
            "without unfrozen matrices, slaved states and samples, or leave backend out"
        )
    step = dt or point.spectrum.max_euler_step / 10
    if not 0 < step < np.inf:
        raise ParameterError("dt: the point gives no stable time step; give one, such as '0.1 ms'")
    steps = max(1, round(time / step))
    protocol = flow.resting_protocol(steps * step, step, len(starts))
    initial = {**flow.weights, **flow.states_as_samples(starts)}
    try:
        result = run(protocol, backend=backend, initial=initial, progress=False)
    except NonFiniteError as error:  # some left; which ones the last state tells
        result = error.partial  # type: ignore[assignment]
    final = {name: result.state[name] for name in flow.shapes}
    return np.concatenate([final[name] for name in flow.shapes], axis=0).T


def _ending(point: FixedPoint, end: Array, size: float) -> str:
    if not np.all(np.isfinite(end)):
        return "left"
    away = np.max(abs(end - point.x) / point.scale)
    if away <= _CLOSE * size:
        return "returned"
    try:
        reached = fixed_point(point.flow, end)
    except NotConvergedError:
        return "moving"
    if np.max(abs(end - reached.x) / point.scale) > _CLOSE:
        return "moving"
    return "returned" if same_point(point, reached) else "elsewhere"
