"""At which steps a recording keeps the state, when it keeps spikes, and which samples a block shows."""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dendrosim.initial import stream

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
            multiples = multiples[(multiples - start) // cycle % recording.thin == 0]
            phase = np.searchsorted(ends, (multiples - start) % cycle, side="right")
        wanted = [i for i, p in enumerate(block.phases) if _wanted(recording, block, p)]
        for index in wanted:
            if not isinstance(recording.every, str):
                kept.append(multiples[phase == index])
            elif recording.every == "phase" or index == wanted[-1]:
                kept.append(trials[:: recording.thin] + ends[index] - 1)
        start += cycle * number
    return np.unique(np.concatenate(kept)) if kept else np.zeros(0, dtype=np.int64)


def spike_windows(protocol: "Protocol", recording: "Recording") -> NDArray[np.int64]:
    """Return the stretches in which a recording keeps spikes: first step and step after the last, (n, 2)."""
    kept, start = [np.zeros((0, 2), dtype=np.int64)], 0
    for block in protocol.blocks:
        ends = np.cumsum([protocol.steps(p.duration) for p in block.phases])
        number = protocol.trials(block)
        trials = start + np.arange(0, number, recording.thin, dtype=np.int64) * int(ends[-1])
        for index, phase in enumerate(block.phases):
            if _wanted(recording, block, phase):
                begin = trials + (ends[index - 1] if index else 0)
                kept.append(np.stack([begin, trials + ends[index]], axis=1))
        start += int(ends[-1]) * number
    windows = np.concatenate(kept)
    windows = windows[np.argsort(windows[:, 0], kind="stable")]
    apart = np.ones(len(windows), dtype=bool)
    apart[1:] = windows[1:, 0] != windows[:-1, 1]
    first = np.flatnonzero(apart)
    last = np.append(first[1:], len(windows))[: len(first)] - 1
    return np.stack([windows[first, 0], windows[last, 1]], axis=1)


def _wanted(recording: "Recording", block: "Block", phase: "Phase") -> bool:
    names = (phase.name, f"{block.name}/{phase.name}")
    return any(fnmatchcase(n, pattern) for pattern in recording.phases for n in names)


def shown_rows(protocol: "Protocol", block: "Block", seed: int) -> NDArray[np.int64]:
    """Return the rows of the data sets that a block shows, `batch` per trial; none if it shows no data set.

    The order of shuffled blocks comes from the stream `order.<block>`.
    """
    available = protocol.rows(block)
    if not available:
        return np.zeros(0, dtype=np.int64)
    needed = protocol.trials(block) * protocol.batch
    if block.order == "sequential":
        return np.arange(needed, dtype=np.int64) % available
    rng = stream(seed, f"order.{block.name}")
    passes = -(-needed // available)
    return np.concatenate([rng.permutation(available) for _ in range(passes)])[:needed].astype(
        np.int64
    )
