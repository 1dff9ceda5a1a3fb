"""Values that a circuit takes as its parameters by the symbols which its equations use."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from typing import Any


class SymbolValues(ABC):
    """Named values, of which a circuit takes those whose names its equations use.

    A mapping given as `Circuit(parameters=...)` must fit the equations exactly; of an object of this class the
    circuit takes what it needs. The declared parameters of a model file are the example.
    """

    @abstractmethod
    def values_of(self, symbols: Set[str]) -> Mapping[str, Any]:
        """Return the parameters of a circuit whose equations use these symbols."""

    def with_values(self, **values: Any) -> "SymbolValues":
        """Return a copy with further, computed values; a value replaces one of the same name.

        Parameters
        ----------
        **values
            Quantities by symbol, such as `v_threshold="-50 mV"`. The equations must use each of them.
        """
        return _WithValues(self, values)


class _WithValues(SymbolValues):
    def __init__(self, base: SymbolValues, values: Mapping[str, Any]) -> None:
        self._base, self._values = base, values

    def values_of(self, symbols: Set[str]) -> Mapping[str, Any]:
        return {**self._base.values_of(symbols), **self._values}
