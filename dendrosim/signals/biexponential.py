"""A difference of two exponentials, the shape of an injected synaptic current."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dendrosim.errors import ParameterError
from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class BiExponential(Course):
    """From `onset`, exp(-s/decay) - exp(-s/rise) with s = t - onset, scaled to the peak `amplitude`.

    The peak of the difference stands at s* = rise decay/(decay - rise) ln(decay/rise).
    """

    amplitude: Any
    onset: Any
    rise: Any
    decay: Any

    text: ClassVar[str] = (
        "amplitude*int(t >= onset)"
        "*(exp(-clip((t - onset)/decay, 0, inf)) - exp(-clip((t - onset)/rise, 0, inf)))"
        "/((rise/decay)**(rise/(decay - rise)) - (rise/decay)**(decay/(decay - rise)))"
    )
    units: ClassVar[Mapping[str, str]] = {"amplitude": "x", "onset": "s", "rise": "s", "decay": "s"}

    def __post_init__(self) -> None:
        super().__post_init__()
        rise, decay = np.asarray(self.rise.value), np.asarray(self.decay.value)
        if not (np.all(rise > 0) and np.all(decay > rise)):
            raise ParameterError("BiExponential: 0 < rise < decay must hold")
