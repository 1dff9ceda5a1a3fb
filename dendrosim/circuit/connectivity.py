"""Which units of two populations a pathway connects. Drawn in Python, so the same on every back end.

To add a kind, derive from `Connections`: `check` says whether it fits two populations, `expected` how
many connections there will be, `draw` returns the connected pairs. `self_connections` counts only where a
population connects to itself.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.errors import ParameterError, ShapeError
from dendrosim.spec import Spec, frozen_array
from dendrosim.units import as_whole_number

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Connections(Spec, ABC):
    """Base of every kind."""

    def check(self, where: str, post: int, pre: int, same: bool) -> None:
        """Raise SpecError if `pre` and `post` units cannot be connected like this."""

    @abstractmethod
    def expected(self, post: int, pre: int) -> float:
        """Return about how many connections there will be."""

    @abstractmethod
    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        """Return the index of the postsynaptic and of the presynaptic unit of every connection."""


@dataclass(frozen=True, eq=False)
class AllToAll(Connections):
    """Every unit with every other."""

    self_connections: bool = True

    def expected(self, post: int, pre: int) -> float:
        return post * pre

    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        to, from_ = np.divmod(np.arange(post * pre, dtype=np.int64), pre)
        return _without_self(to, from_, same and not self.self_connections)


@dataclass(frozen=True, eq=False)
class OneToOne(Connections):
    """Unit i with unit i."""

    def check(self, where: str, post: int, pre: int, same: bool) -> None:
        if post != pre:
            raise ShapeError(
                f"{where}: OneToOne connects populations of one size, not {pre} with {post} units"
            )

    def expected(self, post: int, pre: int) -> float:
        return post

    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        units = np.arange(pre, dtype=np.int64)
        return units, units


@dataclass(frozen=True, eq=False)
class Probability(Connections):
    """Every pair by itself with the same probability."""

    probability: float
    self_connections: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.probability, bool) or not 0 <= float(self.probability) <= 1:
            raise ParameterError(
                f"Probability is {self.probability!r}; it must be a number from 0 to 1"
            )
        self._set(probability=float(self.probability))

    def expected(self, post: int, pre: int) -> float:
        return post * pre * self.probability

    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        if self.probability == 1:
            return AllToAll(self.self_connections).draw(post, pre, same, rng)
        if self.probability == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        # The gaps between successes of independent trials are geometric: as many draws as connections.
        total, last, found = post * pre, -1, []
        while last < total:
            expected = (total - last) * self.probability
            gaps = rng.geometric(self.probability, int(expected + 5 * expected**0.5 + 10))
            # A gap beyond the end ends the drawing; cut it, so that the sum cannot overflow.
            places = last + np.cumsum(np.minimum(gaps, total + 1))
            found.append(places)
            last = int(places[-1])
        places = np.concatenate(found)
        to, from_ = np.divmod(places[places < total], pre)
        return _without_self(to, from_, same and not self.self_connections)


@dataclass(frozen=True, eq=False)
class InDegree(Connections):
    """Every postsynaptic unit with the same number of different presynaptic units, chosen at random."""

    number: int
    self_connections: bool = True

    def __post_init__(self) -> None:
        self._set(number=as_whole_number("InDegree", self.number))

    def check(self, where: str, post: int, pre: int, same: bool) -> None:
        most = pre - (same and not self.self_connections)
        if self.number > most:
            raise ShapeError(
                f"{where}: InDegree is {self.number}, but there are only {most} units to choose from"
            )

    def expected(self, post: int, pre: int) -> float:
        return post * self.number

    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        apart = same and not self.self_connections
        chosen = np.empty((post, self.number), dtype=np.int64)
        for unit in range(post):
            drawn = rng.choice(pre - apart, self.number, replace=False, shuffle=False)
            chosen[unit] = np.sort(drawn + (drawn >= unit) if apart else drawn)
        return np.repeat(np.arange(post, dtype=np.int64), self.number), chosen.ravel()


@dataclass(frozen=True, eq=False)
class Pairings(Connections):
    """The given pairs: `pre[k]` with `post[k]`."""

    pre: Any
    post: Any

    def __post_init__(self) -> None:
        self._set(pre=_indices("pre", self.pre), post=_indices("post", self.post))
        if self.pre.shape != self.post.shape:
            raise ShapeError(
                f"Pairings: pre has {len(self.pre)} entries and post {len(self.post)}; they must agree"
            )

    def check(self, where: str, post: int, pre: int, same: bool) -> None:
        for name, size in (("pre", pre), ("post", post)):
            units = getattr(self, name)
            if len(units) and units.max() >= size:
                raise ShapeError(
                    f"{where}: Pairings.{name} has unit {units.max()}, but the population has only "
                    f"units 0 to {size - 1}"
                )

    def expected(self, post: int, pre: int) -> float:
        return len(self.pre)

    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        return self.post, self.pre


def _indices(name: str, values: Any) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu") or np.any(array < 0):
        raise ShapeError(f"Pairings.{name} must be a list of unit numbers from 0")
    return frozen_array(array, dtype=np.int64)


def _without_self(to: NDArray[np.int64], from_: NDArray[np.int64], apart: bool) -> Pairs:
    kept = to != from_ if apart else np.ones(len(to), dtype=bool)
    return to[kept], from_[kept]
