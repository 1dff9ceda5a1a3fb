"""What a run leaves behind: recordings, spikes and final state as labelled arrays in memory.

`storage` writes a result to a file and reads it back.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.paths import VariablePath
from dendrosim.circuit.population import SPIKE
from dendrosim.errors import UnknownNameError
from dendrosim.results.labels import label
from dendrosim.results.netcdf import read_fields, write_result
from dendrosim.results.result_data import Final, PhaseSpan, ResultData, shapes

if TYPE_CHECKING:
    from xarray import DataArray


class Result(ResultData):
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
            recording = self.protocol.recordings_by_name().get(name)
            time, values = self.traces[name]
            return label(self.protocol, name, recording).array(values, time)
        error = UnknownNameError("recording", str(name), self.names)
        population, variable = VariablePath.parse(str(name))
        if variable == SPIKE and population in self.spikes:
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
        lines.append(f"  recorded: {shapes({k: t.values for k, t in self.traces.items()})}")
        lines.append(f"  final:    {shapes(self.state)}")
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
        return write_result(self, path)


def open_result(path: str | os.PathLike[str]) -> Result:
    """Read a file that `Result.save` wrote; every number comes back bit for bit.

    Raises
    ------
    DataError
        If the file is missing, truncated, or not a result of dendrosim.
    """
    return Result(**read_fields(path))


def _short(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return f"({', '.join(map(str, value))})"
    return str(value) if np.ndim(value) == 0 else f"{np.shape(value)} array"
