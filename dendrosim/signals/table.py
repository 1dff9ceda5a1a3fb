"""A time course given by numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks import as_time, check_unit
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.signals.base import Signal
from dendrosim.spec import freeze_array
from dendrosim.units import Dimension, unit


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

    values: Any
    interval: Any
    unit: str = "1"
    linear: bool = False

    def __post_init__(self) -> None:
        interval = as_time("Table.interval", self.interval, "1 ms")
        values = freeze_array(self.values)
        if values.ndim not in (1, 2) or values.shape[0] == 0:
            raise ShapeError(
                f"Table.values has shape {values.shape}; it must be times or times x units"
            )
        if not np.all(np.isfinite(values)):
            raise ParameterError("Table.values must be finite")
        unit(self.unit)
        self._set(interval=interval, values=values)

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
