"""Small flows with fixed points and spectra known in closed form."""

import numpy as np
import scipy.sparse as sp

from dendrosim.errors import UnknownNameError
from dendrosim.stability.vector_field.flow import Flow


class Formula(Flow):
    """A flow without parameters, from a function and its Jacobian."""

    def __init__(self, f, jacobian, start, symmetries=None, name="x"):
        self._f, self._jacobian, self._symmetries = f, jacobian, symmetries
        self.start = np.asarray(start, dtype=float)
        self.labels = [f"{name}[{i}]" for i in range(self.start.size)]
        self.units = ["1"] * self.start.size
        self.parameters = {}
        self.evaluations = {"f": 0, "jacobian": 0}

    def f(self, x):
        self.evaluations["f"] += 1
        return self._f(x)

    def jacobian(self, x):
        self.evaluations["jacobian"] += 1
        return self._jacobian(x)

    def parameter_derivative(self, x, name):
        raise UnknownNameError("parameter", name, self.parameters)

    def at(self, name, value):
        raise UnknownNameError("parameter", name, self.parameters)

    def symmetries(self, x):
        return self._symmetries(x) if self._symmetries else super().symmetries(x)


def linear(matrix, constant, start=None):
    """Return the flow dx/dt = A x + b."""
    start = np.zeros(len(constant)) if start is None else start
    return Formula(lambda x: matrix @ x + constant, lambda x: matrix, start)


def chain(gains, mu, tau=1.0):
    """Return the Jacobian of target propagation with exact inverses and a clamped target.

    `gains` are the matrices W_2 ... W_L, all of shape (n, n); the states are ordered by layer.
    """
    gains = [np.atleast_2d(gain) for gain in gains]
    n, depth = len(gains[0]), len(gains) + 1
    matrix = -np.eye(n * depth)
    for i, gain in enumerate(gains):
        upper, lower = slice((i + 1) * n, (i + 2) * n), slice(i * n, (i + 1) * n)
        matrix[upper, lower] = (1.0 - mu) * gain
        matrix[lower, upper] = mu * np.linalg.inv(gain)
    return matrix / tau


def chain_rates(depth, mu, n=1, tau=1.0):
    """Return the eigenvalues of `chain`: -1 + 2 sqrt(mu (1 - mu)) cos(k pi/(L + 1)), each n times."""
    k = np.arange(1, depth + 1)
    rates = (-1.0 + 2.0 * np.sqrt(mu * (1.0 - mu)) * np.cos(k * np.pi / (depth + 1))) / tau
    return np.repeat(rates, n)


def leaky(x, slope=0.1):
    return np.where(x > 0.0, x, slope * x)


def bistable(mu=0.2, target=-2.5, slope=0.1):
    """Return two layers of leaky rectifiers with f_1 = 1 and w_2 = 1, which have two stable fixed points."""

    def f(x):
        down = np.where(x[1] > 0.0, x[1], x[1] / slope)
        return np.array(
            [
                -x[0] + (1.0 - mu) + mu * down,
                -x[1] + (1.0 - mu) * leaky(x[0], slope) + mu * target,
            ]
        )

    def jacobian(x):
        down = 1.0 if x[1] > 0.0 else 1.0 / slope
        up = 1.0 if x[0] > 0.0 else slope
        return np.array([[-1.0, mu * down], [(1.0 - mu) * up, -1.0]])

    return Formula(f, jacobian, [1.0, 1.0], name="layer.h")


def sphere(n, start=None):
    """Return x' = x (1 - |x|^2), in which every point of the unit sphere is fixed; rotations are symmetries."""

    def symmetries(x):
        return np.linalg.svd(x[None])[2][1:].T if np.any(x) else np.zeros((n, 0))

    return Formula(
        lambda x: x * (1.0 - x @ x),
        lambda x: np.eye(n) * (1.0 - x @ x) - 2.0 * np.outer(x, x),
        np.arange(1.0, n + 1.0) if start is None else start,
        symmetries,
    )


def pseudo_inverse(matrix, start):
    """Return X' = X - X A X, whose fixed points form families; X has shape (n, m) for A of shape (m, n)."""
    m, n = matrix.shape

    def f(x):
        state = x.reshape(n, m)
        return (state - state @ matrix @ state).ravel()

    def jacobian(x):
        state = x.reshape(n, m)
        first = np.kron(np.eye(n), (matrix @ state).T)
        return np.eye(n * m) - first - np.kron(state @ matrix, np.eye(m))

    return Formula(f, jacobian, np.ravel(start), name="q")


def cells(count, seed=0):
    """Return uncoupled passive cells of three compartments in a row with random currents, and the matrix of
    one."""
    random = np.random.default_rng(seed)
    cell = np.array([[-0.15, 0.05, 0.0], [0.06, -0.2, 0.04], [0.0, 0.03, -0.09]])
    matrix = sp.csc_array(sp.kron(sp.identity(count), cell))
    currents = random.standard_normal(3 * count)
    return linear(matrix, currents), cell


def regression_flow(cov, k, seed):
    """Return the averaged flow of the regression circuit, with rotations as symmetries; `split` gives W1, B, Q."""
    m, n = cov.xy.shape

    def split(x):
        w1, apical, q = np.split(x, np.cumsum([k * m, k * n]))
        return w1.reshape(k, m), apical.reshape(k, n), q.reshape(k, k)

    def f(x):
        w1, apical, q = split(x)
        parts = (
            apical @ cov.xy.T - q @ q.T @ w1 @ cov.xx,
            w1 @ cov.xy - apical,
            (w1 @ cov.xx @ w1.T - np.eye(k)) @ q,
        )
        return np.concatenate([part.ravel() for part in parts])

    def jacobian(x):
        columns = [f(x + 1e-30j * unit).imag / 1e-30 for unit in np.eye(x.size)]
        return np.array(columns).T

    def symmetries(x):
        w1, apical, q = split(x)
        columns = []
        for i in range(k):
            for j in range(i):
                turn = np.zeros((k, k))
                turn[i, j], turn[j, i] = 1.0, -1.0
                for parts in ((turn @ w1, turn @ apical, turn @ q), (0 * w1, 0 * apical, q @ turn)):
                    columns.append(np.concatenate([part.ravel() for part in parts]))
        basis, sizes, _ = np.linalg.svd(np.array(columns).T, full_matrices=False)
        return basis[:, sizes > 1e-9 * sizes[0]]

    start = 0.3 * np.random.default_rng(seed).standard_normal(k * (m + n + k))
    flow = Formula(f, jacobian, start, symmetries, name="w")
    flow.split = split
    return flow
