"""Input and output of a back end: the task and its outcome. To add a back end, see `dendrosim.engine.backend`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.paths import is_variable
from dendrosim.circuit.population import LAST_SPIKE
from dendrosim.engine.plan.state_arrays import final_keys
from dendrosim.engine.plan.synapse_tables import SynapseTable
from dendrosim.engine.plan.timeline import Timeline
from dendrosim.engine.settings import RunSettings
from dendrosim.protocol.phases import Recording
from dendrosim.protocol.protocol import Protocol


@dataclass(frozen=True)
class Task:
    """One run to be done: a protocol with its batch, unrolled, and the state it starts from.

    `state` draws the state when it is called, so that there is no second copy of the weights during the run.

    At most `spike_limit` spikes are kept; with more the run ends. In `folder`, if given, are recordings and
    checkpoints during the run; every `interval` seconds (negative: never) there is a new one. `resumed` says
    that the run resumes from the checkpoint in the folder; then `state` is not called. A process that works in the
    folder keeps the file descriptor `lock` open.
    """

    protocol: Protocol
    line: Timeline
    state: Callable[[], Mapping[str, NDArray[Any]]]
    settings: RunSettings
    synapses: Mapping[str, SynapseTable] = field(default_factory=dict)
    spike_limit: int = 2**62
    folder: Path | None = None
    interval: float = -1.0
    resumed: bool = False
    lock: int | None = None

    def guarded(self, thorough: bool) -> list[str]:
        """Return the keys watched for non-finite numbers in every step, or (thorough) in every hundredth.

        Populations and matrices of little cost are watched in every step, large matrices now and then;
        a matrix without plasticity cannot change.
        """
        circuit = self.protocol.circuit
        keys = {n: k for n, k in final_keys(circuit).items() if not n.endswith(f".{LAST_SPIKE}")}
        fixed = {m.name for m in circuit.matrices if not m.plasticity and m.inverse_of is None}
        return [
            key
            for name, key in keys.items()
            if name not in fixed and (thorough or self.watched_closely(name))
        ]

    def watched_closely(self, name: str) -> bool:
        """Whether a state is watched in every step."""
        if is_variable(name) or self.protocol.batch >= 16:
            return True
        rows, columns = self.protocol.circuit.shape(self.protocol.circuit.matrix(name))
        return rows * columns <= 4096


SpikeTrain = tuple[NDArray[np.int64], NDArray[np.int32]]


@dataclass
class Outcome:
    """The outcome of a run.

    `steps` done; `traces` name -> (steps, rows); `final` name -> array; `bad` program key -> array with
    non-finite numbers; `spikes` population -> (step, element) of each; `full` whether there were more
    than the task's limit; `compiled` whether a program had to be compiled; `seconds` build, compile,
    run and, of that, steps; `guarded_every` the number of steps between two
    checks of the values that are checked most often.
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


def kept_elements(task: Task, population: str, recording: Recording) -> NDArray[np.bool_]:
    """Return of each element of a population whether a recording of spikes keeps it; empty if all."""
    if recording.units is None and recording.samples is None:
        return np.zeros(0, dtype=bool)
    size, batch = task.protocol.circuit.population(population).size, task.protocol.batch
    units = range(size) if recording.units is None else recording.units
    samples = range(batch) if recording.samples is None else recording.samples
    kept = np.zeros((size, batch), dtype=bool)
    kept[np.ix_(list(units), list(samples))] = True
    return kept.ravel()
