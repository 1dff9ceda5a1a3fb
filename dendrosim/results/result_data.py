"""The fields of a result: recordings, spikes, the final state and their origin; `Result` adds access by name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dendrosim.arrays import AnyArray
from dendrosim.circuit.event import event_path
from dendrosim.circuit.sparse_matrices import MatrixConnections
from dendrosim.display.short import short_record
from dendrosim.errors import UnknownEntryError
from dendrosim.protocol.beginning import AT_ZERO, Beginning
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.labels import label
from dendrosim.results.reference import Reference
from dendrosim.results.synapses import KeptSynapses, Synapses

if TYPE_CHECKING:
    from xarray import DataArray


MANY = 8
"""Number of arrays that `repr` names."""

STATUSES = ("done", "diverged", "interrupted")
"""How a run can end."""


class Trace(NamedTuple):
    """A recording: `time` of shape (n,) in seconds, `values` of shape (n, units, samples) or (n, post, pre).

    Of a sparse matrix, `values` has the shape (n, connections).
    """

    time: NDArray[np.floating]
    values: NDArray[np.floating]

    def __repr__(self) -> str:
        return short_record(self)


class Spikes(NamedTuple):
    """Recorded spikes or other events: for each, the unit, the time in seconds and, in a batch, the sample."""

    unit: NDArray[np.integer]
    time: NDArray[np.floating]
    sample: NDArray[np.integer] | None = None

    def __repr__(self) -> str:
        return short_record(self)


class RecordedSpikes(dict[str, Spikes]):
    """Recorded spikes by population, and other events by `population.event`; others raise UnknownEntryError."""

    def __missing__(self, name: str) -> Spikes:
        error = UnknownEntryError("population with recorded spikes", str(name), self)
        if not self:
            path = event_path(str(name))
            error.args = (
                f"no spikes were recorded; name them in the protocol: Recording('{path}', every='spike')",
            )
        raise error


class PhaseSpan(NamedTuple):
    """The span of a phase in one trial, from `start` to `stop` in seconds; a block counts its trials from 0."""

    start: float
    stop: float
    block: str
    phase: str
    trial: int


class Final(Mapping[str, "DataArray"]):
    """The final state by name. Each labelled array is made when its name is looked up."""

    def __init__(
        self,
        protocol: Protocol,
        state: Mapping[str, AnyArray],
        synapses: Mapping[str, Synapses],
        connections: Mapping[str, MatrixConnections],
    ) -> None:
        self._protocol, self._state = protocol, state
        self._positions = synapses, connections

    def __getitem__(self, name: str) -> "DataArray":
        if name not in self._state:
            raise UnknownEntryError("state", str(name), self._state)
        return label(self._protocol, name, None, *self._positions).array(self._state[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._state)

    def __repr__(self) -> str:
        return f"<Final state: {shapes(self._state)}>"


class ResultData:
    """Fields of a result as they are computed, saved and read; `Result` documents them."""

    def __init__(
        self,
        protocol: Protocol,
        traces: Mapping[str, Trace],
        final: Mapping[str, AnyArray],
        spikes: Mapping[str, Spikes] | None = None,
        provenance: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        status: str = "done",
        message: str = "",
        synapses: Mapping[str, Synapses] | None = None,
        connections: Mapping[str, MatrixConnections] | None = None,
        begin: Beginning = AT_ZERO,
        carried: Mapping[str, AnyArray] | None = None,
        references: Mapping[str, Reference] | None = None,
    ) -> None:
        self.protocol = protocol
        self.traces = dict(traces)
        self.state = dict(final)
        self.spikes: Mapping[str, Spikes] = RecordedSpikes(spikes or {})
        self.provenance = dict(provenance or {})
        self.metrics = dict(metrics or {})
        self.status, self.message = status, message
        self.synapses: Mapping[str, Synapses] = KeptSynapses(synapses or {})
        self.connections = dict(connections or {})
        self.begin = begin
        self.carried = None if carried is None else dict(carried)
        self.references = dict(references or {})


def shapes(arrays: Mapping[str, AnyArray]) -> str:
    """Return the names and shapes of the first arrays, and the number of the others, as one line."""
    return list_some([f"{k} {v.shape}" for k, v in arrays.items()]) or "nothing"


def list_some(texts: Sequence[str]) -> str:
    """Return the first texts, separated by commas, and the number of the others."""
    left = len(texts) - MANY
    return ", ".join([*texts[:MANY], *([f"and {left} more"] if left > 0 else [])])
