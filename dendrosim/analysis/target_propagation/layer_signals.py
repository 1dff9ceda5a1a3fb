"""The size of the learning signal of each layer, with exact inverses.

All functions raise ParameterError if an argument is out of its range.
"""

import numpy as np

from dendrosim.analysis.target_propagation.chain import check_circuit, check_nudge, error_shares
from dendrosim.arrays import Array


def gains(mu: float, layers: int) -> Array:
    """Return how far each layer of the clamped circuit moves towards its target, shape (L + 1,), input first.

    ``h_i = ff_i + G_i C_i (y - ff_L)``, i = 0 .. L, solves thesis eq. 6.5 with ``G_i = (r^-i - 1) / (r^-(L+1) -
    1)``, which is ``i / (L + 1)`` at mu = 1/2. This is derived here.

    Parameters
    ----------
    mu : float
        Weight of the apical dendrite, between 0 and 1.
    layers : int
        Number of layers L above the input, at least 1.
    """
    return np.append(0.0, np.cumsum(error_shares(mu, layers)[:-1]))


def local_error_factors(mu: float, layers: int) -> Array:
    """Return the learning signals relative to the error of the settled output, ``r^(L+1-i)``, shape (L,).

    ``h_i - f_i = -r^(L+1-i) C_i eta_hat e_L``, i = 1 .. L (thesis eq. 6.16, exact in linear circuits);
    ``eta_hat e_L`` is the difference between ``h_L`` and its target, also for a clamped top.

    Parameters
    ----------
    mu : float
        Weight of the apical dendrite, between 0 and 1.
    layers : int
        Number of layers L above the input, at least 1.
    """
    check_circuit(mu, layers)
    return np.asarray((mu / (1.0 - mu)) ** np.arange(layers, 0, -1), dtype=np.float64)


def local_error_factors_feed_forward(mu: float, layers: int) -> Array:
    """Return the learning signals relative to the feed-forward error, ``G_i - G_(i-1)``, shape (L,).

    ``h_i - f_i = (G_i - G_(i-1)) C_i (y - ff_L)``, i = 1 .. L, in the clamped circuit, with the `gains` G. This is
    derived here.

    Parameters
    ----------
    mu : float
        Weight of the apical dendrite, between 0 and 1.
    layers : int
        Number of layers L above the input, at least 1.
    """
    return error_shares(mu, layers)[:-1]


def two_phase_factors(mu: float, layers: int) -> Array:
    """Return the learning signals of two phases, ``r^(L+1-i) (1 - r^i) / (1 - r)``, shape (L,).

    ``h_i^nudged - h_i^free = -factor_i eta_hat C_i e_L``, i = 1 .. L, with the error ``e_L`` of the nudged phase.
    Thesis eq. 6.36 has ``r^(L+1-i)`` alone, because it omits the change of the basal input, by which each layer
    adds its local error to the errors of the layers below.

    Parameters
    ----------
    mu : float
        Weight of the apical dendrite, between 0 and 1.
    layers : int
        Number of layers L above the input, at least 1.
    """
    return np.cumsum(local_error_factors(mu, layers))


def nudge_self_consistency(mu: float, layers: int, eta_hat: float) -> tuple[float, float]:
    """Return ``S`` and ``1 / (1 + eta_hat S)``, the factor by which a nudge reduces its own error ``e_L``.

    The nudge reduces the error on which it depends: the circuit settles at ``e_L = (ff_L - y) / (1 + eta_hat S)``
    with ``S = r + r^2 + ... + r^L``; derived here from thesis eq. 6.12 and 6.16.

    Parameters
    ----------
    mu : float
        Weight of the apical dendrite, between 0 and 1.
    layers : int
        Number of layers L above the input, at least 1.
    eta_hat : float
        Size of the nudge, positive.
    """
    check_nudge(eta_hat)
    total = float(local_error_factors(mu, layers).sum())
    return total, 1.0 / (1.0 + eta_hat * total)
