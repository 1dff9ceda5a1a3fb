"""Lists the runs of a folder: results that are done or partial, and runs that can be resumed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dendrosim.engine.run_folder import is_locked, read_begun
from dendrosim.errors import DataError, DendrosimError
from dendrosim.experiments.output_folder import PARTIAL, UNFINISHED
from dendrosim.results.run_summary import RunSummary, read_summary


class Listing(NamedTuple):
    """The runs of a folder in the order of their ends, and what could not be read: paths with the reason."""

    runs: list[RunSummary]
    damaged: dict[Path, str]


def list_runs(folder: Path) -> Listing:
    """List the runs in a folder and the folders in it.

    Only attributes of files are read. Files that are damaged are named and do not disturb; NetCDF files of other
    programs are left out.

    Raises
    ------
    DataError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; name one that has results")
    runs, damaged = [], {}
    for path in _candidates(folder):
        try:
            found = _read_unfinished(path) if path.name == UNFINISHED else read_summary(path)
        except DendrosimError as error:
            damaged[path] = str(error)
            continue
        if found is not None:
            runs.append(found)
    return Listing(sorted(runs, key=lambda run: (run.finished, run.path)), damaged)


def _candidates(folder: Path) -> Iterator[Path]:
    """Yield NetCDF files, and folders of runs without a file of what they have recorded."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        if UNFINISHED in folders:
            folders.remove(UNFINISHED)
            if PARTIAL not in files:
                yield Path(parent) / UNFINISHED
        yield from (Path(parent) / name for name in sorted(files) if name.endswith(".nc"))


def _read_unfinished(folder: Path) -> RunSummary | None:
    begun = read_begun(folder)
    if begun is None:
        return None
    working = is_locked(folder)
    message = "a process is at work" if working else f"resume with --resume {folder.parent}"
    status = "running" if working else "interrupted"
    return RunSummary(folder.parent, status=status, message=message, **begun)
