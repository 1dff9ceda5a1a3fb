"""What a signal is, and how to add one.

There are three ways for a value to reach an input:

- A `Course` is text in the time since its phase began, `t` (since its block began: `t_block`), and in its
  own fields: it is compiled with the
  circuit and evaluated in every step, for every unit with that unit's own field values. To add one,
  write a file here with a frozen dataclass deriving from `Course`: fields are quantities (numbers, or
  one per unit), `text` is the expression, `units` gives the unit of each field (`"x"` stands for the
  unit of the input). Nothing else needs to change, on any back end.
- A `Process` is a course with random numbers; see `process.py`.
- The three kinds that the run loop copies itself, because they are data and not a formula: `Constant`,
  `Table` and `Samples`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from dendrosim.spec import Spec
from dendrosim.units import (
    Dimension,
    Quantity,
    check_finite,
    check_per_unit,
    check_unit,
    quantity,
    unit,
)


@dataclass(frozen=True, eq=False)
class Signal(Spec, ABC):
    """Base of every signal."""

    folder: ClassVar[str | None] = __package__

    @abstractmethod
    def check(self, where: str, dimension: Dimension, size: int) -> None:
        """Raise UnitError or ShapeError if the signal does not fit an input of `size` units."""


@dataclass(frozen=True, eq=False)
class Course(Signal):
    """A formula in the time `t` since the phase began; see the module for how to add one."""

    text: ClassVar[str] = ""
    units: ClassVar[Mapping[str, str]] = {}

    def __post_init__(self) -> None:
        for f in fields(self):
            value = quantity(getattr(self, f.name))
            check_finite(f"{type(self).__name__}.{f.name}", value)
            self._set(**{f.name: value})

    def check(self, where: str, dimension: Dimension, size: int) -> None:
        for name, value in self.values().items():
            expected = dimension if self.units[name] == "x" else unit(self.units[name])[0]
            check_drive(f"{where}: {type(self).__name__}.{name}", value, expected, size)

    def values(self) -> dict[str, Quantity]:
        """Return the fields by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def numbers(self, dt: float) -> Mapping[str, Any]:
        """Return the SI value of what `text` uses, one number or one per unit; `dt` in seconds."""
        return {name: value.value for name, value in self.values().items()}


def check_drive(where: str, value: Quantity, dimension: Dimension, size: int) -> None:
    """Raise UnitError or ShapeError unless a value is one number, or one per unit, in the right unit."""
    check_unit(where, value.dimension, dimension, zero=not np.any(value.value))
    check_per_unit(where, value, size)
