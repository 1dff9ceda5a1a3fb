"""What a run leaves behind: labelled arrays in memory, one NetCDF-4 file on disk.

The file has groups `recordings/<name>`, `final/<name>` and `spikes/<population>`, one per object,
so any NetCDF reader can open one by itself. Protocol, provenance and metrics are JSON texts in it.
"""

import errno
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit import Circuit
from dendrosim.errors import DataError, SpecError, StorageError, UnknownNameError
from dendrosim.protocol import Protocol, Recording
from dendrosim.units import unit, unit_name

if TYPE_CHECKING:
    from xarray import DataArray

FORMAT = 1
"""Version of the file layout; a reader refuses files with a higher one."""

_MARK = "dendrosim_format"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_COMPRESSED_BYTES = 4096


class Trace(NamedTuple):
    """One recording: `time` (n,) in seconds; `values` (n, unit, sample), or (n, post, pre)."""

    time: NDArray[np.floating]
    values: NDArray[np.floating]


class Spikes(NamedTuple):
    """Spikes as flat arrays: unit, time in seconds and, in a batch, sample of each."""

    unit: NDArray[np.integer]
    time: NDArray[np.floating]
    sample: NDArray[np.integer] | None = None


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
        return _label(self._protocol, name, None).array(self._state[name])

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
        self.spikes = dict(spikes or {})
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
            return _label(self.protocol, name, recording).array(values, time)
        error = UnknownNameError("recording", str(name), self.names)
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
            for trial in range(block.trials):
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
        texts = {
            "protocol": self.protocol.to_json(),
            "provenance": _to_json("provenance", self.provenance),
            "metrics": _to_json("metric", self.metrics),
        }
        with _pack(self, texts).getbuffer() as content:
            return write_file(path, content)


def open_result(path: str | os.PathLike[str]) -> Result:
    """Read a file that `Result.save` wrote; every number comes back bit for bit.

    Raises
    ------
    DataError
        If the file is missing, truncated, or not a result of dendrosim.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(len(_SIGNATURE))
    except FileNotFoundError:
        raise DataError(f"there is no result file {path}") from None
    except OSError as error:
        raise DataError(f"cannot read the result file {path}: {error.strerror or error}") from None
    if not start:
        raise DataError(f"{path} is not a result of dendrosim: it is empty")
    if not _SIGNATURE.startswith(start):
        raise DataError(f"{path} is not a result of dendrosim: it is not a NetCDF-4 file")
    try:
        return _read(path)
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is truncated or damaged; run its protocol again") from error


def write_file(path: str | os.PathLike[str], content: bytes | memoryview) -> Path:
    """Write a file whole or not at all, and return its path.

    Raises
    ------
    StorageError
        If it cannot be written; nothing is left behind then.
    """
    path = Path(path)
    if path.is_dir():
        raise StorageError(f"cannot write {path}: it is a folder; give the path of a file")
    temporary = path.with_name(f".{path.name[:80]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {_reason(path, error)}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return path


def _reason(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no folder {path.parent}; make it first"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{error.strerror}; free some space or write to another folder"
    return f"{error.strerror or error}; write to another folder"


# -- labels ---------------------------------------------------------------------------------------


class _Labels(NamedTuple):
    """Dimensions, coordinates and attributes of an object's values, without time."""

    name: str
    coordinates: Mapping[str, NDArray]
    attributes: dict[str, str]

    def array(self, values: NDArray, time: NDArray | None = None) -> "DataArray":
        """Return values as a DataArray."""
        import xarray

        axes = self.axes(time)
        coordinates = {k: (k, v, _TIME if k == "time" else _INDEX) for k, v in axes.items()}
        values = _squeeze(values, len(axes))
        return xarray.DataArray(values, coordinates, list(axes), self.name, self.attributes)

    def axes(self, time: NDArray | None = None) -> dict[str, NDArray]:
        """Return the coordinates by dimension, time first if there is one."""
        return ({} if time is None else {"time": time}) | dict(self.coordinates)


def _squeeze(values: NDArray, dimensions: int) -> NDArray:
    """Drop the sample axis, which has no name where there is no batch."""
    return values[..., 0] if values.ndim > dimensions else values


_TIME = {"units": "s", "long_name": "simulated time"}
_INDEX = {"units": "1"}


def _label(protocol: Protocol, name: str, recording: Recording | None) -> _Labels:
    circuit = protocol.circuit
    if "." not in name:
        matrix = circuit.matrix(name)
        post, pre = circuit.shape(matrix)
        long_name = f"weights {name} from {matrix.pre} to {matrix.post}"
        axes = {"post": np.arange(post), "pre": np.arange(pre)}
        return _Labels(name, axes, {"units": _si(matrix.unit), "long_name": long_name})
    population, declared = circuit.variable(name)
    units = recording.units if recording else None
    samples = recording.samples if recording else None
    axes = {"unit": np.arange(population.size) if units is None else np.array(units)}
    if protocol.batch > 1:
        axes["sample"] = np.arange(protocol.batch) if samples is None else np.array(samples)
    long_name = f"{declared.name} of {population.name}"
    return _Labels(name, axes, {"units": _si(declared.unit), "long_name": long_name})


