"""A time course given by numbers."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks import as_array, as_time, as_unit, check_unit
from dendrosim.errors import ShapeError
from dendrosim.signals.base import Signal
from dendrosim.units import Dimension, unit


def _as_table(where: str, value: Any) -> Array:
    array = as_array(where, value)
    if array.ndim not in (1, 2):
        raise ShapeError(f"{where} has shape {array.shape}; it must be times or times x units")
    return array


@dataclass(frozen=True, eq=False)
class Table(Signal):
    """Play back numbers at regular intervals from the beginning of the phase, and then hold the last number.

    Parameters
    ----------
    values : array of shape (times,), (times, 1) or (times, units)
        Values at 0, interval, 2 interval, ..., the same for all units or one column per unit.
    interval : time
        Time from one value to the next, above 0.
    unit : str, optional
        Unit of the values, which must fit the input (default no unit).
    linear : bool, optional
        Whether to interpolate linearly between two values; the default is to hold each value until the next.

    Raises
    ------
    ShapeError
        If the values have another shape, or if there are no values.
    ParameterError
        If a number is not finite, or `interval` is not positive.
    UnitError
        If `interval` is not a time, or `unit` is not a unit.

    Examples
    --------
    >>> import dendrosim as ds
    >>> drive = ds.Table([0, 100, 250, 100, 0], interval="10 ms", unit="pA", linear=True)
    """

    values: Annotated[Any, _as_table]
    interval: Annotated[Any, as_time]
    unit: Annotated[str, as_unit] = "1"
    linear: bool = False

    @property
    def si_values(self) -> Array:
        """The values in SI units, of shape (times, units) or (times, 1)."""
        return np.reshape(self.values, (self.values.shape[0], -1)) * unit(self.unit)[1]

    def check(self, where: str, dimension: Dimension, size: int) -> None:
        check_unit(f"{where}: Table", unit(self.unit)[0], dimension)
        if self.values.ndim == 2 and self.values.shape[1] not in (1, size):
            raise ShapeError(
                f"{where}: Table has {self.values.shape[1]} columns; it must have 1 or {size}"
            )
