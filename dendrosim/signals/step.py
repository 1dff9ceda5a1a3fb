"""A step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class Step(Course):
    """0 before `onset`, `amplitude` from then on."""

    amplitude: Any
    onset: Any = "0 s"

    text: ClassVar[str] = "amplitude*int(t - onset >= -1e-12*onset)"
    units: ClassVar[Mapping[str, str]] = {"amplitude": "x", "onset": "s"}
