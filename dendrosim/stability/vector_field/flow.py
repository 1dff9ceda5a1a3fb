"""The interface of everything that can be analysed: an autonomous flow with exact derivatives."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from dendrosim.arrays import AnyArray, Array
from dendrosim.errors import ParameterError, UnknownMemberError
from dendrosim.stability.vector_field.jacobian_differences import differences_along
from dendrosim.stability.vector_field.number_arguments import read_number
from dendrosim.stability.vector_field.typical_scales import scales_by_unit

JacobianMatrix = Any
"""A dense array of floats, or a `scipy.sparse.csc_array` where most entries are zero."""


class Flow(ABC):
    """An autonomous system dx/dt = f(x; p) with exact derivatives with respect to states and parameters.

    Fixed points, spectra and continuation use only what is declared here. To analyse a system of your own,
    derive a class from `Flow`, set the four attributes and implement the four abstract methods. Override
    `symmetries` if the system has continuous symmetries, and `kinks` if its equations have corners.

    Attributes
    ----------
    labels : sequence of str, length n
        One label for each state: `layer1.h[0]`; with several samples `layer1.h[0, 3]` for unit 0 in sample 3; for
        a weight `w1[0, 2]`.
    units : sequence of str, length n
        The SI unit of each state, `1` where it has none.
    start : array, shape (n,)
        The state in which a run would start, in SI units.
    parameters : mapping of str to float
        The parameters that `at` can change, with their present values in SI units.
    """

    labels: Sequence[str]
    units: Sequence[str]
    start: Array
    parameters: Mapping[str, float]
    cost: int = 1
    """Rough number of evaluations of a circuit's equations in `f`; searches of costly flows are shorter."""

    @property
    def size(self) -> int:
        """Number n of states."""
        return len(self.start)

    @abstractmethod
    def f(self, x: AnyArray) -> AnyArray:
        """Return dx/dt at `x`, both of shape (n,), in SI units per second."""

    @abstractmethod
    def jacobian(self, x: Array) -> JacobianMatrix:
        """Return df/dx at `x`, shape (n, n): one row per equation, one column per state."""

    @abstractmethod
    def parameter_derivative(self, x: Array, name: str) -> Array:
        """Return df/dp at `x` for the parameter `name`, shape (n,).

        Raises
        ------
        UnknownNameError
            If `name` is not in `parameters`.
        """

    @abstractmethod
    def at(self, name: str, value: float) -> "Flow":
        """Return the same flow with `value`, in SI units, for the parameter `name`.

        Raises
        ------
        UnknownNameError
            If `name` is not in `parameters`.
        """

    def at_states(self, states: Array, parameter: str | None = None) -> tuple[Array, Array, Array]:
        """Return f, its Jacobians and its derivatives with respect to a parameter at m states, shape (m, n).

        Returns
        -------
        array, shape (m, n)
            f at each state.
        array, shape (m, n, n)
            The dense Jacobian at each state.
        array, shape (m, n)
            Derivatives with respect to `parameter`; zeros without one.
        """
        rates = np.array([self.f(x) for x in states], dtype=float)
        jacobians = np.array([as_dense(self.jacobian(x)) for x in states])
        if parameter is None:
            return rates, jacobians, np.zeros_like(rates)
        slopes = np.array([self.parameter_derivative(x, parameter) for x in states], dtype=float)
        return rates, jacobians, slopes

    def corners(self, states: Array) -> list[str]:
        """Return the labels of variables whose equations have a corner between two of m states, shape (m, n)."""
        return []

    def directional_derivatives(self, x: Array, direction: Array) -> tuple[Array, Array]:
        """Return the second and third derivative of f(x + s u) with respect to s at s = 0, each of shape (n,).

        Those of circuits are exact. Of other flows they are differences of the Jacobian over steps of about a
        hundredth of the states, with relative errors of about 1e-9; override the method for exact values.

        Parameters
        ----------
        x, direction : array, shape (n,)
            The state and u, in SI units.
        """
        return differences_along(self.jacobian, x, direction, scales_by_unit(self.units, np.abs(x)))

    def symmetries(self, x: Array) -> Array:
        """Return the directions in which continuous symmetries of the flow move `x`.

        A fixed point with such directions belongs to a family of fixed points, and its Jacobian has an
        eigenvalue of zero for each direction.

        Returns
        -------
        array, shape (n, k)
            Orthonormal columns; k is 0 for a flow without continuous symmetries.
        """
        return np.zeros((self.size, 0))

    def kinks(self, x: Array) -> list[str]:
        """Return the labels of variables that are exactly at a corner of their equation at `x`.

        There, df/dx has different values on the two sides.
        """
        return []

    def pack(self, values: Mapping[str, Any]) -> Array:
        """Return x from numbers by label, in SI units; states that are not given take their values from `start`.

        Raises
        ------
        UnknownMemberError
            If there is no state of that label.
        ParameterError
            If a value is not one finite number.
        """
        places = {label: i for i, label in enumerate(self.labels)}
        x = self.start.copy()
        for label, value in values.items():
            if label not in places:
                raise UnknownMemberError("state of the flow", label, places)
            x[places[label]] = read_number(f"state {label!r}", value)
        return x

    def unpack(self, x: AnyArray) -> dict[str, Any]:
        """Return the numbers of `x` by label."""
        return dict(zip(self.labels, x.tolist(), strict=True))

    def check_spectrum(self) -> None:  # noqa: B027
        """Raise DifferentiationError if the eigenvalues of the Jacobian do not decide about stability."""

    def parameter_unit(self, name: str) -> str:
        """Return the SI unit of the parameter `name`, `1` where it has none."""
        return "1"

    def check(self, x: Array) -> None:  # noqa: B027
        """Raise an error if the flow does not describe the circuit at `x`, such as above a spike threshold."""


def as_dense(matrix: JacobianMatrix) -> Array:
    """Return a Jacobian as a dense array."""
    return np.asarray(matrix.toarray() if sparse.issparse(matrix) else matrix, dtype=float)


def check_flow(flow: Any) -> None:
    """Raise ParameterError if `flow` is not a Flow."""
    if not isinstance(flow, Flow):
        raise ParameterError(
            f"field is a {type(flow).__name__}; it must be a vector field, as ds.vector_field returns it"
        )
