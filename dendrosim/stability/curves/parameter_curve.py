"""The result of following a fold or Hopf point in two parameters, as labelled arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dendrosim.arrays import Array
from dendrosim.display.short import ShortRepr, count
from dendrosim.errors import printable

if TYPE_CHECKING:
    from xarray import Dataset


@dataclass(frozen=True, eq=False)
class SpecialPoint(ShortRepr):
    """A point of a curve at which a second condition holds.

    Attributes
    ----------
    kind : {"cusp", "bogdanov-takens", "bautin", "zero-hopf", "double-hopf"}
        `cusp`: two folds meet. `bogdanov-takens`: zero is a double eigenvalue; a Hopf curve ends at a fold curve.
        `bautin`: the first Lyapunov coefficient changes its sign. `zero-hopf`: an eigenvalue of zero and a pair
        on the imaginary axis. `double-hopf`: two such pairs.
    values : (float, float)
        Both parameters, in SI units.
    state : array, shape (n,)
        The fixed point, in SI units.
    """

    kind: str
    values: tuple[float, float]
    state: Array = field(repr=False)


@dataclass(frozen=True, eq=False)
class ParameterCurve:
    """A curve of folds or Hopf points in two parameters.

    Attributes
    ----------
    kind : {"fold", "hopf"}
        What is followed.
    parameters, parameter_units : (str, str)
        Names and SI units of both parameters; the first is that of the branch.
    values : array, shape (m, 2)
        Both parameters at each point, in SI units.
    states : array, shape (m, n)
        The fixed points, in SI units.
    labels, units : sequence of str, length n
        Label and SI unit of each state.
    frequency : array, shape (m,)
        |Im|/2π of the critical pair, in Hz; 0 for folds.
    lyapunov_coefficient : array, shape (m,)
        First Lyapunov coefficient of each Hopf point, in the flow's SI variables; nan for folds.
    special : tuple of SpecialPoint
        In the order of the curve.
    message : str
        Why the curve ends at its first and at its last point.
    """

    kind: str
    parameters: tuple[str, str]
    parameter_units: tuple[str, str]
    values: Array
    states: Array
    labels: Sequence[str]
    units: Sequence[str]
    frequency: Array
    lyapunov_coefficient: Array
    special: tuple[SpecialPoint, ...]
    message: str

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        kinds = ", ".join(s.kind for s in self.special) or "no special points"
        names = " and ".join(self.parameters)
        return printable(
            f"<ParameterCurve: {self.kind} in {names}, {count(len(self), 'point')}, {kinds}: {self.message}>"
        )

    def to_xarray(self) -> "Dataset":
        """Return the curve as an `xarray.Dataset`, which can be written to NetCDF.

        Its dimensions are `point`, `state`, `parameter` and `special`.
        """
        import xarray as xr

        special = np.array([s.values for s in self.special], float).reshape(-1, 2)
        states = np.array([s.state for s in self.special], float).reshape(-1, len(self.labels))
        return xr.Dataset(
            {
                "value": (("point", "parameter"), self.values),
                "states": (("point", "state"), self.states),
                "frequency": ("point", self.frequency, {"units": "Hz"}),
                "lyapunov_coefficient": ("point", self.lyapunov_coefficient),
                "kind": ("special", np.array([s.kind for s in self.special], dtype=str)),
                "special_value": (("special", "parameter"), special),
                "special_state": (("special", "state"), states),
            },
            coords={
                "parameter": list(self.parameters),
                "parameter_unit": ("parameter", list(self.parameter_units)),
                "state": list(self.labels),
                "unit": ("state", list(self.units)),
            },
            attrs={"curve": self.kind, "message": self.message},
        )
