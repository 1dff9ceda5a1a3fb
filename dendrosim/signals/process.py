"""Base class of random signals, and how to add one.

A `Process` is a course with a hidden number `z` for each unit and sample; `z` is renewed in every time step. To
add a process, write a file in this folder with a frozen dataclass that derives from `Process`:

- `units` gives the unit of each field, as for a course.
- `numbers` returns the numbers that the texts use in place of the fields, and `number_units` gives their units.
- `text` is the value of the signal, a Brian2 expression in `z` and these numbers.
- `update` is the next `z`, an expression in `z`, these numbers, the time `t` since the phase began and the random
  numbers `ds_normal(noise, i)`, `ds_uniform(noise, i)` and `ds_poisson(noise, i, mean)`.
- `draw_start` returns the first `z`.
- `idle` gives the numbers with which `update` leaves `z` unchanged, until a phase uses the signal for the first
  time; numbers that it does not name are 0.

Random numbers come from a counter-based generator (`dendrosim.engine.network.random_numbers`). They depend on the
seed, the input, the unit, the sample and the step, and on nothing else: they are the same on every back end and
for any number of threads, and the random numbers of a unit do not depend on the number of units.
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
    """Base class of random signals; the docstring of this module says how to add one."""

    update: ClassVar[str] = ""
    number_units: ClassVar[Mapping[str, str]] = {}
    idle: ClassVar[Mapping[str, float]] = {}

    @abstractmethod
    def numbers(self, dt: float) -> Mapping[str, Any]:
        """Return the numbers that the texts use, in SI units; see `Course.numbers`."""

    @abstractmethod
    def draw_start(self, shape: tuple[int, int], rng: np.random.Generator, dt: float) -> AnyArray:
        """Return the first `z` of every unit and sample.

        Parameters
        ----------
        shape : tuple of int
            (units, samples).
        rng : numpy.random.Generator
            Source of random numbers.
        dt : float
            The time step in seconds.

        Returns
        -------
        array, shape (units, samples)
            The numbers.
        """
