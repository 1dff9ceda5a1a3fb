"""Base class of connection rules, and how to add one.

To add a connection rule, write a file in this folder with a frozen dataclass that derives from `Connections`. It
is then available as `dendrosim.Name`, in specifications read from JSON, and in messages that list the rules.

- Its fields are plain numbers or arrays; `__post_init__` checks them and raises SpecError.
- `check` raises SpecError if the rule does not fit the two populations.
- `expected` estimates the number of connections, so that too many are refused before they are drawn.
- `draw` returns the connected pairs. Its random numbers come from the generator that it is given and from nothing
  else: connections are drawn in Python, so they are the same on every back end.
- `count` is the number of connections where it is known before they are drawn.

A rule that can connect a unit with itself has a field `self_connections`, which matters only where a population
connects to itself.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dendrosim.arrays import Integers
from dendrosim.spec import Spec

Pairs = tuple[Integers, Integers]
"""Index of the postsynaptic and of the presynaptic unit of every connection, two arrays of equal length."""


@dataclass(frozen=True, eq=False)
class Connections(Spec, ABC):
    """Base of every connection rule; the module says how to add one."""

    folder: ClassVar[str | None] = __package__

    @property
    def count(self) -> int | None:
        """The number of connections, None where it follows from the sizes of populations or from the draw."""
        return None

    def check(self, where: str, post: int, pre: int, same: bool) -> None:
        """Check that the rule fits two populations; the base accepts all.

        Parameters
        ----------
        where : str
            The pathway, for the message.
        post, pre : int
            Numbers of postsynaptic and presynaptic units.
        same : bool
            Whether both are one population.

        Raises
        ------
        SpecError
            If the units cannot be connected by this rule.
        """

    @abstractmethod
    def expected(self, post: int, pre: int) -> float:
        """Return about how many connections there will be between `pre` and `post` units."""

    @abstractmethod
    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        """Return the connected pairs, in any order; the arguments are those of `check`."""


def without_self(to: Integers, from_: Integers) -> Pairs:
    """Return the pairs of which both ends are different units."""
    kept = to != from_
    return to[kept], from_[kept]
