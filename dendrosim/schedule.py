"""At which steps a recording keeps the state."""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dendrosim.protocol import Block, Phase, Protocol, Recording


def record_steps(protocol: "Protocol", recording: "Recording") -> NDArray[np.int64]:
    """Return the steps at whose start a recording keeps the state."""
    kept, start = [], 0
    for block in protocol.blocks:
        ends = np.cumsum([protocol.steps(p.duration) for p in block.phases])
        cycle = int(ends[-1])
        number = protocol.trials(block)
        trials = start + np.arange(number, dtype=np.int64) * cycle
        if not isinstance(recording.every, str):
            every = protocol.steps(recording.every)
            stop = start + cycle * number
            multiples = np.arange(-(-start // every) * every, stop, every, dtype=np.int64)
            phase = np.searchsorted(ends, (multiples - start) % cycle, side="right")
        wanted = [i for i, p in enumerate(block.phases) if _wanted(recording, block, p)]
        for index in wanted:
            if not isinstance(recording.every, str):
                kept.append(multiples[phase == index])
            elif recording.every == "phase" or index == wanted[-1]:
                kept.append(trials + ends[index] - 1)
        start += cycle * number
    return np.unique(np.concatenate(kept)) if kept else np.zeros(0, dtype=np.int64)


def _wanted(recording: "Recording", block: "Block", phase: "Phase") -> bool:
    names = (phase.name, f"{block.name}/{phase.name}")
    return any(fnmatchcase(n, pattern) for pattern in recording.phases for n in names)
