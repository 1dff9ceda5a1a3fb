"""The mean drift of weights by a plasticity rule, over the rates of both ends."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.analysis.weight_drift.drift import drift
from dendrosim.circuit.synapse_rule import SynapseRule
from dendrosim.errors import ShapeError
from dendrosim.plot.style import INK, axes, colourbar, diverging, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def drift_field(
    rule: Any,
    pre_rates: ArrayLike,
    post_rates: ArrayLike,
    ax: "Axes | None" = None,
    *,
    title: str = "",
    **given: Any,
) -> "Axes":
    """Draw the mean drift of weights by a plasticity rule over the rates of both ends.

    Weights grow where the colour is red and shrink where it is blue; a line shows where the drift is 0.

    Parameters
    ----------
    rule : MatrixRule or SynapseRule
        The rule.
    pre_rates, post_rates : array_like, shape (m,) and (n,)
        Presynaptic and postsynaptic rates, in Hz or, for a rule of a matrix, in the unit of the variable; at
        least 2 each, in ascending order.
    ax : Axes, optional
        Axes to draw into (default: those of a new figure).
    title : str, default ""
        Title of the figure.
    **given
        Further arguments of `ds.analysis.drift`, such as `weight=0.2` or `correlation=0.1`.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If there are fewer than two rates at one end.
    """
    x, y = np.asarray(pre_rates, dtype=float), np.asarray(post_rates, dtype=float)
    for name, rates in (("pre_rates", x), ("post_rates", y)):
        if rates.ndim != 1 or len(rates) < 2:
            raise ShapeError(
                f"drift_field: {name} has shape {rates.shape}; give at least two rates"
            )
    found = np.asarray(drift(rule, x[None, :], y[:, None], **given).rate)
    ax = axes(ax, (4.6, 3.6))
    colours, limit = diverging(found)
    image = ax.pcolormesh(
        x, y, found, cmap=colours, vmin=-limit, vmax=limit, shading="nearest", rasterized=True
    )
    if found.min() < 0 < found.max():
        ax.contour(x, y, found, levels=[0.0], colors=INK, linewidths=1)
    ends = "rate (Hz)" if isinstance(rule, SynapseRule) else "activity"
    ax.set(xlabel=f"presynaptic {ends}", ylabel=f"postsynaptic {ends}", title=title or rule.name)
    colourbar(ax, image, "mean drift of the weight (1/s)")
    return ax
