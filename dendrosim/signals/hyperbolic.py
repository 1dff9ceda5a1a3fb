"""A hyperbolic decay, the usual annealing of a learning rate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class Hyperbolic(Course):
    """`amplitude`/(1 + t/`decay`), with t the time since the block (not the phase) began."""

    amplitude: Any
    decay: Any

    text: ClassVar[str] = "amplitude/(1 + t_block/decay)"
    units: ClassVar[Mapping[str, str]] = {"amplitude": "x", "decay": "s"}
