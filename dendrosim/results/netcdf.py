"""The NetCDF-4 file of a result; an existing file is replaced only when the new file is complete.

The file has one group per object, `recordings/<name>`, `final/<name>` and `spikes/<population>`, so that any
NetCDF reader can open each group by itself. Protocol, provenance and metrics are JSON texts.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.circuit.paths import is_variable
from dendrosim.errors import DataError, SpecError
from dendrosim.machine.atomic_file import replace_file
from dendrosim.machine.hdf5_file import Disk
from dendrosim.machine.mapped_arrays import PIECE, iterate_pieces, rows_at_once
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.labels import (
    INDEX_ATTRIBUTES,
    TIME_ATTRIBUTES,
    Labels,
    drop_sample_axis,
    label,
)
from dendrosim.results.result_data import ResultData, Spikes, Trace

FORMAT = 1
"""Version of the file layout; a reader refuses files with a higher version."""

_MARK = "dendrosim_format"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Arrays below this size are not compressed: compression needs chunks, and their overhead would exceed the gain.
_COMPRESSED_BYTES = 4096


def write_result(result: ResultData, path: str | os.PathLike[str]) -> Path:
    """Write a result to a file and return its path; see `Result.save`."""
    texts = {
        "protocol": result.protocol.to_json(),
        "provenance": _to_json("provenance", result.provenance),
        "metrics": _to_json("metric", result.metrics),
    }
    path = Path(path)
    with replace_file(path) as file:
        disk = Disk(file)
        with disk.delay_interrupts():
            _pack(result, texts, disk)
        disk.check()
    return path


def read_fields(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the fields of the result in a file, by the names of the arguments of `ResultData`."""
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


# -- writing --------------------------------------------------------------------------------------


def _to_json(what: str, values: Mapping[str, Any]) -> str:
    """Return values as JSON text; a SpecError says which value of the kind `what` cannot be stored."""

    def plain(value: Any) -> Any:
        if isinstance(value, (np.generic, np.ndarray)) and value.dtype.kind in "biufU":
            return value.tolist()
        raise TypeError(type(value).__name__)

    for name, value in values.items():
        try:
            json.dumps(value, default=plain)
        except (TypeError, ValueError) as error:
            raise SpecError(
                f"{what} {name!r} cannot be stored ({error}): "
                "give numbers, booleans, text, or lists of these"
            ) from None
    return json.dumps(dict(values), default=plain)


def _pack(result: ResultData, texts: Mapping[str, str], disk: Disk) -> None:
    """Write the content of the file; large arrays are written a limited number of rows at a time."""
    import h5netcdf
    import h5py

    recorded = result.protocol.recordings_by_name()
    with h5netcdf.File(disk, "w") as file:
        file.attrs[_MARK] = FORMAT
        file.attrs["status"] = result.status
        for name, text in {**texts, "message": result.message}.items():
            scalar = np.array(text, dtype=object)
            file.create_variable(name, (), dtype=h5py.string_dtype(), data=scalar)
        for name, (time, values) in result.traces.items():
            group = file.create_group(f"recordings/{name}")
            labels = label(result.protocol, name, recorded.get(name))
            _write_array(disk, group, labels, values, time)
        for name, values in result.state.items():
            labels = label(result.protocol, name, None)
            _write_array(disk, file.create_group(f"final/{name}"), labels, values)
        for name, spikes in result.spikes.items():
            group = file.create_group(f"spikes/{name}")
            group.dimensions = {"spike": len(spikes.unit)}
            for part, values in spikes._asdict().items():
                if values is not None:
                    attributes = TIME_ATTRIBUTES if part == "time" else INDEX_ATTRIBUTES
                    _write_variable(disk, group, part, ("spike",), values, attributes)


def _write_array(
    disk: Disk, group: Any, labels: Labels, values: AnyArray, time: AnyArray | None = None
) -> None:
    axes = labels.axes(time)
    group.dimensions = {name: len(axis) for name, axis in axes.items()}
    for name, axis in axes.items():
        _write_variable(
            disk,
            group,
            name,
            (name,),
            axis,
            TIME_ATTRIBUTES if name == "time" else INDEX_ATTRIBUTES,
        )
    values = drop_sample_axis(values, len(axes))
    _write_variable(disk, group, labels.name, tuple(axes), values, labels.attributes)


def _write_variable(
    disk: Disk,
    group: Any,
    name: str,
    axes: tuple[str, ...],
    values: AnyArray,
    attributes: Mapping[str, str],
) -> None:
    if values.nbytes > _COMPRESSED_BYTES:
        packing: dict[str, Any] = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
        if values.nbytes > PIECE:
            packing["chunks"] = (rows_at_once(values), *values.shape[1:])
        variable = group.create_variable(name, axes, values.dtype, **packing)
        first = 0
        for piece in iterate_pieces(values):
            variable[first : first + len(piece)] = np.ascontiguousarray(piece)
            first += len(piece)
            disk.check()
    else:
        variable = group.create_variable(name, axes, data=np.ascontiguousarray(values))
    for key, value in attributes.items():
        variable.attrs[key] = value
    disk.check()


# -- reading --------------------------------------------------------------------------------------


def _read(path: Path) -> dict[str, Any]:
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
        return {
            "protocol": protocol,
            "traces": {
                n: Trace(g["time"][...], _values(g, n, single)) for n, g in recordings.items()
            },
            "final": {n: _values(g, n, single) for n, g in final.items()},
            "spikes": {
                name: Spikes(**{part: group[part][...] for part in group.variables})
                for name, group in _groups(file, "spikes").items()
            },
            "provenance": json.loads(_text(file["provenance"])),
            "metrics": json.loads(_text(file["metrics"])),
            "status": str(file.attrs["status"]),
            "message": _text(file["message"]),
        }


def _groups(file: Any, kind: str) -> Mapping[str, Any]:
    return file[kind].groups if kind in file.groups else {}


def _values(group: Any, name: str, single: bool) -> AnyArray:
    """Return the array of a group; if there is only one sample, add the sample axis of a variable."""
    values = group[name][...]
    return values[..., None] if single and is_variable(name) else values


def _text(variable: Any) -> str:
    value = variable[()]
    return value.decode() if isinstance(value, bytes) else str(value)
