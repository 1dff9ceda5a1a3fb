"""What a continuation found: a branch of equilibria as labelled arrays, and the bifurcations on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dendrosim.arrays import Array, Booleans, Complex, Integers
from dendrosim.errors import UsageError

if TYPE_CHECKING:
    from xarray import Dataset

BIFURCATION_KINDS = ("hopf", "fold", "branch point", "kink")
"""What can be found on a branch; see `Bifurcation`."""


@dataclass(frozen=True, eq=False)
class Bifurcation:
    """Where the number of eigenvalues with a positive real part changes along a branch.

    Attributes
    ----------
    kind : {"hopf", "fold", "branch point", "kink"}
        `hopf`: complex pairs cross the imaginary axis. `fold`: real eigenvalues cross zero and the parameter
        turns back. `branch point`: real eigenvalues cross or touch zero and another branch passes through.
        `kink`: eigenvalues jump across the axis where an equation has a corner.
    parameter : str
        Name of the parameter.
    value : float
        Its value in SI units, within `interval`.
    interval : (float, float)
        Lower and upper bound of `value`, from bisection.
    frequency : float
        |Im| / 2π of the critical pair, in Hz; 0 for a real eigenvalue.
    eigenvalue : complex
        The critical eigenvalue at `value`, in 1/s; of a pair the one with a positive imaginary part.
    eigenvector : ndarray of complex, shape (n,)
        Of `eigenvalue`, by states in SI units, of length 1; without movement along symmetries where real.
    count : int
        Complex that cross together, each of a pair counted.
    state : ndarray, shape (n,)
        The equilibrium, in SI units.
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
    """Along which the branch passes, shape (n + 1,), in scaled units."""


@dataclass(frozen=True, eq=False)
class Branch:
    """A curve of equilibria, one point after another as it was followed.

    Attributes
    ----------
    parameter : str
        Name of the parameter.
    values : ndarray, shape (m,)
        Its value at each point, in SI units; not monotonic where the branch has folds.
    states : ndarray, shape (m, n)
        The equilibria, in SI units.
    labels, units : sequence of str
        Of the n states.
    stable : ndarray of bool, shape (m,)
        Whether every eigenvalue but the zero modes of symmetries has a negative real part.
    unstable : ndarray of int, shape (m,)
        Number of eigenvalues with a positive real part.
    eigenvalues : ndarray of complex, shape (m, n)
        In 1/s, by descending real part; zero modes of symmetries are exactly 0.
    bifurcations : tuple of Bifurcation
        In the order in which they were met.
    message : str
        Why the branch ends where it does.
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

    def switch(self, bifurcation: Bifurcation) -> "tuple[Branch, ...]":
        """Follow the other branches through a branch point, each both ways.

        Where one real eigenvalue crosses there is one other branch, whose tangent solves the quadratic
        bifurcation equation. Where several cross together, branches are looked for along each direction of
        the null space and those that are found are returned once; more may exist.

        Raises
        ------
        UsageError
            At a bifurcation that is not a branch point.
        """
        if bifurcation.kind != "branch point":
            raise UsageError(
                f"no branch to switch to at the {bifurcation.kind} at {bifurcation.parameter} = "
                f"{bifurcation.value:.9g}; only branches through a branch point can be switched"
            )
        return self.switching(bifurcation)

    def to_xarray(self) -> "Dataset":
        """Return everything as an `xarray.Dataset`.

        Dimensions `point`, `state`, `mode` and `bifurcation`. Complex are split into `real` and `imag`,
        in 1/s, so that they can be written to NetCDF; coordinate `parameter` holds the values along the branch.
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
