"""A weight matrix, or a variable of synapses, as an image."""

from typing import TYPE_CHECKING

from dendrosim.circuit.paths import is_variable
from dendrosim.plot.style import axes, colourbar, diverging, si_label, styled
from dendrosim.plot.weight_arrays import weight_image, weights_at
from dendrosim.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def weights(
    result: Result,
    name: str,
    ax: "Axes | None" = None,
    when: str | float = "end",
    sample: int = 0,
) -> "Axes":
    """Draw a weight matrix, or a variable of synapses, as an image.

    Postsynaptic units are rows. White stands for zero, and grey for units without a synapse. The image of a
    pathway has at most 1000 rows and columns; where several synapses share a pixel, it shows their mean.

    Parameters
    ----------
    result : Result
    name : str
        Name of the matrix, or of a variable of synapses such as `feed.weight`.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    when : {"end", "start"} or time, default "end"
        The end of the run, the first recording, or the recording nearest to a time (seconds, or text such as
        `20 ms`).
    sample : int, default 0
        Sample of the batch, for a variable of synapses; matrices are the same in all samples.

    Returns
    -------
    Axes

    Raises
    ------
    UnknownNameError
        If there is no such matrix or variable, or it was not recorded and `when` is not the end.
    """
    from matplotlib.ticker import MaxNLocator

    array, moment = weights_at(result, name, when, sample)
    values, pre, post = weight_image(result, name, array)
    scale, label = si_label(_quantity_name(name), array.attrs["units"], array.values)
    rows, columns = values.shape
    elongated = not 0.2 <= rows / columns <= 5
    inch = min(0.6, 5.0 / columns, 4.2 / rows)
    width, height = (5.0, 3.0) if elongated else (inch * columns, inch * rows)
    ax = axes(ax, (max(2.0, width) + 1.5, max(1.6, height) + 0.9))
    colours, limit = diverging(scale * values)
    image = ax.imshow(
        scale * values,
        extent=_extent(result, pre, post),
        cmap=colours,
        vmin=-limit,
        vmax=limit,
        aspect="auto" if elongated else "equal",
    )
    ax.set_xlabel(f"{pre} unit (pre)")
    ax.set_ylabel(f"{post} unit (post)")
    ax.set_title(f"{name} {moment}")
    ax.spines[:].set_visible(False)
    for axis, inches in ((ax.xaxis, width), (ax.yaxis, height)):
        ticks = max(1, min(10, round(3 * inches)))
        axis.set_major_locator(MaxNLocator(ticks, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    colourbar(ax, image, label)
    return ax


def _quantity_name(name: str) -> str:
    """Return what is drawn, as the label of the colour scale."""
    return name.replace(".", " ") if is_variable(name) else f"weight {name}"


def _extent(result: Result, pre: str, post: str) -> tuple[float, float, float, float]:
    """Return the borders of the image in numbers of units."""
    columns, rows = (result.circuit.population(side).size for side in (pre, post))
    return (-0.5, columns - 0.5, rows - 0.5, -0.5)
