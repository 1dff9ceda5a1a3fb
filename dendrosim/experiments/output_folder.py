"""Output folders: they are tested for writing before work begins, and get only complete files."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from dendrosim.errors import StorageError

RUNS = Path("runs")
RESULT, PARTIAL, UNFINISHED = "result.nc", "partial.nc", "unfinished"


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

    @contextmanager
    def write_files(self, *outdated: str) -> Iterator[Path]:
        """Yield a temporary folder to write into; at the end its files are moved to the output folder.

        After an error the output folder is as before. Without an error, files of an earlier run are deleted if
        `outdated` has their names.
        """
        with storage_errors(self.folder):
            is_new = self._make()
            staging = Path(tempfile.mkdtemp(prefix=".writing-", dir=self.folder))
            try:
                yield staging
                for path in sorted(staging.iterdir()):
                    path.replace(self.folder / path.name)
                for name in outdated:
                    (self.folder / name).unlink(missing_ok=True)
            except BaseException as error:
                shutil.rmtree(self.folder if is_new else staging, ignore_errors=True)
                if isinstance(error, StorageError):
                    raise StorageError(
                        str(error).replace(str(staging), str(self.folder))
                    ) from error
                raise
            staging.rmdir()
            self.fresh = False

    def _make(self) -> bool:
        """Make the folder and return whether it is new; two runs begun in one second get different folders."""
        wanted, count = self.folder, 1
        missing = [p for p in (*reversed(wanted.parents), wanted) if not p.exists()]
        while True:
            try:
                self.folder.mkdir(parents=True)
                self.created = [*missing[:-1], self.folder]
                return True
            except FileExistsError:
                if not self.fresh:
                    self.folder.mkdir(exist_ok=True)
                    return False
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
    tempfile.TemporaryFile(dir=existing).close()
