"""A connection rule that connects all units."""

from dataclasses import dataclass

import numpy as np

from dendrosim.circuit.connectivity.base import Connections, Pairs, without_self


@dataclass(frozen=True, eq=False)
class AllToAll(Connections):
    """Connect every presynaptic unit with every postsynaptic unit.

    Parameters
    ----------
    self_connections : bool, optional
        Whether units may connect with themselves if `pre` and `post` are the same population (default True).

    Examples
    --------
    Each cell inhibits all other cells of its population:

    >>> import dendrosim as ds
    >>> pathway = ds.Pathway(
    ...     "rival", "cell", "cell", "g_post += 1", connect=ds.AllToAll(self_connections=False)
    ... )
    """

    self_connections: bool = True

    def expected(self, post: int, pre: int) -> float:
        return post * pre

    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        to, from_ = np.divmod(np.arange(post * pre, dtype=np.int64), pre)
        return without_self(to, from_) if same and not self.self_connections else (to, from_)
