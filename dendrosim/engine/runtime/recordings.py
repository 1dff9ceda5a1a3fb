"""What a run with a run-time back end has recorded so far: rows of variables, and spikes."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.engine.task import SpikeTrain
from dendrosim.protocol.schedule import Window


@dataclass
class Tape:
    """The recording of one variable: its steps, the source array and the rows so far.

    `pick` selects the recorded elements, and `next` is the index of the next row.
    """

    steps: NDArray[np.int64]
    source: NDArray[Any]
    pick: Any
    rows: NDArray[Any]
    next: int = 0


@dataclass
class Reel:
    """The recorded spikes of one population so far.

    Spikes are recorded in the steps of `windows`, for the elements where `pick` is true, or for all if it is None.
    """

    windows: list[Window]
    pick: NDArray[np.bool_] | None
    steps: list[int] = field(default_factory=list)
    elements: list[NDArray[np.int32]] = field(default_factory=list)

    def train(self) -> SpikeTrain:
        """Return step and element of every spike."""
        counts = [len(e) for e in self.elements]
        steps = np.repeat(np.array(self.steps, dtype=np.int64), counts)
        return steps, np.concatenate([np.zeros(0, np.int32), *self.elements])
