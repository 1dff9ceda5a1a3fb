"""Input and output of a back end: the task and its outcome. To add a back end, see `dendrosim.engine.backend`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.circuit.pathway import WEIGHT
from dendrosim.circuit.population import LAST_SPIKE
from dendrosim.circuit.sparse_matrices import MatrixConnections
from dendrosim.engine.plan.carried import Carried
from dendrosim.engine.plan.signal_slots import find_slots
from dendrosim.engine.plan.state_arrays import OWN, final_keys, state_shape
from dendrosim.engine.plan.synapse_tables import SynapseTable
from dendrosim.engine.plan.timeline import Timeline
from dendrosim.engine.settings import RunSettings
from dendrosim.protocol.beginning import AT_ZERO, Beginning
from dendrosim.protocol.phases import Recording
from dendrosim.protocol.protocol import Protocol

SYNAPSES_GUARDED_EVERY = 1000
"""Number of steps between two checks of synapses for non-finite numbers.

There are many more synapses than units, and what their non-finite numbers do to units is noticed in the next step.
"""


@dataclass(frozen=True)
class Task:
    """One run to be done: a protocol, its timeline, and the state from which the run starts.

    `state` is a function that draws this state, so that no second copy of the weights is kept during the run.

    The run ends if there are more than `spike_limit` spikes. `folder`, if given, holds recordings and checkpoints
    during the run; a new checkpoint is written every `interval` seconds, or never if that is negative. `resumed`
    says that the folder already holds this run, which is to be resumed; then only the shapes of `state` matter. A
    process that works in the folder keeps the file descriptor `lock` open. `connections` are those of the sparse
    matrices. `carried` is what is taken over from a run whose clock is continued. `about` is what the caller knows
    of the run, such as the files of its models; provenance keeps it.
    """

    protocol: Protocol
    line: Timeline
    state: Callable[[], Mapping[str, NDArray[Any]]]
    settings: RunSettings
    synapses: Mapping[str, SynapseTable] = field(default_factory=dict)
    connections: Mapping[str, MatrixConnections] = field(default_factory=dict)
    spike_limit: int = 2**62
    folder: Path | None = None
    interval: float = -1.0
    resumed: bool = False
    lock: int | None = None
    carried: Carried | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def begin(self) -> Beginning:
        """The moment at which the run begins."""
        return AT_ZERO if self.carried is None else self.carried.begin

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array.

        It is (units, samples), (synapses, samples), (post, pre), or (connections,) for a sparse matrix.
        """
        if self.protocol.circuit.is_synaptic(name):
            table = self.synapses[VariablePath.parse(name).owner]
            return table.count, table.batch
        return state_shape(self.protocol, name, self.connections)

    def guarded(self) -> list[str]:
        """Return the keys of the arrays that are checked for non-finite numbers in every step.

        Matrices without plasticity are never checked, because they do not change, and rates of sources only if a
        formula contributes to them: those that are out of range are made non-finite.
        """
        circuit = self.protocol.circuit
        fixed = {m.name for m in circuit.matrices if not m.plasticity and m.inverse_of is None}
        fixed |= {path for path in circuit.rates if not find_slots(self.protocol, path)}
        return [
            key
            for name, key in final_keys(circuit).items()
            if name not in fixed
            and not name.endswith(f".{LAST_SPIKE}")
            and not circuit.is_synaptic(name)
        ]

    def guarded_synapses(self) -> list[str]:
        """Return the keys of the variables of synapses that are checked every `SYNAPSES_GUARDED_EVERY` steps.

        Fixed weights are never checked, because they do not change.
        """
        return [
            f"{p.name}.{OWN}{name}"
            for p in self.protocol.circuit.pathways
            for name in p.synaptic_units
            if name != WEIGHT or p.has_plastic_weights
        ]


SpikeTrain = tuple[NDArray[np.int64], NDArray[np.int32]]


@dataclass
class Outcome:
    """The outcome of a run.

    Attributes
    ----------
    steps : int
        Number of steps done, those before the beginning of the run included.
    traces : mapping
        For the name of each recording, its steps and its rows.
    final : mapping
        For the name of each state, its array at the end.
    bad : mapping
        For the name of each state with numbers that are not finite, its array at the end.
    interrupted : bool
        Whether the run was interrupted.
    compiled : bool
        Whether a program had to be compiled.
    seconds : mapping
        Time for `build`, `compile` and `run`, and for `steps`, which is a part of `run`.
    spikes : mapping
        For each population whose spikes are recorded, the step and the element of every spike.
    full : bool
        Whether there were more spikes than the task allows.
    guarded_every : int
        Number of steps between two checks for non-finite numbers.
    carried : mapping, optional
        Arrays by name for a run that continues the clock of this one (see `plan.carried`).
    """

    steps: int
    traces: Mapping[str, tuple[NDArray[np.int64], NDArray[Any]]]
    final: Mapping[str, NDArray[Any]]
    bad: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    interrupted: bool = False
    compiled: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    spikes: Mapping[str, SpikeTrain] = field(default_factory=dict)
    full: bool = False
    guarded_every: int = 1
    carried: Mapping[str, NDArray[Any]] | None = None


def recorded_indices(task: Task, name: str, recording: Recording) -> tuple[list[int], list[int]]:
    """Return which units or synapses, and which samples, a recording of a variable keeps."""
    elements, samples = task.shape(name)
    chosen = recording.synapses if task.protocol.circuit.is_synaptic(name) else recording.units
    return (
        list(range(elements) if chosen is None else chosen),
        list(range(samples) if recording.samples is None else recording.samples),
    )


def recorded_shape(task: Task, name: str, recording: Recording) -> tuple[int, ...]:
    """Return the shape of a record: of a matrix, or how many elements and samples of a variable are kept."""
    if not is_variable(name):
        return task.shape(name)
    elements, samples = recorded_indices(task, name, recording)
    return len(elements), len(samples)


def kept_elements(task: Task, population: str, recording: Recording) -> NDArray[np.bool_]:
    """Return, for each element of a population, whether a recording keeps its spikes; an empty array means all."""
    if recording.units is None and recording.samples is None:
        return np.zeros(0, dtype=bool)
    size, batch = task.protocol.circuit.population(population).size, task.protocol.batch
    units = range(size) if recording.units is None else recording.units
    samples = range(batch) if recording.samples is None else recording.samples
    kept = np.zeros((size, batch), dtype=bool)
    kept[np.ix_(list(units), list(samples))] = True
    return kept.ravel()
