"""What can be analysed: an autonomous system of differential equations with exact derivatives."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dendrosim.arrays import AnyArray, Array
from dendrosim.errors import ParameterError, UnknownMemberError
from dendrosim.stability.vector_field.number_arguments import read_number

JacobianMatrix = Any
"""A dense array of floats, or a `scipy.sparse.csc_array` where most entries are zero."""


class Flow(ABC):
    """dx/dt = f(x; p) with its exact Jacobian and derivatives by parameters.

    Fixed points, spectra and continuation know their object by this contract alone. To make something else
    analysable, derive from it: set the attributes and implement the four methods.

    Attributes
    ----------
    labels : sequence of str
        One for each state, such as `layer1.h[0]`, or `layer1.h[0, 3]` for unit 0 of sample 3, or `w1[0, 2]`.
    units : sequence of str
        The SI unit of each state, `1` where it has none.
    start : array, shape (n,)
        Where a run would start.
    parameters : mapping
        The numbers that `at` may change, in SI units.
    """

    labels: Sequence[str]
    units: Sequence[str]
    start: Array
    parameters: Mapping[str, float]

    @property
    def size(self) -> int:
        """Number n of states."""
        return len(self.start)

    @abstractmethod
    def f(self, x: AnyArray) -> AnyArray:
        """Return dx/dt, shape (n,), in SI units per second."""

    @abstractmethod
    def jacobian(self, x: Array) -> JacobianMatrix:
        """Return df/dx, shape (n, n), row by equation and column by state."""

    @abstractmethod
    def parameter_derivative(self, x: Array, name: str) -> Array:
        """Return df/dp, shape (n,); raises UnknownNameError for a name that is not in `parameters`."""

    @abstractmethod
    def at(self, name: str, value: float) -> "Flow":
        """Return the same flow with another value of a parameter."""

    def symmetries(self, x: Array) -> Array:
        """Return an orthonormal basis, shape (n, k), of the directions in which continuous symmetries move x.

        Along them a fixed point is one of a family, and the Jacobian there has an eigenvalue of zero.
        """
        return np.zeros((self.size, 0))

    def kinks(self, x: Array) -> list[str]:
        """Return the labels of what lies exactly where its equation has a corner, so that df/dx has two values."""
        return []

    def pack(self, values: Mapping[str, Any]) -> Array:
        """Return x from numbers by label; those that are not given are as in `start`."""
        places = {label: i for i, label in enumerate(self.labels)}
        x = self.start.copy()
        for label, value in values.items():
            if label not in places:
                raise UnknownMemberError("state of the flow", label, places)
            x[places[label]] = read_number(f"state {label!r}", value)
        return x

    def unpack(self, x: AnyArray) -> dict[str, Any]:
        """Return the numbers of x by label."""
        return dict(zip(self.labels, x.tolist(), strict=True))

    def parameter_unit(self, name: str) -> str:
        """Return the SI unit of one of `parameters`, `1` where it has none."""
        return "1"

    def check(self, x: Array) -> None:  # noqa: B027
        """Raise an error that says why x is outside of where the flow means something."""


def check_flow(flow: Any) -> None:
    """Raise ParameterError if something is not a Flow."""
    if not isinstance(flow, Flow):
        raise ParameterError(
            f"field is a {type(flow).__name__}; it must be a vector field, as ds.vector_field returns it"
        )
