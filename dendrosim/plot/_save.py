"""Figures to files."""

import os
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from dendrosim.machine.atomic_file import write_file
from dendrosim.plot.style import STYLE, figure_of

_KINDS: dict[str, dict[str, Any]] = {"png": {"dpi": 150}, "svg": {"metadata": {"Date": None}}}


def save(drawn: Any, path: str | os.PathLike[str]) -> list[Path]:
    """Write a figure as PNG and SVG and return both paths.

    Parameters
    ----------
    drawn : Figure, Axes or array of Axes
        What a figure function returned.
    path : path
        Without suffix.

    Raises
    ------
    StorageError
        If a file cannot be written.
    """
    from matplotlib import rc_context

    figure, files = figure_of(drawn), []
    layout = figure.get_layout_engine()
    with rc_context(STYLE):
        for kind, options in _KINDS.items():
            content = BytesIO()
            figure.savefig(content, format=kind, **options)
            files.append(write_file(f"{os.fspath(path)}.{kind}", content.getvalue()))
            figure.set_layout_engine("none")  # all files have the layout of the first
    figure.set_layout_engine(layout)
    return files


def save_all(figures: Mapping[str, Callable[[], Any]], folder: Path) -> list[Path]:
    """Draw figures into a folder, one after the other, and return their files.

    Parameters
    ----------
    figures : mapping
        Name to a function without arguments that draws the figure, as in `Measurement.figures`.
    folder : Path
        Where the files go; it must exist.

    Raises
    ------
    StorageError
        If a file cannot be written.
    """
    return [path for name, draw in figures.items() for path in save(draw(), folder / name)]
