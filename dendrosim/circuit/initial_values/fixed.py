"""Initial values given as numbers."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks import as_values
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.errors import ShapeError
from dendrosim.units import Dimension


@dataclass(frozen=True, eq=False)
class Fixed(Initial):
    """Start from given numbers. Where an initial value is expected, a plain value means `Fixed`.

    Parameters
    ----------
    value : quantity or array
        One number for all; or an array of shape (units,) for a state, (post, pre) for a matrix, or (synapses,) for
        a pathway with `Pairings`. A value of 0 needs no unit.

    Raises
    ------
    UnitError
        If the value cannot be read as a quantity. The object that uses the value also raises this error if the
        unit does not fit the variable.
    ShapeError
        If the shape does not fit; the object that uses the value raises this error.

    Examples
    --------
    >>> import dendrosim as ds
    >>> cell = ds.Population("cell", 3, "dv/dt = -v/(20*ms) : volt", initial={"v": "-70 mV"})
    >>> print(cell.initial["v"].value)
    -0.07 V
    """

    value: Annotated[Any, as_values]

    @property
    def dimension(self) -> Dimension:
        return self.value.dimension

    @property
    def least(self) -> float:
        return float(np.min(self.value.value, initial=np.inf))

    @property
    def zero(self) -> bool:
        return not np.any(self.value.value)

    def check(self, where: str, shape: tuple[int, ...]) -> None:
        given = np.shape(self.value.value)
        if given not in ((), shape):
            raise ShapeError(
                f"{where} has shape {given}; it must be one number or of shape {shape}"
            )

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return np.broadcast_to(np.asarray(self.value.value, dtype=float), shape).copy()
