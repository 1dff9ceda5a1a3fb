"""Delayed values of an array, for the run-time back ends."""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray


class DelayLine:
    """The values of an array in the last time steps.

    Parameters
    ----------
    steps : int
        Delay in time steps.
    before : array of shape (steps, ...)
        The values in the steps before the run, the oldest ones first; if it is empty, the array had its first
        values.
    """

    def __init__(self, steps: int, before: NDArray[Any]) -> None:
        self.steps = steps
        self.values = deque(before, maxlen=steps)

    def shift(self, values: NDArray[Any]) -> NDArray[Any]:
        """Keep the values of a time step, and return those of `steps` time steps before."""
        if not self.values:
            self.values.extend([values.copy()] * self.steps)
        before: NDArray[Any] = self.values.popleft()
        self.values.append(values.copy())
        return before

    def array(self) -> NDArray[Any]:
        """Return the values of the last steps, shape (steps, elements), the oldest ones first."""
        return np.array(self.values).reshape(self.steps, -1)
