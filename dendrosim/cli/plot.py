"""The command `dendrosim plot`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dendrosim.cli.console import emit, emit_error
from dendrosim.cli.options import DrawnBy, read_path
from dendrosim.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dendrosim.results.result import Result


def plot(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="RESULT.nc", parser=read_path("RESULT.nc"), help="The result of a run."
        ),
    ],
    protocol: DrawnBy = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=read_path("--out"),
            help="Folder for the figures (default: the one of RESULT.nc).",
        ),
    ] = None,
) -> None:
    """Draw the figures of a result."""
    from dendrosim.experiments.output_folder import Output
    from dendrosim.plot._save import save_all
    from dendrosim.results.result import open_result

    result = open_result(file)
    output = Output(out or file.parent, file.stem)
    with output.write_files() as folder:
        names = [path.name for path in save_all(_figures(result, protocol), folder)]
    for name in names:
        emit(str(output.folder / name))


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
