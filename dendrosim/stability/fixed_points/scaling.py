"""A flow in units of the typical size of each state, so that one norm measures volts and amperes alike."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from dendrosim.arrays import AnyArray, Array
from dendrosim.stability.vector_field.flow import Flow, JacobianMatrix


class ScaledFlow(Flow):
    """The flow of y = x / scale."""

    def __init__(self, flow: Flow, scale: Array) -> None:
        self.flow, self.scale = flow, scale
        self.labels, self.units = flow.labels, flow.units
        self.start = flow.start / scale
        self.cost = flow.cost

    @property
    def parameters(self) -> Mapping[str, float]:  # type: ignore[override]
        return self.flow.parameters

    def f(self, x: AnyArray) -> AnyArray:
        return self.flow.f(x * self.scale) / self.scale

    def jacobian(self, x: Array) -> JacobianMatrix:
        return rescale_jacobian(self.flow.jacobian(x * self.scale), self.scale)

    def parameter_derivative(self, x: Array, name: str) -> Array:
        slope: Array = self.flow.parameter_derivative(x * self.scale, name)
        return slope / self.scale

    def at_states(self, states: Array, parameter: str | None = None) -> tuple[Array, Array, Array]:
        rates, jacobians, slopes = self.flow.at_states(states * self.scale, parameter)
        scaled = jacobians * self.scale / self.scale[:, None]
        return rates / self.scale, scaled, slopes / self.scale

    def at(self, name: str, value: float) -> "ScaledFlow":
        return ScaledFlow(self.flow.at(name, value), self.scale)

    def symmetries(self, x: Array) -> Array:
        basis: Any = self.flow.symmetries(x * self.scale)
        if not basis.shape[1]:
            return np.asarray(basis)
        return np.asarray(np.linalg.qr(basis / self.scale[:, None])[0])


def rescale_jacobian(matrix: JacobianMatrix, scale: Array) -> JacobianMatrix:
    """Return D^-1 J D with D = diag(scale): a Jacobian in units of `scale`, shape (n, n)."""
    if np.all(scale == scale.flat[0] if scale.size else True):
        return matrix
    if sp.issparse(matrix):
        return (sp.diags_array(1 / scale) @ matrix @ sp.diags_array(scale)).tocsc()
    return matrix * scale / scale[:, None]
