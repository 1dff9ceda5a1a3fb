"""Noise that is drawn once per phase, so that a circuit can settle during the phase."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.checks import not_negative
from dendrosim.signals.process import Process


@dataclass(frozen=True, eq=False)
class HeldNoise(Process):
    """Draw a normal random number when the phase begins, and hold it until the phase ends.

    Every unit and sample has a number of its own, and a new number is drawn each time the phase begins.

    Parameters
    ----------
    mean : quantity, or array of shape (units,)
        Mean, in the unit of the input.
    sigma : quantity, or array of shape (units,)
        Standard deviation, not negative, in the unit of the input.

    Raises
    ------
    UnitError
        If a value cannot be read as a quantity. `Protocol` also raises this error if its unit does not fit.
    ParameterError
        If a number is not finite, or `sigma` is negative.

    Examples
    --------
    >>> import dendrosim as ds
    >>> drive = ds.HeldNoise(mean=0.0, sigma=0.1)
    """

    mean: Any
    sigma: Any

    text: ClassVar[str] = "mean + sigma*z"
    # `half` is half a time step, so `t < half` holds only in the first step of a phase.
    update: ClassVar[str] = "z + int(t < half)*(ds_normal(noise, i) - z)"
    units: ClassVar[Mapping[str, str]] = {"mean": "x", "sigma": "x"}
    number_units: ClassVar[Mapping[str, str]] = {"mean": "x", "sigma": "x", "half": "s"}

    def __post_init__(self) -> None:
        not_negative(**{"HeldNoise.sigma": self.sigma})

    def numbers(self, dt: float) -> Mapping[str, Any]:
        return {"mean": self.mean.value, "sigma": self.sigma.value, "half": dt / 2}

    def draw_start(self, shape: tuple[int, int], rng: np.random.Generator, dt: float) -> AnyArray:
        return rng.normal(size=shape)
