"""Write figures to PNG and SVG files."""

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from dendrosim.machine.atomic_file import write_file
from dendrosim.machine.file_paths import AnyPath, as_file_path
from dendrosim.plot.style import figure_of, in_style

_FORMATS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 150, "metadata": {"Software": "dendrosim"}},
    "svg": {"metadata": {"Creator": "dendrosim", "Date": None}},
}
"""Options of each file format. No date is written, so that the same figure always gives an identical file. The
name of the program tells a later run that it may replace the file."""


def save(drawn: Any, path: AnyPath) -> list[Path]:
    """Write a figure as PNG and SVG and return both paths.

    Parameters
    ----------
    drawn : Figure, Axes or ndarray of Axes
        Result of a figure function.
    path : path
        Path of the files without suffix; the folder must exist.

    Returns
    -------
    list of Path
        The PNG file and the SVG file.

    Raises
    ------
    UsageError
        If `path` cannot be the path of a file.
    StorageError
        If a file cannot be written.
    """
    stem = as_file_path("path of the figure", path)
    figure, files = figure_of(drawn), []
    layout = figure.get_layout_engine()
    with in_style():
        for suffix, options in _FORMATS.items():
            content = BytesIO()
            figure.savefig(content, format=suffix, **options)
            files.append(write_file(stem.with_name(f"{stem.name}.{suffix}"), content.getvalue()))
            figure.set_layout_engine("none")  # all files have the layout of the first file
    figure.set_layout_engine(layout)
    return files


def save_all(figures: Mapping[str, Callable[[], Any]], folder: Path) -> list[Path]:
    """Draw figures one after the other, write them into a folder, and return the paths.

    Parameters
    ----------
    figures : mapping of str to callable
        Functions without arguments that draw a figure, by name, as in `Measurement.figures`.
    folder : Path
        Folder of the files; it must exist.

    Raises
    ------
    StorageError
        If a file cannot be written.
    """
    return [path for name, draw in figures.items() for path in save(draw(), folder / name)]
