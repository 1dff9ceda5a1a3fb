"""Writes the NetCDF-4 file of a result; an existing file is replaced only when the new file is complete.

The file has one group per object, `recordings/<name>`, `final/<name>`, `spikes/<population>`,
`synapses/<pathway>` and `carried/<name>`, so that any NetCDF reader can open each group by itself. Units and
delays of synapses are in their group only, and arrays of synapses refer to it by the number of the synapse.
Protocol, provenance, metrics and references are JSON texts. A checksum of the whole file follows the part that
HDF5 reads; chunks of large arrays also have checksums, which other readers verify.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.circuit.paths import path_of
from dendrosim.errors import SpecError
from dendrosim.machine.atomic_file import replace_file
from dendrosim.machine.file_checksum import append_checksum
from dendrosim.machine.file_paths import AnyPath, as_file_path
from dendrosim.machine.hdf5_file import Disk
from dendrosim.machine.mapped_arrays import PIECE, iterate_pieces, rows_at_once
from dendrosim.results.labels import (
    CONNECTION,
    SYNAPSE,
    Labels,
    coordinate_attributes,
    drop_sample_axis,
    label,
)
from dendrosim.results.reading import FORMAT, MARK, ROWS, VALUES, group_name
from dendrosim.results.result_data import ResultData
from dendrosim.results.run_summary import summary_attributes

# Arrays below this size are not compressed: compression needs chunks, and their overhead would exceed the gain.
_COMPRESSED_BYTES = 4096


def write_result(result: ResultData, path: AnyPath) -> Path:
    """Write a result to a file and return its path; see `Result.save`."""
    target = as_file_path("path of the result", path)
    texts = {
        "protocol": result.protocol.to_json(),
        "provenance": _to_json("provenance", result.provenance),
        "metrics": _to_json("metric", result.metrics),
        "references": _to_json(
            "reference", {name: r.plain() for name, r in result.references.items()}
        ),
    }
    with replace_file(target) as file:
        disk = Disk(file)
        with disk.delay_interrupts():
            _pack(result, texts, disk)
        disk.check()
        append_checksum(file)
    return target


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
    positions = result.synapses, result.connections
    with h5netcdf.File(disk, "w") as file:
        file.attrs[MARK] = FORMAT
        file.attrs["status"] = result.status
        for name, value in summary_attributes(result).items():
            # Strings of HDF5 end at a NUL, which a name from a foreign file may have.
            file.attrs[name] = value.replace("\0", r"\x00") if isinstance(value, str) else value
        for name, text in {**texts, "message": result.message}.items():
            scalar = np.array(text, dtype=object)
            file.create_variable(name, (), dtype=h5py.string_dtype(), data=scalar)
        for name, (time, values) in result.traces.items():
            group = file.create_group(f"recordings/{group_name(name)}")
            labels = label(result.protocol, name, recorded.get(name), *positions)
            _write_array(disk, group, labels, values, time)
        for name, values in result.state.items():
            labels = label(result.protocol, name, None, *positions)
            _write_array(disk, file.create_group(f"final/{name}"), labels, values)
        for name, spikes in result.spikes.items():
            group = file.create_group(f"spikes/{group_name(name)}")
            group.dimensions = {"spike": len(spikes.unit)}
            for part, values in spikes._asdict().items():
                if values is not None:
                    attributes = coordinate_attributes(part)
                    _write_variable(disk, group, part, ("spike",), values, attributes)
        for name, synapses in result.synapses.items():
            group = file.create_group(f"synapses/{name}")
            group.dimensions = {SYNAPSE: len(synapses.pre)}
            for part, values in synapses.parts().items():
                attributes = coordinate_attributes(part)
                _write_variable(disk, group, part, (SYNAPSE,), values, attributes)
        for name, at in result.connections.items():
            group = file.create_group(f"connections/{name}")
            group.dimensions = {CONNECTION: at.count}
            for part, units in (("post", at.post), ("pre", at.pre)):
                attributes = coordinate_attributes(part)
                _write_variable(disk, group, part, (CONNECTION,), units, attributes)
        _write_clock(disk, file, result)


def _write_clock(disk: Disk, file: Any, result: ResultData) -> None:
    """Write when the run began, and what a run that continues its clock takes over."""
    import h5py

    begin = np.array(json.dumps(result.begin.plain()), dtype=object)
    file.create_variable("begin", (), dtype=h5py.string_dtype(), data=begin)
    if result.carried is None:
        return
    file.create_group("carried")
    for name, values in result.carried.items():
        group = file.create_group(f"carried/{name}")
        part, axes = (ROWS, ("row", "column")) if values.ndim == 2 else (VALUES, ("element",))
        group.dimensions = dict(zip(axes, values.shape, strict=True))
        _write_variable(disk, group, part, axes, values, {})


def _write_array(
    disk: Disk, group: Any, labels: Labels, values: AnyArray, time: AnyArray | None = None
) -> None:
    axes = labels.axes(time)
    group.dimensions = {name: len(axis) for name, axis in axes.items()}
    for name, axis in axes.items():
        _write_variable(disk, group, name, (name,), axis, coordinate_attributes(name))
    values = drop_sample_axis(values, len(axes))
    _write_variable(disk, group, path_of(labels.name), tuple(axes), values, labels.attributes)


def _write_variable(
    disk: Disk,
    group: Any,
    name: str,
    axes: tuple[str, ...],
    values: AnyArray,
    attributes: Mapping[str, str],
) -> None:
    if values.nbytes > _COMPRESSED_BYTES:
        packing: dict[str, Any] = {
            "compression": "gzip", "compression_opts": 4, "shuffle": True, "fletcher32": True,
        }  # fmt: skip
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
