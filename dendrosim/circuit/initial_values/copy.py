"""The weights of another matrix."""

from dataclasses import dataclass

from dendrosim.arrays import Array
from dendrosim.circuit.initial_values.derived import Derived


@dataclass(frozen=True, eq=False)
class Copy(Derived):
    """What another matrix is at the beginning of the run."""

    def shape(self, of: tuple[int, int]) -> tuple[int, int]:
        return of

    def compute(self, weights: Array) -> Array:
        return weights
