"""A train of rectangular pulses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dendrosim.errors import ParameterError
from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class PulseTrain(Course):
    """Give rectangular pulses at regular intervals, and 0 between them.

    Parameters
    ----------
    amplitude : quantity, or array of shape (units,)
        Value during a pulse, in the unit of the input.
    onset : time, or array of shape (units,)
        Beginning of the first pulse, counted from the beginning of the phase.
    interval : time, or array of shape (units,)
        Time from the beginning of one pulse to the beginning of the next.
    duration : time, or array of shape (units,)
        Length of a pulse, above 0 and at most `interval`.
    count : float, or array of shape (units,)
        Number of pulses.

    Raises
    ------
    UnitError
        If a value cannot be read as a quantity. `Protocol` also raises this error if its unit does not fit.
    ParameterError
        If a number is not finite, or `duration` is not above 0 and at most `interval`.

    Examples
    --------
    Five pulses of 2 ms at 50 Hz:

    >>> import dendrosim as ds
    >>> drive = ds.PulseTrain("1 nA", onset="10 ms", interval="20 ms", duration="2 ms", count=5)
    """

    amplitude: Any
    onset: Any
    interval: Any
    duration: Any
    count: Any

    # Time is counted in intervals since the onset. The tolerance, a billionth of an interval, is far above the
    # rounding of times and far below a time step, so a pulse of n steps lasts n steps.
    text: ClassVar[str] = (
        "amplitude*int((t - onset)/interval >= -1e-9)*int((t - onset)/interval + 1e-9 < count)"
        "*int((t - onset)/interval + 1e-9 - floor((t - onset)/interval + 1e-9) < duration/interval)"
    )
    units: ClassVar[Mapping[str, str]] = {
        "amplitude": "x", "onset": "s", "interval": "s", "duration": "s", "count": "1",
    }  # fmt: skip

    def __post_init__(self) -> None:
        duration, interval = np.asarray(self.duration.value), np.asarray(self.interval.value)
        if not (np.all(duration > 0) and np.all(interval >= duration)):
            raise ParameterError("PulseTrain: 0 < duration <= interval must hold")
