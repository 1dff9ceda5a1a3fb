"""A value that does not change during a phase."""

from dataclasses import dataclass
from typing import Any

from dendrosim.signals.base import Signal, check_drive
from dendrosim.units import Dimension, check_finite, quantity


@dataclass(frozen=True, eq=False)
class Constant(Signal):
    """One number for all units, or one per unit."""

    value: Any

    def __post_init__(self) -> None:
        self._set(value=quantity(self.value))
        check_finite("Constant.value", self.value)

    def check(self, where: str, dimension: Dimension, size: int) -> None:
        check_drive(f"{where}: Constant", self.value, dimension, size)
