"""Initial values of states and matrices: fixed numbers, or draws from a named random stream.

A draw happens in Python, from a stream named after the object and the variable, so that every back end
starts from the same numbers and adding an object changes no other object's draw. To add a
distribution, derive from `Initial` here and implement `sample`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.errors import ParameterError, ShapeError
from dendrosim.spec import Spec
from dendrosim.units import DIMENSIONLESS, Dimension, Quantity, quantity


@dataclass(frozen=True, eq=False)
class Initial(Spec, ABC):
    """Base of initial values; `sample(shape, rng)` returns SI numbers of that shape."""

    @property
    def dimension(self) -> Dimension:
        """The physical dimension of what `sample` returns."""
        return DIMENSIONLESS

    @abstractmethod
    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the initial numbers; deterministic kinds ignore `rng`."""


@dataclass(frozen=True, eq=False)
class Fixed(Initial):
    """A given number, or an array of the variable's shape (units, or post x pre)."""

    value: Any

    def __post_init__(self) -> None:
        self._set(value=quantity(self.value))

    @property
    def dimension(self) -> Dimension:
        return self.value.dimension

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
        if not self.value.scalar and np.shape(self.value.value) != shape:
            raise ShapeError(
                f"initial value has shape {np.shape(self.value.value)}, expected {shape}"
            )
        return np.broadcast_to(np.asarray(self.value.value, dtype=float), shape).copy()


@dataclass(frozen=True, eq=False)
class Normal(Initial):
    """Independent normal numbers of standard deviation `sd` around `mean`."""

    sd: Any
    mean: Any = None

    def __post_init__(self) -> None:
        sd = _scalar(self, "sd", self.sd)
        mean = (
            Quantity(0.0, sd.dimension) if self.mean is None else _scalar(self, "mean", self.mean)
        )
        if mean.dimension != sd.dimension:
            raise ParameterError(
                f"Normal: mean is in {mean.unit}, sd in {sd.unit}; give both the same unit"
            )
        if not float(sd.value) >= 0:
            raise ParameterError(f"Normal.sd is {sd}; it must not be negative")
        self._set(sd=sd, mean=mean)

    @property
    def dimension(self) -> Dimension:
        return self.sd.dimension

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
        return rng.normal(float(self.mean.value), float(self.sd.value), shape)


@dataclass(frozen=True, eq=False)
class Uniform(Initial):
    """Independent uniform numbers between `low` and `high`."""

    low: Any
    high: Any

    def __post_init__(self) -> None:
        low, high = _scalar(self, "low", self.low), _scalar(self, "high", self.high)
        if low.dimension != high.dimension:
            raise ParameterError(
                f"Uniform: low is in {low.unit}, high in {high.unit}; give both the same unit"
            )
        if not float(low.value) <= float(high.value):
            raise ParameterError(f"Uniform: low = {low} exceeds high = {high}")
        self._set(low=low, high=high)

    @property
    def dimension(self) -> Dimension:
        return self.low.dimension

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
        return rng.uniform(float(self.low.value), float(self.high.value), shape)


@dataclass(frozen=True, eq=False)
class Identity(Initial):
    """`scale` times the identity matrix, plus normal numbers of standard deviation `noise`."""

    scale: float = 1.0
    noise: float = 0.0

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
        if len(shape) != 2:
            raise ShapeError(f"Identity is for matrices, not for a variable of shape {shape}")
        return self.scale * np.eye(*shape) + self.noise * rng.normal(size=shape)


@dataclass(frozen=True, eq=False)
class WellConditioned(Initial):
    """A random matrix with singular values from `gain` down to `gain/condition`, geometrically spaced.

    Its singular vectors are random orthonormal ones; a square one can be inverted safely.
    """

    gain: float = 1.0
    condition: float = 2.0

    def __post_init__(self) -> None:
        for name in ("gain", "condition"):
            value = _scalar(self, name, getattr(self, name))
            if value.dimension != DIMENSIONLESS or float(value.value) <= 0:
                raise ParameterError(
                    f"WellConditioned.{name} is {value}; it must be a positive number without unit"
                )
            self._set(**{name: float(value.value)})
        if self.condition < 1:
            raise ParameterError(
                f"WellConditioned.condition is {self.condition}; it must be at least 1"
            )

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
        if len(shape) != 2:
            raise ShapeError(
                f"WellConditioned is for matrices, not for a variable of shape {shape}"
            )
        u, _, v = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
        values = self.gain * np.geomspace(1, 1 / self.condition, len(u.T))
        return (u * values) @ v


@dataclass(frozen=True, eq=False)
class Derived(Initial):
    """Base of initial weights that follow from those of another matrix, `matrix`."""

    matrix: str

    @abstractmethod
    def shape(self, of: tuple[int, int]) -> tuple[int, int]:
        """Return the shape that follows from the other matrix's."""

    @abstractmethod
    def derive(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the initial weights from those of the other matrix."""

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
        raise ShapeError(
            f"{type(self).__name__} of {self.matrix!r} is for a matrix, and is known only when a run begins"
        )


@dataclass(frozen=True, eq=False)
class Copy(Derived):
    """What another matrix is at the beginning of the run."""

    def shape(self, of: tuple[int, int]) -> tuple[int, int]:
        return of

    def derive(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return weights


@dataclass(frozen=True, eq=False)
class PseudoInverse(Derived):
    """`scale` times the pseudo-inverse of another matrix as it is at the beginning of the run."""

    scale: float = 1.0

    def shape(self, of: tuple[int, int]) -> tuple[int, int]:
        return of[::-1]

    def derive(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.scale * np.linalg.pinv(weights), dtype=np.float64)


def initial(value: Any) -> Initial:
    """Return an `Initial`: itself, or a number, quantity text or array as `Fixed`."""
    return value if isinstance(value, Initial) else Fixed(value)


def _scalar(owner: Initial, field: str, value: Any) -> Quantity:
    result = quantity(value)
    if not result.scalar or not np.isfinite(result.value):
        raise ParameterError(
            f"{type(owner).__name__}.{field} must be one finite number, not {value!r}"
        )
    return result
