"""Figures of a report: SVG inside the page, or a PNG image where SVG would be very large."""

import base64
import re
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, NamedTuple

from dendrosim.plot.style import figure_of, in_style

MOST_SVG = 1_500_000
"""Number of characters of the longest SVG; a raster of many spikes is longer, and becomes an image."""

_ID = re.compile(r'(\bid="|url\(#|href="#)')
_HEAD = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)


class EmbeddedFigure(NamedTuple):
    """A figure: its name, and an element of HTML."""

    name: str
    element: str


def embed_figures(figures: Mapping[str, Callable[[], Any]]) -> list[EmbeddedFigure]:
    """Draw figures, given as in `Measurement.figures`, and return them as elements of a page."""
    return [
        EmbeddedFigure(name.replace("_", " "), _element(draw(), f"f{number}-"))
        for number, (name, draw) in enumerate(figures.items())
    ]


def _element(drawn: Any, prefix: str) -> str:
    figure = figure_of(drawn)
    with in_style():
        text = BytesIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        svg = text.getvalue().decode()
        if len(svg) > MOST_SVG:
            image = BytesIO()
            figure.savefig(image, format="png", dpi=150)
            content = base64.b64encode(image.getvalue()).decode()
            return f'<img alt="" src="data:image/png;base64,{content}">'
    # Figures of a page share its names, so each figure gets names of its own.
    return _ID.sub(rf"\g<1>{prefix}", _METADATA.sub("", _HEAD.sub("", svg)))
