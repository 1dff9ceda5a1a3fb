"""A ramp."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrosim.checks import positive
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
        Time in which the signal rises from 0 to `amplitude`, above 0.

    Raises
    ------
    UnitError
        If a value cannot be read as a quantity. `Protocol` also raises this error if its unit does not fit.
    ParameterError
        If a number is not finite, or `duration` is not positive.

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

    def __post_init__(self) -> None:
        positive(**{"Ramp.duration": self.duration})
