"""The sweep that a user gets: its dataset, how many points have ended, and which have failed."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dendrosim.display.html import Table, as_html
from dendrosim.errors import printable
from dendrosim.machine.cached_property import cached_property
from dendrosim.study.code_version import CodeVersion
from dendrosim.study.dataset import sweep_attributes, sweep_dataset, sweep_variables
from dendrosim.study.dataset_file import write_dataset
from dendrosim.study.record import DIVERGED, DONE, FAILED, MISSING, Record
from dendrosim.study.specification import describe_point
from dendrosim.study.sweep_folder import DATASET, SweepFolder

if TYPE_CHECKING:
    from xarray import Dataset


class FailedPoint(NamedTuple):
    """A point that has failed: the values of the parameters that vary, the seed, and the error."""

    parameters: Mapping[str, Any]
    seed: int
    error: str


class Sweep:
    """A sweep: many runs of one protocol, with their metrics as one dataset.

    `ds.sweep` returns it.

    Parameters
    ----------
    folder : SweepFolder
        Folder of the sweep.
    records : mapping of int to Record
        The records of the points that have ended.
    part : tuple of int, optional
        Number of the part that was computed, and number of parts.

    Attributes
    ----------
    dataset : xarray.Dataset
        Metrics, `status`, `message` and recordings over the parameters and seeds.
    failed : list of FailedPoint
        The points that have failed, with their errors.
    path : Path
        The file of the dataset.
    counts : dict
        Number of points by status.

    Examples
    --------
    >>> found = ds.sweep("tp_student_teacher", {"mu": "0.05:0.45:9"}, seeds=5)   # doctest: +SKIP
    >>> found.dataset["final_loss"].sel(mu=0.05, seed=3)                         # doctest: +SKIP
    >>> [point.error for point in found.failed]                                  # doctest: +SKIP
    """

    def __init__(
        self,
        folder: SweepFolder,
        records: Mapping[int, Record],
        part: tuple[int, int] | None = None,
    ) -> None:
        self.folder, self.spec, self._records, self._part = (
            folder.path, folder.spec, dict(records), part,
        )  # fmt: skip
        used = {r.code for r in records.values()}
        self._codes = [code for code in folder.codes() if code.digest() in used]

    @property
    def codes(self) -> list[CodeVersion]:
        """Versions of the code that has computed the points."""
        return self._codes

    @property
    def path(self) -> Path:
        """The file of the dataset, `sweep.nc` in the folder."""
        return self.folder / DATASET

    @property
    def points(self) -> int:
        """Number of points, each with one seed."""
        return self.spec.count

    @property
    def counts(self) -> dict[str, int]:
        """Number of points by status: done, diverged, failed, missing."""
        found: Counter[str] = Counter(r.status for r in self._records.values())
        missing = self.points - len(self._records)
        return {**{s: found[s] for s in (DONE, DIVERGED, FAILED)}, MISSING: missing}

    @property
    def complete(self) -> bool:
        """Whether all points of the sweep, or of its part, have ended without an error."""
        number, parts = self._part or (1, 1)
        records = (self._records.get(i) for i in range(number - 1, self.points, parts))
        return all(r is not None and r.status != FAILED for r in records)

    @property
    def failed(self) -> list[FailedPoint]:
        """The points that have failed: values of the parameters that vary, seed, and error."""
        points = [(self.spec.point(i), r) for i, r in self._records.items() if r.status == FAILED]
        return [FailedPoint(p.varied, p.seed, f"{r.error}: {r.message}") for p, r in points]

    @property
    def seconds(self) -> tuple[float, float]:
        """Time that all points took, and of this the time of their time steps, in seconds."""
        records = self._records.values()
        return sum(r.seconds for r in records), sum(r.stepping for r in records)

    @cached_property
    def dataset(self) -> "Dataset":
        """Metrics, `status`, `message` and recordings over the parameters and seeds."""
        return sweep_dataset(self.spec, self._records, self._codes)

    def save(self) -> Path:
        """Write the dataset into the folder and return the path of its file."""
        variables, coordinates = sweep_variables(self.spec, self._records)
        return write_dataset(
            self.path, variables, coordinates, sweep_attributes(self.spec, self._codes)
        )

    def __repr__(self) -> str:
        return printable(f"<Sweep of {self.spec.protocol}: {self._sizes()}; {self._ended()}>")

    def _repr_html_(self) -> str:
        """Return the dataset as HTML, below a line about the points, as notebooks show it."""
        failed = [
            (describe_point(self.spec.point(i)), r.error, r.message)
            for i, r in self._records.items()
            if r.status == FAILED
        ]
        table = Table("failed points", ("point", "error", "message"), failed)
        head = as_html("Sweep", f"of {self.spec.protocol}: {self._ended()}", [table])
        return f"<div>{head}{self.dataset._repr_html_()}</div>"

    def _sizes(self) -> str:
        return " × ".join(f"{name} {size}" for name, size in self.spec.dimensions.items())

    def _ended(self) -> str:
        return ", ".join(f"{n:,} {status}" for status, n in self.counts.items() if n)


def write_sweep(folder: SweepFolder, part: tuple[int, int] | None = None) -> Sweep:
    """Read all records of a sweep, write its dataset, and return the sweep; raises StorageError."""
    with folder.lock():
        found = Sweep(folder, folder.records(), part)
        found.save()
        folder.delete_locks()
    return found


def sweep_status(path: Path) -> Sweep:
    """Return a sweep as far as it has been computed, and write its dataset; raises DataError, StorageError."""
    return write_sweep(SweepFolder(path))
