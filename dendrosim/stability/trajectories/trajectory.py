"""The solution of a flow from a start: times, states by label, events, and why it ends."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.checks import as_time
from dendrosim.display.short import ShortRepr, count
from dendrosim.errors import ParameterError, ShapeError, UnknownNameError
from dendrosim.stability.trajectories.events import read_event
from dendrosim.stability.trajectories.integrators import (
    METHODS,
    Problem,
    choose_method,
    integrate,
)
from dendrosim.stability.vector_field.flow import Flow, check_flow
from dendrosim.stability.vector_field.given_start import read_scale, read_start
from dendrosim.stability.vector_field.number_arguments import read_number, read_numbers

if TYPE_CHECKING:
    from xarray import Dataset

    from dendrosim.results.result import Result


@dataclass(frozen=True, eq=False)
class Trajectory(ShortRepr):
    """A solution of dx/dt = f(x).

    Attributes
    ----------
    times : array, shape (m,)
        Times in s, from 0.
    states : array, shape (m, n)
        The state at each time, in SI units.
    labels, units : tuple of str, length n
        Label and SI unit of each state.
    events : mapping of str to array, shape (k,)
        Times in s of each event, by name.
    event_states : mapping of str to array, shape (k, n)
        The state at each of these times.
    completed : bool
        Whether the duration was reached, or an event that ends the trajectory.
    message : str
        Why the trajectory ends.
    method : str
        The method of integration.
    evaluations, jacobians : int
        Number of evaluations of the vector field and of its Jacobian.
    """

    times: Array
    states: Array
    labels: tuple[str, ...]
    units: tuple[str, ...]
    events: Mapping[str, Array]
    event_states: Mapping[str, Array]
    completed: bool
    message: str
    method: str
    evaluations: int
    jacobians: int

    @property
    def final(self) -> Array:
        """The last state, shape (n,), in SI units."""
        return self.states[-1]

    def __getitem__(self, label: str) -> Array:
        """Return the time course of one state, shape (m,), in SI units."""
        if label not in self.labels:
            raise UnknownNameError("state of the trajectory", label, self.labels)
        return self.states[:, self.labels.index(label)]

    def to_xarray(self) -> "Dataset":
        """Return the trajectory as an `xarray.Dataset` with dimensions `time` and `state`.

        Times of events are attributes, `event NAME`.
        """
        import xarray as xr

        return xr.Dataset(
            {"states": (("time", "state"), self.states)},
            coords={
                "time": ("time", self.times, {"units": "s"}),
                "state": list(self.labels),
                "unit": ("state", list(self.units)),
            },
            attrs={
                "method": self.method,
                "message": self.message,
                **{f"event {name}": times for name, times in self.events.items()},
            },
        )


def trajectory(
    field: Flow,
    duration: Any,
    method: str = "auto",
    *,
    start: "ArrayLike | Mapping[str, Any] | Result | None" = None,
    times: ArrayLike | None = None,
    events: Mapping[str, str | Callable[[Array], float]] | None = None,
    stop_at: str | Iterable[str] = (),
    tolerance: float = 1e-8,
    scale: ArrayLike | None = None,
) -> Trajectory:
    """Integrate a vector field in time, with control of the error.

    A run of the circuit takes steps of fixed length; a trajectory takes as many steps as its tolerance needs.

    Parameters
    ----------
    field : Flow
        A vector field, as `vector_field` returns it.
    duration : time
        Duration, such as `"2 s"`.
    method : {"auto", "LSODA", "BDF", "Radau", "RK45", "DOP853", "CVODE"}, optional
        Method of integration. LSODA switches between a stiff and a non-stiff method; BDF and Radau are stiff, and
        use a sparse Jacobian where there is one; RK45 and DOP853 are explicit; CVODE of SUNDIALS needs
        `pip install 'dendrosim[sundials]'`. Default: LSODA, or BDF if the Jacobian is sparse and has more than 200
        states.
    start : array, shape (n,), mapping, or Result, optional
        State at time 0, in SI units; a mapping gives states by name, a result its final state. Default:
        `field.start`.
    times : array, shape (m,), optional
        Ascending times of output in s, between 0 and `duration`. Default: the steps of the method.
    events : mapping, optional
        Events by name. Each is a text, such as `"soma.v[0] > -40 mV"` (the state rises through this value) or
        `"soma.v[0] < -40 mV"` (it falls), or a function of the state, shape (n,), that is zero at the event.
    stop_at : str or iterable of str, optional
        Names of the events at which the trajectory ends. Default: none.
    tolerance : float, optional
        Relative tolerance of each step, and absolute tolerance in units of `scale`. Default: 1e-8.
    scale : float or array, shape (n,), optional
        Typical size of each state, in SI units. Default: the largest size at the start among the states of the
        same unit.

    Returns
    -------
    Trajectory
        Its `message` says why it ends: the duration is reached, an event, or the solution left the domain of the
        equations or grew beyond all bounds.

    Raises
    ------
    ParameterError
        If `field` is not a vector field, a time or the tolerance is out of range, or an event cannot be read.
    UnknownNameError
        If there is no method, state or event of a given name.
    ShapeError
        If `start` or `scale` does not have the shape of the state.
    ExtraMissingError
        If the method is CVODE and scikit-sundae is not installed.

    References
    ----------
    LSODA: Petzold (1983), Automatic selection of methods for solving stiff and nonstiff systems of ordinary
    differential equations, SIAM Journal on Scientific and Statistical Computing 4:136.
    CVODE: Hindmarsh et al. (2005), SUNDIALS, ACM Transactions on Mathematical Software 31:363.

    Examples
    --------
    >>> course = ds.trajectory(field, "200 ms", events={"up": "soma.v[0] > -40 mV"})
    >>> course["soma.v[0]"], course.events["up"], course.message
    """
    check_flow(field)
    if method not in METHODS:
        raise UnknownNameError("method of integration", method, METHODS)
    length = float(as_time("duration", duration).value)
    begin = read_start(field, start)
    if begin.shape != (field.size,):
        raise ShapeError(f"start must have {field.size} numbers in a row, not shape {begin.shape}")
    if not 0.0 < read_number("tolerance", tolerance) < 1.0:
        raise ParameterError(f"tolerance is {tolerance}; it must be between 0 and 1")
    sizes = read_scale(field, begin, scale)
    watched = {name: read_event(field, name, given) for name, given in (events or {}).items()}
    last = {stop_at} if isinstance(stop_at, str) else set(stop_at)
    for name in sorted(last - set(watched)):
        raise UnknownNameError("event", name, watched)
    used = choose_method(field, begin) if method == "auto" else method
    problem = Problem(field, sizes, tolerance)
    crossings = [event.crossing(sizes, name in last) for name, event in watched.items()]
    outputs = _read_times(times, length)
    solution = integrate(problem, begin / sizes, outputs, used, crossings)
    found = dict(zip(watched, solution.crossings, strict=True))
    completed, message = _describe_end(problem, solution.failure, solution.times, found, last)
    kept = slice(None) if times is None else np.isin(solution.times, np.asarray(times, float))
    return Trajectory(
        times=solution.times[kept],
        states=solution.states[kept] * sizes,
        labels=tuple(field.labels),
        units=tuple(field.units),
        events={name: at for name, (at, _) in found.items()},
        event_states={name: states * sizes for name, (_, states) in found.items()},
        completed=completed,
        message=message,
        method=used,
        evaluations=problem.evaluations,
        jacobians=problem.jacobians,
    )


def _describe_end(
    problem: Problem,
    failure: str,
    times: Array,
    found: Mapping[str, tuple[Array, Array]],
    last: set[str],
) -> tuple[bool, str]:
    """Return whether a trajectory ended as planned, and why it ends."""
    if failure:
        where = f"{times[-1]:.6g} s" if len(times) else "the start"
        why = f" ({problem.reason})" if problem.reason else f" ({failure})"
        return False, f"the solution leaves the domain of the equations at {where}{why}"
    for name in found:
        if name in last and len(found[name][0]):
            return True, f"ended by the event {name!r} at {found[name][0][-1]:.6g} s"
    return True, f"reached {times[-1]:.6g} s in {count(problem.evaluations, 'evaluation')}"


def _read_times(times: ArrayLike | None, duration: float) -> Array:
    """Return the begin and end, or the times of output between them."""
    if times is None:
        return np.array([0.0, duration])
    given = read_numbers("times", times)
    inside = given.ndim == 1 and len(given) and np.all((given >= 0) & (given <= duration))
    if not inside or np.any(np.diff(given) <= 0):
        raise ParameterError(f"times must ascend from 0 to the duration of {duration:g} s")
    return np.unique(np.concatenate([[0.0], given, [duration]]))
