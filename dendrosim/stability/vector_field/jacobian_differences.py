"""Higher derivatives of a flow along a direction, from differences of its Jacobian."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dendrosim.arrays import Array

STEP = 0.01
"""Step, in units of the scale: the truncation error is about its sixth power, 1e-12, and so is the rounding error
divided by its square."""

FIRST = np.array([-1.0, 9.0, -45.0, 0.0, 45.0, -9.0, 1.0]) / 60.0
SECOND = np.array([2.0, -27.0, 270.0, -490.0, 270.0, -27.0, 2.0]) / 180.0
"""Weights of central differences of sixth order for the first and second derivative."""


def differences_along(
    jacobian: Callable[[Array], Any], x: Array, direction: Array, scale: Array
) -> tuple[Array, Array]:
    """Return the second and third derivative of f(x + s u) at s = 0, from J(x + s u) u at seven values of s."""
    length = float(np.max(np.abs(direction) / scale, initial=0.0))
    if length == 0.0:
        return np.zeros_like(x), np.zeros_like(x)
    step = STEP / length
    slopes = np.array(
        [np.asarray(jacobian(x + k * step * direction) @ direction) for k in range(-3, 4)]
    )
    return FIRST @ slopes / step, SECOND @ slopes / step**2
