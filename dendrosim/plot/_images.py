"""Samples of a data set as a grid of small images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from dendrosim.arrays import AnyArray
from dendrosim.errors import ShapeError
from dendrosim.plot.style import INK, PALETTE, axes, styled
from dendrosim.plot.tiles import arrange_tiles, figure_size, frame_tiles, image_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def images(
    images: ArrayLike,
    labels: Sequence[Any] | AnyArray | None = None,
    shape: tuple[int, int] = (8, 8),
    ax: "Axes | None" = None,
    *,
    truth: Sequence[Any] | AnyArray | None = None,
    columns: int | None = None,
    count: int = 40,
    title: str = "",
) -> "Axes":
    """Draw samples as images, dark on light, each with its label above.

    Parameters
    ----------
    images : array_like, shape (samples, pixels)
        Pixels row by row; the first `count` samples are drawn.
    labels : sequence, length samples, optional
        Class that each sample was assigned to.
    shape : tuple of int, default (8, 8)
        Height and width of an image in pixels.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    truth : sequence, length samples, optional
        True class of each sample; a wrong label has another colour, and the true class follows in brackets.
    columns : int, optional
        Images per row (default: so that the picture is somewhat wider than high).
    count : int, default 40
        Largest number of samples that are drawn.
    title : str, default ""

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If images do not have the number of pixels of `shape`, or there is not one label or true class per sample.
    """
    values = image_rows(images, shape, "images")
    for name, texts in (("labels", labels), ("truth", truth)):
        if texts is not None and len(texts) != len(values):
            raise ShapeError(f"images: {len(texts)} {name} for {len(values)} images")
    tiles = values[:count].reshape(-1, *shape)
    gap = 1 if labels is None else max(3, round(0.45 * shape[0]))  # room for the labels
    picture, columns = arrange_tiles(tiles, columns, gap=gap)
    ax = axes(ax, figure_size(picture, 0.7))
    ax.imshow(picture, cmap="gray_r")
    frame_tiles(ax, len(tiles), shape, columns, gap, above=gap - 1)
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
