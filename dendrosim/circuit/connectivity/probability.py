"""A connection rule that connects each pair of units with the same probability."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from dendrosim.checks import number
from dendrosim.circuit.connectivity.all_to_all import AllToAll
from dendrosim.circuit.connectivity.base import Connections, Pairs, without_self


@dataclass(frozen=True, eq=False)
class Probability(Connections):
    """Connect each pair of units with a given probability, independently of all other pairs.

    Parameters
    ----------
    probability : float
        Probability of each connection, from 0 to 1.
    self_connections : bool, optional
        Whether units may connect with themselves if `pre` and `post` are the same population (default True).

    Raises
    ------
    ParameterError
        If the probability is not a number from 0 to 1.

    Examples
    --------
    >>> import dendrosim as ds
    >>> pathway = ds.Pathway("feed", "sender", "receiver", "g_post += 1", connect=ds.Probability(0.1))
    """

    probability: Annotated[float, number("from 0 to 1", lambda p: 0 <= p <= 1)]
    self_connections: bool = True

    def expected(self, post: int, pre: int) -> float:
        return post * pre * self.probability

    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        if self.probability == 1:
            return AllToAll(self.self_connections).draw(post, pre, same, rng)
        if self.probability == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        # The gaps between successes of independent trials have a geometric distribution; only the gaps are drawn.
        total, last, found = post * pre, -1, []
        while last < total:
            # Draw five standard deviations more gaps than expected, so that one round is nearly always enough.
            expected = (total - last) * self.probability
            gaps = rng.geometric(self.probability, int(expected + 5 * expected**0.5 + 10))
            # A gap that leads beyond the last pair is shortened, so that the sum cannot overflow.
            places = last + np.cumsum(np.minimum(gaps, total + 1))
            found.append(places)
            last = int(places[-1])
        places = np.concatenate(found)
        to, from_ = np.divmod(places[places < total], pre)
        return without_self(to, from_) if same and not self.self_connections else (to, from_)
