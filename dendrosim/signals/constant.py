"""A value that does not change during a phase."""

from dataclasses import dataclass
from typing import Annotated, Any

from dendrosim.checks import as_values
from dendrosim.signals.base import Signal, check_drive
from dendrosim.units import Dimension


@dataclass(frozen=True, eq=False)
class Constant(Signal):
    """Hold a value during the phase. Where a signal is expected, a plain value means a `Constant`.

    Parameters
    ----------
    value : quantity, or array of shape (units,)
        One number for all units or one per unit, in the unit of the input.

    Raises
    ------
    UnitError
        If the value cannot be read as a quantity.
    ParameterError
        If a number is not finite.

    Examples
    --------
    >>> import dendrosim as ds
    >>> print(ds.Constant("300 pA").value)
    3e-10 A
    """

    value: Annotated[Any, as_values]

    def check(self, where: str, dimension: Dimension, size: int) -> None:
        check_drive(f"{where}: Constant", self.value, dimension, size)
