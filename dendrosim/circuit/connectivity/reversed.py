"""A connection rule that connects as another rule does, in the opposite direction."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from dendrosim.circuit.connectivity.base import Connections, Pairs
from dendrosim.circuit.connectivity.coercion import as_rule


@dataclass(frozen=True, eq=False)
class Reversed(Connections):
    """Connect units as another rule does, with the presynaptic and the postsynaptic population exchanged.

    If a matrix from `below` to `above` is connected by `rule`, one from `above` to `below` with `Reversed(rule)`
    connects the same pairs of units in the opposite direction: feedback from each unit to the units that it sees.
    A random rule draws pairs of its own for each matrix or pathway, so its pairs are then not the same.

    Parameters
    ----------
    rule : Connections
        The rule, whose `post` is the presynaptic population here, and whose `pre` is the postsynaptic one.

    Raises
    ------
    SpecError
        If `rule` is no connection rule; `Circuit` also raises the errors of that rule.

    Examples
    --------
    >>> import dendrosim as ds
    >>> patches = ds.LocalPatches(height=8, width=8, channels=1, filters=2, kernel=3)
    >>> up = ds.Matrix("w", post="cell", pre="image", initial=ds.Normal(0.2), connect=patches)
    >>> down = ds.Matrix("r", "image", "cell", ds.Normal(0.2), connect=ds.Reversed(patches))
    """

    rule: Annotated[Any, as_rule]

    @property
    def count(self) -> int | None:
        return self.rule.count  # type: ignore[no-any-return]

    def check(self, where: str, post: int, pre: int, same: bool) -> None:
        exchanged = f"{where}: Reversed exchanges post and pre of its rule, and that"
        self.rule.check(exchanged, pre, post, same)

    def expected(self, post: int, pre: int) -> float:
        return self.rule.expected(pre, post)  # type: ignore[no-any-return]

    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        to, from_ = self.rule.draw(pre, post, same, rng)
        return from_, to
