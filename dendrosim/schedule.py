"""At which steps a recording keeps the state, when it keeps spikes, and which samples a block shows."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dendrosim.initial import stream

if TYPE_CHECKING:
    from dendrosim.protocol import Block, Phase, Protocol, Recording


_AT_ONCE = 2**16


def record_steps(protocol: "Protocol", recording: "Recording") -> NDArray[np.int64]:
    """Return the steps at whose start a recording keeps the state."""
    return np.concatenate([np.zeros(0, dtype=np.int64), *record_pieces(protocol, recording)])


def record_pieces(protocol: "Protocol", recording: "Recording") -> Iterator[NDArray[np.int64]]:
    """Yield the steps of `record_steps`, some at a time."""
    start = 0
    for block in protocol.blocks:
        ends = np.cumsum([protocol.steps(p.duration) for p in block.phases])
        cycle, number, thin = int(ends[-1]), protocol.trials(block), recording.thin
        stop = start + cycle * number
        wanted = [i for i, p in enumerate(block.phases) if _wanted(recording, block, p)]
        if not isinstance(recording.every, str):
            every = protocol.steps(recording.every)
            for first in range(-(-start // every) * every, stop, every * _AT_ONCE):
                last = min(stop, first + every * _AT_ONCE)
                multiples = np.arange(first, last, every, dtype=np.int64)
                multiples = multiples[(multiples - start) // cycle % thin == 0]
                phase = np.searchsorted(ends, (multiples - start) % cycle, side="right")
                yield multiples[np.isin(phase, wanted)]
        elif wanted:
            last_steps = ends[wanted if recording.every == "phase" else wanted[-1:]] - 1
            for trial in range(0, number, thin * _AT_ONCE):
                trials = np.arange(
                    trial, min(number, trial + thin * _AT_ONCE), thin, dtype=np.int64
                )
                yield (start + trials[:, None] * cycle + last_steps).ravel()
        start = stop


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


def shown_pieces(protocol: "Protocol", block: "Block", seed: int) -> Iterator[NDArray[np.int32]]:
    """Yield the rows of the data sets that a block shows, `batch` per trial, some at a time.

    The order of shuffled blocks comes from the stream `order.<block>`.
    """
    available = protocol.rows(block)
    needed = protocol.trials(block) * protocol.batch if available else 0
    if block.order == "sequential":
        for first in range(0, needed, _AT_ONCE):
            yield (np.arange(first, min(needed, first + _AT_ONCE)) % available).astype(np.int32)
        return
    rng = stream(seed, f"order.{block.name}")
    for first in range(0, needed, available or 1):
        yield rng.permutation(available)[: needed - first].astype(np.int32)


def shown_rows(protocol: "Protocol", block: "Block", seed: int) -> NDArray[np.int32]:
    """Return all rows of `shown_pieces`."""
    return np.concatenate([np.zeros(0, dtype=np.int32), *shown_pieces(protocol, block, seed)])
