"""The figures that can be drawn from any result."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.circuit.pathway import WEIGHT
from dendrosim.machine.notebook import release_figure
from dendrosim.plot._plasticity import plasticity
from dendrosim.plot._psth import psth
from dendrosim.plot._raster import raster
from dendrosim.plot._traces import traces
from dendrosim.plot._weight_distribution import weight_distribution
from dendrosim.plot._weight_traces import weight_traces
from dendrosim.plot._weights import weights
from dendrosim.plot.style import figure_of
from dendrosim.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def overview(result: Result) -> dict[str, Callable[[], "Figure"]]:
    """Return functions that draw the standard figures of a result, by the name of the figure.

    These are `traces_NAME` for each population with recorded variables, `raster_NAME` and `psth_NAME` for each
    population with recorded spikes, `weights_NAME` (at the end) for each matrix, and `weight_traces_NAME` and
    `plasticity_NAME` for each matrix that was recorded more than once. Pathways whose synapses have weights of
    their own have the same figures as matrices, and `weight_distribution_NAME`.

    Parameters
    ----------
    result : Result

    Returns
    -------
    dict of str to callable
        Functions without arguments that return a Matplotlib figure.
    """
    figures: dict[str, Callable[[], Figure]] = {}
    for population in result.circuit.all_populations:
        if any(
            VariablePath.parse(n).owner == population.name for n in result.names if is_variable(n)
        ):
            figures[f"traces_{population.name}"] = partial(
                _draw, traces, result, f"{population.name}.*"
            )
        if population.name in result.spikes:
            for function in (raster, psth):
                figures[f"{function.__name__}_{population.name}"] = partial(
                    _draw, function, result, population.name
                )
    for matrix in result.circuit.matrices:
        if matrix.name in result.state:
            figures[f"weights_{matrix.name}"] = partial(_draw, weights, result, matrix.name)
        if matrix.name in result and len(result.traces[matrix.name].time) > 1:
            figures[f"weight_traces_{matrix.name}"] = partial(
                _draw, weight_traces, result, matrix.name
            )
            figures[f"plasticity_{matrix.name}"] = partial(_draw, plasticity, result, matrix.name)
    for pathway in result.circuit.pathways:
        name = f"{pathway.name}.{WEIGHT}"
        drawn: list[Callable[..., Axes]] = (
            [weights, weight_distribution] if name in result.state else []
        )
        if name in result and len(result.traces[name].time) > 1:
            drawn += [weight_traces, plasticity]
        for draw in drawn:
            figures[f"{draw.__name__}_{pathway.name}"] = partial(_draw, draw, result, name)
    return figures


def _draw(function: Callable[..., Any], result: Result, name: str) -> "Figure":
    return release_figure(figure_of(function(result, name)))
