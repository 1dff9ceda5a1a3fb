"""`dendrosim run --again`: repeats the run of a result, and says what differs."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dendrosim.cli.console import emit, emit_error
from dendrosim.cli.options import pairs, result_file
from dendrosim.errors import UsageError

if TYPE_CHECKING:
    from dendrosim.experiments.output_folder import Output
    from dendrosim.library.catalogue import Entry
    from dendrosim.results.measurement import Measurement
    from dendrosim.results.result import Result


class Repeated(NamedTuple):
    """A repeated run: what a run gives, what differs from the first one, and whether the numbers are the same.

    `same` is None if the run was to differ, by its parameters, its seed or its settings.
    """

    result: "Result"
    measurement: "Measurement"
    entry: "Entry | None"
    output: "Output"
    differences: list[str]
    same: bool | None


def repeat(
    path: Path,
    protocol: str | None,
    settings: list[str] | None,
    given: Mapping[str, Any],
    initial: "Result | None",
    out: Path | None,
    overwrite: bool,
    continue_clock: bool,
) -> Repeated:
    """Run the protocol of a result again; `given` are the settings of the run that were given as options."""
    from dendrosim.engine.settings import SEED
    from dendrosim.experiments.again import check_start, differences, plan_again, same_numbers
    from dendrosim.experiments.output_folder import Output
    from dendrosim.experiments.run import run_and_save
    from dendrosim.library.catalogue import find_entry
    from dendrosim.library.loading import read_settings
    from dendrosim.library.measuring import load_measure
    from dendrosim.library.stored_names import find_stored_entry
    from dendrosim.results.measurement import Measurement
    from dendrosim.results.result import open_result

    _refuse_sweep(path)
    first = open_result(result_file(path))
    check_start(first, initial is not None, continue_clock)
    entry = find_entry(protocol, "protocol") if protocol else None
    changes = {}
    if settings:
        where = entry or find_stored_entry(first.protocol.name)
        changes = read_settings(where, pairs("--set", settings, "samples=200"))
    if SEED in given and SEED in first.protocol.parameters:
        changes.setdefault(SEED, given[SEED])
    again = plan_again(first, entry, changes, given)
    output = Output(out, Path(again.protocol.name).stem or "again")
    measure = load_measure(again.entry.path) if again.entry else lambda result: Measurement({})
    result, measurement = run_and_save(
        output, again.protocol, measure, again.settings, initial, progress=True, overwrite=overwrite,
        continue_clock=continue_clock,
    )  # fmt: skip
    found = [*again.remarks, *differences(first, result)]
    same = None if changes or given else same_numbers(first, result)
    return Repeated(result, measurement, again.entry, output, found, same)


def _refuse_sweep(path: Path) -> None:
    """Raise UsageError if a path names a sweep; the message has the command that runs its first point."""
    from dendrosim.study.repeat import repeat_point
    from dendrosim.study.sweep_file import is_sweep, sweep_folder_of
    from dendrosim.study.sweep_folder import SweepFolder

    if not is_sweep(path):
        return
    folder, advice = sweep_folder_of(path), "run one of its points by its values and its seed"
    if folder is not None:
        spec = SweepFolder(folder).spec
        advice += f"; the first one is\n  {repeat_point(spec, spec.point(0))}"
    raise UsageError(f"{path} is a sweep, and --again repeats a single run: {advice}")


def print_differences(repeated: Repeated, path: Path) -> None:
    """Print what differs from the first run, and whether the numbers are the same."""
    for difference in repeated.differences:
        emit_error(f"differs from {path}: {difference}")
    if repeated.same is not None:
        numbers = "the same numbers as" if repeated.same else "other numbers than"
        emit(f"{numbers} {path}, bit for bit" if repeated.same else f"{numbers} {path}")
