"""A ramp."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class Ramp(Course):
    """0 until `onset`, then rising linearly to `amplitude` within `duration`, then held."""

    amplitude: Any
    onset: Any
    duration: Any

    text: ClassVar[str] = "amplitude*clip((t - onset)/duration, 0, 1)"
    units: ClassVar[Mapping[str, str]] = {"amplitude": "x", "onset": "s", "duration": "s"}
