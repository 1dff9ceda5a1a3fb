"""The result of a continuation: a branch of fixed points as labelled arrays, and the bifurcations on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dendrosim.arrays import Array, Booleans, Complex, Integers
from dendrosim.display.html import Table, as_html
from dendrosim.display.short import ShortRepr, count
from dendrosim.errors import UsageError, printable
from dendrosim.machine.cached_property import cached_property
from dendrosim.stability.continuation.lyapunov import first_lyapunov_coefficient
from dendrosim.stability.vector_field.flow import Flow

if TYPE_CHECKING:
    from xarray import Dataset

BIFURCATION_KINDS = ("hopf", "fold", "branch point", "kink")
"""The kinds of bifurcations that continuation detects; see `Bifurcation`."""

BIFURCATIONS = ("bifurcation", "at", "interval", "frequency", "modes", "criticality")
"""Titles of the columns of `bifurcation_rows`."""


@dataclass(frozen=True, eq=False)
class Bifurcation(ShortRepr):
    """A point of a branch where the number of eigenvalues with a positive real part changes.

    Attributes
    ----------
    kind : {"hopf", "fold", "branch point", "kink"}
        `hopf`: complex pairs cross the imaginary axis. `fold`: real eigenvalues cross zero and the parameter
        turns back. `branch point`: real eigenvalues cross or touch zero, and another branch passes through
        the point. `kink`: eigenvalues jump across the imaginary axis at a corner of an equation.
    parameter : str
        Name of the parameter.
    value : float
        Value of the parameter in SI units, within `interval`.
    interval : (float, float)
        Lower and upper bound of `value`, from bisection.
    frequency : float
        |Im|/2π of the critical pair, in Hz; 0 for a real eigenvalue.
    eigenvalue : complex
        The critical eigenvalue at `value`, in 1/s; of a pair, the one with a positive imaginary part.
    eigenvector : array of complex, shape (n,)
        Eigenvector of `eigenvalue`, of length 1, with states in SI units. If the eigenvalue is real, the
        eigenvector has no component along symmetries.
    count : int
        Number of eigenvalues that cross together; a pair counts as two.
    state : array, shape (n,)
        The fixed point, in SI units.
    tangent : array, shape (n + 1,)
        Unit tangent of the branch, in scaled coordinates.
    flow : Flow
        The flow with `value` for the parameter.
    """

    kind: str
    parameter: str
    value: float
    interval: tuple[float, float]
    frequency: float
    eigenvalue: complex
    eigenvector: Complex = field(repr=False)
    count: int
    state: Array = field(repr=False)
    tangent: Array = field(repr=False)
    flow: Flow = field(repr=False)

    @cached_property
    def lyapunov_coefficient(self) -> float:
        """The first Lyapunov coefficient of a Hopf point, in the flow's SI variables; nan for other bifurcations.

        It is nan, too, if several pairs cross together, if the flow has continuous symmetries at the point, if an
        equation is at a corner there, or if there is a further eigenvalue of zero. See `lyapunov.py` for the
        formula.
        """
        if self.kind != "hopf" or self.count != 2:
            return float("nan")
        if self.flow.symmetries(self.state).shape[1] or self.flow.kinks(self.state):
            return float("nan")
        return first_lyapunov_coefficient(self.flow, self.state, self.eigenvalue.imag)

    @property
    def criticality(self) -> str:
        """Which cycles are born at a Hopf point: `supercritical`, `subcritical`, or empty if it is not known.

        Cycles are stable in the plane of the oscillation if the point is supercritical, and unstable if it is
        subcritical.
        """
        found = self.lyapunov_coefficient
        if not np.isfinite(found) or found == 0.0:
            return ""
        return "supercritical" if found < 0.0 else "subcritical"


@dataclass(frozen=True, eq=False)
class Branch:
    """A curve of fixed points in the order in which it was followed.

    Attributes
    ----------
    parameter : str
        Name of the parameter.
    values : array, shape (m,)
        Value of the parameter at each point, in SI units; not monotonic if the branch has folds.
    states : array, shape (m, n)
        The fixed points, in SI units.
    labels, units : sequence of str, length n
        Label and SI unit of each state.
    stable : array of bool, shape (m,)
        Whether all eigenvalues have a negative real part; zero modes of symmetries do not count.
    unstable : array of int, shape (m,)
        Number of eigenvalues with a positive real part.
    eigenvalues : array of complex, shape (m, n)
        Eigenvalues in 1/s, by descending real part; zero modes of symmetries are exactly 0.
    bifurcations : tuple of Bifurcation
        Bifurcations in the order in which they were found.
    message : str
        The reason why the branch ends at its last point.
    switching : callable
        Returns the other branches through a branch point; used by `switch`.
    """

    parameter: str
    values: Array
    states: Array
    labels: Sequence[str]
    units: Sequence[str]
    stable: Booleans
    unstable: Integers
    eigenvalues: Complex
    bifurcations: tuple[Bifurcation, ...]
    message: str
    switching: Callable[[Bifurcation], "tuple[Branch, ...]"] = field(repr=False)

    def __repr__(self) -> str:
        return printable(f"<Branch: {_line(self)}>")

    def _repr_html_(self) -> str:
        return as_html("Branch", _line(self), _tables(self))

    def switch(self, bifurcation: Bifurcation) -> "tuple[Branch, ...]":
        """Follow the other branches through a branch point, in both directions.

        If one real eigenvalue crosses zero, there is one other branch, whose tangent solves the algebraic
        bifurcation equation (Keller 1977). If several eigenvalues cross together, branches are searched for along
        each direction of a basis of the null space, and more branches than those returned may exist.

        Parameters
        ----------
        bifurcation : Bifurcation
            One of `bifurcations`, of kind `branch point`.

        Returns
        -------
        tuple of Branch
            One branch for each direction in which another branch leaves the point.

        Raises
        ------
        UsageError
            If the bifurcation is not a branch point.
        """
        if bifurcation.kind != "branch point":
            raise UsageError(
                f"no branch to switch to at the {bifurcation.kind} at {bifurcation.parameter} = "
                f"{bifurcation.value:.9g}; only a branch point has other branches"
            )
        return self.switching(bifurcation)

    def to_xarray(self) -> "Dataset":
        """Return the branch as an `xarray.Dataset`, which can be written to NetCDF.

        Its dimensions are `point`, `state`, `mode` and `bifurcation`. Eigenvalues are split into `real` and
        `imag`, in 1/s. The coordinate `parameter` holds the values of the parameter along the branch.
        """
        import xarray as xr

        bifurcations = self.bifurcations
        bounds = np.array([b.interval for b in bifurcations], float).reshape(-1, 2)
        return xr.Dataset(
            {
                "states": (("point", "state"), self.states),
                "stable": ("point", self.stable),
                "unstable": ("point", self.unstable),
                "real": (("point", "mode"), self.eigenvalues.real, {"units": "1/s"}),
                "imag": (("point", "mode"), self.eigenvalues.imag, {"units": "1/s"}),
                "kind": (
                    "bifurcation",
                    np.array([b.kind for b in bifurcations], dtype=str),
                ),
                "value": (
                    "bifurcation",
                    np.array([b.value for b in bifurcations], float),
                ),
                "lower": ("bifurcation", bounds[:, 0]),
                "upper": ("bifurcation", bounds[:, 1]),
                "frequency": (
                    "bifurcation",
                    np.array([b.frequency for b in bifurcations], float),
                    {"units": "Hz"},
                ),
                "count": (
                    "bifurcation",
                    np.array([b.count for b in bifurcations], int),
                ),
                "lyapunov_coefficient": (
                    "bifurcation",
                    np.array([b.lyapunov_coefficient for b in bifurcations], float),
                ),
                "critical_state": (
                    ("bifurcation", "state"),
                    np.array([b.state for b in bifurcations], float).reshape(len(bifurcations), -1)
                    if bifurcations
                    else np.zeros((0, len(self.labels))),
                ),
            },
            coords={
                "parameter": ("point", self.values, {"name": self.parameter}),
                "state": list(self.labels),
                "unit": ("state", list(self.units)),
            },
            attrs={"parameter": self.parameter, "message": self.message},
        )


def bifurcation_rows(branch: Branch) -> list[tuple[str, ...]]:
    """Return kind, value, interval, frequency, number of crossing modes and criticality of each bifurcation."""
    return [
        (
            b.kind,
            f"{b.parameter} = {b.value:.9g}",
            f"{b.interval[0]:.9g} to {b.interval[1]:.9g}",
            f"{b.frequency:.6g} Hz" if b.frequency else "",
            str(b.count),
            b.criticality,
        )
        for b in branch.bifurcations
    ]


def _line(branch: Branch) -> str:
    """Return a branch in one line: the range of its parameter, its points, and where it ends."""
    low, high = float(branch.values.min()), float(branch.values.max())
    return (
        f"{branch.parameter} = {low:.6g} to {high:.6g}, {len(branch.values)} points ({int(branch.stable.sum())} "
        f"stable), {count(len(branch.bifurcations), 'bifurcation')}: {branch.message}"
    )


def _tables(branch: Branch) -> list[Table]:
    """Return the tables of a branch in a notebook: its bifurcations, and the states at both ends."""
    ends = [
        (label, f"{first:.6g}", f"{last:.6g}", "" if unit == "1" else unit)
        for label, unit, first, last in zip(
            branch.labels, branch.units, branch.states[0], branch.states[-1], strict=True
        )
    ]
    return [
        Table("bifurcations", BIFURCATIONS, bifurcation_rows(branch)),
        Table("states", ("state", "at the beginning", "at the end", "unit"), ends),
    ]
