"""Base class of connection rules, and how to add one.

To add a connection rule, write a file in this folder with a frozen dataclass that derives from `Connections`. The
rule is then available as `dendrosim.Name`, in specifications read from JSON, and in messages that list the rules.

- Its fields are plain numbers or arrays, and the annotation of each gives its check (see `dendrosim.spec`).
- `check` raises SpecError if the rule does not fit the two populations.
- `expected` estimates the number of connections, so that too many connections are refused before they are drawn.
- `draw` returns the connected pairs. It takes random numbers only from the generator `rng`. Connections are drawn
  in Python, so they are the same on every back end.
- `count` is the number of connections, if it is known before they are drawn.

A rule that can connect a unit with itself has a field `self_connections`, which matters only if the presynaptic
and the postsynaptic population are the same.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dendrosim.arrays import Integers
from dendrosim.spec import Spec

Pairs = tuple[Integers, Integers]
"""Two arrays of equal length: the postsynaptic unit of every connection, and the presynaptic unit of every
connection."""


@dataclass(frozen=True, eq=False)
class Connections(Spec, ABC):
    """Base class of connection rules; the docstring of this module says how to add a rule."""

    folder: ClassVar[str | None] = __package__

    @property
    def count(self) -> int | None:
        """The number of connections, or None if it depends on the sizes of populations or on random numbers."""
        return None

    def check(self, where: str, post: int, pre: int, same: bool) -> None:
        """Check that the rule fits two populations; the base class accepts all populations.

        Parameters
        ----------
        where : str
            The pathway or matrix, for the message.
        post, pre : int
            Numbers of postsynaptic and presynaptic units.
        same : bool
            Whether `pre` and `post` are the same population.

        Raises
        ------
        SpecError
            If the units cannot be connected by this rule.
        """

    @abstractmethod
    def expected(self, post: int, pre: int) -> float:
        """Return the expected number of connections.

        Parameters
        ----------
        post, pre : int
            Numbers of postsynaptic and presynaptic units.

        Returns
        -------
        float
            The number, from which the memory that synapses need is estimated before they are drawn.
        """

    @abstractmethod
    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        """Draw the connections.

        Parameters
        ----------
        post, pre : int
            Numbers of postsynaptic and presynaptic units, which have passed `check`.
        same : bool
            Whether `pre` and `post` are the same population.
        rng : numpy.random.Generator
            Source of random numbers; rules that are not random do not use it.

        Returns
        -------
        post, pre : array of int, shape (connections,)
            The postsynaptic and the presynaptic unit of each connection, in any order.
        """


def without_self(to: Integers, from_: Integers) -> Pairs:
    """Return the pairs that consist of two different units."""
    kept = to != from_
    return to[kept], from_[kept]
