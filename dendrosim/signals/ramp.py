"""A ramp."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class Ramp(Course):
    """Rise linearly from 0 to a value within some time, and hold that value afterwards.

    Parameters
    ----------
    amplitude : quantity, or array of shape (units,)
        Value at the end of the ramp, in the unit of the input.
    onset : time, or array of shape (units,)
        Beginning of the ramp, counted from the beginning of the phase.
    duration : time, or array of shape (units,)
        Time in which the signal rises from 0 to `amplitude`.

    Raises
    ------
    ParameterError
        If a number is not finite.

    Examples
    --------
    >>> import dendrosim as ds
    >>> drive = ds.Ramp("500 pA", onset="100 ms", duration="1 s")
    """

    amplitude: Any
    onset: Any
    duration: Any

    text: ClassVar[str] = "amplitude*clip((t - onset)/duration, 0, 1)"
    units: ClassVar[Mapping[str, str]] = {"amplitude": "x", "onset": "s", "duration": "s"}
