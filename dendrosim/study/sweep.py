"""Runs a protocol over many values of its parameters and many seeds: `dendrosim.sweep`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dendrosim.checks import as_flag, as_whole_number, optional
from dendrosim.engine.backends import choose
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import (
    ParameterError,
    ResumeError,
    RunInterruptedError,
    StorageError,
    UsageError,
    abbreviate,
)
from dendrosim.experiments.output_folder import Output
from dendrosim.library.catalogue import Entry, find_entry
from dendrosim.machine.file_paths import AnyPath, as_path, as_path_text
from dendrosim.study.code_version import current_code
from dendrosim.study.design import design_sweep, read_seeds
from dendrosim.study.local_jobs import LocalJobs, compute_here
from dendrosim.study.point import load_protocol_file
from dendrosim.study.point_check import check_points
from dendrosim.study.progress import SweepProgress, sweep_progress
from dendrosim.study.record import FAILED
from dendrosim.study.specification import SweepSpec
from dendrosim.study.sweep_folder import SWEEP, SweepFolder, begin_sweep
from dendrosim.study.sweep_result import Sweep, write_sweep
from dendrosim.study.worker import Ended, OpenSweep, changed_code, open_sweep

MOST_JOBS = 1024


def sweep(
    protocol: AnyPath,
    grid: Mapping[str, Any],
    seeds: int | Iterable[int] | str = 1,
    *,
    sampling: str = "grid",
    points: int | None = None,
    sampling_seed: int = 0,
    recordings: str | Sequence[str] = (),
    backend: str = "auto",
    precision: str = "auto",
    batch: int | None = None,
    threads: int = 1,
    jobs: int = 1,
    part: tuple[int, int] | str | None = None,
    scheduler: AnyPath | None = None,
    retry: bool = False,
    mix_code: bool = False,
    out: AnyPath | None = None,
    progress: bool | None = None,
) -> Sweep:
    """Run a protocol over a grid of parameter values and seeds, so that nothing is lost and nothing is done twice.

    The record of each point is written as soon as it has ended. If the same sweep is begun again in the same
    folder, for instance after a crash, only the other points are computed. A point that diverges or fails ends
    none of the others.

    Parameters
    ----------
    protocol : str or path
        The name of a protocol, or the path of its file.
    grid : mapping of str to value
        Values of parameters by name: a list of values; a text as on the command line, such as
        ``"0.05:0.45:40"`` (START:STOP:COUNT, both ends included), ``"5 ms:20 ms:4"`` or
        ``"linear,smooth_leaky"``; or one value, which does not vary. All other parameters have their
        defaults.
    seeds : int, iterable of int or str, default 1
        Number of seeds, so that 5 means 0 to 4, or the seeds themselves. Each point is run with each seed, which
        is also the value of a parameter `seed` of the protocol.
    sampling : {"grid", "random", "latin"}, default "grid"
        `grid` combines each value with each other. `random` and `latin` (a Latin hypercube) draw `points`
        combinations; then ``"0.05:0.45"`` is a span from which numbers are drawn.
    points : int, optional
        Number of combinations that are drawn.
    sampling_seed : int, default 0
        Seed with which they are drawn.
    recordings : str or sequence of str, optional
        Recordings that the dataset keeps, such as `layer1.h` (default: none).
    backend, precision, batch
        As in `ds.run`.
    threads : int, default 1
        Number of threads of each compiled program.
    jobs : int, default 1
        Number of processes that compute points. With 1, this process computes them.
    part : tuple of int or str, optional
        ``(3, 50)`` or ``"3/50"`` computes the third of fifty equal parts, for jobs of a batch system that share a
        folder.
    scheduler : str or path, optional
        Address of a Dask scheduler, or the path of its scheduler file; its workers compute the points, and must
        share the file system of `out`. Needs the extra `cluster`.
    retry : bool, default False
        Whether points that have failed before are computed again.
    mix_code : bool, default False
        Whether the sweep may go on although the code of dendrosim, a model or the protocol has changed since it
        began. The variable `code` of the dataset then says which version has computed a point.
    out : path, optional
        Folder of the sweep (default: a new folder in `runs`).
    progress : bool, optional
        Whether to report progress on stderr (default: in a terminal or notebook).

    Returns
    -------
    Sweep
        The sweep: `dataset` is an `xarray.Dataset` with one dimension for each parameter that varies and `seed`,
        or `point` and `seed`; its variables are the metrics, `status` (done, diverged, failed, missing), `message`
        and the recordings. `failed` lists the points that have failed. The dataset is also in the file `sweep.nc`
        of the folder.

    Raises
    ------
    UnknownNameError
        If there is no such protocol, parameter, sampling, back end, precision or recording.
    UsageError
        If a value cannot be read, `out` has other files, or the scheduler cannot be reached.
    SpecError
        If a value is not allowed: nothing has run then.
    ResumeError
        If `out` has another sweep, or the code has changed since it began.
    BackendMissingError
        If the back end, or Dask, does not work on this machine.
    RunInterruptedError
        If the sweep is interrupted (Ctrl-C). The points that have ended are kept.
    StorageError
        If the folder cannot be written, for instance because the disk is full. Points that have ended are kept.

    Examples
    --------
    >>> grid = {"mu": "0.05:0.45:9", "model": "single"}
    >>> found = ds.sweep("tp_student_teacher", grid, seeds=5, jobs=2)   # doctest: +SKIP
    >>> found.dataset["final_loss"].median("seed")                      # doctest: +SKIP
    """
    settings = RunSettings(backend, 0, precision, batch, threads, False)
    entry = find_entry(protocol, "protocol")
    if not isinstance(grid, Mapping) or not all(isinstance(name, str) for name in grid):
        raise UsageError(
            f"grid is {abbreviate(grid)}; it must be a mapping of parameters to values, such as "
            "{'mu': [0.1, 0.2]}"
        )
    plan = SweepPlan(
        as_whole_number("jobs", jobs, 1, MOST_JOBS),
        None if part is None else read_part(part),
        None if scheduler is None else as_path_text("scheduler", scheduler),
        as_flag("retry", retry),
        as_flag("mix_code", mix_code),
        optional(as_flag)("progress", progress),
    )
    folder = None if out is None else as_path("out", out).absolute()
    _check_plan(plan, folder)
    settings = replace(settings, backend=choose(settings.backend).name)
    spec = design_sweep(
        entry,
        grid,
        read_seeds(seeds),
        settings,
        sampling,
        points,
        sampling_seed,
        (recordings,) if isinstance(recordings, str) else recordings,
    )
    return run_sweep(entry, spec, folder, plan)


def _check_plan(plan: "SweepPlan", folder: Path | None) -> None:
    """Raise UsageError if options do not go together."""
    needs = {"part": plan.part is not None, "retry": plan.retry, "mix_code": plan.mix_code}
    for name, given in needs.items():
        if given and folder is None:
            raise UsageError(
                f"{name} is for a sweep with a folder of its own: give that with --out (out=...)"
            )
    if plan.scheduler is not None and plan.jobs > 1:
        raise UsageError(
            "jobs are processes of this machine, and a scheduler has workers of its own: give one of the two"
        )


@dataclass(frozen=True)
class SweepPlan:
    """How a sweep is computed; nothing in it affects the numbers.

    Parameters
    ----------
    jobs : int
        Number of processes on this machine.
    part : tuple of int, optional
        Number of the part that is computed, from 1, and number of parts.
    scheduler : str, optional
        Address or file of a Dask scheduler.
    retry : bool
        Whether points that have failed are computed again.
    mix_code : bool
        Whether points of another version of the code may be added.
    progress : bool, optional
        Whether to report progress; by default in a terminal or notebook.
    """

    jobs: int = 1
    part: tuple[int, int] | None = None
    scheduler: str | None = None
    retry: bool = False
    mix_code: bool = False
    progress: bool | None = None


def read_part(given: Any) -> tuple[int, int]:
    """Return the number of a part and the number of parts from a text such as `3/50` or from two numbers."""
    try:
        number, parts = (int(k) for k in (given.split("/") if isinstance(given, str) else given))
    except (TypeError, ValueError):
        raise UsageError(
            f"cannot read the part {abbreviate(given)}: write its number and the number of parts, as in 3/50"
        ) from None
    if not 1 <= number <= parts:
        raise ParameterError(f"there is no part {number} of {parts}; the parts are 1 to {parts}")
    return number, parts


def run_sweep(entry: Entry, spec: SweepSpec, path: Path | None, plan: SweepPlan) -> Sweep:
    """Compute the points of a sweep that have no record yet, write its dataset, and return it."""
    with ExitStack() as stack:
        # Processes import what they need while this one checks the points.
        compute = _computer(stack, plan)
        Output(path, f"{entry.name}-sweep")  # refuses a folder that cannot be written
        folder, sweep, first = _begin(entry, spec, path, plan)
        todo = _todo(folder, plan, first)
        chosen = len(_part(spec.count, plan))
        progress = sweep_progress(chosen, chosen - len(todo), plan.progress)
        stack.callback(progress.close)
        if todo:
            progress.show()
            try:
                for ended in compute(sweep, todo, plan.retry):
                    progress.add(ended)
            except (KeyboardInterrupt, RunInterruptedError):
                raise RunInterruptedError(f"interrupted; {_kept(folder, progress)}") from None
            except StorageError as error:
                error.args = (f"{error}; {_kept(folder, progress)}",)
                raise
    return write_sweep(folder, plan.part)


Computer = Callable[[OpenSweep, list[int], bool], Iterator[Ended]]
"""Yields how each point has ended; the last argument says whether failed points are computed again."""


def _kept(folder: SweepFolder, progress: SweepProgress) -> str:
    """Return the end of a message about a sweep that has stopped."""
    return (
        f"{progress.ended:,} of {progress.total:,} points are kept in {folder.path}, and the same call computes "
        "the others"
    )


def _computer(stack: ExitStack, plan: SweepPlan) -> Computer:
    """Return what computes points: the workers of a scheduler, processes of this machine, or this process."""
    if plan.scheduler is not None:
        from dendrosim.study.cluster import Cluster

        return stack.enter_context(Cluster(plan.scheduler)).compute
    if plan.jobs > 1:
        return stack.enter_context(LocalJobs(plan.jobs)).compute
    return compute_here


def _begin(
    entry: Entry, spec: SweepSpec, path: Path | None, plan: SweepPlan
) -> tuple[SweepFolder, OpenSweep, tuple[int, ...]]:
    """Check the points of a sweep and begin it, or go on with it; return also the points to begin with."""
    loaded, settings = load_protocol_file(entry), RunSettings(**spec.settings)
    if path is not None and (path / SWEEP).exists():
        folder = begin_sweep(path, spec)
        if len(folder.ended()) == spec.count and not plan.retry:
            return folder, open_sweep(folder.path, folder.spec.digest(), entry.path), ()
    checked = check_points(spec, loaded, settings)
    folder = begin_sweep(path or _new_folder(entry), spec)
    with folder.lock():
        _check_code(folder, checked.files, plan.mix_code)
    return folder, open_sweep(folder.path, folder.spec.digest(), entry.path), checked.first


def _new_folder(entry: Entry) -> Path:
    output = Output(None, f"{entry.name}-sweep")
    output.create()
    return output.folder.absolute()


def _check_code(folder: SweepFolder, files: Iterable[Path], mix_code: bool) -> None:
    """Note the version of the code in the folder; raise ResumeError if it has another that may not be mixed."""
    known = folder.codes()
    now = current_code({*files, *(known[-1].files if known else ())})
    if not known:
        folder.add_code(now)
        return
    changes = known[-1].changes(now)
    if changes and not mix_code:
        raise ResumeError(changed_code(folder, changes))
    if known[-1] != now:
        folder.add_code(now)


def _part(count: int, plan: SweepPlan) -> range:
    """Return the numbers of the points of a part."""
    number, parts = plan.part or (1, 1)
    return range(number - 1, count, parts)


def _todo(folder: SweepFolder, plan: SweepPlan, first: tuple[int, ...]) -> list[int]:
    """Return the numbers of the points to compute, those of new structures first."""
    records = folder.records()
    ended = {i for i, r in records.items() if not (plan.retry and r.status == FAILED)}
    todo = [index for index in _part(folder.spec.count, plan) if index not in ended]
    early = sorted({*first} & {*todo})
    return early + sorted({*todo} - {*early})
