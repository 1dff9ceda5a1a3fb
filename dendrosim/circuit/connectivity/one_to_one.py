"""A connection rule that connects each unit with the unit of the same number."""

from dataclasses import dataclass

import numpy as np

from dendrosim.circuit.connectivity.base import Connections, Pairs
from dendrosim.errors import ShapeError


@dataclass(frozen=True, eq=False)
class OneToOne(Connections):
    """Connect each presynaptic unit with the postsynaptic unit of the same number.

    Raises
    ------
    ShapeError
        If the two populations differ in size; `Circuit` raises this error.

    Examples
    --------
    >>> import dendrosim as ds
    >>> pathway = ds.Pathway("relay", "sender", "receiver", "g_post += 1", connect=ds.OneToOne())
    """

    def check(self, where: str, post: int, pre: int, same: bool) -> None:
        if post != pre:
            raise ShapeError(
                f"{where}: OneToOne connects populations of the same size, not {pre} units with {post}"
            )

    def expected(self, post: int, pre: int) -> float:
        return post

    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        units = np.arange(pre, dtype=np.int64)
        return units, units
