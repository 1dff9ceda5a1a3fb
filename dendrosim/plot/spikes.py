"""Functions that select spikes by population, unit, sample and burst; several figures share them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dendrosim.analysis._trains import INSTANT
from dendrosim.analysis.bursts import BURST_THRESHOLD
from dendrosim.arrays import Booleans
from dendrosim.errors import ParameterError, UnitError, UnknownNameError
from dendrosim.results.result import Result
from dendrosim.results.result_data import Spikes
from dendrosim.units import DIMENSIONLESS, TIME, quantity


def recorded_spikes(result: Result, population: str) -> Spikes:
    """Return the spikes of a population, or another event; raise UnknownNameError if they were not recorded."""
    if population not in result.spikes:
        raise UnknownNameError("population with spikes", population, result.spikes)
    return result.spikes[population]


def seconds(where: str, value: str | float) -> float:
    """Return a time in seconds, given as a number of seconds or as text with a unit.

    Raise UnitError if the unit is not one of time, and ParameterError if the time is not finite; `where` begins
    the error message.
    """
    time = quantity(value)
    if time.dimension not in (DIMENSIONLESS, TIME) or not time.scalar:
        raise UnitError(f"{where} is {time}; it must be seconds, or text such as '10 ms'")
    if not np.isfinite(time.value):
        raise ParameterError(f"{where} is {time}; it must be finite")
    return float(time.value)


def chosen_units(result: Result, population: str, units: Sequence[int] | None) -> NDArray[np.int_]:
    """Return `units` as an array, or all units if None; raise UnknownNameError for a unit that does not exist."""
    size = result.circuit.event(population)[0].size
    if units is None:
        return np.arange(size)
    return np.array([index(f"unit of {population}", k, size) for k in units], dtype=int)


def index(what: str, wanted: int, size: int) -> int:
    """Return `wanted` if it is an index from 0 to `size` - 1, else raise UnknownNameError."""
    if wanted not in range(size):
        raise UnknownNameError(what, str(wanted), [f"0 to {size - 1}"])
    return int(wanted)


def of_sample(spikes: Spikes, sample: int | None) -> Spikes:
    """Return the spikes of one sample of the batch, or of all samples if None."""
    if sample is None or spikes.sample is None:
        return spikes
    mine = spikes.sample == sample
    return Spikes(spikes.unit[mine], spikes.time[mine], spikes.sample[mine])


def in_bursts(
    unit: NDArray[np.integer], time: NDArray[np.floating], interval: float = BURST_THRESHOLD
) -> Booleans:
    """Return which spikes of one sample are less than `interval` before or after another spike of their unit."""
    order = np.lexsort((time, unit))
    close = (np.diff(unit[order]) == 0) & (np.diff(time[order]) < interval + INSTANT)
    member = np.zeros(len(order), dtype=bool)
    member[order[1:]] = close
    member[order[:-1]] |= close
    return member
