"""Output folders: they are tested for writing before work begins, and get only complete files."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from dendrosim.errors import StorageError, UsageError
from dendrosim.experiments.authorship import is_ours
from dendrosim.machine.atomic_file import sync_folder
from dendrosim.machine.working_folder import WORKING, working_folder

RUNS = Path("runs")
RESULT, PARTIAL, UNFINISHED = "result.nc", "partial.nc", "unfinished"
REPORT = "stability.json"
_WHAT = {
    RESULT: "the result of another run",
    PARTIAL: "the result of another run",
    REPORT: "another stability report",
}
_FIGURES = (".png", ".svg", ".pdf", ".html")
_STAGING = ".dendrosim-writing-"


class Output:
    """A folder for the files of one run.

    Parameters
    ----------
    folder : path or None
        The folder. With None a new folder is made, `runs/<name>-<time>`.
    name : str
        Name that is part of the name of a new folder.

    Raises
    ------
    StorageError
        If files cannot be written in the folder.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self.fresh = folder is None
        self.created: list[Path] = []
        self.folder = folder or RUNS / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
        with storage_errors(self.folder):
            _try_to_write(self.folder)

    def create(self) -> Path:
        """Make the folder, and return the path inside it for files that a run needs only until its end."""
        with storage_errors(self.folder):
            self._make()
            self.fresh = False
        return self.folder / UNFINISHED

    def delete_if_empty(self) -> None:
        """Delete the folder if it was made for this run and is empty."""
        with suppress(OSError):
            for path in reversed(self.created):
                path.rmdir()

    def check_replaceable(self, *names: str) -> None:
        """Raise StorageError if a file in the folder has one of these names and was not written by dendrosim."""
        for name in names:
            path = self.folder / name
            with storage_errors(self.folder):
                if os.path.lexists(path) and not is_ours(path):
                    raise StorageError(
                        f"{path} exists and was not written by dendrosim; nothing was changed: move it away, or "
                        "name another folder with --out"
                    )

    def check_free(self, overwrite: bool, report: bool = False) -> None:
        """Check that a result, or a stability report, can be written into the folder.

        Parameters
        ----------
        overwrite : bool
            Whether it may replace another of the same kind.
        report : bool, optional
            Whether it is a stability report (default: the result of a run).

        Raises
        ------
        UsageError
            If the folder has another result or report; with `overwrite`, only if that is of the other kind.
        StorageError
            If a file has such a name and was not written by dendrosim.
        """
        self.check_replaceable(*_WHAT)
        for name in self._results():
            if report != (name == REPORT):
                raise UsageError(
                    f"{self.folder / name} is {_WHAT[name]}, which {'a report' if report else 'a run'} never "
                    "replaces: name another folder with --out"
                )
            if not overwrite:
                raise UsageError(
                    f"{self.folder / name} is {_WHAT[name]}: name another folder with --out, or replace it and "
                    "its figures with --overwrite (overwrite=True in Python)"
                )

    def _results(self) -> list[str]:
        return [name for name in _WHAT if (self.folder / name).exists()]

    def old_figures(self) -> tuple[str, ...]:
        """Return the names of all figures by dendrosim in a folder with a result or report; else return none."""
        if not self._results():
            return ()
        with storage_errors(self.folder):
            found = [path for path in self.folder.iterdir() if path.suffix in _FIGURES]
            return tuple(sorted(path.name for path in found if is_ours(path)))

    @contextmanager
    def write_files(self, *outdated: str) -> Iterator[Path]:
        """Yield a temporary folder to write into; at the end its files are moved to the output folder.

        After an error the output folder is as before. Otherwise files of an earlier run with names in `outdated`
        are deleted. When the context ends, all files have reached the disk.

        Raises
        ------
        StorageError
            If a file cannot be written, or would replace one that was not written by dendrosim.
        """
        with storage_errors(self.folder):
            self._make()
            try:
                with working_folder(self.folder, _STAGING, marked=True) as (staging, _):
                    try:
                        yield staging
                    except StorageError as error:
                        text = str(error).replace(str(staging), str(self.folder))
                        raise StorageError(text) from error
                    files = sorted(p for p in staging.iterdir() if p.name != WORKING)
                    self._replace(files, outdated)
            except BaseException:
                self.delete_if_empty()
                raise
            self.fresh = False

    def _replace(self, files: list[Path], outdated: tuple[str, ...]) -> None:
        self.check_replaceable(*(path.name for path in files), *outdated)
        for path in files:
            path.replace(self.folder / path.name)
        sync_folder(self.folder)
        for name in {*outdated} - {path.name for path in files}:
            (self.folder / name).unlink(missing_ok=True)

    def _make(self) -> None:
        """Make the folder if there is none.

        If its automatic name is taken, as by a run begun in the same second, -2, -3, ... is appended.
        """
        wanted, count = self.folder, 1
        missing = [p for p in (*reversed(wanted.parents), wanted) if not p.exists()]
        while True:
            try:
                self.folder.mkdir(parents=True)
                self.created = [*missing[:-1], self.folder]
                return
            except FileExistsError:
                if not self.fresh:
                    self.folder.mkdir(exist_ok=True)
                    return
            count += 1
            self.folder = wanted.with_name(f"{wanted.name}-{count}")


@contextmanager
def storage_errors(where: Path) -> Iterator[None]:
    """Turn operating system errors into StorageError."""
    try:
        yield
    except (BrokenPipeError, InterruptedError):
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write to {where}: {reason}; name another folder with --out"
        ) from error


def _try_to_write(folder: Path) -> None:
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise StorageError(
            f"cannot write to {folder}: {existing} is a file; name another folder with --out"
        )
    if existing == folder.absolute():
        tempfile.TemporaryFile(dir=existing).close()
    elif not os.access(existing, os.W_OK | os.X_OK):  # nothing is written above the folder
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
