"""Every postsynaptic unit connected with the same number of presynaptic units, chosen at random."""

from dataclasses import dataclass

import numpy as np

from dendrosim.circuit.connectivity.base import Connections, Pairs
from dendrosim.errors import ShapeError
from dendrosim.units import as_whole_number


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
            # One unit fewer to choose from, then numbers from the unit's own on move up by one: never itself.
            drawn = rng.choice(pre - apart, self.number, replace=False, shuffle=False)
            chosen[unit] = np.sort(drawn + (drawn >= unit) if apart else drawn)
        return np.repeat(np.arange(post, dtype=np.int64), self.number), chosen.ravel()
