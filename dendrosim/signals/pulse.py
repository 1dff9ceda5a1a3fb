"""A rectangular pulse."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class Pulse(Course):
    """`amplitude` from `onset` for `duration`, else 0."""

    amplitude: Any
    onset: Any
    duration: Any

    # The tolerances keep a pulse of n steps n steps long whatever the rounding of times.
    text: ClassVar[str] = (
        "amplitude*int(t - onset >= -1e-12*onset)"
        "*int(t - onset - duration < -1e-12*(onset + duration))"
    )
    units: ClassVar[Mapping[str, str]] = {"amplitude": "x", "onset": "s", "duration": "s"}
