"""Write figures to PNG, SVG and PDF files."""

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from dendrosim.machine.atomic_file import write_file
from dendrosim.machine.file_paths import AnyPath, as_file_path
from dendrosim.plot.legends import move_legend_inside
from dendrosim.plot.style import FONTS, figure_of, in_style

_FORMATS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 300, "metadata": {"Software": "dendrosim"}},
    "svg": {"metadata": {"Creator": "dendrosim", "Date": None}},
    "pdf": {
        "dpi": 300,
        "metadata": {"Creator": "dendrosim", "Producer": None, "CreationDate": None},
    },
}
"""Options of each file format. No date is written, so that the same figure always gives an identical file. The
name of the program tells a later run that it may replace the file."""


_ONE_FONT = b"font-family: 'DejaVu Sans';"
_ALL_FONTS = f"font-family: {', '.join(map(repr, FONTS))}, sans-serif;".encode()
"""What SVG files say of the font of numbers with exponents, which would otherwise differ from that of other texts
where the one font is not installed."""


def save(drawn: Any, path: AnyPath) -> list[Path]:
    """Write a figure as PNG with 300 dots per inch, as SVG and as PDF, and return the paths.

    Parameters
    ----------
    drawn : Figure, Axes or ndarray of Axes
        Result of a figure function.
    path : path
        Path of the files without suffix; the folder must exist.

    Returns
    -------
    list of Path
        The PNG file, the SVG file and the PDF file.

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
        move_legend_inside(figure)
        for suffix, options in _FORMATS.items():
            content = BytesIO()
            figure.savefig(content, format=suffix, **options)
            written = content.getvalue()
            if suffix == "svg":
                written = written.replace(_ONE_FONT, _ALL_FONTS)
            files.append(write_file(stem.with_name(f"{stem.name}.{suffix}"), written))
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
