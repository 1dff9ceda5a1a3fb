"""Grids of small images: samples of a data set, and weights onto its pixels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dendrosim.errors import ShapeError
from dendrosim.plot.style import INK, PALETTE, axes, colourbar, diverging, si_label, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def receptive_fields(
    matrix: Any,
    shape: tuple[int, int] = (8, 8),
    ax: "Axes | None" = None,
    *,
    columns: int | None = None,
    count: int = 100,
    title: str = "",
) -> "Axes":
    """Draw each row of a weight matrix as an image of its weights, white at zero.

    Parameters
    ----------
    matrix : array or DataArray (post, pre)
        `pre` are the pixels of an image of `shape`, row by row. The first `count` rows are drawn,
        in reading order, on one common colour scale.
    """
    values = _rows(matrix, shape, "receptive_fields")
    attributes = getattr(matrix, "attrs", {})
    name = getattr(matrix, "name", None)
    scale, label = si_label(
        f"weight {name}" if name else "weight", attributes.get("units", "1"), values
    )
    tiles = scale * values[:count].reshape(-1, *shape)
    picture, columns = _mosaic(tiles, columns, gap=1)
    ax = axes(ax, _size(picture, 1.0))
    colours, limit = diverging(tiles, missing="white")
    image = ax.imshow(picture, cmap=colours, vmin=-limit, vmax=limit)
    _frame(ax, len(tiles), shape, columns, 1)
    colourbar(ax, image, label)
    ax.set_title(title or (f"first {count} of {len(values)} units" if len(values) > count else ""))
    return ax


@styled
def images(
    images: ArrayLike,
    labels: Sequence[Any] | NDArray | None = None,
    shape: tuple[int, int] = (8, 8),
    ax: "Axes | None" = None,
    *,
    truth: Sequence[Any] | NDArray | None = None,
    columns: int | None = None,
    count: int = 40,
    title: str = "",
) -> "Axes":
    """Draw samples as dark-on-light images, each with its label above.

    Parameters
    ----------
    images : array (sample, pixel)
        The first `count` are drawn.
    labels : sequence, optional
        What each sample was taken for.
    truth : sequence, optional
        What each sample is; a wrong label is set in another colour with the right one in brackets.
    """
    values = _rows(images, shape, "images")
    for name, texts in (("labels", labels), ("truth", truth)):
        if texts is not None and len(texts) != len(values):
            raise ShapeError(f"images: {len(texts)} {name} for {len(values)} images")
    tiles = values[:count].reshape(-1, *shape)
    gap = 1 if labels is None else max(3, round(0.45 * shape[0]))
    picture, columns = _mosaic(tiles, columns, gap=gap)
    ax = axes(ax, _size(picture, 0.7))
    ax.imshow(picture, cmap="gray_r")
    _frame(ax, len(tiles), shape, columns, gap, above=gap - 1)
    for k in range(len(tiles) if labels is not None else 0):
        row, column = divmod(k, columns)
        wrong = truth is not None and truth[k] != labels[k]  # type: ignore[index]
        ax.text(
            column * (shape[1] + gap) + (shape[1] - 1) / 2,
            row * (shape[0] + gap) - 0.9,
            f"{labels[k]} ({truth[k]})" if wrong else f"{labels[k]}",  # type: ignore[index]
            color=PALETTE[1] if wrong else INK,
            fontweight="bold" if wrong else "normal",
            fontsize=8,
            ha="center",
            va="bottom",
        )
    ax.set_title(title)
    return ax


def _rows(matrix: Any, shape: tuple[int, int], where: str) -> NDArray:
    values = np.asarray(matrix)
    pixels = shape[0] * shape[1]
    if values.ndim != 2 or values.shape[1] != pixels or not len(values):
        raise ShapeError(
            f"{where}: shape {values.shape} does not hold rows of "
            f"{shape[0]} x {shape[1]} = {pixels} pixels"
        )
    return values


def _mosaic(tiles: NDArray, columns: int | None, gap: int) -> tuple[NDArray, int]:
    """Return one picture of all tiles in reading order, NaN between them, and its columns."""
    count, height, width = tiles.shape
    columns = min(count, columns or max(4, int(np.ceil(np.sqrt(1.6 * count)))))
    rows = -(-count // columns)
    picture = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for k, tile in enumerate(tiles):
        top, left = (k // columns) * (height + gap), (k % columns) * (width + gap)
        picture[top : top + height, left : left + width] = tile
    return picture, columns


def _size(picture: NDArray, margin: float) -> tuple[float, float]:
    height, width = picture.shape
    inches = float(np.clip(width / 14, 3.0, 7.0))
    return inches + margin, max(1.2, inches * height / width + 0.4)


def _frame(
    ax: "Axes", count: int, shape: tuple[int, int], columns: int, gap: int, above: float = 0.0
) -> None:
    """Draw a thin line around every tile, and leave room `above` the first row."""
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
