"""Eigenvalues of the circuit, and the inverses for which it is stable."""

import numpy as np

from dendrosim.analysis.target_propagation.chain import (
    Top,
    leak_rates,
    neighbour_matrix,
    top_gain,
)
from dendrosim.arrays import Complex
from dendrosim.errors import ParameterError


def eigenvalues(
    mu: float,
    layers: int,
    *,
    top: Top = "clamped",
    eta_hat: float = 0.5,
    nu: complex = 1.0,
) -> Complex:
    """Return the eigenvalues of the Jacobian times ``tau``, slowest first.

    With a clamped top they are ``-1 + 2 sqrt(mu (1 - mu) nu) cos(k pi / (L + 1))``, k = 1 .. L. A circuit with
    exact inverses has each of these eigenvalues once per unit of a layer, whatever its weights are.

    Parameters
    ----------
    mu : float
        Weight of the apical dendrite, between 0 and 1.
    layers : int
        Number of layers above the input, at least 1.
    top : {"clamped", "free", "nudged"}, default "clamped"
        Type of the target at the top.
    eta_hat : float, default 0.5
        Size of the nudge, positive; used by ``top="nudged"`` only.
    nu : complex, default 1
        Eigenvalue of every ``W_(i+1) Q_i``: 1 for exact inverses, 1 + error for inverses that are multiplied by 1
        + error, and negative or complex for other apical weights that commute with the basal weights.

    Returns
    -------
    ndarray of complex, shape (L,)
        Eigenvalues, sorted by decreasing real part; they are real for real ``nu >= 0``.

    Raises
    ------
    ParameterError
        If an argument is out of its range.

    References
    ----------
    Thesis, eq. 6.40 (the Jacobian); the spectrum is derived here.
    """
    gain = top_gain(mu, layers, top, eta_hat)
    if not np.isfinite(nu):
        raise ParameterError(f"nu is {nu:g}; it must be finite")
    leaks = np.diag(leak_rates(mu, layers, gain))
    # This matrix is similar to the tridiagonal matrix with 1 - mu below and mu nu above the diagonal, but it is
    # well conditioned.
    coupling = np.sqrt(complex(mu * (1.0 - mu) * nu))
    if coupling.imag == 0.0:
        values = np.linalg.eigvalsh(coupling.real * neighbour_matrix(layers) - leaks)
    else:
        values = np.linalg.eigvals(coupling * neighbour_matrix(layers) - leaks)
    return values[np.argsort(-values.real, kind="stable")].astype(np.complex128)


def slowest_rate(
    mu: float,
    layers: int,
    *,
    top: Top = "clamped",
    eta_hat: float = 0.5,
    nu: complex = 1.0,
) -> float:
    """Return the decay rate of the slowest mode per ``tau``; it is not positive if the circuit is unstable.

    Parameters, errors and source are those of `eigenvalues`.
    """
    values = eigenvalues(mu, layers, top=top, eta_hat=eta_hat, nu=nu)
    return float(-values[0].real)


def critical_inverse_scale(
    mu: float, layers: int, *, top: Top = "clamped", eta_hat: float = 0.5
) -> float:
    """Return the positive `nu` at which the circuit is marginal: it is stable below this value, unstable above.

    With a clamped top this is ``1 / (4 mu (1 - mu) cos^2(pi / (L + 1)))``; derived here. Circuits with negative
    `nu` are always stable.

    Parameters
    ----------
    mu, layers, top, eta_hat
        See `eigenvalues`.

    Returns
    -------
    float
        The value, which is infinite for one layer, because it has no apical weights.

    Raises
    ------
    ParameterError
        If an argument is out of its range.
    """
    gain = top_gain(mu, layers, top, eta_hat)
    if layers == 1:
        return np.inf
    # The circuit is marginal where leaks - sqrt(mu (1 - mu) nu) neighbours is singular; here the matrix is scaled
    # so that all leaks are 1.
    scale = 1.0 / np.sqrt(leak_rates(mu, layers, gain))
    largest = np.linalg.eigvalsh(np.outer(scale, scale) * neighbour_matrix(layers))[-1]
    return float(1.0 / (mu * (1.0 - mu) * largest**2))
