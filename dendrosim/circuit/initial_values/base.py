"""Base class of initial values, and how to add a distribution.

To add a distribution, write a file in this folder with a frozen dataclass that derives from `Initial` (or from
`Derived`, if the values follow from those of another matrix). The distribution is then available as
`dendrosim.Name`, and in specifications read from JSON.

- Its fields are numbers or quantities, and the annotation of each gives its check (see `dendrosim.spec`). Rules
  for several fields together are in `__post_init__`, which raises ParameterError.
- `dimension` is the physical dimension of the numbers.
- `check` raises ShapeError if the numbers cannot be used for a state, a matrix or the synapses of a pathway.
- `sample` returns the numbers. It takes random numbers only from the generator `rng`. Initial values are drawn in
  Python from a random stream named after the object and the variable, so that every back end starts from the same
  numbers, and adding an object to a circuit changes no other object's numbers.
- `check_synapses` and `sample_synapses` do the same for a pathway, if the numbers depend on the connected units.
- `only_matrices` is True if the numbers have a meaning only together, as a matrix, and not for the units of a
  population or for synapses.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dendrosim.arrays import Array, Integers
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.spec import Spec
from dendrosim.units import DIMENSIONLESS, Dimension, Quantity


@dataclass(frozen=True, eq=False)
class Initial(Spec, ABC):
    """Base class of initial values; the docstring of this module says how to add a distribution."""

    folder: ClassVar[str | None] = __package__
    only_matrices: ClassVar[bool] = False

    @property
    def dimension(self) -> Dimension:
        """The physical dimension of the numbers that `sample` returns."""
        return DIMENSIONLESS

    @property
    def least(self) -> float | None:
        """The smallest SI number that `sample` can return, or None if there is no such bound."""
        return None

    @property
    def zero(self) -> bool:
        """Whether all numbers are known to be 0, so that they need no unit."""
        return False

    def check(self, where: str, shape: tuple[int, ...]) -> None:
        """Check that the numbers can be used for an object of a given shape.

        Parameters
        ----------
        where : str
            The object that starts from the numbers, for the message.
        shape : tuple of int
            (units,) for a state, (post, pre) for a matrix, (synapses,) for a pathway.

        Raises
        ------
        ShapeError
            If the numbers cannot have this shape.
        ParameterError
            If the numbers are not finite.
        """
        if self.only_matrices and len(shape) != 2:
            raise ShapeError(
                f"{where}: {type(self).__name__} is for matrices; use Normal or Uniform"
            )

    def check_synapses(self, where: str, count: int) -> None:
        """Check that the numbers can be used for the synapses of a pathway; the errors are those of `check`.

        Parameters
        ----------
        where : str
            The value of the synapses, for the message.
        count : int
            Number of synapses if the connection rule gives it, otherwise 0.
        """
        self.check(where, (count,))

    @abstractmethod
    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Return the initial numbers in SI units.

        Parameters
        ----------
        shape : tuple of int
            (units, samples) for a state, (post, pre) for a matrix, (synapses,) for a pathway, all of which have
            passed `check`.
        rng : numpy.random.Generator
            Source of random numbers; values that are not random do not use it.

        Returns
        -------
        array, shape `shape`
            The numbers in SI units.
        """

    def sample_synapses(
        self, pre: Integers, post: Integers, sizes: tuple[int, int], rng: np.random.Generator
    ) -> Array:
        """Return the numbers of synapses in SI units.

        Parameters
        ----------
        pre, post : array of int, shape (synapses,)
            The units that each synapse connects.
        sizes : tuple of int
            Numbers of presynaptic and of postsynaptic units.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        array, shape (synapses,)
            The numbers in SI units; they depend on the units only if the class overrides this method.
        """
        return self.sample((len(pre),), rng)


def check_same_unit(owner: Initial, **values: Quantity) -> None:
    """Raise ParameterError unless two fields of `owner`, given by name, have the same unit."""
    (first, a), (second, b) = values.items()
    if a.dimension != b.dimension:
        raise ParameterError(
            f"{type(owner).__name__}: {first} is in {a.unit}, {second} in {b.unit}; give both the same unit"
        )
