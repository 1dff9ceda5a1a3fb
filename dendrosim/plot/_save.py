"""Write figures to PNG, SVG or PDF files."""

from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from dendrosim.machine.atomic_file import write_file
from dendrosim.machine.file_paths import AnyPath, as_file_path
from dendrosim.plot.formats import DEFAULT, FORMATS, read_formats
from dendrosim.plot.legends import move_legend_inside
from dendrosim.plot.style import FONTS, figure_of, in_style

_ONE_FONT = b"font-family: 'DejaVu Sans';"
_ALL_FONTS = f"font-family: {', '.join(map(repr, FONTS))}, sans-serif;".encode()
"""What SVG files say of the font of numbers with exponents, which would otherwise differ from that of other texts
where the one font is not installed."""


def save(drawn: Any, path: AnyPath, formats: str | Iterable[str] = DEFAULT) -> list[Path]:
    """Write a figure as PNG with 300 dots per inch, as SVG or as PDF, and return the paths.

    Parameters
    ----------
    drawn : Figure, Axes or ndarray of Axes
        Result of a figure function.
    path : path
        Path of the files without suffix; the folder must exist.
    formats : str or sequence of str, default "png"
        One or more of "png", "svg" and "pdf", as a list or in one text: "png,svg,pdf".

    Returns
    -------
    list of Path
        One file for each format, in the order of `formats`.

    Raises
    ------
    UnknownNameError
        If there is no such format.
    UsageError
        If `path` cannot be the path of a file, or no format is given.
    StorageError
        If a file cannot be written.

    Examples
    --------
    >>> axes = ds.plot.traces(result, "soma.v")                  # doctest: +SKIP
    >>> ds.plot.save(axes, "figures/soma", formats="svg,pdf")    # doctest: +SKIP
    """
    names = read_formats(formats)
    stem = as_file_path("path of the figure", path)
    figure, files = figure_of(drawn), []
    layout = figure.get_layout_engine()
    with in_style():
        move_legend_inside(figure)
        for suffix in names:
            content = BytesIO()
            figure.savefig(content, format=suffix, **FORMATS[suffix])
            written = content.getvalue()
            if suffix == "svg":
                written = written.replace(_ONE_FONT, _ALL_FONTS)
            files.append(write_file(stem.with_name(f"{stem.name}.{suffix}"), written))
            figure.set_layout_engine("none")  # all files have the layout of the first file
    figure.set_layout_engine(layout)
    return files


def save_all(
    figures: Mapping[str, Callable[[], Any]], folder: Path, formats: Iterable[str]
) -> list[Path]:
    """Draw figures one after the other, write them into a folder, and return the paths.

    Parameters
    ----------
    figures : mapping of str to callable
        Functions without arguments that draw a figure, by name, as in `Measurement.figures`.
    folder : Path
        Folder of the files; it must exist.
    formats : sequence of str
        Formats of the files; see `save`.

    Raises
    ------
    StorageError
        If a file cannot be written.
    """
    return [path for name, draw in figures.items() for path in save(draw(), folder / name, formats)]
