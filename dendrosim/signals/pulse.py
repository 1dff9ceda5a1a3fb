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

    text: ClassVar[str] = "amplitude*int(t >= onset)*int(t < onset + duration)"
    units: ClassVar[Mapping[str, str]] = {"amplitude": "x", "onset": "s", "duration": "s"}
