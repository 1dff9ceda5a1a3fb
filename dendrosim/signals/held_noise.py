"""Noise that is drawn once a phase: a random perturbation that a circuit can settle under."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.signals.process import Process
from dendrosim.units import not_negative


@dataclass(frozen=True, eq=False)
class HeldNoise(Process):
    """A normal number of standard deviation `sigma` around `mean`, drawn when a phase begins and held.

    Every unit, sample and passage through the phase has its own.
    """

    mean: Any
    sigma: Any

    text: ClassVar[str] = "mean + sigma*z"
    update: ClassVar[str] = "z + int(t < half)*(ds_normal(noise, i) - z)"
    units: ClassVar[Mapping[str, str]] = {"mean": "x", "sigma": "x"}
    number_units: ClassVar[Mapping[str, str]] = {"mean": "x", "sigma": "x", "half": "s"}

    def __post_init__(self) -> None:
        super().__post_init__()
        not_negative(**{"HeldNoise.sigma": self.sigma})

    def numbers(self, dt: float) -> Mapping[str, Any]:
        return {"mean": self.mean.value, "sigma": self.sigma.value, "half": dt / 2}

    def draw_start(self, shape: tuple[int, int], rng: np.random.Generator, dt: float) -> AnyArray:
        return rng.normal(size=shape)
