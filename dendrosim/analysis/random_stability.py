"""Random circuits of target propagation with exact inverses, and how often a fixed point is stable.

The Jacobian of ``dynamical_tp`` (clamped, exact inverses) at a fixed point is block tridiagonal. In units of
``1/tau``, its blocks for layers i = 2 .. L are::

    -I                               on the diagonal
    (1 - mu) D_i W_i                 below it, D_i = diag s'(s^-1(f_i))
    mu W_i^-1 E_i^-1                 above it, E_i = diag s'(s^-1(h_i))

If s is linear, or if all h_i = f_i because the target is the output, D_i = E_i. Up to the factors mu and 1 - mu,
the blocks above the diagonal are then the inverses of the blocks below it, as in eq. 6.41 and 6.42. A target that
differs from the output moves h_i away from f_i; D_i and E_i then differ if s is not linear.

Each pair of an output f_L and a target g_L belongs to exactly one fixed point, which is found from the top down::

    h_i = (1 - mu) f_i + mu g_i,   h_(i-1) = W_i^-1 s^-1(f_i),   g_(i-1) = W_i^-1 s^-1(h_i),
    f_(i-1) = (h_(i-1) - mu g_(i-1))/(1 - mu)

down to f_1. For any f_1, there are an input and a W_1 that produce it.

Sources
-------
Thesis, section 6.7, eq. 6.38-6.42. The thesis draws 100,000 cases: "Gaussian" blocks of "randomly selected
variance", mu "randomly in the interval (0, 0.5)". All other details are chosen here: numbers of layers and units
are uniform in a range, each block has its own variance, uniform between 0 and a largest value, and mu is uniform.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import Array, Integers
from dendrosim.display.short import ShortRepr
from dendrosim.equations.transfer.numeric import Function, numeric_transfer
from dendrosim.errors import ParameterError

CHUNK = 2**20
"""Largest number of entries in one stack of Jacobians (8 MiB), to limit the memory of a thread."""


@dataclass(frozen=True)
class Draws(ShortRepr):
    """Distribution of random networks.

    Attributes
    ----------
    layers : tuple of int, default (2, 6)
        Smallest and largest number of layers above the input, at least 2.
    units : tuple of int, default (1, 5)
        Smallest and largest number of units per layer, at least 1.
    variance : float, default 4
        Largest variance of the entries of a block, positive.
    mu : float, default 0.5
        Largest weight of the apical dendrite, above 0 and at most 1.
    seed : int, default 0
        Seed of all random numbers, not negative.

    Raises
    ------
    ParameterError
        If a value is out of its range.
    """

    layers: tuple[int, int] = (2, 6)
    units: tuple[int, int] = (1, 5)
    variance: float = 4.0
    mu: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("layers", 2), ("units", 1)):
            low, high = getattr(self, name)
            if not least <= low <= high:
                raise ParameterError(
                    f"{name} is {low, high}; give the smallest and the largest number, {least} or more"
                )
        if not self.variance > 0:
            raise ParameterError(f"variance is {self.variance}; it must be positive")
        if not 0 < self.mu <= 1:
            raise ParameterError(f"mu is {self.mu}; it must be above 0 and at most 1")
        if self.seed < 0:
            raise ParameterError(f"seed is {self.seed}; it must not be negative")

    def networks(self, layers: int, units: int, count: int) -> "Networks":
        """Return `count` networks of one size; a larger `count` does not change the first networks."""
        streams = np.random.SeedSequence((self.seed, layers, units)).spawn(5)
        mu, variance, weights, output, target = (np.random.default_rng(s) for s in streams)
        shape = (count, layers - 1, units, units)
        spread = np.sqrt(self.variance * (1 - variance.random(shape[:2])))
        return Networks(
            self.mu * (1 - mu.random(count)),
            weights.normal(size=shape) * spread[..., None, None],
            output.normal(size=(count, units)),
            target.normal(size=(count, units)),
        )

    def draw(self, count: int) -> Iterator["Networks"]:
        """Yield `count` networks of random sizes, in stacks of networks of the same size."""
        sizes = [
            (layers, units)
            for layers in range(self.layers[0], self.layers[1] + 1)
            for units in range(self.units[0], self.units[1] + 1)
        ]
        random = np.random.default_rng((self.seed, 0))
        counts = np.bincount(random.integers(len(sizes), size=count), minlength=len(sizes))
        for (layers, units), number in zip(sizes, counts, strict=True):
            if number:
                yield self.networks(layers, units, int(number))


@dataclass(frozen=True, eq=False)
class Networks(ShortRepr):
    """Networks of one size.

    Attributes
    ----------
    mu : ndarray, shape (networks,)
        Weights of the apical dendrite.
    weights : ndarray, shape (networks, layers - 1, units, units)
        W_2 .. W_L.
    output, target : ndarray, shape (networks, units)
        f_L and g_L at the fixed point.
    """

    mu: Array
    weights: Array
    output: Array
    target: Array

    def __len__(self) -> int:
        return len(self.mu)

    def __getitem__(self, chosen: slice) -> "Networks":
        return Networks(
            self.mu[chosen], self.weights[chosen], self.output[chosen], self.target[chosen]
        )

    @property
    def layers(self) -> int:
        """Number of layers above the input."""
        return int(self.weights.shape[1]) + 1

    def fixed_point(self, transfer: str) -> tuple[Array, Array]:
        """Return basal and somatic rates f and h at the fixed point, shape (networks, layers, units) each."""
        return self._settled(_inverted(self.weights), transfer)

    def jacobians(self, transfer: str) -> Array:
        """Return the Jacobians at the fixed points in 1/tau, shape (networks, layers*units, layers*units)."""
        inverses = _inverted(self.weights)
        below, above = self.weights, inverses
        if transfer != "linear":
            slope, back = numeric_transfer(transfer).ds, _inverse(transfer)
            f, h = self._settled(inverses, transfer)
            below = slope(back(f))[:, 1:, :, None] * below
            above = above / slope(back(h))[:, 1:, None, :]
        count, others, units, _ = self.weights.shape
        jacobian = np.zeros((count, others + 1, units, others + 1, units))
        for i in range(others + 1):
            jacobian[:, i, :, i] = -np.eye(units)
        mu = self.mu[:, None, None]
        for i in range(others):
            jacobian[:, i + 1, :, i] = (1 - mu) * below[:, i]
            jacobian[:, i, :, i + 1] = mu * above[:, i]
        size = (others + 1) * units
        return jacobian.reshape(count, size, size)

    def _settled(self, inverses: Array, transfer: str) -> tuple[Array, Array]:
        """Return f and h at the fixed point, computed from the top down with the inverses of the weights."""
        back = _inverse(transfer)
        mu = self.mu[:, None]
        f, g = [self.output], self.target
        h = [(1 - mu) * f[0] + mu * g]
        for i in reversed(range(inverses.shape[1])):
            down = np.stack([back(f[-1]), back(h[-1])], axis=-1)
            somatic, g = np.moveaxis(inverses[:, i] @ down, -1, 0)
            h.append(somatic)
            f.append((somatic - mu * g) / (1 - mu))
        return np.stack(f[::-1], axis=1), np.stack(h[::-1], axis=1)


def _inverted(weights: Array) -> Array:
    return np.asarray(np.linalg.inv(weights), dtype=float)


def _inverse(transfer: str) -> Function:
    back = numeric_transfer(transfer).inv_s
    if back is None:
        raise ParameterError(f"transfer is {transfer!r}; it must be a bijection of the real line")
    return back


@dataclass(frozen=True, eq=False)
class Abscissas(ShortRepr):
    """Spectral and numerical abscissas of Jacobians, in 1/tau; all arrays have the shape (networks,).

    Attributes
    ----------
    spectral : ndarray
        Largest real part of an eigenvalue: negative if the fixed point is stable.
    numerical : ndarray
        Largest eigenvalue of the symmetric part: negative if the Jacobian is negative definite.
    layers : ndarray of int
        Number of layers of each network.
    mu : ndarray
        Weight of the apical dendrite of each network.
    """

    spectral: Array
    numerical: Array
    layers: Integers
    mu: Array


def abscissas(draws: Draws, count: int, transfer: str, workers: int = 2) -> Abscissas:
    """Return the spectral and numerical abscissas of random Jacobians.

    Parameters
    ----------
    draws : Draws
        Distribution of the networks.
    count : int
        Number of networks, at least 1.
    transfer : str
        Name of a transfer function that is a bijection of the real line.
    workers : int, default 2
        Number of threads; the results do not depend on it.

    Raises
    ------
    ParameterError
        If `count` is below 1, or the transfer function is not a bijection.
    """
    if count < 1:
        raise ParameterError(f"count is {count}; it must be positive")
    parts = []
    for networks in draws.draw(count):
        each = max(1, CHUNK // (networks.layers * networks.output.shape[1]) ** 2)
        parts += [networks[k : k + each] for k in range(0, len(networks), each)]

    def of(networks: Networks) -> tuple[Array, Array]:
        matrices = networks.jacobians(transfer)
        spectral = np.linalg.eigvals(matrices).real.max(axis=-1)
        symmetric = (matrices + np.swapaxes(matrices, -1, -2)) / 2
        return np.asarray(spectral), np.asarray(np.linalg.eigvalsh(symmetric)[:, -1], dtype=float)

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(of, parts))
    return Abscissas(
        np.concatenate([spectral for spectral, _ in found]),
        np.concatenate([numerical for _, numerical in found]),
        np.concatenate([np.full(len(n), n.layers) for n in parts]),
        np.concatenate([n.mu for n in parts]),
    )


def exact_abscissa(mu: Array, layers: Integers) -> Array:
    """Return the spectral abscissa in 1/tau if D_i = E_i: -1 + 2 sqrt(mu (1 - mu)) cos(pi/(L + 1)).

    For each unit, the Jacobian is similar to the tridiagonal matrix (1 - mu, -1, mu) with L rows, whatever its
    blocks are.

    Parameters
    ----------
    mu : ndarray
        Weights of the apical dendrite.
    layers : ndarray of int
        Numbers of layers L above the input.
    """
    return np.asarray(-1 + 2 * np.sqrt(mu * (1 - mu)) * np.cos(np.pi / (layers + 1)))


def propagators(mu: float, weights: Array, times: Array) -> Array:
    """Return exp(J t) of a linear circuit from its closed form, shape (times, states, states).

    With P_i = W_i ... W_2, the Jacobian is similar to the tridiagonal matrix (1 - mu, -1, mu), whose eigenvectors
    are sines: block (j, k) is sqrt((1 - mu)/mu)^(j - k) S_jk(t) P_j P_k^-1 with a symmetric S. This is derived
    here.

    Parameters
    ----------
    mu : float
        Weight of the apical dendrite, between 0 and 1.
    weights : ndarray, shape (layers - 1, units, units)
        W_2 .. W_L.
    times : ndarray, shape (times,)
        Times in units of tau.
    """
    layers, units = len(weights) + 1, weights.shape[-1]
    angles = np.arange(1, layers + 1) * np.pi / (layers + 1)
    modes = np.sqrt(2 / (layers + 1)) * np.sin(np.outer(np.arange(1, layers + 1), angles))
    rates = -1 + 2 * np.sqrt(mu * (1 - mu)) * np.cos(angles)
    shares = np.einsum("jm,km,tm->tjk", modes, modes, np.exp(np.outer(times, rates)))
    carried = np.zeros((layers, units, layers, units))
    inverses = _inverted(weights)
    for k in range(layers):
        up = down = np.eye(units)
        carried[k, :, k] = up
        for j in range(k + 1, layers):
            up, down = weights[j - 1] @ up, down @ inverses[j - 1]
            factor = ((1 - mu) / mu) ** ((j - k) / 2)
            carried[j, :, k], carried[k, :, j] = factor * up, down / factor
    flow = shares[:, :, None, :, None] * carried
    return np.asarray(flow.reshape(len(times), layers * units, layers * units))
