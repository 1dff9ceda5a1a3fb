"""Poisson shot noise: many independent presynaptic cells through exponential synapses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.errors import ParameterError
from dendrosim.signals.process import Process
from dendrosim.units import not_negative, positive

_MOST = 100.0


@dataclass(frozen=True, eq=False)
class ShotNoise(Process):
    """Events at a `rate`, each of which adds `jump`; in between the value decays with `decay`.

    Its mean is jump rate decay, its variance jump^2 rate decay/2, both up to (dt/decay)^2: the events of a
    step are taken to fall into its middle. It starts with these moments. Every unit and sample has its
    own events.
    """

    rate: Any
    jump: Any
    decay: Any

    text: ClassVar[str] = "jump*z"
    update: ClassVar[str] = "keep*z + half*ds_poisson(noise, i, expected)"
    units: ClassVar[Mapping[str, str]] = {"rate": "Hz", "jump": "x", "decay": "s"}
    number_units: ClassVar[Mapping[str, str]] = {
        "jump": "x", "keep": "1", "half": "1", "expected": "1",
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(**{"ShotNoise.decay": self.decay})
        not_negative(**{"ShotNoise.rate": self.rate})

    def numbers(self, dt: float) -> Mapping[str, Any]:
        expected = np.asarray(self.rate.value) * dt
        if np.any(expected > _MOST):
            raise ParameterError(
                f"ShotNoise: {np.max(expected):g} events a time step; with so many use OrnsteinUhlenbeck"
            )
        lag = dt / np.asarray(self.decay.value)
        return {
            "jump": self.jump.value,
            "keep": np.exp(-lag),
            "half": np.exp(-lag / 2),
            "expected": expected,
        }

    def draw_start(self, shape: tuple[int, int], rng: np.random.Generator, dt: float) -> AnyArray:
        # A gamma distribution has the stationary mean n and variance n/2, n = rate decay.
        mean = np.broadcast_to(np.asarray(self.rate.value) * self.decay.value, shape[:1])
        return rng.gamma(np.repeat(2 * mean[:, None], shape[1], axis=1), 0.5)
