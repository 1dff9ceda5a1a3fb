"""The fields of a protocol, and numbers and signals that follow from them; `Protocol` adds the checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal, Self

from dendrosim.arrays import Array
from dendrosim.checks import (
    MOST_ELEMENTS,
    as_any_text,
    as_array,
    as_plain,
    as_time,
    mapping_of,
    whole,
)
from dendrosim.circuit.circuit import Circuit
from dendrosim.errors import ShapeError
from dendrosim.protocol.given_spikes import SpikeTable, as_spikes, spike_table
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.time_steps import whole_steps
from dendrosim.signals.base import Signal
from dendrosim.signals.coercion import as_drive, as_signals
from dendrosim.signals.samples import Samples
from dendrosim.spec import Spec
from dendrosim.units import Quantity


def _as_rows(where: str, value: Any) -> Array:
    array = as_array(where, value)
    if array.ndim != 2:
        raise ShapeError(f"{where} has shape {array.shape}; it must be samples x units")
    return array


@dataclass(frozen=True, eq=False)
class ProtocolData(Spec):
    """Fields of a protocol and numbers that follow from them; `Protocol` documents and checks the fields."""

    circuit: Circuit
    blocks: tuple[Block, ...]
    dt: Annotated[Any, as_time]
    recordings: tuple[Recording, ...] = ()
    signals: Annotated[Mapping[str, Any], mapping_of(as_drive)] = field(default_factory=dict)
    data: Annotated[Mapping[str, Any], mapping_of(_as_rows)] = field(default_factory=dict)
    batch: Annotated[int, whole(1, MOST_ELEMENTS)] = 1
    batch_fixed: bool = False
    references: Annotated[Mapping[str, Any], mapping_of(as_plain)] = field(default_factory=dict)
    name: Annotated[str, as_any_text] = ""  # a path may have any characters
    parameters: Annotated[Mapping[str, Any], mapping_of(as_plain)] = field(default_factory=dict)
    spikes: Annotated[Mapping[str, Any], mapping_of(as_spikes)] = field(default_factory=dict)
    method: Literal["euler", "rk2"] = "euler"

    def named(self, name: str, parameters: Mapping[str, Any]) -> Self:
        """Return a copy with a name and parameters; nothing else changes, so only these are checked."""
        copy = object.__new__(type(self))
        copy._set(**{f.name: getattr(self, f.name) for f in fields(self)})
        given = {"name": name, "parameters": parameters}
        copy._set(**{n: self._checks[n](self._where(n), value) for n, value in given.items()})
        return copy

    def spike_tables(self) -> list[SpikeTable]:
        """Return the spikes of the sources in `Circuit.given_spikes`, by time steps."""
        names = self.circuit.given_spikes
        return [spike_table(self.spikes[n], self.batch, self.time_step) for n in names]

    @property
    def time_step(self) -> float:
        """The time step in seconds."""
        return float(self.dt.value)

    def steps(self, duration: Quantity, where: str = "duration") -> int:
        """Return a duration as a number of time steps.

        Parameters
        ----------
        duration : Quantity
            A time.
        where : str, optional
            Name of the duration in the message.

        Raises
        ------
        ParameterError
            If the duration is not a whole number of time steps, or is less than one step.
        """
        return whole_steps(float(duration.value), self.time_step, where)

    def block_steps(self, block: Block) -> int:
        """Return the number of time steps of all trials of a block."""
        return self.trials(block) * sum(self.steps(p.duration) for p in block.phases)

    def trials(self, block: Block) -> int:
        """Return the number of trials of a block."""
        if block.trials != "pass":
            return int(block.trials)
        return -(-self.rows(block) // self.batch)

    @property
    def total_steps(self) -> int:
        """Number of time steps of the whole protocol."""
        return sum(self.block_steps(b) for b in self.blocks)

    def input_signals(self, phase: Phase, path: str) -> tuple[Signal, ...]:
        """Return the signals that drive an input in a phase; those of the phase replace those of the protocol."""
        if path in phase.signals:
            return phase.signals[path]
        if path in self.signals:
            return self.signals[path]
        population, declared = self.circuit.variable(path)
        default = population.inputs[declared.name]
        return () if default is None else as_signals(default)

    def gate_signals(self, phase: Phase, name: str) -> tuple[Signal, ...]:
        """Return the signals that set a gate during a phase."""
        return phase.gates[name] if name in phase.gates else as_signals(self.circuit.gates[name])

    def rows(self, block: Block) -> int:
        """Return the number of rows of the data sets that a block shows, or 0 if it shows no data set."""
        return max((self.data[n].shape[0] for n in self._shown(block)), default=0)

    def _shown(self, block: Block) -> list[str]:
        """Return the names of the data sets that a block shows."""
        drives = [
            d
            for phase in block.phases
            for path in self.circuit.inputs
            for d in self.input_signals(phase, path)
        ]
        return sorted({d.data for d in drives if isinstance(d, Samples)})
