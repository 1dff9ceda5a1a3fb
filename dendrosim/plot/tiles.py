"""Grids of small images, which several figures draw."""

from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.errors import ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def image_rows(matrix: Any, shape: tuple[int, int], where: str) -> AnyArray:
    """Return an array (images, pixels); raise ShapeError unless its rows are images of `shape`."""
    values = np.asarray(matrix)
    pixels = shape[0] * shape[1]
    if values.ndim != 2 or values.shape[1] != pixels or not len(values):
        raise ShapeError(
            f"{where}: shape {values.shape} does not hold rows of "
            f"{shape[0]} x {shape[1]} = {pixels} pixels"
        )
    return values


def arrange_tiles(tiles: AnyArray, columns: int | None, gap: int) -> tuple[AnyArray, int]:
    """Return one picture of all tiles in reading order, with NaN between them, and its number of columns."""
    count, height, width = tiles.shape
    columns = min(count, columns or max(4, int(np.ceil(np.sqrt(1.6 * count)))))
    rows = -(-count // columns)
    picture = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for k, tile in enumerate(tiles):
        top, left = (k // columns) * (height + gap), (k % columns) * (width + gap)
        picture[top : top + height, left : left + width] = tile
    return picture, columns


def figure_size(picture: AnyArray, margin: float) -> tuple[float, float]:
    """Return width and height of a figure in inches; `margin` is the width beside the picture."""
    height, width = picture.shape
    # 14 pixels per inch, but neither too small for titles nor wider than a page.
    inches = float(np.clip(width / 14, 3.0, 7.0))
    return inches + margin, max(1.2, inches * height / width + 0.4)


def frame_tiles(
    ax: "Axes", count: int, shape: tuple[int, int], columns: int, gap: int, above: float = 0.0
) -> None:
    """Draw a thin line around every tile, and leave `above` pixels of room above the first row."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    height, width = shape
    corners = [divmod(k, columns) for k in range(count)]
    boxes = [
        Rectangle((column * (width + gap) - 0.5, row * (height + gap) - 0.5), width, height)
        for row, column in corners
    ]
    ax.add_collection(PatchCollection(boxes, facecolor="none", edgecolor="#BBBBBB", linewidth=0.4))
    ax.set_xlim(-1.0, columns * (width + gap) - gap)
    ax.set_ylim((corners[-1][0] + 1) * (height + gap) - gap, -1.0 - above)
    ax.set_axis_off()
