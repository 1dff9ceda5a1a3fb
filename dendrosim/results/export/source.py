"""What exports read of a result; `Result` has it, and imports the exports."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from dendrosim.protocol import protocol as protocols
from dendrosim.results.result_data import PhaseSpan, Spikes, Trace

if TYPE_CHECKING:
    from xarray import DataArray


class Source(Protocol):
    """A result: recordings as labelled arrays by name, spikes, phases and origin."""

    protocol: protocols.Protocol
    traces: dict[str, Trace]
    spikes: Mapping[str, Spikes]
    provenance: dict[str, Any]
    metrics: dict[str, Any]
    status: str
    message: str

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def start(self) -> float: ...

    @property
    def stop(self) -> float: ...

    def __getitem__(self, name: str) -> "DataArray": ...

    def __contains__(self, name: object) -> bool: ...

    def phases(self) -> Iterator[PhaseSpan]: ...
