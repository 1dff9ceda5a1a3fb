"""Reads the file of a result.

The file may be damaged, and anybody may have written it, so everything is checked before use.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.circuit.paths import VariablePath, is_variable, path_of
from dendrosim.circuit.sparse_matrices import MatrixConnections
from dendrosim.errors import DataError, DendrosimError, SpecError
from dendrosim.machine.file_checksum import verify_checksum
from dendrosim.machine.file_paths import AnyPath, as_path, open_regular
from dendrosim.machine.hdf5_reading import FormatError, Hdf5File, open_hdf5
from dendrosim.machine.json_text import parse_json
from dendrosim.protocol.beginning import Beginning
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.clock_check import check_beginning, check_times
from dendrosim.results.labels import array_shape
from dendrosim.results.reference import Reference, as_reference
from dendrosim.results.result_data import STATUSES, Spikes, Trace
from dendrosim.results.synapses import KeptSynapses, Synapses

FORMAT = 4
"""Version of the file layout; files with a higher version are refused.

Files of version 1 have no checksum. Up to version 2, files have no synapses; up to version 3, no clock.
"""

MARK, SWEEP_MARK = "dendrosim_format", "dendrosim_sweep"
VALUES, ROWS = "values", "rows"
"""Names of the flat arrays, and of those of two dimensions, that a run takes over that continues the clock."""
_NAMED = ":"
"""Stands for `/` in groups of recordings that have a name, because `/` would open a group in the group."""

Positions = tuple[Mapping[str, Synapses], Mapping[str, MatrixConnections]]
"""Synapses by pathway, and connections by sparse matrix."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def group_name(label: str) -> str:
    """Return the name of the group of a recording."""
    return label.replace("/", _NAMED)


def read_fields(given: AnyPath) -> dict[str, Any]:
    """Return the fields of the result in a file, by the names of the arguments of `ResultData`."""
    path = as_path("path of the result", given)
    with _errors_name(path):
        _check_signature(path)
        whole = verify_checksum(path)
        if whole is False:
            raise FormatError("its checksum is wrong")
        with open_hdf5(path) as file:
            version = _version(path, file)
            if version > 1 and whole is None:
                raise FormatError("its checksum is missing")
            return _read(path, file, version)


