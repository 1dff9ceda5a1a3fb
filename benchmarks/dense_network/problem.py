"""The network: layers 0 .. L with N units each; each sample of the batch has its own input and target.

    basal = W h below,   f = tanh(basal),   g = Q h above (at the top: the target)
    h  += dt/tau (-h + (1 - mu) f + mu g)
    dW += dt eta/B sum over the batch ((h - f)(1 - f^2)) h_below^T

All right-hand sides use the state at the start of the step. Activities have the shape (units, samples).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LAYERS, DT, TAU, MU, ETA = 3, 1e-4, 10e-3, 0.1, 0.1


@dataclass(frozen=True)
class Problem:
    """A size of the network, with its initial values in the precision of the run."""

    units: int
    batch: int
    precision: str

    @property
    def dtype(self) -> type:
        return np.float32 if self.precision == "single" else np.float64

    @property
    def flops(self) -> float:
        """Number of additions and multiplications in the products of a step."""
        return 2.0 * self.units**2 * self.batch * (3 * LAYERS - 1)

    @property
    def bytes(self) -> float:
        """Number of bytes that a step reads and writes if it accesses each weight once."""
        return np.dtype(self.dtype).itemsize * self.units**2 * (3 * LAYERS - 1)

    @property
    def steps_to_compare(self) -> int:
        """Number of steps after which the contestants must agree."""
        return max(8, 2_000_000 // self.units**2)

    def weights(self) -> tuple[list[NDArray], list[NDArray]]:
        """Return W_1 .. W_L and Q_1 .. Q_(L-1)."""
        rng = np.random.default_rng(1)
        drawn = [
            rng.normal(0, self.units**-0.5, (self.units, self.units)).astype(self.dtype)
            for _ in range(2 * LAYERS - 1)
        ]
        return drawn[:LAYERS], drawn[LAYERS:]

    def samples(self) -> tuple[NDArray, NDArray]:
        """Return inputs and targets, shape (units, samples) each."""
        rng = np.random.default_rng(2)
        drawn = rng.normal(size=(2, self.units, self.batch)).astype(self.dtype)
        return drawn[0], drawn[1]
