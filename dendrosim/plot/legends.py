"""Legends beside axes, which are moved into a corner without data when the figure is written to a file.

Where a figure will have free space is known only when all is drawn and laid out. Until then a legend is beside its
axes, where it hides nothing.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.path import Path
    from matplotlib.transforms import Bbox

_BESIDE: "WeakSet[Legend]" = WeakSet()
"""The legends that may be moved."""

CORNERS = {"upper right": (1, 1), "upper left": (0, 1), "lower right": (1, 0), "lower left": (0, 0)}
"""Corners of axes, the preferred one first, and where they are along both axes."""

GAP, LARGEST = 6.0, 0.5
"""Smallest distance in points between a legend and data or axes, and the largest part of the width and height of
axes that a legend inside may have."""


def beside(legend: "Legend") -> "Legend":
    """Return a legend, after noting that it is beside its axes and may be moved."""
    _BESIDE.add(legend)
    return legend


def move_legend_inside(figure: "Figure") -> None:
    """Move the legend of a figure with one panel into the first corner of the panel that is free of data."""
    if len(figure.axes) != 1:
        return
    (ax,) = figure.axes
    legend = ax.get_legend()
    if legend is None or legend not in _BESIDE or ax.images:
        return
    figure.draw_without_rendering()
    box, frame = legend.get_window_extent(), ax.get_window_extent()
    gap = GAP * figure.dpi / 72.0
    if box.width > LARGEST * frame.width or box.height > LARGEST * frame.height:
        return
    for name, (right, top) in CORNERS.items():
        x = frame.x1 - gap - box.width if right else frame.x0 + gap
        y = frame.y1 - gap - box.height if top else frame.y0 + gap
        if not _hides_data(
            ax, legend, _box(x - gap, y - gap, box.width + 2 * gap, box.height + 2 * gap)
        ):
            legend.set_bbox_to_anchor(None)  # type: ignore[arg-type]
            legend.set_loc(name)  # type: ignore[arg-type]
            legend.borderaxespad = GAP / legend.prop.get_size_in_points()
            return


def _box(x: float, y: float, width: float, height: float) -> "Bbox":
    from matplotlib.transforms import Bbox

    return Bbox.from_bounds(x, y, width, height)


def _hides_data(ax: "Axes", legend: "Legend", box: "Bbox") -> bool:
    """Return whether any line, area, mark or text of the axes would be behind a box."""
    if any(text.get_window_extent().overlaps(box) for text in ax.texts):
        return True
    return any(
        path.intersects_bbox(box, filled=filled)
        for artist in (*ax.lines, *ax.patches, *ax.collections)
        for path, filled in _paths(artist)
        if np.size(path.vertices)
    )


def _paths(artist: "Artist") -> Iterator[tuple["Path", bool]]:
    """Yield what an artist draws, in pixels, and whether it fills it."""
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D
    from matplotlib.path import Path

    drawn: Any = artist
    if isinstance(artist, Line2D):
        vertices = artist.get_transform().transform_path(artist.get_path()).vertices
        # Gaps split a line: a path with nan would be taken for one that ends at the first of them.
        finite = np.isfinite(vertices).all(axis=1)
        for part in np.split(vertices, np.flatnonzero(np.diff(finite)) + 1):
            if np.isfinite(part).all():
                yield Path(part), False
    elif not isinstance(artist, Collection):
        yield drawn.get_transform().transform_path(drawn.get_path()), True
    else:
        offsets = artist.get_offset_transform().transform(artist.get_offsets())
        if len(offsets) > 1 or np.any(artist.get_offsets()):
            yield from ((Path([place, place]), False) for place in offsets)
        else:
            transform = artist.get_transform()
            yield from ((transform.transform_path(path), True) for path in artist.get_paths())