@contextmanager
def _errors_name(path: Path) -> Iterator[None]:
    """Turn every error into a DataError that names the file."""
    try:
        yield
    except DataError:
        raise
    except (FormatError, DendrosimError) as error:
        raise _damaged(path, f" ({error})") from error
    except (OSError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise _damaged(path) from error
    except AttributeError as error:
        raise _damaged(path) from error
    except MemoryError as error:
        raise DataError(f"{path} does not fit into the memory") from error


def _damaged(path: Path, reason: str = "") -> DataError:
    return DataError(
        f"{path} is truncated or damaged{reason}, or was changed since dendrosim wrote it; run its protocol again"
    )


def _check_signature(path: Path) -> None:
    try:
        with open_regular(path) as file:
            start = file.read(len(_SIGNATURE))
    except FileNotFoundError:
        raise DataError(f"there is no result file {path}") from None
    except OSError as error:
        raise DataError(f"cannot read the result file {path}: {error.strerror}") from None
    if not start:
        raise DataError(f"{path} is not a result of dendrosim: it is empty")
    if not _SIGNATURE.startswith(start):
        raise DataError(f"{path} is not a result of dendrosim: it is not a NetCDF-4 file")


def _version(path: Path, file: Hdf5File) -> int:
    version = file.attribute(MARK)
    if version is None and file.attribute(SWEEP_MARK) is not None:
        raise DataError(
            f"{path} is the dataset of a sweep, not the result of a run: look at it with dendrosim show or plot, "
            "or xarray.open_dataset"
        )
    if version is None:
        raise DataError(f"{path} is not a result of dendrosim: it has no attribute {MARK!r}")
    if not isinstance(version, (int, np.integer)) or version < 1:
        raise FormatError(f"its attribute {MARK!r} is {version!r}")
    if version > FORMAT:
        raise DataError(
            f"{path} has format {version}, which a newer dendrosim wrote; this one reads up to {FORMAT}"
        )
    return int(version)


def _read(path: Path, file: Hdf5File, version: int) -> dict[str, Any]:
    try:
        protocol = Protocol.from_json(file.text("protocol"))
    except SpecError as error:
        raise DataError(f"{path} has a protocol that cannot be read: {error}") from error
    status = file.attribute("status")
    if status not in STATUSES:
        raise FormatError(f"its status is {status!r}")
    provenance = _read_mapping(file, "provenance")
    if type(provenance.get("seed", 0)) is not int:
        raise FormatError(f"its seed is {provenance['seed']!r}")
    state, connected = file.names("final"), file.names("synapses")
    spiking = [name.replace(_NAMED, "/") for name in file.names("spikes")]
    synapses = KeptSynapses({name: _read_synapses(file, protocol, name) for name in connected})
    sparse = file.names("connections")
    positions = synapses, {name: _read_connections(file, protocol, name) for name in sparse}
    fields = {
        "protocol": protocol,
        "traces": _read_traces(file, protocol, version, positions),
        "final": {
            name: _read_values(file, f"final/{name}", protocol, name, positions) for name in state
        },
        "spikes": {name: _read_spikes(file, protocol, name, version) for name in spiking},
        "synapses": synapses,
        "connections": positions[1],
        "provenance": provenance,
        "metrics": _read_mapping(file, "metrics"),
        "references": _read_references(file),
        "status": status,
        "message": file.text("message"),
    }
    return fields | _read_clock(file, fields) if version > 3 else fields


def _read_clock(file: Hdf5File, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Read when the run began, and what a run that continues its clock takes over; that run checks the arrays.

    The beginning of the run is compared with the other fields of the result. At time 0, times of a result that
    somebody has made are not compared with anything.
    """
    protocol = fields["protocol"]
    try:
        begin = Beginning.read(parse_json(file.text("begin")))
        check_beginning(protocol, begin, fields["provenance"])
        if begin.step:
            check_times(protocol, begin, fields["traces"], fields["spikes"])
    except ValueError as error:
        raise FormatError(str(error)) from error
    carried = {}
    for name in file.names("carried"):
        part, shape = (
            (ROWS, (None, None)) if file.has(f"carried/{name}/{ROWS}") else (VALUES, (None,))
        )
        carried[name] = file.array(f"carried/{name}/{part}", "fi", shape)
    return {"begin": begin, "carried": carried if file.has("carried") else None}


def _read_mapping(file: Hdf5File, name: str) -> dict[str, Any]:
    mapping = parse_json(file.text(name))
    if not isinstance(mapping, dict):
        raise FormatError(f"its {name} is a {type(mapping).__name__}")
    return mapping


def _read_references(file: Hdf5File) -> dict[str, Reference]:
    """Read the references of metrics, which files of earlier versions do not have."""
    found = _read_mapping(file, "references") if file.has("references") else {}
    return {name: as_reference(f"reference of {name!r}", r) for name, r in found.items()}


def _read_traces(
    file: Hdf5File, protocol: Protocol, version: int, positions: Positions
) -> Mapping[str, Trace]:
    traces = {}
    for found in file.names("recordings"):
        group, name = f"recordings/{found}", found.replace(_NAMED, "/")
        time = file.array(f"{group}/time", "f", (None,))
        if version == 1:
            _check_times(group, protocol, time, np.greater)
        values = _read_values(file, group, protocol, name, positions, len(time))
        traces[name] = Trace(time, values)
    return traces


def _read_values(
    file: Hdf5File,
    group: str,
    protocol: Protocol,
    name: str,
    positions: Positions,
    times: int | None = None,
) -> AnyArray:
    """Return the array of a group; if there is only one sample, add the sample axis of a variable."""
    recording = None if times is None else protocol.recordings_by_name().get(name)
    shape, synapses = array_shape(protocol, name, recording, *positions), positions[0]
    chosen = None if recording is None else recording.synapses
    if chosen is not None and max(chosen) >= len(synapses[VariablePath.parse(name).owner].pre):
        raise FormatError(f"{group} has a synapse that does not exist")
    values = file.array(
        f"{group}/{path_of(name)}", "fiu", shape if times is None else (times, *shape)
    )
    return values[..., None] if protocol.batch == 1 and is_variable(name) else values


def _read_spikes(file: Hdf5File, protocol: Protocol, name: str, version: int) -> Spikes:
    group, size = f"spikes/{group_name(name)}", protocol.circuit.event(name)[0].size
    unit = _read_numbers(file, f"{group}/unit", None, size)
    time = file.array(f"{group}/time", "f", (len(unit),))
    if version == 1:
        _check_times(group, protocol, time, np.greater_equal)
    sample = None
    if file.has(f"{group}/sample"):
        sample = _read_numbers(file, f"{group}/sample", len(unit), protocol.batch)
    elif protocol.batch > 1 and len(unit):
        raise FormatError(f"{group} has no samples")
    return Spikes(unit, time, sample)


def _read_synapses(file: Hdf5File, protocol: Protocol, name: str) -> Synapses:
    group, pathway = f"synapses/{name}", protocol.circuit.pathway(name)
    size = {
        side: protocol.circuit.population(getattr(pathway, side)).size for side in ("pre", "post")
    }
    pre = _read_numbers(file, f"{group}/pre", None, size["pre"])
    post = _read_numbers(file, f"{group}/post", len(pre), size["post"])
    delay = _read_delays(file, f"{group}/delay", len(pre))
    later = f"{group}/post_delay"
    return Synapses(
        pre, post, delay, _read_delays(file, later, len(pre)) if file.has(later) else None
    )


def _read_delays(file: Hdf5File, path: str, count: int) -> AnyArray:
    delays = file.array(path, "f", (count,))
    if not np.all((delays >= 0) & (delays < np.inf)):
        raise FormatError(f"{path} has a delay that is not a time")
    return delays


def _read_connections(file: Hdf5File, protocol: Protocol, name: str) -> MatrixConnections:
    group, shape = f"connections/{name}", protocol.circuit.shape(protocol.circuit.matrix(name))
    post = _read_numbers(file, f"{group}/post", None, shape[0])
    pre = _read_numbers(file, f"{group}/pre", len(post), shape[1])
    places = post.astype(np.int64) * shape[1] + pre
    if np.any(places[1:] <= places[:-1]):
        raise FormatError(f"{group} has connections that are not in order")
    return MatrixConnections(shape, post.astype(np.int32), pre.astype(np.int32))


def _read_numbers(file: Hdf5File, path: str, length: int | None, stop: int) -> AnyArray:
    """Return numbers of units or samples, each from 0 to `stop` - 1."""
    numbers = file.array(path, "iu", (length,))
    if np.any(numbers < 0) or np.any(numbers >= stop):
        raise FormatError(f"{path} has a number outside 0 to {stop - 1}")
    return numbers


def _check_times(group: str, protocol: Protocol, time: AnyArray, follows: Any) -> None:
    """Check the times of a file without checksum: they are finite, in order and within the protocol's duration."""
    # The tolerance is for rounding errors.
    end = protocol.total_steps * protocol.time_step * (1 + 1e-6)
    ordered = np.all(follows(time[1:], time[:-1]))
    if not (np.all(np.isfinite(time)) and ordered and np.all((time >= 0) & (time <= end))):
        raise FormatError(f"{group} has times that are not in order or not in the protocol's time")
