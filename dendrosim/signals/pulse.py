"""A rectangular pulse."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrosim.checks import not_negative
from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class Pulse(Course):
    """Give a constant value for some time, and 0 before and after it.

    Parameters
    ----------
    amplitude : quantity, or array of shape (units,)
        Value during the pulse, in the unit of the input.
    onset : time, or array of shape (units,)
        Beginning of the pulse, counted from the beginning of the phase.
    duration : time, or array of shape (units,)
        Length of the pulse, not negative.

    Raises
    ------
    UnitError
        If a value cannot be read as a quantity. `Protocol` also raises this error if its unit does not fit.
    ParameterError
        If a number is not finite, or `duration` is negative.

    Examples
    --------
    >>> import dendrosim as ds
    >>> drive = ds.Pulse("300 pA", onset="50 ms", duration="100 ms")
    """

    amplitude: Any
    onset: Any
    duration: Any

    # Because of the tolerances, a pulse of n steps lasts n steps in spite of rounding errors in times.
    text: ClassVar[str] = (
        "amplitude*int(t - onset >= -1e-12*onset)"
        "*int(t - onset - duration < -1e-12*(onset + duration))"
    )
    units: ClassVar[Mapping[str, str]] = {"amplitude": "x", "onset": "s", "duration": "s"}

    def __post_init__(self) -> None:
        not_negative(**{"Pulse.duration": self.duration})
