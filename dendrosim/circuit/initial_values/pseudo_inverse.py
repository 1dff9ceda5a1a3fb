"""The pseudo-inverse of another matrix."""

from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import Array
from dendrosim.circuit.initial_values.derived import Derived


@dataclass(frozen=True, eq=False)
class PseudoInverse(Derived):
    """`scale` times the pseudo-inverse of another matrix as it is at the beginning of the run."""

    scale: float = 1.0

    def shape(self, of: tuple[int, int]) -> tuple[int, int]:
        return of[::-1]

    def compute(self, weights: Array) -> Array:
        return np.asarray(self.scale * np.linalg.pinv(weights), dtype=np.float64)
