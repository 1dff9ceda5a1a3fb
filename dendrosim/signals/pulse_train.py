"""A train of rectangular pulses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dendrosim.errors import ParameterError
from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class PulseTrain(Course):
    """`count` pulses of `amplitude` and `duration`, the first at `onset`, one every `interval`."""

    amplitude: Any
    onset: Any
    interval: Any
    duration: Any
    count: Any

    # Counted in whole intervals since the onset; the tolerance keeps a pulse of n steps n steps long.
    text: ClassVar[str] = (
        "amplitude*int((t - onset)/interval >= -1e-9)*int((t - onset)/interval + 1e-9 < count)"
        "*int((t - onset)/interval + 1e-9 - floor((t - onset)/interval + 1e-9) < duration/interval)"
    )
    units: ClassVar[Mapping[str, str]] = {
        "amplitude": "x", "onset": "s", "interval": "s", "duration": "s", "count": "1",
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        duration, interval = np.asarray(self.duration.value), np.asarray(self.interval.value)
        if not (np.all(duration > 0) and np.all(interval >= duration)):
            raise ParameterError("PulseTrain: 0 < duration <= interval must hold")
