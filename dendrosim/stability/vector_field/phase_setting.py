"""Inputs and gates of a protocol's phase at one moment, as numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.arrays import Array, NamedArrays
from dendrosim.circuit.paths import VariablePath
from dendrosim.errors import DifferentiationError, ParameterError, UnknownMemberError
from dendrosim.protocol.phases import Block, Phase
from dendrosim.protocol.protocol import Protocol
from dendrosim.protocol.schedule import shown_rows
from dendrosim.signals.base import Course, Signal
from dendrosim.signals.constant import Constant
from dendrosim.signals.process import Process
from dendrosim.signals.samples import Samples
from dendrosim.signals.table import Table
from dendrosim.stability.vector_field.expression import Expression

PhaseSetting = tuple[NamedArrays, dict[str, float]]
"""Inputs (units, samples) by `population.variable`, and gates by name."""


def find_phase(protocol: Protocol, name: str | None) -> tuple[Block, Phase]:
    """Return the first phase called `name` or `block/name`, with its block; if `name` is None, the first phase.

    Raises
    ------
    UnknownMemberError
        If there is no such phase.
    """
    known = [(b, p) for b in protocol.blocks for p in b.phases]
    for block, phase in known:
        if name in (None, phase.name, f"{block.name}/{phase.name}"):
            return block, phase
    raise UnknownMemberError(
        "phase of the protocol", str(name), dict.fromkeys(f"{b.name}/{p.name}" for b, p in known)
    )


def read_phase_setting(
    protocol: Protocol,
    name: str | None,
    time: float | None,
    seed: int,
    subthreshold: bool,
    trial: int = 0,
) -> PhaseSetting:
    """Return the inputs and the gates of a phase at one moment.

    Parameters
    ----------
    protocol : Protocol
    name : str or None
        `phase` or `block/phase`; the first phase if None.
    time : float or None
        Seconds since the beginning of the phase; needed if a signal changes in time.
    seed : int
        Seed of the order in which samples are shown.
    subthreshold : bool
        Whether to replace noise by its mean.
    trial : int
        Trial of the phase's block, whose samples are shown; -1 is the last.

    Raises
    ------
    ParameterError
        If a signal changes in time and `time` is None, or if the phase does not have that moment or trial.
    DifferentiationError
        If a signal is random and `subthreshold` is not set.
    """
    block, phase = find_phase(protocol, name)
    if time is not None and time > float(phase.duration.value):
        raise ParameterError(
            f"time is {time:g} s, but phase {block.name}/{phase.name} lasts {phase.duration}; choose "
            "a moment in it"
        )
    rows = _trial_rows(protocol, block, seed, trial)
    inputs = {}
    for path in protocol.circuit.inputs:
        if path in protocol.circuit.rates:
            continue  # sources are not part of the vector field
        size = protocol.circuit.population(VariablePath.parse(path).owner).size
        total = np.zeros((size, protocol.batch))
        for drive in protocol.input_signals(phase, path):
            if isinstance(drive, Samples):
                total += protocol.data[drive.data][rows].T
            else:
                where = f"input {path} in phase {block.name}/{phase.name}"
                total += _signal_at(drive, time, where, subthreshold, protocol.time_step)
        inputs[path] = total
    gates = {}
    for gate in protocol.circuit.gates:
        where = f"gate {gate} in phase {block.name}/{phase.name}"
        parts = [
            _signal_at(d, time, where, False, protocol.time_step)
            for d in protocol.gate_signals(phase, gate)
        ]
        gates[gate] = float(np.sum(parts))
    return inputs, gates


def _trial_rows(protocol: Protocol, block: Block, seed: int, trial: int) -> NDArray[np.int32]:
    count = protocol.trials(block)
    if not -count <= trial < count:
        raise ParameterError(f"trial is {trial}; block {block.name!r} has trials 0 to {count - 1}")
    rows = shown_rows(protocol, block, seed)
    return rows.reshape(count, -1)[trial] if len(rows) else rows


def _signal_at(
    drive: Signal, time: float | None, where: str, subthreshold: bool, dt: float
) -> Array:
    """Return the value of a signal at a moment, shape (units, 1) or (1, 1)."""
    signal = type(drive).__name__
    if isinstance(drive, Constant):
        return _as_column(drive.value.value)
    if isinstance(drive, Process) and not subthreshold:
        raise DifferentiationError(
            f"{where} is random ({signal}), and noise has no fixed point; replace it by its mean with "
            "subthreshold=True (--subthreshold), or give the input a constant value"
        )
    if time is None and not isinstance(drive, Process):
        raise ParameterError(
            f"{where} changes in time ({signal}); choose a moment of the phase with time= (--time), or give it a "
            "constant value"
        )
    if isinstance(drive, Table):
        return _table_at(drive, time or 0.0)
    assert isinstance(drive, Course)
    numbers: Mapping[str, Any] = drive.numbers(dt)
    known = {k: _as_column(v) for k, v in numbers.items()}
    moment = 0.0 if time is None else time
    values = {**known, "t": moment, "t_block": moment, "z": 0.0, "pi": np.pi, "inf": np.inf}
    return _as_column(Expression(type(drive).text, (), where).value(values))


def _table_at(drive: Table, time: float) -> Array:
    values, place = drive.si_values, time / float(drive.interval.value)
    # A time that rounding puts just below an entry of the table belongs to this entry.
    below = min(int(place + 1e-9), len(values) - 1)
    above = min(below + 1, len(values) - 1)
    part = max(place - below, 0.0) if drive.linear else 0.0
    return _as_column(values[below] + part * (values[above] - values[below]))


def _as_column(value: Any) -> Array:
    return np.reshape(np.asarray(value, dtype=float), (-1, 1))
