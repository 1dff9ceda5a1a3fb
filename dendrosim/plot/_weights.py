"""A weight matrix as an image."""

from typing import TYPE_CHECKING

from dendrosim.plot.style import axes, colourbar, diverging, si_label, styled
from dendrosim.results.result import Result
from dendrosim.units import quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import DataArray


@styled
def weights(
    result: Result, name: str, ax: "Axes | None" = None, when: str | float = "end"
) -> "Axes":
    """Draw a weight matrix as an image, with postsynaptic units as rows and white for zero.

    Parameters
    ----------
    result : Result
    name : str
        Name of the matrix.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    when : {"end", "start"} or time, default "end"
        The end of the run, the first recording, or the recording nearest to a time (seconds, or text such as
        `20 ms`).

    Returns
    -------
    Axes

    Raises
    ------
    UnknownNameError
        If there is no such matrix, or it was not recorded and `when` is not the end.
    """
    from matplotlib.ticker import MaxNLocator

    spec = result.circuit.matrix(name)
    matrix, moment = _at(result, name, when)
    scale, label = si_label(f"weight {name}", matrix.attrs["units"], matrix.values)
    rows, columns = matrix.shape
    elongated = not 0.2 <= rows / columns <= 5
    inch = min(0.6, 5.0 / columns, 4.2 / rows)
    width, height = (5.0, 3.0) if elongated else (inch * columns, inch * rows)
    ax = axes(ax, (max(2.0, width) + 1.5, max(1.6, height) + 0.9))
    colours, limit = diverging(scale * matrix.values)
    image = ax.imshow(
        scale * matrix.values,
        cmap=colours,
        vmin=-limit,
        vmax=limit,
        aspect="auto" if elongated else "equal",
    )
    ax.set_xlabel(f"{spec.pre} unit (pre)")
    ax.set_ylabel(f"{spec.post} unit (post)")
    ax.set_title(f"{name} {moment}")
    ax.spines[:].set_visible(False)
    for axis, inches in ((ax.xaxis, width), (ax.yaxis, height)):
        ticks = max(1, min(10, round(3 * inches)))
        axis.set_major_locator(MaxNLocator(ticks, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    colourbar(ax, image, label)
    return ax


def _at(result: Result, name: str, when: str | float) -> tuple["DataArray", str]:
    """Return the weights at a time, and the time as text."""
    if when == "end" and name in result.final:
        return result.final[name], "at the end"
    course = result[name]
    if when in ("start", "end"):
        return course.isel(time=0 if when == "start" else -1), f"at the {when}"
    matrix = course.sel(time=float(quantity(when).value), method="nearest")
    scale, _ = si_label("", "s", matrix["time"].values)
    return matrix, f"at {scale * float(matrix['time']):.4g} {'ms' if scale > 1 else 's'}"
