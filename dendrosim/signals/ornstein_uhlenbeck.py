"""Ornstein-Uhlenbeck noise: the usual stand-in for the background input of a cell in vivo."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.signals.process import Process
from dendrosim.units import not_negative, positive


@dataclass(frozen=True, eq=False)
class OrnsteinUhlenbeck(Process):
    """Gaussian noise around `mean` with standard deviation `sigma` and correlation exp(-|lag|/tau).

    dI = (mean - I)/tau dt + sigma sqrt(2/tau) dW, solved exactly from step to step and stationary from
    the first, so that `sigma` is the standard deviation at any time step. Every unit and sample has its
    own noise.
    """

    mean: Any
    sigma: Any
    tau: Any

    text: ClassVar[str] = "mean + sigma*z"
    update: ClassVar[str] = "keep*z + spread*ds_normal(noise, i)"
    units: ClassVar[Mapping[str, str]] = {"mean": "x", "sigma": "x", "tau": "s"}
    number_units: ClassVar[Mapping[str, str]] = {
        "mean": "x", "sigma": "x", "keep": "1", "spread": "1",
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(**{"OrnsteinUhlenbeck.tau": self.tau})
        not_negative(**{"OrnsteinUhlenbeck.sigma": self.sigma})

    def numbers(self, dt: float) -> Mapping[str, Any]:
        lag = dt / np.asarray(self.tau.value)
        return {
            "mean": self.mean.value,
            "sigma": self.sigma.value,
            "keep": np.exp(-lag),
            "spread": np.sqrt(-np.expm1(-2 * lag)),
        }

    def draw_start(self, shape: tuple[int, int], rng: np.random.Generator, dt: float) -> AnyArray:
        return rng.normal(size=shape)
