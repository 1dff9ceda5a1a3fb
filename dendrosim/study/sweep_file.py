"""Finds and reads the sweep that a user names: by its folder, or by the file of its dataset."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dendrosim.errors import DataError
from dendrosim.machine.hdf5_reading import open_hdf5
from dendrosim.results.reading import SWEEP_MARK
from dendrosim.study.dataset import FORMAT
from dendrosim.study.sweep_folder import DATASET, SWEEP, SweepFolder
from dendrosim.study.sweep_result import Sweep

if TYPE_CHECKING:
    from xarray import Dataset


def is_sweep(path: Path) -> bool:
    """Return whether a path names a sweep: a folder in which one has begun, or the dataset of one."""
    return sweep_folder_of(path) is not None or (
        os.path.isfile(path) and _version(path) is not None
    )


def sweep_folder_of(path: Path) -> Path | None:
    """Return the folder of the sweep that a path names; None for other files, and for a dataset that was moved."""
    folder = path.parent if path.name == DATASET else path
    return folder if os.path.isfile(folder / SWEEP) else None


def read_sweep(path: Path) -> "Dataset":
    """Return the dataset of the sweep that a path names; nothing is written.

    Parameters
    ----------
    path : Path
        Folder of a sweep, of which all points that have ended are read, or file of a dataset.

    Raises
    ------
    DataError
        If it is neither, is damaged, or was written by a newer version.
    """
    folder = sweep_folder_of(path)
    if folder is not None or not path.is_file():
        place = SweepFolder(folder or path)
        return Sweep(place, place.records()).dataset
    version = _version(path)
    if version is None:
        raise DataError(f"{path} is not the dataset of a sweep")
    if version > FORMAT:
        raise DataError(
            f"{path} has format {version}, which a newer dendrosim wrote; this one reads up to {FORMAT}"
        )
    import xarray

    try:
        return xarray.load_dataset(path, engine="h5netcdf")
    except (OSError, RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise DataError(f"{path} is truncated or damaged ({error})") from error


def _version(path: Path) -> int | None:
    """Return the version of the dataset in a file; None for all other files."""
    try:
        with open_hdf5(path) as file:
            found = file.attribute(SWEEP_MARK)
    except (OSError, RuntimeError, ValueError, TypeError, LookupError):
        return None
    return None if found is None else int(found)
