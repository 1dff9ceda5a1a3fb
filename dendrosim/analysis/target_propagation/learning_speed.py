"""The rate at which the error falls while the weights of the first layer learn."""

import numpy as np

from dendrosim.analysis.target_propagation.chain import check_circuit, check_nudge
from dendrosim.analysis.target_propagation.layer_signals import (
    local_error_factors,
    nudge_self_consistency,
)
from dendrosim.errors import ParameterError


def adiabatic_rate(mu: float, layers: int, eta_hat: float, kappa: float) -> float:
    """Return the rate per ``tau`` at which the error falls if ``W_1`` learns slowly.

    The rate is ``kappa r^L eta_hat / (1 + eta_hat S)``, with S of `nudge_self_consistency`; this is derived here.
    Parameters and errors are those of `learning_rate_of_error`.
    """
    _check_kappa(kappa)
    relief = nudge_self_consistency(mu, layers, eta_hat)[1]
    return kappa * float(local_error_factors(mu, layers)[0]) * eta_hat * relief


def speed_limit(mu: float, layers: int, eta_hat: float) -> float:
    """Return the rate per ``tau`` at which the error falls if ``W_1`` learns instantly.

    This is the rate of the slowest mode of the nudged chain with ``h_1`` in place of ``W_1 x``. The matrix of this
    chain is tridiagonal; its diagonal has ``-mu`` for the first layer and ``-1 + mu (1 - eta_hat)`` for the top.
    This is derived here. Higher learning rates in lower layers, where the signal is smaller, do not exceed this
    limit; only learning in single steps, each from settled activities, can exceed it. Parameters and errors are
    those of `learning_rate_of_error`.
    """
    return learning_rate_of_error(mu, layers, eta_hat, np.inf)


def learning_rate_of_error(mu: float, layers: int, eta_hat: float, kappa: float) -> float:
    """Return the rate per ``tau`` at which the error falls while ``W_1`` alone learns, for any speed `kappa`.

    With white input, the responses ``h_i = A_i x`` and ``W_1`` obey (thesis eq. 6.1, and 6.17 averaged)::

        tau dW_1/dt = -kappa (W_1 - A_1),   kappa = eta_1 <x^2> tau
        tau dA_i/dt = -A_i + (1 - mu) W_i A_(i-1) + mu Q_i A_(i+1),   W_1 in place of W_1 A_0

    for inputs that are shown side by side, each with its own activities. All entries of the matrices obey the same
    chain of L + 1 linear equations; the rate is that of its slowest mode. Coloured input has one `kappa` per
    principal component. The rate is at most the smaller of `adiabatic_rate` and `speed_limit`, and at least
    ``1 / (1 / adiabatic_rate + 1 / speed_limit)``.

    Parameters
    ----------
    mu : float
        Weight of the apical dendrite, between 0 and 1.
    layers : int
        Number of layers above the input, at least 1.
    eta_hat : float
        Size of the nudge, positive.
    kappa : float
        Speed of learning, positive; infinity gives `speed_limit`, small values give `adiabatic_rate`.

    Raises
    ------
    ParameterError
        If an argument is out of its range.

    Notes
    -----
    Derived here: the rows of the chain sum to 0 except for ``-mu eta_hat`` at the top, so the chain is a
    birth-and-death process that ends at the top. The inverse of its matrix contains the mean times that the
    process spends in each place. These times are sums of positive terms, so no digits are lost if rates are small.
    """
    check_circuit(mu, layers)
    check_nudge(eta_hat)
    _check_kappa(kappa)
    # Stationary probabilities of the places W_1, h_1 .. h_L, relative to that of h_1; and the resistance of the
    # chain between each place and the end above the top.
    weight = (mu / (1.0 - mu)) ** np.arange(layers)
    step = 1.0 / (mu * weight)
    step[-1] /= eta_hat
    weight = np.append((1.0 - mu) / kappa, weight)
    resistance = np.cumsum(np.append(1.0 / (1.0 - mu), step)[::-1])[::-1]
    place = np.arange(layers + 1)
    times = resistance[np.maximum.outer(place, place)] * np.sqrt(np.outer(weight, weight))
    return float(1.0 / np.linalg.eigvalsh(times)[-1])


def _check_kappa(kappa: float) -> None:
    if not kappa > 0.0:
        raise ParameterError(f"kappa is {kappa:g}; it must be positive")
