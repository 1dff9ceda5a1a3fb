"""Poisson shot noise: the input from many independent cells through exponential synapses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.checks import not_negative, positive
from dendrosim.errors import ParameterError
from dendrosim.signals.process import Process

# Largest expected number of events in a time step. Above it, Poisson numbers are nearly normal (their skewness is
# below 0.1), so Ornstein-Uhlenbeck noise can be used.
_MOST_EVENTS = 100.0


@dataclass(frozen=True, eq=False)
class ShotNoise(Process):
    """Jump at random events and decay exponentially between them.

    Events follow a Poisson process. The signal has the mean `jump*rate*decay` and the variance
    `jump^2*rate*decay/2` (Campbell's theorem), each up to a relative error of order (dt/decay)^2, because the
    events of a time step are taken to occur in its middle. The signal starts with this mean and variance. Every
    unit and sample has events of its own.

    Parameters
    ----------
    rate : quantity, or array of shape (units,)
        Rate of events, not negative, such as `"2 kHz"` for 400 cells that fire at 5 Hz.
    jump : quantity, or array of shape (units,)
        Amount that an event adds to the signal, in the unit of the input.
    decay : time, or array of shape (units,)
        Time constant of the decay, above 0.

    Raises
    ------
    UnitError
        If a value cannot be read as a quantity. `Protocol` also raises this error if its unit does not fit.
    ParameterError
        If a number is not finite, `rate` is negative or `decay` is not positive. `Protocol` also raises this error
        if more than 100 events are expected in a time step.

    References
    ----------
    Rice (1944), Mathematical analysis of random noise, Bell System Technical Journal 23:282, part I.

    Examples
    --------
    >>> import dendrosim as ds
    >>> drive = ds.ShotNoise(rate="2 kHz", jump="20 pA", decay="5 ms")
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
    idle: ClassVar[Mapping[str, float]] = {"keep": 1.0}

    def __post_init__(self) -> None:
        positive(**{"ShotNoise.decay": self.decay})
        not_negative(**{"ShotNoise.rate": self.rate})

    def numbers(self, dt: float) -> Mapping[str, Any]:
        expected = np.asarray(self.rate.value) * dt
        if np.any(expected > _MOST_EVENTS):
            raise ParameterError(
                f"ShotNoise: {np.max(expected):g} events per time step are more than {_MOST_EVENTS:g}; use "
                "OrnsteinUhlenbeck, or a shorter time step"
            )
        lag = dt / np.asarray(self.decay.value)
        return {
            "jump": self.jump.value,
            "keep": np.exp(-lag),
            "half": np.exp(-lag / 2),
            "expected": expected,
        }

    def draw_start(self, shape: tuple[int, int], rng: np.random.Generator, dt: float) -> AnyArray:
        # With n = rate decay, this gamma distribution has the mean n and variance n/2 of the stationary signal.
        mean = np.broadcast_to(np.asarray(self.rate.value) * self.decay.value, shape[:1])
        return rng.gamma(np.repeat(2 * mean[:, None], shape[1], axis=1), 0.5)
