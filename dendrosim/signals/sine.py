"""A sine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class Sine(Course):
    """`offset` + `amplitude` sin(2 pi `frequency` t + `phase`), phase in radians."""

    amplitude: Any
    frequency: Any
    phase: Any = 0.0
    offset: Any = 0.0

    text: ClassVar[str] = "offset + amplitude*sin(6.283185307179586*frequency*t + phase)"
    units: ClassVar[Mapping[str, str]] = {
        "amplitude": "x",
        "frequency": "Hz",
        "phase": "1",
        "offset": "x",
    }
