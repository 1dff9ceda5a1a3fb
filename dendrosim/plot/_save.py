"""Figures to files."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any

from dendrosim.plot.style import STYLE, figure_of
from dendrosim.storage import write_file

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

    figure, contents = figure_of(drawn), {}
    for kind, options in _KINDS.items():
        content = BytesIO()
        with rc_context(STYLE):
            figure.savefig(content, format=kind, **options)
        contents[kind] = content.getvalue()
    return [write_file(f"{os.fspath(path)}.{k}", content) for k, content in contents.items()]
