"""The command `dendrosim plot`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dendrosim.cli.console import emit, emit_error
from dendrosim.cli.options import DrawnBy, Formats, read_path, result_file
from dendrosim.errors import DataError, UnknownNameError, UsageError
from dendrosim.plot.formats import DEFAULT, read_formats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dendrosim.results.result import Result


def plot(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="RESULT.nc|SWEEP_DIR",
            parser=read_path("RESULT.nc|SWEEP_DIR"),
            help="The result of a run; or a sweep, by its folder or its dataset.",
        ),
    ],
    protocol: DrawnBy = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="Metric of a sweep that gets a panel; may be repeated (default: all, at most twelve).",
        ),
    ] = None,
    x: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Parameter of a sweep that is on the x axis."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Parameter of a sweep whose values have colours."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=read_path("--out"),
            help="Folder for the figures (default: the one of the result or sweep).",
        ),
    ] = None,
    formats: Formats = DEFAULT,
) -> None:
    """Draw the figures of a result, or the metrics of a sweep against its parameters."""
    from dendrosim.experiments.output_folder import Output
    from dendrosim.plot._save import save_all
    from dendrosim.results.result import open_result
    from dendrosim.study.sweep_file import is_sweep

    suffixes = read_formats(formats)
    if is_sweep(file):
        if protocol is not None:
            raise UsageError("--protocol is for figures of a run: leave it out")
        figures = _figures_of_sweep(file, metrics, x, by)
    else:
        _refuse_for_run(metrics, x, by)
        file = result_file(file)
        figures = _figures(open_result(file), protocol)
    output = Output(out or (file if file.is_dir() else file.parent), file.stem)
    with output.write_files() as folder:
        names = [path.name for path in save_all(figures, folder, suffixes)]
    for name in names:
        emit(str(output.folder / name))


def _figures_of_sweep(
    path: Path, metrics: list[str] | None, x: str | None, by: str | None
) -> "Mapping[str, Callable[[], Any]]":
    from dendrosim.plot._sweep import sweep
    from dendrosim.study.sweep_file import read_sweep

    dataset = read_sweep(path)
    return {"sweep": lambda: sweep(dataset, metrics, x=x, by=by)}


def _refuse_for_run(metrics: list[str] | None, x: str | None, by: str | None) -> None:
    """Raise UsageError if an option for sweeps is given for a run."""
    for option, given in (("--metric", metrics), ("--x", x), ("--by", by)):
        if given:
            raise UsageError(f"{option} is for figures of a sweep: leave it out")


def _figures(result: "Result", protocol: str | None) -> "Mapping[str, Callable[[], Figure]]":
    """Return the figures of the file of `protocol` (default: the result's protocol), or general figures."""
    from dendrosim import plot
    from dendrosim.library.measuring import find_measure
    from dendrosim.library.measuring import measure as measure_with

    if protocol is not None:
        return measure_with(result, protocol).figures or plot.overview(result)
    try:
        measure = find_measure(result.protocol)
    except (UnknownNameError, DataError) as error:
        emit_error(f"{error}; drawing general figures")
        return plot.overview(result)
    return measure(result).figures or plot.overview(result)
