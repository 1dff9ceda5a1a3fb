"""Base class of signals, and how to add a signal.

A signal is a time course that a protocol feeds into an input of a population, or into a gate. There are three
forms:

- A `Course` is a formula in the time since its phase began. It is compiled with the circuit and evaluated in every
  time step for every unit, so that each unit may have its own parameters.
- A `Process` is a course with random numbers; `process.py` says how to add one.
- `Constant`, `Table` and `Samples` are data, not formulas; the run loop copies them into the circuit.

To add a course, write a file in this folder with a frozen dataclass that derives from `Course`:

- Its fields are quantities: one number each, or one number per unit.
- `text` is the formula, a Brian2 expression. It may use the fields by name, the time `t` since the phase began,
  and the time `t_block` since the block began.
- `units` gives the unit of each field; `"x"` means the unit of the input that the signal drives.
- A `__post_init__`, if one is needed, raises ParameterError for values that are not allowed. All fields are
  quantities of finite numbers when it is called.

The signal is then available as `dendrosim.Name`, in specifications read from JSON, and on every back end.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from dendrosim.checks import Check, as_values, check_per_unit, check_unit
from dendrosim.spec import Spec
from dendrosim.units import Dimension, Quantity, unit


@dataclass(frozen=True, eq=False)
class Signal(Spec, ABC):
    """Base class of all signals; the docstring of this module says how to add a signal."""

    folder: ClassVar[str | None] = __package__

    @abstractmethod
    def check(self, where: str, dimension: Dimension, size: int) -> None:
        """Check that the signal can drive an input.

        Parameters
        ----------
        where : str
            The phase and the input, for the message.
        dimension : tuple of 7 float
            Physical dimension of the input.
        size : int
            Number of units of the input's population; 1 for a gate.

        Raises
        ------
        UnitError
            If the signal has another dimension.
        ShapeError
            If the signal has values for another number of units.
        """


@dataclass(frozen=True, eq=False)
class Course(Signal):
    """Base class of signals given by a formula in time; the docstring of this module says how to add one.

    Raises
    ------
    UnitError
        If a field cannot be read as a quantity.
    ParameterError
        If a number is not finite.
    """

    text: ClassVar[str] = ""
    units: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def check_of(cls, name: str, annotation: Any) -> Check:
        return as_values

    def check(self, where: str, dimension: Dimension, size: int) -> None:
        for name, value in self.values().items():
            expected = dimension if self.units[name] == "x" else unit(self.units[name])[0]
            check_drive(f"{where}: {type(self).__name__}.{name}", value, expected, size)

    def values(self) -> dict[str, Quantity]:
        """Return the fields by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def numbers(self, dt: float) -> Mapping[str, Any]:
        """Return the numbers that `text` uses, in SI units.

        Parameters
        ----------
        dt : float
            The time step in seconds.

        Returns
        -------
        mapping of str to float or array (units,)
            Numbers by the names of the symbols in `text`.
        """
        return {name: value.value for name, value in self.values().items()}


def check_drive(where: str, value: Quantity, dimension: Dimension, size: int) -> None:
    """Raise UnitError or ShapeError unless a value is one number, or one number per unit, in the right unit."""
    check_unit(where, value.dimension, dimension, zero=not np.any(value.value))
    check_per_unit(where, value, size)
