"""The command `dendrosim report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dendrosim.cli.console import emit
from dendrosim.cli.options import DrawnBy, read_path, result_file

if TYPE_CHECKING:
    from dendrosim.library.catalogue import Entry
    from dendrosim.results.measurement import Measurement
    from dendrosim.results.result import Result


def report(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="RESULT.nc|SWEEP_DIR",
            parser=read_path("RESULT.nc|SWEEP_DIR"),
            help="The result of a run; or a sweep, by its folder or the dataset in it.",
        ),
    ],
    protocol: DrawnBy = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            parser=read_path("--out"),
            help="File of the report (default: report.html beside the result, or in the folder of the sweep).",
        ),
    ] = None,
) -> None:
    """Write a report: one HTML file with metrics, figures, circuit, equations, protocol and provenance."""
    from dendrosim.library.catalogue import find_entry
    from dendrosim.results.result import open_result
    from dendrosim.study.report.report import REPORT
    from dendrosim.study.sweep_file import sweep_folder_of

    entry = find_entry(protocol, "protocol") if protocol else None
    sweep, file = sweep_folder_of(file), result_file(file)
    if sweep is not None or file.is_dir():
        emit(str(_write_sweep_report(sweep or file, out or (sweep or file) / REPORT, entry)))
        return
    result = open_result(file)
    emit(str(write_run_report(result, out or file.with_name(REPORT), entry)))


def _write_sweep_report(sweep: Path, path: Path, entry: "Entry | None") -> Path:
    from dendrosim.experiments.output_folder import Output
    from dendrosim.study.report.sweep_report import write_sweep_report
    from dendrosim.study.sweep_folder import SweepFolder

    SweepFolder(sweep)  # before anything is written
    output = Output(path.parent, "")
    output.check_replaceable(path.name)
    with output.write_files() as folder:
        write_sweep_report(sweep, folder / path.name, entry)
    return output.folder / path.name


def write_run_report(
    result: "Result",
    path: Path,
    entry: "Entry | None" = None,
    measurement: "Measurement | None" = None,
) -> Path:
    """Write the report of a result; a file that dendrosim has not written is not replaced."""
    from dendrosim.experiments.output_folder import Output
    from dendrosim.study.report.report import measure_for_report, write_report

    output = Output(path.parent, "")
    output.check_replaceable(path.name)  # before figures are drawn, which takes seconds
    with output.write_files() as folder:
        write_report(result, folder / path.name, measurement or measure_for_report(result, entry))
    return output.folder / path.name
