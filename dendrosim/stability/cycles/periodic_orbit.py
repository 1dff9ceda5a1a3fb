"""A periodic orbit of a flow, its Floquet multipliers, and the search for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.arrays import Array, Complex
from dendrosim.display.short import ShortRepr, count
from dendrosim.errors import NotConvergedError, ParameterError
from dendrosim.machine.cached_property import cached_property
from dendrosim.stability.cycles.collocation import (
    SETTLED,
    Orbit,
    adapt_mesh,
    correct,
    floquet_multipliers,
    transfer_matrices,
)
from dendrosim.stability.cycles.orbit_guess import QUIET, Guess, guess_orbit
from dendrosim.stability.fixed_points.scaling import ScaledFlow
from dendrosim.stability.vector_field.flow import Flow, check_flow
from dendrosim.stability.vector_field.number_arguments import read_number
from dendrosim.stability.vector_field.typical_scales import scales_by_unit

if TYPE_CHECKING:
    from xarray import Dataset

INTERVALS, FEW_INTERVALS, LARGE = 60, 20, 50
"""Number of intervals of the first mesh, up to `LARGE` states and above: a fine mesh is robust, and a step costs
the third power of the number of states for each interval."""

MOST_INTERVALS = 480
"""Largest number of intervals of a mesh."""

FINE = 50
"""Number of times in each interval at which extrema are searched for."""

NEUTRAL = 1e-6
"""A multiplier counts as inside of the unit circle if its size is below 1 by more than this."""


@dataclass(frozen=True, eq=False)
class PeriodicOrbit(ShortRepr):
    """A periodic solution of dx/dt = f(x).

    Attributes
    ----------
    flow : Flow
        The flow that was analysed.
    period : float
        In s.
    times : array, shape (m,)
        Times of the nodes in s, from 0 to `period`.
    states : array, shape (m, n)
        The orbit at these times, in SI units; the last row is the first.
    error : float
        Estimated relative error of the period: its change when the number of intervals was doubled.
    """

    flow: Flow
    period: float
    times: Array = field(repr=False)
    states: Array = field(repr=False)
    error: float
    orbit: Orbit = field(repr=False)
    scale: Array = field(repr=False)

    @cached_property
    def multipliers(self) -> Complex:
        """Floquet multipliers, shape (n,), by descending size; one is 1, for movement along the orbit."""
        return floquet_multipliers(transfer_matrices(ScaledFlow(self.flow, self.scale), self.orbit))

    @property
    def transverse_multipliers(self) -> Complex:
        """The multipliers without the one closest to 1, which belongs to movement along the orbit."""
        values = self.multipliers
        return np.asarray(np.delete(values, int(np.argmin(np.abs(values - 1.0)))))

    @property
    def stable(self) -> bool:
        """Whether nearby states approach the orbit."""
        return bool(np.all(np.abs(self.transverse_multipliers) < 1.0 - NEUTRAL))

    @cached_property
    def _fine(self) -> Array:
        mesh = self.orbit.mesh
        inner = mesh[:-1, None] + np.diff(mesh)[:, None] * np.arange(FINE) / FINE
        return self.orbit.at(inner.ravel()) * self.scale

    @property
    def minimum(self) -> Array:
        """The smallest value of each state, shape (n,), in SI units."""
        return np.asarray(self._fine.min(axis=0))

    @property
    def maximum(self) -> Array:
        """The largest value of each state, shape (n,), in SI units."""
        return np.asarray(self._fine.max(axis=0))

    @property
    def amplitude(self) -> Mapping[str, float]:
        """Half of the difference between largest and smallest value of each state, by label, in SI units."""
        halves = (self.maximum - self.minimum) / 2.0
        return dict(zip(self.flow.labels, halves.tolist(), strict=True))

    @property
    def message(self) -> str:
        """The orbit in one sentence."""
        outside = int(np.sum(np.abs(self.transverse_multipliers) >= 1.0 - NEUTRAL))
        kind = "stable" if self.stable else "unstable"
        more = (
            "" if self.stable else f"; {count(outside, 'multiplier')} not inside of the unit circle"
        )
        return (
            f"{kind} periodic orbit of period {self.period:.10g} s (relative error {self.error:.1g}) on "
            f"{count(len(self.orbit.mesh) - 1, 'interval')}{more}"
        )

    def to_xarray(self) -> "Dataset":
        """Return the orbit as an `xarray.Dataset` with dimensions `time`, `state` and `multiplier`."""
        import xarray as xr

        return xr.Dataset(
            {
                "states": (("time", "state"), self.states),
                "real": ("multiplier", self.multipliers.real),
                "imag": ("multiplier", self.multipliers.imag),
            },
            coords={
                "time": ("time", self.times, {"units": "s"}),
                "state": list(self.flow.labels),
                "unit": ("state", list(self.flow.units)),
            },
            attrs={"period": self.period, "message": self.message},
        )


def periodic_orbit(field: Flow, start: Any = None, *, tolerance: float = 1e-8) -> PeriodicOrbit:
    """Find a periodic orbit of a flow, stable or not.

    Parameters
    ----------
    field : Flow
        A vector field, as `vector_field` returns it.
    start : Bifurcation, Trajectory, (states, period), optional
        A Hopf point of a branch, from which the orbit at the field's own value of the parameter is predicted; a
        trajectory that ends close to the orbit, after at least one period; or states, shape (n,) or (m, n) at m
        times over one period, in SI units, and a time. Default: the orbit to which the flow relaxes from
        `field.start`.
    tolerance : float, optional
        Relative error of the period: the number of intervals is doubled until the period changes by less. Default:
        1e-8.

    Returns
    -------
    PeriodicOrbit
        With `period`, `states`, `amplitude`, `multipliers`, `stable` and `message`.

    Raises
    ------
    NotConvergedError
        If no orbit is found, or the search ends at a fixed point. There may still be an orbit. The message has the
        mesh, the length of the last step and where the residual is largest.
    DifferentiationError
        If projections have delays, or a cell would spike on the orbit.
    ParameterError, ShapeError
        If the start cannot be read, or a Hopf point has no orbit at the field's value of the parameter.

    Notes
    -----
    Orthogonal collocation with polynomials of degree 4 on an adaptive mesh, and Newton's method with the exact
    Jacobian. Multipliers are eigenvalues of the product of the intervals' transfer matrices; multipliers below
    about 1e-14 times the largest are rounding errors. At corners of equations the error falls more slowly with the
    number of intervals.

    References
    ----------
    Doedel, Keller & Kernevez (1991), Numerical analysis and control of bifurcation problems (II), International
    Journal of Bifurcation and Chaos 1:745.

    Examples
    --------
    >>> orbit = ds.periodic_orbit(field)
    >>> print(orbit.message, orbit.multipliers)
    """
    check_flow(field)
    field.check_spectrum()
    if not 1e-13 <= read_number("tolerance", tolerance) < 1.0:
        raise ParameterError(f"tolerance is {tolerance}; it must be between 1e-13 and 1")
    sizes = scales_by_unit(field.units, np.abs(field.start))
    guess = guess_orbit(field, start, sizes)
    # From here on, states are measured by the size of the orbit itself.
    scale = scales_by_unit(field.units, np.max(np.abs(guess.states), axis=0) * sizes)
    guess = replace(guess, states=guess.states * sizes / scale)
    with np.errstate(all="ignore"):
        orbit, error = _refine(ScaledFlow(field, scale), guess, tolerance)
    states = orbit.states * scale
    for x in states:
        field.check(x)
    return PeriodicOrbit(
        field, orbit.period, orbit.times * orbit.period, states, error, orbit, scale
    )


def _refine(scaled: ScaledFlow, guess: Guess, tolerance: float) -> tuple[Orbit, float]:
    """Return the orbit on a mesh that is fine enough, and the last change of its period."""
    intervals = INTERVALS if scaled.size <= LARGE else FEW_INTERVALS
    try:
        orbit = _solve(scaled, guess.orbit(intervals))
    except NotConvergedError:  # a finer mesh has smaller errors where the orbit jumps
        orbit = _solve(scaled, guess.orbit(4 * intervals))
    first = intervals = len(orbit.mesh) - 1
    error = np.inf
    while intervals <= MOST_INTERVALS:
        finer = _solve(scaled, orbit.on(adapt_mesh(orbit, intervals)))
        error = abs(finer.period - orbit.period) / finer.period
        orbit = finer
        if error <= tolerance and intervals > first:
            return orbit, error
        intervals *= 2
    raise NotConvergedError(
        f"the period of the orbit is {orbit.period:.6g} s, but still changes by {error:.2g} of it with "
        f"{count(len(orbit.mesh) - 1, 'interval')}; the equations may have corners, so give a larger tolerance"
    )


def _solve(scaled: ScaledFlow, guess: Orbit) -> Orbit:
    """Return the orbit on the mesh of a guess; raises NotConvergedError."""
    found, step, worst = correct(scaled, guess)
    where = f"{found.mesh[worst]:.3g} to {found.mesh[worst + 1]:.3g} of the period"
    intervals = count(len(found.mesh) - 1, "interval")
    if not step <= max(SETTLED, 1e-8):
        raise NotConvergedError(
            f"no periodic orbit found: collocation on {intervals} did not converge (last step {step:.2g} of the "
            f"orbit, largest residual from {where}); this does not show that there is none: give a start closer "
            "to the orbit, such as a longer trajectory"
        )
    if float(np.max(np.ptp(found.states, axis=0))) < QUIET * float(
        np.max(np.ptp(guess.states, axis=0))
    ):
        raise NotConvergedError(
            "no periodic orbit found: the search ended at a fixed point; give a start closer to the orbit"
        )
    return found
