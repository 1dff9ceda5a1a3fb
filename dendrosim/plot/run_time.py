"""The time axis of figures of a run: one unit in all of them, counted from a moment that a figure may choose."""

from typing import TYPE_CHECKING

from dendrosim.errors import ParameterError
from dendrosim.plot.spikes import seconds
from dendrosim.plot.style import si_label

if TYPE_CHECKING:
    from dendrosim.results.result import Result


def time_unit(result: "Result") -> tuple[float, str]:
    """Return the factor from seconds and the label of the time axis; the length of the run decides the unit."""
    return si_label("time", "s", [result.start, result.stop])


def time_range(
    where: str, result: "Result", start: str | float | None, stop: str | float | None
) -> tuple[float, float]:
    """Return the range of the time axis in seconds of the run: the whole run where nothing is given.

    Raise ParameterError if `stop` is not after `start`, and the errors of `seconds`; `where` begins the message.
    """
    low = result.start if start is None else seconds(f"{where}: start", start)
    high = result.stop if stop is None else seconds(f"{where}: stop", stop)
    if not high > low:
        raise ParameterError(f"{where}: stop is {high:g} s; it must be after start, {low:g} s")
    return low, high
