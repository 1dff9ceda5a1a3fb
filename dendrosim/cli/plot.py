"""The command `dendrosim plot`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dendrosim.cli.console import emit_error
from dendrosim.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dendrosim.results.result import Result


def plot(
    file: Annotated[Path, typer.Argument(metavar="RESULT.nc", help="The result of a run.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the figures (default: the one of RESULT.nc)."),
    ] = None,
) -> None:
    """Draw the figures of a result."""
    from dendrosim.experiments.output_folder import Output
    from dendrosim.plot._save import save_all
    from dendrosim.results.result import open_result

    result = open_result(file)
    output = Output(out or file.parent, file.stem)
    with output.write_files() as folder:
        names = [path.name for path in save_all(_figures(result), folder)]
    for name in names:
        print(output.folder / name)


def _figures(result: "Result") -> "Mapping[str, Callable[[], Figure]]":
    """Return the figures of the result's protocol, or general figures if it has none."""
    from dendrosim import plot
    from dendrosim.library.measuring import find_measure

    try:
        measure = find_measure(result.protocol)
    except (UnknownNameError, DataError) as error:
        emit_error(f"{error}; drawing general figures")
        return plot.overview(result)
    return measure(result).figures or plot.overview(result)
