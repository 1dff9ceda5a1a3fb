"""What a random signal is, and how to add one.

A `Process` is a course with a hidden number `z` per unit (and sample), renewed in every step by the text
`update`, which may call `ds_normal(noise, i)`, `ds_uniform(noise, i)` and `ds_poisson(noise, i, mean)`.
Random numbers come from a counter-based generator (`dendrosim.engine.network.random_numbers`): they depend on
the seed, the input, the unit, the sample and the step only, so they are the same on every back end, for any
number of threads, and do not change with the number of units.

To add one, write a file here with a frozen dataclass deriving from `Process`: `units` gives the unit of each
field, `numbers` what the texts use in their place (and `number_units` their units), `draw_start` the first `z`.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class Process(Course):
    """A random course; see the module for how to add one."""

    update: ClassVar[str] = ""
    number_units: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def numbers(self, dt: float) -> Mapping[str, Any]:
        """Return the SI value of what the texts use, one number or one per unit; `dt` in seconds."""

    @abstractmethod
    def draw_start(self, shape: tuple[int, int], rng: np.random.Generator, dt: float) -> AnyArray:
        """Return the first `z`, units x samples."""
