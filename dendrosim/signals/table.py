"""A time course given by numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dendrosim.errors import ParameterError, ShapeError
from dendrosim.signals.base import Signal
from dendrosim.spec import freeze_array
from dendrosim.units import Dimension, as_time, check_unit, unit


@dataclass(frozen=True, eq=False)
class Table(Signal):
    """Values every `interval` from the start of the phase; the last is held.

    `values` is of shape (times,) or (times, units), in `unit`; between two times it is held, or
    interpolated if `linear`.
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
    def si_values(self) -> np.ndarray:
        """The values in SI units, times x units (or times x 1)."""
        return np.reshape(self.values, (self.values.shape[0], -1)) * unit(self.unit)[1]

    def check(self, where: str, dimension: Dimension, size: int) -> None:
        check_unit(f"{where}: Table", unit(self.unit)[0], dimension)
        if self.values.ndim == 2 and self.values.shape[1] not in (1, size):
            raise ShapeError(
                f"{where}: Table has {self.values.shape[1]} columns; it must have 1 or {size}"
            )
