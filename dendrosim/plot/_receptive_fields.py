"""Weights onto the pixels of an image, one small image per unit."""

from typing import TYPE_CHECKING, Any

from dendrosim.plot.style import axes, colourbar, diverging, si_label, styled
from dendrosim.plot.tiles import arrange_tiles, figure_size, frame_tiles, image_rows

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
    values = image_rows(matrix, shape, "receptive_fields")
    attributes = getattr(matrix, "attrs", {})
    name = getattr(matrix, "name", None)
    scale, label = si_label(
        f"weight {name}" if name else "weight", attributes.get("units", "1"), values
    )
    tiles = scale * values[:count].reshape(-1, *shape)
    picture, columns = arrange_tiles(tiles, columns, gap=1)
    ax = axes(ax, figure_size(picture, 1.0))
    colours, limit = diverging(tiles, missing="white")
    image = ax.imshow(picture, cmap=colours, vmin=-limit, vmax=limit)
    frame_tiles(ax, len(tiles), shape, columns, 1)
    colourbar(ax, image, label)
    ax.set_title(title or (f"first {count} of {len(values)} units" if len(values) > count else ""))
    return ax
