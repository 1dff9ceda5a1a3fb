"""Named values; a circuit takes, as its parameters, the values of those symbols that its equations use."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from typing import Any


class SymbolValues(ABC):
    """Base class of named values; a circuit takes the values whose names its equations use.

    If a mapping is given as `Circuit(parameters=...)`, the equations must use all its names. From an object of
    this class, the circuit takes only the values that it needs. The declared parameters of a model file are such
    an object.
    """

    @abstractmethod
    def values_of(self, symbols: Set[str]) -> Mapping[str, Any]:
        """Return the parameters of a circuit whose equations use these symbols."""

    def with_values(self, **values: Any) -> "SymbolValues":
        """Return a copy with further values; a new value replaces an old value of the same name.

        Parameters
        ----------
        **values
            Quantities by symbol, such as `v_threshold="-50 mV"`. The equations must use all these symbols.
        """
        return _WithValues(self, values)


class _WithValues(SymbolValues):
    def __init__(self, base: SymbolValues, values: Mapping[str, Any]) -> None:
        self._base, self._values = base, values

    def values_of(self, symbols: Set[str]) -> Mapping[str, Any]:
        return {**self._base.values_of(symbols), **self._values}
