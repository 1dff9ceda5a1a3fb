"""The result of following a periodic orbit: a branch as labelled arrays, and the events on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dendrosim.arrays import Array, Booleans, Complex
from dendrosim.display.html import Table, as_html
from dendrosim.display.short import ShortRepr, count
from dendrosim.errors import printable
from dendrosim.stability.cycles.periodic_orbit import PeriodicOrbit

if TYPE_CHECKING:
    from xarray import Dataset

EVENTS = ("event", "at", "period", "multiplier")
"""Titles of the columns of `event_rows`."""


PREFIXES = {2: "M", 1: "k", 0: "", -1: "m", -2: "u", -3: "n", -4: "p", -5: "f"}
"""Prefix of a unit by the power of 1000."""


@dataclass(frozen=True, eq=False)
class CycleEvent(ShortRepr):
    """A point of a branch of periodic orbits where their stability or number changes.

    Attributes
    ----------
    kind : {"fold", "period doubling", "torus", "branch point"}
        `fold`: the parameter turns back, and a multiplier passes through 1. `period doubling`: a multiplier passes
        through -1, and orbits of twice the period begin; give the event to `ds.cycles`.
        `torus`: a complex pair leaves or enters the unit circle. `branch point`: a multiplier passes through 1
        while the parameter goes on, and another branch of orbits crosses.
    parameter : str
        Name of the parameter.
    value : float
        Its value, in SI units.
    period : float
        In s.
    multiplier : complex
        The critical multiplier.
    orbit : PeriodicOrbit
        The orbit at the event; its flow has the value of the parameter.
    """

    kind: str
    parameter: str
    value: float
    period: float
    multiplier: complex
    orbit: PeriodicOrbit = field(repr=False)


@dataclass(frozen=True, eq=False)
class CycleBranch:
    """A curve of periodic orbits in the order in which it was followed.

    Attributes
    ----------
    parameter, unit : str
        Name and SI unit of the parameter.
    values : array, shape (m,)
        Value of the parameter at each point, in SI units.
    periods : array, shape (m,)
        In s.
    minimum, maximum : array, shape (m, n)
        Smallest and largest value of each state on the orbit, in SI units.
    labels, units : sequence of str, length n
        Label and SI unit of each state.
    multipliers : array of complex, shape (m, n)
        Floquet multipliers by descending size; one is 1, for movement along the orbit.
    stable : array of bool, shape (m,)
        Whether all other multipliers are inside of the unit circle.
    errors : array, shape (m,)
        Distance of the trivial multiplier from 1: a measure of the accuracy of the multipliers.
    intervals : array of int, shape (m,)
        Number of intervals of each mesh.
    events : tuple of CycleEvent
        In the order of the branch.
    message : str
        The reason why the branch ends at its last point.
    orbit : callable
        `orbit(i)` returns point i as a PeriodicOrbit.
    """

    parameter: str
    unit: str
    values: Array
    periods: Array
    minimum: Array
    maximum: Array
    labels: Sequence[str]
    units: Sequence[str]
    multipliers: Complex
    stable: Booleans
    errors: Array
    intervals: Array
    events: tuple[CycleEvent, ...]
    message: str
    orbit: Callable[[int], PeriodicOrbit] = field(repr=False)

    @property
    def amplitude(self) -> Array:
        """Half of the difference between `maximum` and `minimum`, shape (m, n), in SI units."""
        return np.asarray((self.maximum - self.minimum) / 2.0)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return printable(f"<CycleBranch: {_line(self)}>")

    def _repr_html_(self) -> str:
        return as_html("CycleBranch", _line(self), [Table("events", EVENTS, event_rows(self))])

    def to_xarray(self) -> "Dataset":
        """Return the branch as an `xarray.Dataset`, which can be written to NetCDF.

        Its dimensions are `point`, `state`, `multiplier` and `event`; multipliers are split into `real`
        and `imag`.
        """
        import xarray as xr

        return xr.Dataset(
            {
                "period": ("point", self.periods, {"units": "s"}),
                "minimum": (("point", "state"), self.minimum),
                "maximum": (("point", "state"), self.maximum),
                "stable": ("point", self.stable),
                "real": (("point", "multiplier"), self.multipliers.real),
                "imag": (("point", "multiplier"), self.multipliers.imag),
                "error": ("point", self.errors),
                "kind": ("event", np.array([e.kind for e in self.events], dtype=str)),
                "value": ("event", np.array([e.value for e in self.events], float)),
                "event_period": (
                    "event",
                    np.array([e.period for e in self.events], float),
                    {"units": "s"},
                ),
            },
            coords={
                "parameter": ("point", self.values, {"name": self.parameter, "units": self.unit}),
                "state": list(self.labels),
                "unit": ("state", list(self.units)),
            },
            attrs={"parameter": self.parameter, "message": self.message},
        )


def parameter_text(value: float, unit: str, digits: int = 7) -> str:
    """Return a value in SI units with its unit and a fitting prefix, as in `60 nS`."""
    if unit == "1":
        return f"{value:.{digits}g}"
    if value == 0.0 or not unit.isalpha() or not np.isfinite(value):
        return f"{value:.{digits}g} {unit}"
    power = int(np.clip(np.floor(np.log10(abs(value)) / 3.0), -5, 2))
    return f"{value / 1000.0**power:.{digits}g} {PREFIXES[power]}{unit}"


def event_rows(branch: CycleBranch) -> list[tuple[str, ...]]:
    """Return kind, value, period and critical multiplier of each event."""
    return [
        (
            e.kind,
            f"{e.parameter} = {parameter_text(e.value, branch.unit, 9)}",
            parameter_text(e.period, "s", 6),
            _multiplier_text(e.multiplier),
        )
        for e in branch.events
    ]


def _multiplier_text(value: complex) -> str:
    return f"{value.real:.4g}" if value.imag == 0.0 else f"{value.real:.4g} ± {value.imag:.4g}i"


def _line(branch: CycleBranch) -> str:
    """Return a branch in one line: the range of its parameter, its points, and where it ends."""
    low, high = (parameter_text(float(f(branch.values)), branch.unit, 6) for f in (np.min, np.max))
    return (
        f"{branch.parameter} = {low} to {high}, {count(len(branch), 'orbit')} ({int(branch.stable.sum())} "
        f"stable), {count(len(branch.events), 'event')}: {branch.message}"
    )
