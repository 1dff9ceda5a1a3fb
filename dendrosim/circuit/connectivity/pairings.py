"""Connections given one by one."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dendrosim.arrays import Integers
from dendrosim.circuit.connectivity.base import Connections, Pairs
from dendrosim.errors import ShapeError
from dendrosim.spec import freeze_array


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

    @property
    def count(self) -> int:
        return len(self.pre)

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


def _indices(name: str, values: Any) -> Integers:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu") or np.any(array < 0):
        raise ShapeError(f"Pairings.{name} must be a list of unit numbers from 0")
    return freeze_array(array, dtype=np.int64)
