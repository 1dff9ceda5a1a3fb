"""Delayed values of an array, for the run-time back ends."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class DelayLine:
    """The values of an array in the last time steps; before the run, the array had its first values.

    Parameters
    ----------
    steps : int
        Delay in time steps.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.ring = np.zeros(0)

    def shift(self, step: int, values: NDArray[Any]) -> NDArray[Any]:
        """Keep the values of a time step, and return those of `steps` time steps before."""
        if step == 0:
            self.ring = np.repeat(values[None], self.steps, axis=0)
        slot = self.ring[step % self.steps]
        before = slot.copy()
        slot[...] = values
        return before
