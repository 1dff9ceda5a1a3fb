"""A value that does not change during a phase."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dendrosim.errors import ParameterError
from dendrosim.signals.base import Signal, fits
from dendrosim.units import Dimension, quantity


@dataclass(frozen=True, eq=False)
class Constant(Signal):
    """One number for all units, or one per unit."""

    value: Any

    def __post_init__(self) -> None:
        self._set(value=quantity(self.value))
        if not np.all(np.isfinite(self.value.value)):
            raise ParameterError(f"Constant.value must be finite, not {self.value.value}")

    def check(self, where: str, dimension: Dimension, size: int) -> None:
        fits(f"{where}: Constant", self.value, dimension, size)
