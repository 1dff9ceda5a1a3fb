"""The plan of a protocol: the time steps in which recordings keep values, and the rows that trials show."""

import math
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dendrosim.arrays import Integers
from dendrosim.protocol.beginning import AT_ZERO, Beginning
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol_data import ProtocolData
from dendrosim.streams import stream

# Largest number of steps or trials in one array, so that a plan of many trials does not fill the memory.
_AT_ONCE = 2**16
_SEARCHED = 2**24
"""The search for the first step of a recording ends after this many multiples of its interval."""


def record_steps(
    protocol: ProtocolData, recording: Recording, begin: Beginning = AT_ZERO
) -> Integers:
    """Return the steps at whose beginning a recording keeps the state, in ascending order."""
    return np.concatenate([np.zeros(0, dtype=np.int64), *record_pieces(protocol, recording, begin)])


def records_anything(protocol: ProtocolData, recording: Recording) -> bool:
    """Return whether a recording keeps the state at least once.

    The pattern of steps repeats itself within a block, so only its first period is searched. Of a very long
    period, only the beginning is searched, because a protocol can have any number of trials.
    """
    return any(steps.size for steps in record_pieces(protocol, recording, one_period=True))


def record_pieces(
    protocol: ProtocolData,
    recording: Recording,
    begin: Beginning = AT_ZERO,
    *,
    one_period: bool = False,
) -> Iterator[Integers]:
    """Yield the steps that `record_steps` returns, in arrays of limited size.

    With `one_period`, these are only the steps of each block before their pattern repeats itself.
    """
    start = begin.step
    for block in protocol.blocks:
        ends = np.cumsum([protocol.steps(p.duration) for p in block.phases])
        cycle, number, thin = int(ends[-1]), protocol.trials(block), recording.thin
        stop, before = start + cycle * number, begin.trials_before(block)
        wanted = [i for i, p in enumerate(block.phases) if _wanted(recording, block, p)]
        if not isinstance(recording.every, str):
            every = protocol.steps(recording.every)
            end = stop
            if one_period:
                period = min(math.lcm(every, cycle * thin), every * _SEARCHED)
                end = min(stop, start + every + period)
            for first in range(-(-start // every) * every, end, every * _AT_ONCE):
                last = min(end, first + every * _AT_ONCE)
                multiples = np.arange(first, last, every, dtype=np.int64)
                multiples = multiples[(before + (multiples - start) // cycle) % thin == 0]
                phase = np.searchsorted(ends, (multiples - start) % cycle, side="right")
                yield multiples[np.isin(phase, wanted)]
        elif wanted:
            last_steps = ends[wanted if recording.every == "phase" else wanted[-1:]] - 1
            for trial in range(-before % thin, number, thin * _AT_ONCE):
                trials = np.arange(
                    trial, min(number, trial + thin * _AT_ONCE), thin, dtype=np.int64
                )
                yield (start + trials[:, None] * cycle + last_steps).ravel()
        start = stop


def count_records(protocol: ProtocolData, recording: Recording) -> float:
    """Return about how many steps `record_steps` has; with `every` as a time, one more or less for each phase."""
    total = 0.0
    for block in protocol.blocks:
        wanted = [p for p in block.phases if _wanted(recording, block, p)]
        trials = -(-protocol.trials(block) // recording.thin)
        if isinstance(recording.every, str):
            total += trials * (len(wanted) if recording.every == "phase" else bool(wanted))
        else:
            steps = sum(protocol.steps(p.duration) for p in wanted)
            total += trials * steps / protocol.steps(recording.every)
    return total


class Window(NamedTuple):
    """Steps in which spikes are kept: `times` windows of `length` steps; window k begins at `first + k*every`."""

    first: int
    length: int
    every: int
    times: int

    def has(self, step: int) -> bool:
        """Return whether spikes of a step are kept."""
        turn, place = divmod(step - self.first, self.every)
        return 0 <= turn < self.times and place < self.length


def spike_windows(
    protocol: ProtocolData, recording: Recording, begin: Beginning = AT_ZERO
) -> list[Window]:
    """Return the windows in which a recording keeps spikes; each `Window` covers all trials of a block."""
    windows, start = [], begin.step
    for block in protocol.blocks:
        durations = [protocol.steps(p.duration) for p in block.phases]
        skipped = (
            -begin.trials_before(block) % recording.thin
        )  # trials before the first recorded one
        cycle, trials = sum(durations), max(0, protocol.trials(block) - skipped)
        place = start + skipped * cycle
        wanted = [_wanted(recording, block, p) for p in block.phases]
        for keeps, together in groupby(
            zip(wanted, durations, strict=True), key=lambda pair: pair[0]
        ):
            length = sum(duration for _, duration in together)
            if keeps and trials:
                every, times = cycle * recording.thin, -(-trials // recording.thin)
                windows.append(Window(place, length, every, times))
            place += length
        start += protocol.block_steps(block)
    return windows


def _wanted(recording: Recording, block: Block, phase: Phase) -> bool:
    """Return whether a recording keeps values in a phase."""
    names = (phase.name, f"{block.name}/{phase.name}")
    return any(fnmatchcase(n, pattern) for pattern in recording.phases for n in names)


def shown_pieces(
    protocol: ProtocolData, block: Block, seed: int, begin: Beginning = AT_ZERO
) -> Iterator[NDArray[np.int32]]:
    """Yield the numbers of the rows that a block shows, `batch` rows per trial, in arrays of limited size.

    The order in a shuffled block is drawn from the random stream `order.<block>`. Rows that trials of the block
    have shown before the run are left out.
    """
    available = protocol.rows(block)
    if not available:
        return
    done = begin.trials_before(block) * protocol.batch
    needed = done + protocol.trials(block) * protocol.batch
    if block.order == "sequential":
        for first in range(done, needed, _AT_ONCE):
            yield (np.arange(first, min(needed, first + _AT_ONCE)) % available).astype(np.int32)
        return
    rng = stream(seed, f"order.{block.name}")
    for first in range(0, needed, available):
        order = rng.permutation(available)[: needed - first]
        if first + available > done:
            yield order[max(0, done - first) :].astype(np.int32)


def shown_rows(
    protocol: ProtocolData, block: Block, seed: int, begin: Beginning = AT_ZERO
) -> NDArray[np.int32]:
    """Return the numbers of all rows that `shown_pieces` yields, trial after trial."""
    pieces = shown_pieces(protocol, block, seed, begin)
    return np.concatenate([np.zeros(0, dtype=np.int32), *pieces])
