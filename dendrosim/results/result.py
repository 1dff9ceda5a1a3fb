"""What a run leaves behind: recordings, spikes and final state as labelled arrays in memory.

`storage` writes a result to a file and reads it back.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.population import LAST_SPIKE, SPIKE, Population
from dendrosim.errors import UnknownNameError
from dendrosim.protocol.phases import Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.units import unit, unit_name

if TYPE_CHECKING:
    from xarray import DataArray


class Trace(NamedTuple):
    """One recording: `time` (n,) in seconds; `values` (n, unit, sample), or (n, post, pre)."""

    time: NDArray[np.floating]
    values: NDArray[np.floating]


class Spikes(NamedTuple):
    """Spikes as flat arrays: unit, time in seconds and, in a batch, sample of each."""

    unit: NDArray[np.integer]
    time: NDArray[np.floating]
    sample: NDArray[np.integer] | None = None


class Recorded(dict[str, Spikes]):
    """The spikes that were recorded, by population."""

    def __missing__(self, name: str) -> Spikes:
        error = UnknownNameError("population with recorded spikes", str(name), self)
        if not self:
            error.args = (
                f"no spikes were recorded; name them in the protocol: Recording('{name}.spike', every='spike')",
            )
        raise error


class PhaseSpan(NamedTuple):
    """One passage through a phase, from `start` to `stop` in seconds; trials count from 0."""

    start: float
    stop: float
    block: str
    phase: str
    trial: int


class Final(Mapping[str, "DataArray"]):
    """The state at the end, by name, as labelled arrays made when asked for."""

    def __init__(self, protocol: Protocol, state: Mapping[str, NDArray]) -> None:
        self._protocol, self._state = protocol, state

    def __getitem__(self, name: str) -> "DataArray":
        if name not in self._state:
            raise UnknownNameError("state", str(name), self._state)
        return label(self._protocol, name, None).array(self._state[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)

    def __repr__(self) -> str:
        return f"<Final state: {_shapes(self._state)}>"


class Result:
    """What a run of a protocol produced.

    Parameters
    ----------
    protocol : Protocol
        As it was run: with the batch that was used.
    traces : mapping of Trace
        What was recorded, by `population.variable` or matrix name.
    final : mapping of arrays
        The complete state at the end: `population.state` (unit, sample), matrices (post, pre).
        Kept as computed, in `state`; another run can start from it.
    spikes : mapping of Spikes, optional
        By population.
    provenance : mapping, optional
        By what the result was made: seed, versions, platform; values that JSON can hold.
    metrics : mapping, optional
        What the protocol's `measure` read off.
    status : {"done", "diverged", "interrupted"}
    message : str
        A sentence that says how the run ended.

    Examples
    --------
    >>> result["layer1.h"]           # DataArray (time, unit[, sample]), SI units   # doctest: +SKIP
    >>> result.final["w1"]           # DataArray (post, pre)                        # doctest: +SKIP
    """

    def __init__(
        self,
        protocol: Protocol,
        traces: Mapping[str, Trace],
        final: Mapping[str, NDArray],
        spikes: Mapping[str, Spikes] | None = None,
        provenance: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        status: str = "done",
        message: str = "",
    ) -> None:
        self.protocol = protocol
        self.traces = dict(traces)
        self.state = dict(final)
        self.spikes: Mapping[str, Spikes] = Recorded(spikes or {})
        self.provenance = dict(provenance or {})
        self.metrics = dict(metrics or {})
        self.status, self.message = status, message

    @property
    def circuit(self) -> Circuit:
        """The circuit that was run."""
        return self.protocol.circuit

    @property
    def names(self) -> tuple[str, ...]:
        """What was recorded: `population.variable` and matrix names."""
        return tuple(self.traces)

    @property
    def final(self) -> Final:
        """The state at the end: DataArrays (unit[, sample]), matrices (post, pre)."""
        return Final(self.protocol, self.state)

    def __getitem__(self, name: str) -> "DataArray":
        """Return a recording as DataArray (time, unit[, sample]), or (time, post, pre).

        There is no sample dimension in a run without batch.

        Raises
        ------
        UnknownNameError
            If nothing of that name was recorded.
        """
        if name in self.traces:
            recording = self.protocol.recorded().get(name)
            time, values = self.traces[name]
            return label(self.protocol, name, recording).array(values, time)
        error = UnknownNameError("recording", str(name), self.names)
        population = str(name).removesuffix(f".{SPIKE}")
        if str(name).endswith(f".{SPIKE}") and population in self.spikes:
            error.args = (f"spikes are no trace: they are in result.spikes[{population!r}]",)
        if name in self.state:
            error.args = (
                f"{name!r} was not recorded: its value at the end is result.final[{name!r}]; "
                "to keep its course, name it in a Recording of the protocol",
            )
        raise error

    def __contains__(self, name: object) -> bool:
        return name in self.traces

    def __iter__(self) -> Iterator[str]:
        return iter(self.traces)

    def phases(self) -> Iterator[PhaseSpan]:
        """Yield every passage through a phase in its order, as the protocol plans it."""
        protocol, step = self.protocol, 0
        for block in protocol.blocks:
            lengths = [(p.name, protocol.steps(p.duration)) for p in block.phases]
            for trial in range(self.protocol.trials(block)):
                for name, length in lengths:
                    start, step = step, step + length
                    dt = protocol.time_step
                    yield PhaseSpan(start * dt, step * dt, block.name, name, trial)

    def __repr__(self) -> str:
        lines = [f"<Result of protocol {self.protocol.name or '(unnamed)'}: {self.status}"]
        lines += [f"  {self.message}"] if self.message else []
        lines.append(f"  recorded: {_shapes({k: t.values for k, t in self.traces.items()})}")
        lines.append(f"  final:    {_shapes(self.state)}")
        if self.spikes:
            counts = (f"{k} {len(s.unit)}" for k, s in self.spikes.items())
            lines.append(f"  spikes:   {', '.join(counts)}")
        if self.metrics:
            lines.append(
                f"  metrics:  {', '.join(f'{k} {_short(v)}' for k, v in self.metrics.items())}"
            )
        return "\n".join(lines) + ">"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the result to a NetCDF-4 file, whole or not at all, and return its path.

        Raises
        ------
        StorageError
            If the file cannot be written: folder missing or read-only, disk full.
        SpecError
            If a metric or an entry of the provenance is not a value that can be stored.
        """
        from dendrosim.results.netcdf import write_result

        return write_result(self, path)


