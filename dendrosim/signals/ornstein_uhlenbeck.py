"""Ornstein-Uhlenbeck noise, the usual model of the background input of a cell in vivo."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.checks import not_negative, positive
from dendrosim.signals.process import Process


@dataclass(frozen=True, eq=False)
class OrnsteinUhlenbeck(Process):
    """Fluctuate as Gaussian noise whose correlation decays exponentially with time.

    The noise I obeys dI = (mean - I)/tau dt + sigma sqrt(2/tau) dW. It is solved exactly from one time step to the
    next and is stationary from the beginning. Its standard deviation is therefore `sigma` for any length of the
    time step, and two values at a lag l have the correlation exp(-l/tau). Every unit and sample has noise of its
    own.

    Parameters
    ----------
    mean : quantity, or array of shape (units,)
        Mean, in the unit of the input.
    sigma : quantity, or array of shape (units,)
        Standard deviation, not negative, in the unit of the input.
    tau : time, or array of shape (units,)
        Correlation time, above 0.

    Raises
    ------
    UnitError
        If a value cannot be read as a quantity. `Protocol` also raises this error if its unit does not fit.
    ParameterError
        If a number is not finite, `sigma` is negative or `tau` is not positive.

    References
    ----------
    Gillespie (1996), Exact numerical simulation of the Ornstein-Uhlenbeck process and its integral, Physical
    Review E 54:2084.

    Examples
    --------
    >>> import dendrosim as ds
    >>> drive = ds.OrnsteinUhlenbeck(mean="200 pA", sigma="80 pA", tau="2 ms")
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
    idle: ClassVar[Mapping[str, float]] = {"keep": 1.0}

    def __post_init__(self) -> None:
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
