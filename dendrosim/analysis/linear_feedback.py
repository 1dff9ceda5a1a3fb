"""Closed forms of linear networks with feedback weights of their own, for one direction of the target.

In each direction the weights of layer i are a number l_i, and the feedback weights to layer i - 1 are R_i + eps
l_i, where R_i is their start. From l_i = 0, learning keeps R_i l_i + eps l_i^2/2 = l_(i-1)^2/2 for i = 2 .. k, so
l_1 determines all others, and time is an integral over l_1. The error is e = T - l_1 .. l_k, and times are in
units of 1/eta.

Sources
-------
Amit, Deep learning with asymmetric connections and Hebbian updates, section 5 and appendix 2, eq. 15-18. The
integral is worked out here.
"""

from collections.abc import Sequence

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

from dendrosim.arrays import Array
from dendrosim.errors import ParameterError


def forward_weights(first: float, feedback: Sequence[float], eps: float) -> Array:
    """Return l_1 .. l_k for a value of l_1.

    Parameters
    ----------
    first : float
        l_1.
    feedback : sequence of float
        R_2 .. R_k, the initial feedback weights, all positive.
    eps : float
        Rate of learning of feedback weights over that of forward weights, at least 0.
    """
    weights = [first]
    for start in feedback:
        weights.append(weights[-1] ** 2 / (start + np.sqrt(start**2 + eps * weights[-1] ** 2)))
    return np.array(weights)


def final_weights(feedback: Sequence[float], target: float, eps: float) -> Array:
    """Return l_1 .. l_k when the error is zero; see `forward_weights` and `time_to_error`."""
    return _weights_at_product(feedback, target, eps)


def error_rate(feedback: Sequence[float], target: float, eps: float) -> float:
    """Return the rate -d(log e)/dt at which the error falls in the end; see `time_to_error`."""
    return _rate(final_weights(feedback, target, eps), feedback, eps)


def time_to_error(part: float, feedback: Sequence[float], target: float, eps: float) -> float:
    """Return the time at which the error has fallen to a part of its start.

    Parameters
    ----------
    part : float
        The part, above 0 and below 1.
    feedback : sequence of float
        R_2 .. R_k, the initial feedback weights, all positive; at least one.
    target : float
        T, positive.
    eps : float
        Rate of learning of feedback weights over that of forward weights, at least 0.

    Returns
    -------
    float
        The time in units of 1/eta.

    Raises
    ------
    ParameterError
        If a value is out of range.
    """
    if not 0 < part < 1:
        raise ParameterError(f"part is {part:g}; it must be above 0 and below 1")
    middle = max(part, 0.5)

    def slowness(first: float) -> float:
        weights = forward_weights(first, feedback, eps)
        speed = np.prod(_feedback(weights, feedback, eps)) * (target - np.prod(weights))
        return 1 / float(speed)

    def slowness_of_fall(depth: float) -> float:
        weights = _weights_at_product(feedback, target * -np.expm1(-depth), eps)
        return 1 / _rate(weights, feedback, eps)

    begin = _weights_at_product(feedback, target * (1 - middle), eps)[0]
    rise = quad(slowness, 0.0, begin, epsabs=0.0, epsrel=1e-11)[0]
    fall = quad(slowness_of_fall, -np.log(middle), -np.log(part), epsabs=0.0, epsrel=1e-11)[0]
    return float(rise + fall)


def _weights_at_product(feedback: Sequence[float], product: float, eps: float) -> Array:
    _check(feedback, product, eps)

    def excess(first: float) -> float:
        return float(np.prod(forward_weights(first, feedback, eps))) - product

    high = 1.0
    while excess(high) < 0:
        high *= 2
    return forward_weights(float(brentq(excess, 0.0, high, xtol=1e-15, rtol=1e-14)), feedback, eps)


def _feedback(weights: Array, feedback: Sequence[float], eps: float) -> Array:
    return np.asarray(feedback) + eps * weights[1:]


def _rate(weights: Array, feedback: Sequence[float], eps: float) -> float:
    """Return -d(log e)/dt: the sum over layers of what each contributes to the change of the product."""
    down = _feedback(weights, feedback, eps)
    return float(
        sum(
            np.prod(weights[:i]) ** 2 * np.prod(down[i:]) * np.prod(weights[i + 1 :])
            for i in range(len(weights))
        )
    )


def _check(feedback: Sequence[float], target: float, eps: float) -> None:
    if not len(feedback) or min(feedback) <= 0:
        raise ParameterError(f"feedback is {list(feedback)}; give positive numbers, at least one")
    if not target > 0:
        raise ParameterError(f"target is {target:g}; it must be positive")
    if not eps >= 0:
        raise ParameterError(f"eps is {eps:g}; it must be at least 0")
