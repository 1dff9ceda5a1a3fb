"""A connection rule that gives each postsynaptic unit the same number of random presynaptic units."""

from dataclasses import dataclass

import numpy as np

from dendrosim.circuit.connectivity.base import Connections, Pairs
from dendrosim.errors import ShapeError


@dataclass(frozen=True, eq=False)
class InDegree(Connections):
    """Connect each postsynaptic unit with the same number of different presynaptic units, chosen at random.

    Parameters
    ----------
    number : int
        Number of presynaptic units of each postsynaptic unit, at least 0.
    self_connections : bool, optional
        Whether units may connect with themselves if `pre` and `post` are the same population (default True).

    Raises
    ------
    ParameterError
        If the number is not an integer of at least 0.
    ShapeError
        If there are fewer presynaptic units than `number`; `Circuit` raises this error.

    Examples
    --------
    >>> import dendrosim as ds
    >>> pathway = ds.Pathway("feed", "sender", "receiver", "g_post += 1", connect=ds.InDegree(20))
    """

    number: int
    self_connections: bool = True

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
            # The unit itself is left out: numbers are drawn from one candidate fewer, and every number drawn that
            # is not below the unit's own number is raised by one.
            partners = rng.choice(pre - apart, self.number, replace=False, shuffle=False)
            chosen[unit] = np.sort(partners + (partners >= unit) if apart else partners)
        return np.repeat(np.arange(post, dtype=np.int64), self.number), chosen.ravel()
