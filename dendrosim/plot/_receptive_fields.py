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
    label: str = "",
) -> "Axes":
    """Draw each row of a weight matrix as an image, all on one colour scale that is white at zero.

    Parameters
    ----------
    matrix : array_like or DataArray, shape (post, pre)
        Weights; `pre` are the pixels of an image, row by row. The name and unit of a DataArray label the
        colour scale.
    shape : tuple of int, default (8, 8)
        Height and width of an image in pixels.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    columns : int, optional
        Images per row (default: so that the picture is somewhat wider than high).
    count : int, default 100
        Largest number of rows that are drawn, from the first on.
    title : str, default ""
        Title of the figure; by default it says how many rows are drawn if not all are.
    label : str, default ""
        What the colours show, without unit (default: the weight, with the name of a DataArray).

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If the rows do not have the number of pixels of `shape`.
    """
    values = image_rows(matrix, shape, "receptive_fields")
    attributes = getattr(matrix, "attrs", {})
    name = getattr(matrix, "name", None)
    shown = label or (f"weight {name}" if name else "weight")
    scale, label = si_label(shown, attributes.get("units", "1"), values)
    tiles = scale * values[:count].reshape(-1, *shape)
    picture, columns = arrange_tiles(tiles, columns, gap=1)
    ax = axes(ax, figure_size(picture, 1.0))
    colours, limit = diverging(tiles, missing="white")
    image = ax.imshow(picture, cmap=colours, vmin=-limit, vmax=limit)
    frame_tiles(ax, len(tiles), shape, columns, 1)
    colourbar(ax, image, label)
    ax.set_title(title or (f"first {count} of {len(values)} units" if len(values) > count else ""))
    return ax
