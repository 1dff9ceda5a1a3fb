"""A protocol as plain arrays: which phase starts at which step and what it sets. Shared by all back ends."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrosim.engine.courses import Slot, base, slots
from dendrosim.initial import stream
from dendrosim.protocol import Phase, Protocol
from dendrosim.schedule import shown_rows
from dendrosim.signals.base import Course, Signal
from dendrosim.signals.constant import Constant
from dendrosim.signals.process import Process
from dendrosim.signals.samples import Samples
from dendrosim.signals.table import Table

CIRCUIT = "ds_circuit"


@dataclass(frozen=True)
class Fill:
    """What an array holds during a phase: constant + rows of data sets + tables in time.

    `constant` has one number per unit (or one in all); a table is (values times x units or times x 1,
    interval in seconds, whether linear).
    """

    key: str
    constant: NDArray[np.float64]
    samples: tuple[str, ...] = ()
    tables: tuple[tuple[NDArray[np.float64], float, bool], ...] = ()


@dataclass(frozen=True)
class Noise:
    """The stream of random numbers of one process.

    `base` and `state` are hidden variables of `group`: what the numbers of a step are derived from, and
    what the process renews, which begins with `start` (units x samples).
    """

    group: str
    base: str
    state: str
    key: int
    start: NDArray[np.float64]


@dataclass(frozen=True)
class Timeline:
    """The protocol unrolled.

    Attributes
    ----------
    steps : int
        Number of time steps.
    starts, kinds, rows, block_starts : int64 arrays, one entry per segment
        First step; index into `fills`; offset into `order`; first step of its block.
    order : int64 array
        Rows of the data sets, `batch` per trial.
    fills : tuple of tuples of Fill
        What each kind of segment (block and phase) sets when it begins.
    labels : tuple of str
        `block/phase` of each kind.
    noises : tuple of Noise
        The random numbers that processes draw.
    """

    steps: int
    starts: NDArray[np.int64]
    kinds: NDArray[np.int64]
    rows: NDArray[np.int64]
    block_starts: NDArray[np.int64]
    order: NDArray[np.int64]
    fills: tuple[tuple[Fill, ...], ...]
    labels: tuple[str, ...]
    noises: tuple[Noise, ...] = ()


def timeline(protocol: Protocol, seed: int) -> Timeline:
    """Unroll a protocol; the order of shuffled blocks comes from the stream `order.<block>`."""
    starts, kinds, rows, block_starts, orders = [], [], [], [], []
    fills: list[tuple[Fill, ...]] = []
    labels: list[str] = []
    step = offset = 0
    for block in protocol.blocks:
        durations = np.array([protocol.steps(p.duration) for p in block.phases], dtype=np.int64)
        cycle, count = int(durations.sum()), len(block.phases)
        first = step + np.concatenate([[0], np.cumsum(durations)[:-1]])
        number = protocol.trials(block)
        trials = np.arange(number, dtype=np.int64)
        starts.append((trials[:, None] * cycle + first).ravel())
        kinds.append(np.tile(np.arange(len(fills), len(fills) + count), number))
        order = shown_rows(protocol, block, seed)
        per_trial = protocol.batch if order.size else 0
        rows.append(np.repeat(offset + trials * per_trial, count))
        block_starts.append(np.full(number * count, step, dtype=np.int64))
        orders.append(order)
        offset += order.size
        fills += [tuple(_fills(protocol, phase)) for phase in block.phases]
        labels += [f"{block.name}/{p.name}" for p in block.phases]
        step += cycle * number
    return Timeline(
        steps=step,
        starts=_joined(starts),
        kinds=_joined(kinds),
        rows=_joined(rows),
        block_starts=_joined(block_starts),
        order=_joined(orders),
        fills=tuple(fills),
        labels=tuple(labels),
        noises=tuple(_noises(protocol, seed)),
    )


def _noises(protocol: Protocol, seed: int) -> Iterator[Noise]:
    for path in protocol.circuit.inputs:
        population = path.partition(".")[0]
        shape = (protocol.circuit.population(population).size, protocol.batch)
        found: Counter[str] = Counter()
        for slot in slots(protocol, path):
            if slot.random:
                kind = slot.kind.__name__
                # Counted by kind: a signal added to the input must not change the others' numbers.
                rng = stream(seed, f"noise.{path}.{kind}.{found[kind]}")
                key = int(rng.integers(2**64, dtype=np.uint64))
                first = _first(protocol, path, slot.kind, found[kind])
                found[kind] += 1
                yield Noise(
                    population, slot.noise, slot.state, key,
                    first.start(shape, rng, protocol.time_step),
                )  # fmt: skip


def _first(protocol: Protocol, path: str, kind: type[Signal], place: int) -> Process:
    """Return the `place`-th signal of a kind that drives an input, from the first phase with so many."""
    for block in protocol.blocks:
        for phase in block.phases:
            drives = [d for d in protocol.drive(phase, path) if type(d) is kind]
            if len(drives) > place:
                found = drives[place]
                assert isinstance(found, Process)
                return found
    raise AssertionError("a slot without a signal")


def _joined(arrays: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(arrays).astype(np.int64)


def _fills(protocol: Protocol, phase: Phase) -> Iterator[Fill]:
    for path in protocol.circuit.inputs:
        population, variable = path.split(".")
        size = protocol.circuit.population(population).size
        used = slots(protocol, path)
        name = base(variable) if used else variable
        drives = protocol.drive(phase, path)
        yield _static(f"{population}.{name}", drives, size)
        yield from _courses(population, used, drives, size, protocol.time_step)
    for gate in protocol.circuit.gates:
        used = slots(protocol, gate)
        drives = protocol.gate(phase, gate)
        yield _static(f"{CIRCUIT}.{base(gate) if used else gate}", drives, 1)
        yield from _courses(CIRCUIT, used, drives, 1, protocol.time_step)


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


def _courses(
    group: str, used: tuple[Slot, ...], drives: tuple[Signal, ...], size: int, dt: float
) -> Iterator[Fill]:
    waiting = [d for d in drives if isinstance(d, Course)]
    for slot in used:
        course = next((d for d in waiting if type(d) is slot.kind), None)
        yield Fill(f"{group}.{slot.switch}", np.array([float(course is not None)]))
        if course is not None:
            waiting.remove(course)
            for name, value in course.numbers(dt).items():
                yield Fill(f"{group}.{slot.field(name)}", np.zeros(size) + value)
