"""Closed forms of target propagation circuits: spectra, settling times, fixed points, learning signals.

The circuit, with ``layers`` = L counting the layers above the input ``h_0 = x``::

    tau dh_i/dt = -h_i + (1 - mu) W_i h_(i-1) + mu Q_i h_(i+1),   i = 1 .. L

is linear here. What follows also holds for a nonlinear circuit linearised at the feed-forward
activity, with ``W_i`` and ``Q_i`` the Jacobians there. Inverses are exact, ``Q_i = W_(i+1)^-1``,
unless `nu` or `feedback` says otherwise. At the top ``Q_L h_(L+1)`` stands for the target:

    clamped   y
    nudged    h_L - eta_hat e_L, e_L = h_L - y, on the activity as it is
    free      h_L

Below, ``r = mu / (1 - mu)``; rates are in units of ``1 / tau`` and times in units of ``tau``;
``ff`` is the feed-forward activity and ``C_i = W_(i+1)^-1 ... W_L^-1`` carries errors down.

Sources
-------
Thesis, chapter 6, eq. 6.1-6.5 (the circuit), 6.10-6.17 (learning), 6.29-6.36 (two phases),
6.38-6.42 (stability). Closed forms without an equation number are derived here.

Errata applied
--------------
Eq. 6.4: the inverse has the index i + 1. Eq. 6.15-6.16 are printed as approximations; they are exact
in linear circuits. Eq. 6.36 leaves out what the two phases change in the basal input, see
`two_phase_factors`. Section 6.7 finds a "negative definite" Jacobian by experiment and for a clamped
target only: it is the eigenvalues that are negative, and a live top (`eta_hat` < 1) slows them.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainccinv, logit, softmax

from dendrosim.errors import ParameterError, ShapeError

Array = NDArray[np.float64]
Modes = NDArray[np.complex128]
Top = Literal["clamped", "free", "nudged"]

SETTLED = float(np.exp(-5.0))
"""What is left of the slowest mode of a settled circuit, relative to the smallest learning signal."""


def eigenvalues(
    mu: float,
    layers: int,
    *,
    top: Top = "clamped",
    eta_hat: float = 0.5,
    nu: complex = 1.0,
) -> Modes:
    """Eigenvalues of the Jacobian (thesis eq. 6.40) times ``tau``, slowest first; derived here.

    The clamped ones are ``-1 + 2 sqrt(mu (1 - mu) nu) cos(k pi / (L + 1))``, k = 1 .. L. A circuit
    with exact inverses has each of them once per unit of a layer, whatever its weights.

    Parameters
    ----------
    mu : float
        Weight of the apical dendrite, between 0 and 1.
    layers : int
        Layers above the input.
    top : {"clamped", "free", "nudged"}
    eta_hat : float
        Size of the nudge; used by ``top="nudged"`` only.
    nu : complex
        Eigenvalue of every ``W_(i+1) Q_i``: 1 for exact inverses, 1 + error for inverses scaled by
        it, negative or complex for others that commute.

    Returns
    -------
    ndarray of complex, shape (L,)
        Sorted by decreasing real part; real for real ``nu >= 0``.
    """
    top_gain = _top_gain(mu, layers, top, eta_hat)
    if not np.isfinite(nu):
        raise ParameterError(f"nu is {nu:g}; it must be finite")
    leaks = np.diag(_leaks(mu, layers, top_gain))
    # Similar to the tridiagonal matrix with 1 - mu below and mu nu above, but well conditioned.
    coupling = np.sqrt(complex(mu * (1.0 - mu) * nu))
    if coupling.imag == 0.0:
        values = np.linalg.eigvalsh(coupling.real * _neighbours(layers) - leaks)
    else:
        values = np.linalg.eigvals(coupling * _neighbours(layers) - leaks)
    return values[np.argsort(-values.real, kind="stable")].astype(np.complex128)


def slowest_rate(
    mu: float,
    layers: int,
    *,
    top: Top = "clamped",
    eta_hat: float = 0.5,
    nu: complex = 1.0,
) -> float:
    """Slowest decay rate per ``tau``, not positive when the circuit is unstable; see `eigenvalues`."""
    values = eigenvalues(mu, layers, top=top, eta_hat=eta_hat, nu=nu)
    return float(-values[0].real)


def critical_inverse_scale(
    mu: float, layers: int, *, top: Top = "clamped", eta_hat: float = 0.5
) -> float:
    """Positive `nu` at which the circuit is marginal: stable below, unstable above; derived here.

    ``1 / (4 mu (1 - mu) cos^2(pi / (L + 1)))`` when clamped. Infinite for one layer, which has no
    inverse. Negative `nu` are always stable.
    """
    top_gain = _top_gain(mu, layers, top, eta_hat)
    if layers == 1:
        return np.inf
    # Marginal where leaks - sqrt(mu (1 - mu) nu) neighbours turns singular, scaled to unit leaks.
    scale = 1.0 / np.sqrt(_leaks(mu, layers, top_gain))
    largest = np.linalg.eigvalsh(np.outer(scale, scale) * _neighbours(layers))[-1]
    return float(1.0 / (mu * (1.0 - mu) * largest**2))


def settling_time(
    mu: float,
    layers: int,
    *,
    top: Top = "clamped",
    eta_hat: float = 0.5,
    nu: complex = 1.0,
    left: float = SETTLED,
) -> float:
    """Time in ``tau`` until the learning signal of the first layer is readable; derived here.

    ``(L ln(1 / r) + ln(1 / left)) / slowest_rate``: the signal is ``r^L`` of the error at the top,
    and the slowest mode falls to the part `left` of that, by default ``e^-5``. For ``mu >= 1/2``,
    where the signal does not fall, its logarithm counts as 0. A rule of thumb: from rest, gains of 1
    leave the signal of the first layer about 1 % off at mu = 0.2 and 4 % at mu = 0.5; large gains
    have larger transients.
    """
    rate = slowest_rate(mu, layers, top=top, eta_hat=eta_hat, nu=nu)
    if rate <= 0.0:
        critical = critical_inverse_scale(mu, layers, top=top, eta_hat=eta_hat)
        raise ParameterError(
            f"there is no settling time: with mu = {mu:g}, {layers} layers and a {top} top the circuit "
            f"is unstable at nu = {nu:g}; lower nu, if real, below the critical {critical:.6g}, or mu"
        )
    return decay_time(mu, layers, left) / rate


def decay_time(mu: float, layers: int, left: float = SETTLED) -> float:
    """Time constants of the slowest mode until it is the part `left` of the signal of layer 1.

    ``L ln(1 / r) + ln(1 / left)``; see `settling_time`.
    """
    _check_left(left)
    return layers * max(-float(logit(mu)), 0.0) - float(np.log(left))


def cascade_time(stages: int, left: float = 1e-4) -> float:
    """Time in ``tau`` after which a cascade of equal filters is within `left` of its end.

    From rest and with constant input, stage i of ``tau da_i/dt = -a_i + W_i a_(i-1)`` is at the
    fraction ``P(i, t / tau)`` of its end, the regularised lower incomplete gamma function; derived
    here.

    Parameters
    ----------
    stages : int
        At least 1.
    left : float
        Between 0 and 1.
    """
    if stages < 1:
        raise ParameterError(f"stages is {stages}; a cascade has at least 1")
    _check_left(left)
    return float(gammainccinv(stages, left))


def gains(mu: float, layers: int) -> Array:
    """How far each layer of the clamped circuit moves towards its target, shape (L + 1,).

    ``h_i = ff_i + G_i C_i (y - ff_L)``, i = 0 .. L, solves thesis eq. 6.5 with
    ``G_i = (r^-i - 1) / (r^-(L+1) - 1)``, which is ``i / (L + 1)`` at mu = 1/2; derived here.
    """
    return np.append(0.0, np.cumsum(_shares(mu, layers)[:-1]))


def local_error_factors(mu: float, layers: int) -> Array:
    """Learning signals relative to the error at the settled top, ``r^(L+1-i)``, shape (L,).

    ``h_i - f_i = -r^(L+1-i) C_i eta_hat e_L``, i = 1 .. L (thesis eq. 6.16, exact in linear
    circuits); ``eta_hat e_L`` is ``h_L`` less what it is driven to, also when clamped.
    """
    _check_circuit(mu, layers)
    return np.asarray((mu / (1.0 - mu)) ** np.arange(layers, 0, -1), dtype=np.float64)


def local_error_factors_feed_forward(mu: float, layers: int) -> Array:
    """Learning signals relative to the feed-forward error, ``G_i - G_(i-1)``, shape (L,).

    ``h_i - f_i = (G_i - G_(i-1)) C_i (y - ff_L)``, i = 1 .. L, in the clamped circuit; derived here.
    """
    return _shares(mu, layers)[:-1]


def two_phase_factors(mu: float, layers: int) -> Array:
    """Learning signals of two phases, ``r^(L+1-i) (1 - r^i) / (1 - r)``, shape (L,).

    ``h_i^nudged - h_i^free = -factor_i eta_hat C_i e_L``, i = 1 .. L, with the error ``e_L`` of the
    nudged phase. Thesis eq. 6.36 has ``r^(L+1-i)`` alone, as it leaves out the change of the basal
    input; every layer adds its local error to that of the layers below.
    """
    return np.cumsum(local_error_factors(mu, layers))


def nudge_self_consistency(mu: float, layers: int, eta_hat: float) -> tuple[float, float]:
    """How much a nudge relieves the error it follows: ``S`` and ``1 / (1 + eta_hat S)``.

    The live top settles at ``e_L = (ff_L - y) / (1 + eta_hat S)``, ``S = r + r^2 + ... + r^L``;
    derived here from thesis eq. 6.12 and 6.16.
    """
    _check_nudge(eta_hat)
    total = float(local_error_factors(mu, layers).sum())
    return total, 1.0 / (1.0 + eta_hat * total)


def fixed_point(
    weights: Sequence[ArrayLike], x: ArrayLike, target: ArrayLike, mu: float
) -> list[Array]:
    """Settled activities of the clamped circuit with exact inverses, by `gains`; derived here.

    Parameters
    ----------
    weights : sequence of L array_like, shapes (n_i, n_(i-1))
        ``W_1 .. W_L``, all but the first square and invertible.
    x : array_like, shape (n_0,) or (n_0, samples)
    target : array_like, shape (n_L,) or (n_L, samples)
    mu : float

    Returns
    -------
    list of L + 1 ndarray, shapes (n_i,) or (n_i, samples)
        Input first.
    """
    chain = _chain(weights)
    share = gains(mu, len(chain))
    x, error = _samples(chain, x, target)
    settled = [x]
    for w in chain:
        settled.append(w @ settled[-1])
    error = error - settled[-1]
    for i in range(len(chain), 0, -1):
        settled[i] = settled[i] + share[i] * error
        if i > 1:
            if chain[i - 1].shape[0] != chain[i - 1].shape[1]:
                raise ShapeError(f"weights[{i - 1}] is {chain[i - 1].shape}; it must be square")
            error = _solve(chain[i - 1], error, f"weights[{i - 1}] has no inverse")
    return settled


def linear_fixed_point(
    weights: Sequence[ArrayLike],
    feedback: Sequence[ArrayLike],
    x: ArrayLike,
    y: ArrayLike,
    mu: float,
    *,
    top: Top = "clamped",
    eta_hat: float = 0.5,
) -> list[Array]:
    """Settled activities with any apical weights: the solution of thesis eq. 6.5, linear.

    Parameters
    ----------
    weights : sequence of L array_like, shapes (n_i, n_(i-1))
        ``W_1 .. W_L``.
    feedback : sequence of L - 1 array_like, shapes (n_i, n_(i+1))
        ``Q_1 .. Q_(L-1)``.
    x : array_like, shape (n_0,) or (n_0, samples)
    y : array_like, shape (n_L,) or (n_L, samples)
        Without effect on ``top="free"``.
    mu : float
    top : {"clamped", "free", "nudged"}
    eta_hat : float
        Used by ``top="nudged"`` only.

    Returns
    -------
    list of L + 1 ndarray, shapes (n_i,) or (n_i, samples)
        Input first. Whether the circuit gets there is a matter of its eigenvalues.
    """
    chain = _chain(weights)
    back = _feedback(chain, feedback)
    x, y = _samples(chain, x, y)
    top_gain = _top_gain(mu, len(chain), top, eta_hat)
    ends = np.cumsum([0] + [len(w) for w in chain])
    rows = [slice(a, b) for a, b in pairwise(ends)]
    system = np.eye(ends[-1])
    system[rows[-1], rows[-1]] *= 1.0 - mu * top_gain
    for (lower, upper), w, q in zip(pairwise(rows), chain[1:], back, strict=True):
        system[upper, lower] = -(1.0 - mu) * w
        system[lower, upper] = -mu * q
    drive = np.zeros((int(ends[-1]), *x.shape[1:]))
    drive[rows[0]] = (1.0 - mu) * (chain[0] @ x)
    drive[rows[-1]] += mu * (1.0 - top_gain) * y
    settled = _solve(system, drive, "the circuit is marginal and has no fixed point of its own")
    return [x, *np.split(settled, ends[1:-1])]


def two_phase_difference(
    weights: Sequence[ArrayLike],
    feedback: Sequence[ArrayLike],
    e: ArrayLike,
    mu: float,
    eta_hat: float,
) -> list[Array]:
    """Nudged less free activities with any apical weights, exact in linear circuits; derived here.

    ``D_i = M_i D_(i+1)`` with ``M_1 = mu Q_1``, ``M_i = (I - (1 - mu) W_i M_(i-1))^-1 mu Q_i`` and
    ``D_L = -eta_hat r (I - W_L M_(L-1))^-1 e_L``. What thesis eq. 6.31 and 6.33 have beyond the
    signal, the errors of the inverse, cancels; `feedback` still shapes the signal itself.

    Parameters
    ----------
    weights, feedback
        See `linear_fixed_point`; ``W_1`` has no effect.
    e : array_like, shape (n_L,) or (n_L, samples)
        Error ``e_L`` of the nudged phase.
    mu : float
    eta_hat : float

    Returns
    -------
    list of L ndarray, shapes (n_i,) or (n_i, samples)
        ``D_1 .. D_L``.
    """
    chain = _chain(weights)
    back = _feedback(chain, feedback)
    _check_circuit(mu, len(chain))
    _check_nudge(eta_hat)
    e = np.asarray(e, dtype=np.float64)
    if e.ndim not in (1, 2) or e.shape[0] != len(chain[-1]):
        raise ShapeError(f"e is {e.shape}; its first axis must have {len(chain[-1])} units")
    marginal = "the layers below the top are marginal"
    carried: list[Array] = []
    # What a layer sends up and gets back down again: nothing at layer 1, whose input is fixed.
    echo = np.zeros((len(chain[0]), len(chain[0])))
    for w, q in zip(chain[1:], back, strict=True):
        carried.append(_solve(np.eye(len(q)) - (1.0 - mu) * echo, mu * q, marginal))
        echo = w @ carried[-1]
    signal = -eta_hat * mu / (1.0 - mu) * e
    found = [_solve(np.eye(len(echo)) - echo, signal, "the free circuit is marginal")]
    for m in reversed(carried):
        found.append(m @ found[-1])
    return found[::-1]


def adiabatic_rate(mu: float, layers: int, eta_hat: float, kappa: float) -> float:
    """Rate per ``tau`` at which the error falls when ``W_1`` learns slowly; derived here.

    ``kappa r^L eta_hat / (1 + eta_hat S)``, see `learning_rate_of_error` and
    `nudge_self_consistency`.
    """
    _check_kappa(kappa)
    relief = nudge_self_consistency(mu, layers, eta_hat)[1]
    return kappa * float(local_error_factors(mu, layers)[0]) * eta_hat * relief


def speed_limit(mu: float, layers: int, eta_hat: float) -> float:
    """Rate per ``tau`` at which the error falls when ``W_1`` learns at once; derived here.

    The slowest eigenvalue of the nudged chain with ``h_1`` in place of ``W_1 x``: tridiagonal with
    ``-mu`` at the bottom and ``-1 + mu (1 - eta_hat)`` at the top. Rates of the layers that make up
    for the fall of the signal cannot beat it; learning from settled activities alone can.
    """
    return learning_rate_of_error(mu, layers, eta_hat, np.inf)


def learning_rate_of_error(mu: float, layers: int, eta_hat: float, kappa: float) -> float:
    """Rate per ``tau`` at which the error falls while ``W_1`` alone learns, at any speed.

    With white input the responses ``h_i = A_i x`` and ``W_1`` follow (thesis eq. 6.1, 6.17 averaged)::

        tau dW_1/dt = -kappa (W_1 - A_1),   kappa = eta_1 <x^2> tau
        tau dA_i/dt = -A_i + (1 - mu) W_i A_(i-1) + mu Q_i A_(i+1),   W_1 in place of W_1 A_0

    for inputs shown side by side, each with a state of its own. Every entry is the same chain of
    L + 1 variables; its slowest eigenvalue is returned. Coloured input has one `kappa` per
    principal component. The rate is at most the smaller of `adiabatic_rate` and `speed_limit`, and
    at least ``1 / (1 / adiabatic_rate + 1 / speed_limit)``.

    Derived here: the rows of the chain sum to 0 except for ``-mu eta_hat`` at the top, so that it is
    a birth-and-death process that ends there. Its inverse holds the mean times spent in each place,
    sums of positive terms, and loses no digits where rates are small.

    Parameters
    ----------
    mu : float
    layers : int
    eta_hat : float
        Positive.
    kappa : float
        Positive; infinity gives `speed_limit`, small values `adiabatic_rate`.
    """
    _check_circuit(mu, layers)
    _check_nudge(eta_hat)
    _check_kappa(kappa)
    # Stationary weights of W_1, h_1 .. h_L (1 at h_1), and resistances from there past the top.
    weight = (mu / (1.0 - mu)) ** np.arange(layers)
    step = 1.0 / (mu * weight)
    step[-1] /= eta_hat
    weight = np.append((1.0 - mu) / kappa, weight)
    resistance = np.cumsum(np.append(1.0 / (1.0 - mu), step)[::-1])[::-1]
    place = np.arange(layers + 1)
    times = resistance[np.maximum.outer(place, place)] * np.sqrt(np.outer(weight, weight))
    return float(1.0 / np.linalg.eigvalsh(times)[-1])


def _check_circuit(mu: float, layers: int) -> None:
    if not 0.0 < mu < 1.0:
        raise ParameterError(f"mu is {mu:g}; it must lie between 0 and 1")
    if layers < 1:
        raise ParameterError(f"layers is {layers}; there is at least 1 above the input")


def _check_nudge(eta_hat: float) -> None:
    if not 0.0 < eta_hat < np.inf:
        raise ParameterError(f"eta_hat is {eta_hat:g}; a nudge is positive and finite")


def _check_left(left: float) -> None:
    if not 0.0 < left < 1.0:
        raise ParameterError(f"left is {left:g}; it must lie between 0 and 1")


def _check_kappa(kappa: float) -> None:
    if not kappa > 0.0:
        raise ParameterError(f"kappa is {kappa:g}; it must be positive")


def _top_gain(mu: float, layers: int, top: Top, eta_hat: float) -> float:
    """How much the target moves with the top, ``d target / d h_L``."""
    _check_circuit(mu, layers)
    if top not in ("clamped", "free", "nudged"):
        raise ParameterError(f"top is {top!r}; it is one of clamped, free, nudged")
    if top == "nudged":
        _check_nudge(eta_hat)
        return 1.0 - eta_hat
    return float(top == "free")


def _leaks(mu: float, layers: int, top_gain: float) -> Array:
    """How fast each layer forgets on its own; the top feeds itself through its target."""
    return np.append(np.ones(layers - 1), 1.0 - mu * top_gain)


def _neighbours(layers: int) -> Array:
    return np.eye(layers, k=1) + np.eye(layers, k=-1)


def _shares(mu: float, layers: int) -> Array:
    """Parts ``r^(L+1-j)``, j = 1 .. L + 1, of their sum: the error y - ff_L as the layers share it.

    The last part is what is left at the top. As powers of r, all of one sign, they need no limit
    at mu = 1/2.
    """
    _check_circuit(mu, layers)
    return np.asarray(softmax(-logit(mu) * np.arange(layers + 1)), dtype=np.float64)


def _chain(weights: Sequence[ArrayLike]) -> list[Array]:
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


def _feedback(chain: list[Array], feedback: Sequence[ArrayLike]) -> list[Array]:
    back = [np.asarray(q, dtype=np.float64) for q in feedback]
    expected = [w.shape[::-1] for w in chain[1:]]
    if [q.shape for q in back] != expected:
        raise ShapeError(f"feedback is {[q.shape for q in back]}; it must be {expected}")
    return back


def _samples(chain: list[Array], x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    sizes = (chain[0].shape[1], chain[-1].shape[0])
    if x.ndim not in (1, 2) or x.shape[1:] != y.shape[1:] or (x.shape[0], y.shape[0]) != sizes:
        raise ShapeError(
            f"input {x.shape} and target {y.shape} must be ({sizes[0]},) and ({sizes[1]},), "
            "or these by samples"
        )
    return x, y


def _solve(matrix: Array, right: Array, singular: str) -> Array:
    try:
        return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    except np.linalg.LinAlgError as error:
        raise ParameterError(singular) from error
