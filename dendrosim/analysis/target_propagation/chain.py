"""The chain of layers: its checks, and the vectors and matrices that several closed forms share."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit, softmax

from dendrosim.arrays import Array
from dendrosim.errors import ParameterError, ShapeError

Top = Literal["clamped", "free", "nudged"]
"""Type of the target at the top; see the docstring of the package."""


def check_circuit(mu: float, layers: int) -> None:
    """Raise ParameterError unless 0 < `mu` < 1 and `layers` is at least 1."""
    if not 0.0 < mu < 1.0:
        raise ParameterError(f"mu is {mu:g}; it must lie between 0 and 1")
    if layers < 1:
        raise ParameterError(f"layers is {layers}; there must be at least 1 above the input")


def check_nudge(eta_hat: float) -> None:
    """Raise ParameterError unless `eta_hat` is positive and finite."""
    if not 0.0 < eta_hat < np.inf:
        raise ParameterError(f"eta_hat is {eta_hat:g}; a nudge must be positive and finite")


def top_gain(mu: float, layers: int, top: Top, eta_hat: float) -> float:
    """Return how much the target moves with the top, ``d target / d h_L``."""
    check_circuit(mu, layers)
    if top not in ("clamped", "free", "nudged"):
        raise ParameterError(f"top is {top!r}; it must be one of clamped, free, nudged")
    if top == "nudged":
        check_nudge(eta_hat)
        return 1.0 - eta_hat
    return float(top == "free")


def leak_rates(mu: float, layers: int, gain: float) -> Array:
    """Return the leak of each layer in ``1 / tau``; at the top, feedback through the target lowers the leak."""
    return np.append(np.ones(layers - 1), 1.0 - mu * gain)


def neighbour_matrix(layers: int) -> Array:
    """Return the matrix with ones beside the diagonal."""
    return np.eye(layers, k=1) + np.eye(layers, k=-1)


def error_shares(mu: float, layers: int) -> Array:
    """Return ``r^(L+1-j)``, j = 1 .. L + 1, divided by their sum: each layer's share of the error y - ff_L.

    The last share is the error that is left at the top. The shares are computed as powers of r, which are all
    positive, so mu = 1/2 is not a special case.
    """
    check_circuit(mu, layers)
    return np.asarray(softmax(-logit(mu) * np.arange(layers + 1)), dtype=np.float64)


def weight_chain(weights: Sequence[ArrayLike]) -> list[Array]:
    """Return the basal weights ``W_1 .. W_L`` as arrays; raise ShapeError unless they can be multiplied."""
    chain = [np.asarray(w, dtype=np.float64) for w in weights]
    if not chain or any(w.ndim != 2 for w in chain):
        raise ShapeError("weights must be one matrix or more, each (units, units below)")
    for i, (lower, upper) in enumerate(pairwise(chain), 1):
        if upper.shape[1] != lower.shape[0]:
            raise ShapeError(
                f"weights[{i}] is {upper.shape}; it must have {lower.shape[0]} columns, "
                "one per unit of the layer below"
            )
    return chain


def feedback_chain(chain: list[Array], feedback: Sequence[ArrayLike]) -> list[Array]:
    """Return the apical weights ``Q_1 .. Q_(L-1)`` as arrays; raise ShapeError unless they fit `chain`."""
    back = [np.asarray(q, dtype=np.float64) for q in feedback]
    expected = [w.shape[::-1] for w in chain[1:]]
    if [q.shape for q in back] != expected:
        raise ShapeError(f"feedback is {[q.shape for q in back]}; it must be {expected}")
    return back


def samples(chain: list[Array], x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return input and target as arrays; raise ShapeError unless they fit the weights and each other."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    sizes = (chain[0].shape[1], chain[-1].shape[0])
    if x.ndim not in (1, 2) or x.shape[1:] != y.shape[1:] or (x.shape[0], y.shape[0]) != sizes:
        raise ShapeError(
            f"input {x.shape} and target {y.shape} must be ({sizes[0]},) and ({sizes[1]},), "
            "or these with a further axis of samples"
        )
    return x, y


def solve(matrix: Array, right: Array, singular: str) -> Array:
    """Solve a linear system; raise ParameterError with the message `singular` if it has no unique solution."""
    try:
        return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    except np.linalg.LinAlgError as error:
        raise ParameterError(singular) from error
