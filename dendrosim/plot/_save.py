"""Figures to files."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any

from dendrosim.plot.style import STYLE, figure_of
from dendrosim.results.netcdf import write_file

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