def _si(text: str) -> str:
    return unit_name(unit(text)[0])


def _shapes(arrays: Mapping[str, NDArray]) -> str:
    return ", ".join(f"{k} {v.shape}" for k, v in arrays.items()) or "nothing"


def _short(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    return str(value) if np.ndim(value) == 0 else f"{np.shape(value)} array"


# -- the file -------------------------------------------------------------------------------------


def _to_json(kind: str, values: Mapping[str, Any]) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, (np.generic, np.ndarray)) and value.dtype.kind in "biufU":
            return value.tolist()
        raise TypeError(type(value).__name__)

    for name, value in values.items():
        try:
            json.dumps(value, default=plain)
        except (TypeError, ValueError) as error:
            raise SpecError(
                f"{kind} {name!r} cannot be stored ({error}): "
                "give numbers, booleans, text, or lists of these"
            ) from None
    return json.dumps(dict(values), default=plain)


def _pack(result: Result, texts: Mapping[str, str]) -> BytesIO:
    """Return the file's content; in memory, because HDF5 can crash where a disk is full."""
    import h5netcdf
    import h5py

    recorded = result.protocol.recorded()
    content = BytesIO()
    with h5netcdf.File(content, "w") as file:
        file.attrs[_MARK] = FORMAT
        file.attrs["status"] = result.status
        for name, text in {**texts, "message": result.message}.items():
            scalar = np.array(text, dtype=object)
            file.create_variable(name, (), dtype=h5py.string_dtype(), data=scalar)
        for name, (time, values) in result.traces.items():
            group = file.create_group(f"recordings/{name}")
            labels = _label(result.protocol, name, recorded.get(name))
            _write_array(group, labels, values, time)
        for name, values in result.state.items():
            labels = _label(result.protocol, name, None)
            _write_array(file.create_group(f"final/{name}"), labels, values)
        for name, spikes in result.spikes.items():
            group = file.create_group(f"spikes/{name}")
            group.dimensions = {"spike": len(spikes.unit)}
            for part, values in spikes._asdict().items():
                if values is not None:
                    attributes = _TIME if part == "time" else _INDEX
                    _write_variable(group, part, ("spike",), values, attributes)
    return content


def _write_array(group: Any, labels: _Labels, values: NDArray, time: NDArray | None = None) -> None:
    axes = labels.axes(time)
    group.dimensions = {name: len(axis) for name, axis in axes.items()}
    for name, axis in axes.items():
        _write_variable(group, name, (name,), axis, _TIME if name == "time" else _INDEX)
    values = _squeeze(values, len(axes))
    _write_variable(group, labels.name, tuple(axes), values, labels.attributes)


def _write_variable(
    group: Any, name: str, axes: tuple[str, ...], values: NDArray, attributes: Mapping[str, str]
) -> None:
    packing: dict[str, Any] = {}
    if values.nbytes > _COMPRESSED_BYTES:
        packing = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    variable = group.create_variable(name, axes, data=np.ascontiguousarray(values), **packing)
    for key, value in attributes.items():
        variable.attrs[key] = value


def _read(path: Path) -> Result:
    import h5netcdf

    with h5netcdf.File(path, "r") as file:
        version = file.attrs.get(_MARK)
        if version is None:
            raise DataError(f"{path} is not a result of dendrosim: it has no attribute {_MARK!r}")
        if int(version) > FORMAT:
            raise DataError(
                f"{path} has format {version}, which a newer dendrosim wrote; "
                f"this one reads up to {FORMAT}"
            )
        try:
            protocol = Protocol.from_json(_text(file["protocol"]))
        except SpecError as error:
            raise DataError(f"{path} has a protocol that cannot be read: {error}") from error
        single = protocol.batch == 1
        recordings, final = _groups(file, "recordings"), _groups(file, "final")
        return Result(
            protocol,
            {n: Trace(g["time"][...], _values(g, n, single)) for n, g in recordings.items()},
            {n: _values(g, n, single) for n, g in final.items()},
            {
                name: Spikes(**{part: group[part][...] for part in group.variables})
                for name, group in _groups(file, "spikes").items()
            },
            json.loads(_text(file["provenance"])),
            json.loads(_text(file["metrics"])),
            str(file.attrs["status"]),
            _text(file["message"]),
        )


def _groups(file: Any, kind: str) -> Mapping[str, Any]:
    return file[kind].groups if kind in file.groups else {}


def _values(group: Any, name: str, single: bool) -> NDArray:
    """Return the array of a group, with a sample axis also where there is only one sample."""
    values = group[name][...]
    return values[..., None] if single and "." in name else values


def _text(variable: Any) -> str:
    value = variable[()]
    return value.decode() if isinstance(value, bytes) else str(value)