def open_result(path: str | os.PathLike[str]) -> Result:
    """Read a file that `Result.save` wrote; every number comes back bit for bit.

    Raises
    ------
    DataError
        If the file is missing, truncated, or not a result of dendrosim.
    """
    from dendrosim.results.netcdf import read_result

    return read_result(path)


# -- labels ---------------------------------------------------------------------------------------


class Labels(NamedTuple):
    """Dimensions, coordinates and attributes of an object's values, without time."""

    name: str
    coordinates: Mapping[str, NDArray]
    attributes: dict[str, str]

    def array(self, values: NDArray, time: NDArray | None = None) -> "DataArray":
        """Return values as a DataArray."""
        import xarray

        axes = self.axes(time)
        coordinates = {
            k: (k, v, TIME_ATTRIBUTES if k == "time" else INDEX_ATTRIBUTES) for k, v in axes.items()
        }
        values = squeeze(values, len(axes))
        return xarray.DataArray(values, coordinates, list(axes), self.name, self.attributes)

    def axes(self, time: NDArray | None = None) -> dict[str, NDArray]:
        """Return the coordinates by dimension, time first if there is one."""
        return ({} if time is None else {"time": time}) | dict(self.coordinates)


def squeeze(values: NDArray, dimensions: int) -> NDArray:
    """Drop the sample axis, which has no name where there is no batch."""
    return values[..., 0] if values.ndim > dimensions else values


TIME_ATTRIBUTES = {"units": "s", "long_name": "simulated time"}
INDEX_ATTRIBUTES = {"units": "1"}


def label(protocol: Protocol, name: str, recording: Recording | None) -> Labels:
    """Return the labels of a state variable or matrix, of what a recording kept if there is one."""
    circuit = protocol.circuit
    if "." not in name:
        matrix = circuit.matrix(name)
        post, pre = circuit.shape(matrix)
        long_name = f"weights {name} from {matrix.pre} to {matrix.post}"
        axes = {"post": np.arange(post), "pre": np.arange(pre)}
        return Labels(name, axes, {"units": _si(matrix.unit), "long_name": long_name})
    population, text, long_name = _described(circuit, name)
    units = recording.units if recording else None
    samples = recording.samples if recording else None
    axes = {"unit": np.arange(population.size) if units is None else np.array(units)}
    if protocol.batch > 1:
        axes["sample"] = np.arange(protocol.batch) if samples is None else np.array(samples)
    return Labels(name, axes, {"units": _si(text), "long_name": long_name})


def _described(circuit: Circuit, name: str) -> tuple[Population, str, str]:
    """Return the population of a variable, its unit, and what it is called in a figure."""
    owner, _, variable = name.partition(".")
    if variable == LAST_SPIKE:
        return circuit.population(owner), "s", f"last spike of {owner}, before the end"
    population, declared = circuit.variable(name)
    return population, declared.unit, f"{variable} of {owner}"


def _si(text: str) -> str:
    return unit_name(unit(text)[0])


def _shapes(arrays: Mapping[str, NDArray]) -> str:
    return ", ".join(f"{k} {v.shape}" for k, v in arrays.items()) or "nothing"


def _short(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return f"({', '.join(map(str, value))})"
    return str(value) if np.ndim(value) == 0 else f"{np.shape(value)} array"
