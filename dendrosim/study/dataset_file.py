"""Writes the dataset of a sweep to a NetCDF-4 file, which is replaced only when the new one is complete."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from dendrosim.machine.atomic_file import write_file
from dendrosim.study.dataset import Variable

_COMPRESSED_BYTES = 4096  # smaller variables would grow by compression


def write_dataset(
    path: Path,
    variables: Mapping[str, Variable],
    coordinates: Mapping[str, Variable],
    attributes: Mapping[str, Any],
) -> Path:
    """Write the dataset of a sweep; raises StorageError.

    The file is made in memory first, because HDF5 may crash when a disk is full.
    """
    import h5netcdf

    content = BytesIO()
    every = {**coordinates, **variables}
    beside = [n for n, (dimensions, _, _) in coordinates.items() if dimensions != (n,)]
    with h5netcdf.File(content, "w") as file:
        file.attrs.update(attributes)
        sizes = {
            name: size
            for dimensions, values, _ in every.values()
            for name, size in zip(dimensions, values.shape, strict=True)
        }
        file.dimensions = sizes
        for name, variable in every.items():
            _write_variable(file, name, variable, beside if name in variables else [])
    return write_file(path, content.getbuffer())


def _write_variable(file: Any, name: str, variable: Variable, beside: list[str]) -> None:
    import h5py

    dimensions, values, attributes = variable
    if values.dtype == object:
        made = file.create_variable(name, dimensions, dtype=h5py.string_dtype(), data=values)
    elif values.dtype == bool:  # NetCDF has no flags; xarray reads them back as such
        made = file.create_variable(name, dimensions, data=values.astype("i1"))
        made.attrs["dtype"] = "bool"
    else:
        packing = (
            {"compression": "gzip", "shuffle": True} if values.nbytes > _COMPRESSED_BYTES else {}
        )
        made = file.create_variable(name, dimensions, data=values, **packing)
    for key, value in attributes.items():
        made.attrs[key] = value
    along = [n for n in beside if set(dimensions) >= {"point"}]
    if along:
        made.attrs["coordinates"] = " ".join(along)
