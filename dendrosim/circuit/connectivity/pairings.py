"""A connection rule that takes a list of all connected pairs."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from dendrosim.arrays import Integers
from dendrosim.checks import MOST_ELEMENTS
from dendrosim.circuit.connectivity.base import Connections, Pairs
from dendrosim.errors import ShapeError
from dendrosim.spec import freeze_array


def _as_indices(where: str, value: Any) -> Integers:
    array = np.asarray(value)
    whole = array.dtype.kind in "iu" or not array.size
    if array.ndim != 1 or not whole or np.any(array < 0) or np.any(array > MOST_ELEMENTS):
        raise ShapeError(f"{where} must be a list of unit numbers from 0")
    return freeze_array(array, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Pairings(Connections):
    """Connect given pairs of units: presynaptic unit `pre[k]` with postsynaptic unit `post[k]`.

    In a pathway, a pair that is given twice has two synapses; a matrix has one weight for each pair. With this
    rule, weights, delays and other values of a `Pathway`, and the initial weights of a `Matrix`, may be given as
    arrays, one number per pair.

    Parameters
    ----------
    pre : array of int, shape (synapses,)
        Numbers of presynaptic units, counted from 0.
    post : array of int, shape (synapses,)
        Numbers of postsynaptic units, counted from 0.

    Raises
    ------
    ShapeError
        If `pre` and `post` are not lists of unit numbers of equal length. `Circuit` also raises this error if a
        population has no such unit.

    Examples
    --------
    A ring of three units with a weight for each synapse:

    >>> import dendrosim as ds
    >>> pathway = ds.Pathway(
    ...     "ring", "cell", "cell", "g_post += weight",
    ...     connect=ds.Pairings(pre=[0, 1, 2], post=[1, 2, 0]), weight=["1 nS", "2 nS", "3 nS"],
    ... )
    """

    pre: Annotated[Any, _as_indices]
    post: Annotated[Any, _as_indices]

    def __post_init__(self) -> None:
        if self.pre.shape != self.post.shape:
            raise ShapeError(
                f"Pairings: pre has {len(self.pre)} entries and post {len(self.post)}; they must agree"
            )

    @property
    def count(self) -> int:
        return len(self.pre)

    def repeated(self) -> tuple[int, int] | None:
        """Return a pair (post, pre) that is given more than once, or None."""
        pairs, counts = np.unique(np.stack([self.post, self.pre]), axis=1, return_counts=True)
        if not np.any(counts > 1):
            return None
        post, pre = pairs[:, np.argmax(counts > 1)]
        return int(post), int(pre)

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
