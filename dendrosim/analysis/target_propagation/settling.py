"""The time that circuits and cascades of filters take to settle."""

import numpy as np
from scipy.special import gammainccinv, logit

from dendrosim.analysis.target_propagation.chain import Top
from dendrosim.analysis.target_propagation.spectrum import critical_inverse_scale, slowest_rate
from dendrosim.errors import ParameterError

SETTLED = float(np.exp(-5.0))
"""A circuit counts as settled when its slowest mode has fallen to this fraction of the smallest learning
signal."""


def settling_time(
    mu: float,
    layers: int,
    *,
    top: Top = "clamped",
    eta_hat: float = 0.5,
    nu: complex = 1.0,
    left: float = SETTLED,
) -> float:
    """Return the time, in ``tau``, after which the learning signal of the first layer can be read.

    The time is ``(L ln(1 / r) + ln(1 / left)) / slowest_rate``: the signal is ``r^L`` times the error at the top,
    and the slowest mode has to fall to the fraction `left` of that signal. For ``mu >= 1/2`` the signal does not
    decrease from layer to layer, and ``ln(1 / r)`` counts as 0. This is derived here.

    Parameters
    ----------
    mu, layers, top, eta_hat, nu
        See `eigenvalues`.
    left : float, default e^-5
        Size of the slowest mode at this time, as a fraction of the signal of layer 1; between 0 and 1.

    Raises
    ------
    ParameterError
        If an argument is out of its range, or the circuit is unstable.

    Notes
    -----
    If the circuit starts at rest and all gains are 1, the signal of the first layer has an error of about 1 % at
    this time for mu = 0.2, and of about 4 % for mu = 0.5. Large gains have larger transients.
    """
    rate = slowest_rate(mu, layers, top=top, eta_hat=eta_hat, nu=nu)
    if rate <= 0.0:
        critical = critical_inverse_scale(mu, layers, top=top, eta_hat=eta_hat)
        raise ParameterError(
            f"there is no settling time: with mu = {mu:g}, {layers} layers and a {top} top the circuit "
            f"is unstable at nu = {nu:g}; lower mu, or lower nu (if it is real) below the "
            f"critical value {critical:.6g}"
        )
    return decay_time(mu, layers, left) / rate


def decay_time(mu: float, layers: int, left: float = SETTLED) -> float:
    """Return ``L ln(1 / r) + ln(1 / left)``, the settling time in time constants of the slowest mode.

    Parameters and errors are those of `settling_time`.
    """
    _check_left(left)
    return layers * max(-float(logit(mu)), 0.0) - float(np.log(left))


def cascade_time(stages: int, left: float = 1e-4) -> float:
    """Return the time, in ``tau``, at which the last filter of a cascade has settled up to the fraction `left`.

    All filters are equal and start at rest, and the input is constant. At time t, filter i, ``tau da_i/dt = -a_i +
    W_i a_(i-1)``, has covered the fraction ``P(i, t / tau)`` of its way to its final value. P is the regularised
    lower incomplete gamma function. This is derived here.

    Parameters
    ----------
    stages : int
        Number of filters, at least 1.
    left : float, default 1e-4
        Fraction of the way that remains, between 0 and 1.

    Raises
    ------
    ParameterError
        If an argument is out of its range.
    """
    if stages < 1:
        raise ParameterError(f"stages is {stages}; a cascade has at least 1")
    _check_left(left)
    return float(gammainccinv(stages, left))


def _check_left(left: float) -> None:
    if not 0.0 < left < 1.0:
        raise ParameterError(f"left is {left:g}; it must lie between 0 and 1")
