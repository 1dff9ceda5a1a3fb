"""A protocol as plain arrays: the steps at which phases start, and the values that they set.

All back ends share this module.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.paths import VariablePath
from dendrosim.engine.plan.signal_slots import Slot, base_variable, find_slots
from dendrosim.engine.plan.spike_texts import keys_of
from dendrosim.protocol.beginning import AT_ZERO, Beginning
from dendrosim.protocol.phases import Phase
from dendrosim.protocol.protocol import Protocol
from dendrosim.protocol.schedule import shown_pieces
from dendrosim.signals.base import Course, Signal
from dendrosim.signals.constant import Constant
from dendrosim.signals.process import Process
from dendrosim.signals.samples import Samples
from dendrosim.signals.table import Table
from dendrosim.streams import stream

CIRCUIT = "ds_circuit"


@dataclass(frozen=True)
class Fill:
    """The values of an array during a phase: the sum of a constant, rows of data sets, and tables over time.

    `constant` has one number per unit, or one for all units. A table is (values, interval, whether linear): the
    values are times x units, or times x 1, and the interval between two times is in seconds.
    """

    key: str
    constant: NDArray[np.float64]
    samples: tuple[str, ...] = ()
    tables: tuple[tuple[NDArray[np.float64], float, bool], ...] = ()


@dataclass(frozen=True)
class Noise:
    """The stream of random numbers of one process, or of one call in a text about spikes.

    `base` and `state` are hidden variables of `group`. The random numbers of a step are derived from `base`.
    `state` is what the process renews in every step, and its first value is `start` (units x samples); both are
    None for a call.
    """

    group: str
    base: str
    state: str | None
    key: int
    start: NDArray[np.float64] | None


@dataclass(frozen=True)
class Segment:
    """One phase of one trial.

    Attributes
    ----------
    start : int
        First step.
    phase : int
        Index of the phase among the phases of all blocks, as in `Timeline.fills`.
    row : int
        Index of the first row that the trial shows, in the list of all rows that the protocol shows.
    block_start : int
        First step of the block.
    """

    start: int
    phase: int
    row: int
    block_start: int


@dataclass(frozen=True)
class Stretch:
    """The segments of a block, whose phases are repeated in each of `trials` trials.

    `start` is the first step of these trials, and `cycle` the number of steps of a trial. `offsets` are the first
    steps of the phases, counted from the beginning of a trial, and `first_phase` is the index of the first phase.
    `row` is the index of the block's first row in the list of all rows that the protocol shows; each trial shows
    `per_trial` rows. `block_start` is the first step of the block, which may have begun in a run before.
    """

    start: int
    cycle: int
    offsets: tuple[int, ...]
    trials: int
    first_phase: int
    row: int
    per_trial: int
    block_start: int

    def __len__(self) -> int:
        return self.trials * len(self.offsets)

    def __getitem__(self, index: int) -> Segment:
        trial, phase = divmod(index, len(self.offsets))
        return Segment(
            self.start + trial * self.cycle + self.offsets[phase],
            self.first_phase + phase,
            self.row + trial * self.per_trial,
            self.block_start,
        )


@dataclass(frozen=True)
class Timeline:
    """A protocol as a list of segments. Its size does not grow with the number of trials.

    Attributes
    ----------
    first, end : int
        First step of the run, and first step after it.
    stretches : tuple of Stretch
        The blocks.
    order : callable
        Yields the list of all rows that the protocol shows, in pieces; each trial shows `batch` rows.
    fills : tuple of tuples of Fill
        The values that each phase sets.
    labels : tuple of str
        `block/phase` of each phase.
    noises : tuple of Noise
        The streams of random numbers of processes.
    """

    first: int
    end: int
    stretches: tuple[Stretch, ...]
    order: Callable[[], Iterator[NDArray[np.int32]]]
    fills: tuple[tuple[Fill, ...], ...]
    labels: tuple[str, ...]
    noises: tuple[Noise, ...] = ()

    @property
    def steps(self) -> int:
        """Number of time steps."""
        return self.end - self.first

    def segment(self, index: int) -> Segment | None:
        """Return the segment with an index; None if the index is beyond the last segment."""
        for stretch in self.stretches:
            if index < len(stretch):
                return stretch[index]
            index -= len(stretch)
        return None


def timeline(protocol: Protocol, seed: int, begin: Beginning = AT_ZERO) -> Timeline:
    """Return the timeline of a protocol that begins at a moment, with all random choices made from `seed`."""
    stretches: list[Stretch] = []
    fills: list[tuple[Fill, ...]] = []
    labels: list[str] = []
    step, row = begin.step, 0
    driven = (*protocol.circuit.inputs, *protocol.circuit.gates)
    slots = {path: find_slots(protocol, path) for path in driven}  # each looks at every phase
    for block in protocol.blocks:
        durations = [protocol.steps(p.duration) for p in block.phases]
        offsets, trials = (0, *accumulate(durations[:-1])), protocol.trials(block)
        per_trial = protocol.batch if protocol.rows(block) else 0
        stretches.append(
            Stretch(
                step, sum(durations), offsets, trials, len(fills), row, per_trial,
                begin.block_start(block, step),
            )
        )  # fmt: skip
        fills += [tuple(_fills(protocol, phase, slots)) for phase in block.phases]
        labels += [f"{block.name}/{p.name}" for p in block.phases]
        step += trials * sum(durations)
        row += trials * per_trial
    return Timeline(
        first=begin.step,
        end=step,
        stretches=tuple(stretches),
        order=partial(_order, protocol, seed, begin),
        fills=tuple(fills),
        labels=tuple(labels),
        noises=(*_noises(protocol, seed), *_calls(protocol, seed)),
    )


def _order(protocol: Protocol, seed: int, begin: Beginning) -> Iterator[NDArray[np.int32]]:
    for block in protocol.blocks:
        yield from shown_pieces(protocol, block, seed, begin)


def _noises(protocol: Protocol, seed: int) -> Iterator[Noise]:
    for path in protocol.circuit.inputs:
        population = VariablePath.parse(path).owner
        shape = (protocol.circuit.population(population).size, protocol.batch)
        found: Counter[str] = Counter()
        for slot in find_slots(protocol, path):
            if slot.random:
                name = slot.signal_type.__name__
                # Counted by class, so that a new signal of one class changes no random numbers of other classes.
                rng = stream(seed, f"noise.{path}.{name}.{found[name]}")
                key = int(rng.integers(2**64, dtype=np.uint64))
                first = _first(protocol, path, slot.signal_type, found[name])
                found[name] += 1
                yield Noise(
                    population, slot.noise, slot.state, key,
                    first.draw_start(shape, rng, protocol.time_step),
                )  # fmt: skip


def _calls(protocol: Protocol, seed: int) -> Iterator[Noise]:
    for group, keys in keys_of(protocol.circuit).items():
        for name in keys:
            rng = stream(seed, f"random.{group}.{name}")
            yield Noise(group, name, None, int(rng.integers(2**64, dtype=np.uint64)), None)


def _first(protocol: Protocol, path: str, signal_type: type[Signal], place: int) -> Process:
    """Return the signal with index `place` among those of one class that drive an input.

    It is taken from the first phase in which more than `place` signals of the class drive the input.
    """
    for block in protocol.blocks:
        for phase in block.phases:
            drives = [d for d in protocol.input_signals(phase, path) if type(d) is signal_type]
            if len(drives) > place:
                found = drives[place]
                assert isinstance(found, Process)
                return found
    raise AssertionError("a slot without a signal")


def _fills(
    protocol: Protocol, phase: Phase, slots: Mapping[str, tuple[Slot, ...]]
) -> Iterator[Fill]:
    """Yield what a phase writes into inputs and gates; `slots` has the slots of each, by its path or name."""
    for path in protocol.circuit.inputs:
        population, variable = VariablePath.parse(path)
        size = protocol.circuit.population(population).size
        used = slots[path]
        name = base_variable(variable) if used else variable
        drives = protocol.input_signals(phase, path)
        yield _static(f"{population}.{name}", drives, size)
        yield from _slot_fills(population, used, drives, size, protocol.time_step)
    for gate in protocol.circuit.gates:
        used = slots[gate]
        drives = protocol.gate_signals(phase, gate)
        yield _static(f"{CIRCUIT}.{base_variable(gate) if used else gate}", drives, 1)
        yield from _slot_fills(CIRCUIT, used, drives, 1, protocol.time_step)


def _static(key: str, drives: tuple[Signal, ...], size: int) -> Fill:
    constant = np.zeros(size)
    for drive in drives:
        if isinstance(drive, Constant):
            constant = constant + drive.value.value
    return Fill(
        key,
        constant,
        tuple(d.data for d in drives if isinstance(d, Samples)),
        tuple(
            (d.si_values, float(d.interval.value), d.linear) for d in drives if isinstance(d, Table)
        ),
    )


def _slot_fills(
    group: str, used: tuple[Slot, ...], drives: tuple[Signal, ...], size: int, dt: float
) -> Iterator[Fill]:
    waiting = [d for d in drives if isinstance(d, Course)]
    for slot in used:
        course = next((d for d in waiting if type(d) is slot.signal_type), None)
        yield Fill(f"{group}.{slot.switch}", np.array([float(course is not None)]))
        if course is not None:
            waiting.remove(course)
            for name, value in course.numbers(dt).items():
                yield Fill(f"{group}.{slot.field(name)}", np.zeros(size) + value)
