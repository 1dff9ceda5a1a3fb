"""Small flows with fixed points, spectra and bifurcations known in closed form."""

import numpy as np

from dendrosim.errors import UnknownNameError
from dendrosim.stability.vector_field.flow import Flow


class SmallFlow(Flow):
    """A flow of a few states with parameters as attributes; each class has `f`, `jacobian` and derivatives
    `dp`."""

    def __init__(self, start, units=None, **parameters):
        self.start = np.asarray(start, float)
        self.labels = tuple(f"x[{i}]" for i in range(len(self.start)))
        self.units = tuple(units or ["1"] * len(self.start))
        self.parameters = {name: float(value) for name, value in parameters.items()}

    def at(self, name, value):
        if name not in self.parameters:
            raise UnknownNameError("parameter", name, self.parameters)
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, parameters={**self.parameters, name: float(value)})
        return other

    def __getattr__(self, name):
        parameters = self.__dict__.get("parameters", {})
        if name in parameters:
            return parameters[name]
        raise AttributeError(name)

    def parameter_derivative(self, x, name):
        if name not in self.parameters:
            raise UnknownNameError("parameter", name, self.parameters)
        return np.asarray(self.dp(np.asarray(x, float))[name], float)


class Fold(SmallFlow):
    """x' = p - x², y' = -y + x: a stable branch x = √p and an unstable one x = -√p."""

    def f(self, x):
        return np.array([self.p - x[0] ** 2, x[0] - x[1]])

    def jacobian(self, x):
        return np.array([[-2 * x[0], 0.0], [1.0, -1.0]])

    def dp(self, x):
        return {"p": [1.0, 0.0]}


class Hysteresis(SmallFlow):
    """V' = (p/P + v - v³)/τ with V = v·10 mV and P = 1e-10: folds at p = ±2P/(3√3), v = ∓1/√3."""

    V, P, TAU = 0.01, 1e-10, 0.02

    def f(self, x):
        v = x / self.V
        return self.V * (self.p / self.P + v - v**3) / self.TAU

    def jacobian(self, x):
        return np.array([[1 - 3 * (x[0] / self.V) ** 2]]) / self.TAU

    def dp(self, x):
        return {"p": [self.V / self.P / self.TAU]}


class Pitchfork(SmallFlow):
    """x' = (p - 1) x - x³ - c x², y' = -2 y + x²: branches x = 0 and p = 1 + x² + c x; c = 0 is symmetric."""

    def f(self, x):
        return np.array(
            [
                (self.p - 1) * x[0] - self.cubic * x[0] ** 3 - self.c * x[0] ** 2,
                x[0] ** 2 - 2 * x[1],
            ]
        )

    def jacobian(self, x):
        slope = self.p - 1 - 3 * self.cubic * x[0] ** 2 - 2 * self.c * x[0]
        return np.array([[slope, 0.0], [2 * x[0], -2.0]])

    def dp(self, x):
        return {"p": [x[0], 0.0], "c": [-(x[0] ** 2), 0.0], "cubic": [-(x[0] ** 3), 0.0]}


class Pitchforks(SmallFlow):
    """x_i' = (p - 1) x_i - x_i³ for each of n states: n eigenvalues cross zero at p = 1."""

    def f(self, x):
        return (self.p - 1) * x - x**3

    def jacobian(self, x):
        return np.diag(self.p - 1 - 3 * x**2)

    def dp(self, x):
        return {"p": x}


class Hopf(SmallFlow):
    """Pairs z' = (a + iω) z - |z|² z, a = p - p_i, that turn unstable at p_i with frequency ω_i/2π."""

    def __init__(self, thresholds, omegas, p=0.0):
        super().__init__(np.zeros(2 * len(thresholds)), p=p)
        self.thresholds, self.omegas = thresholds, omegas

    def growth(self):
        return self.p - np.asarray(self.thresholds, float)

    def f(self, x):
        z = x[0::2] + 1j * x[1::2]
        z = (self.growth() + 1j * np.asarray(self.omegas)) * z - np.abs(z) ** 2 * z
        return np.column_stack([z.real, z.imag]).ravel()

    def jacobian(self, x):
        full = np.zeros((len(x), len(x)))
        for i, (a, w) in enumerate(zip(self.growth(), self.omegas, strict=True)):
            u, v = x[2 * i : 2 * i + 2]
            full[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [
                [a - 3 * u**2 - v**2, -w - 2 * u * v],
                [w - 2 * u * v, a - u**2 - 3 * v**2],
            ]
        return full

    def dp(self, x):
        return {"p": x}


class Bump(Hopf):
    """A single pair with growth width² - (p - centre)²: unstable only between centre ± width."""

    def __init__(self, centre, width, p=0.0):
        super().__init__([0.0], [5.0], p)
        self.centre, self.width = centre, width

    def growth(self):
        return np.array([self.width**2 - (self.p - self.centre) ** 2])

    def dp(self, x):
        return {"p": -2 * (self.p - self.centre) * x}


class Chain(SmallFlow):
    """Scalar chain of dynamical target propagation with linear units, inverses off by ε and a clamped target.

    τ h_i' = -h_i + (1 - μ) w_i h_{i-1} + μ (1 + ε) h_{i+1}/w_{i+1}; h_0 = 1 and h_{L+1}/w_{L+1} is T.
    """

    def __init__(self, weights, mu, gain, target=1.0, tau=0.02):
        super().__init__(np.zeros(len(weights)), mu=mu, gain=gain, target=target)
        self.weights, self.tau = np.asarray(weights, float), tau

    def parts(self):
        """Return forward and backward matrix, drive and last unit, each without its factor."""
        forward = np.diag(self.weights[1:], -1)
        backward = np.diag(1 / self.weights[1:], 1)
        first, last = np.eye(len(self.weights))[[0, -1]]
        return forward, backward, self.weights[0] * first, last

    def f(self, x):
        return (self.jacobian(x) @ x) + (
            (1 - self.mu) * self.parts()[2] + self.mu * self.target * self.parts()[3]
        ) / self.tau

    def jacobian(self, x):
        forward, backward, _, _ = self.parts()
        decay = -np.eye(len(self.weights))
        return (decay + (1 - self.mu) * forward + self.mu * self.gain * backward) / self.tau

    def dp(self, x):
        forward, backward, drive, last = self.parts()
        return {
            "mu": (-forward @ x + self.gain * backward @ x - drive + self.target * last) / self.tau,
            "gain": self.mu * backward @ x / self.tau,
            "target": self.mu * last / self.tau,
        }


class Leaky(SmallFlow):
    """Two leaky ReLU units φ with exact inverses: h1' = -h1 + 1-μ + μ φ⁻¹(h2), h2' = -h2 + (1-μ) φ(h1) + μ T."""

    MU, SLOPE = 0.2, 0.1

    def f(self, x):
        up = x[0] if x[0] > 0 else self.SLOPE * x[0]
        down = x[1] if x[1] > 0 else x[1] / self.SLOPE
        return np.array(
            [
                -x[0] + (1 - self.MU) + self.MU * down,
                -x[1] + (1 - self.MU) * up + self.MU * self.target,
            ]
        )

    def jacobian(self, x):
        up = 1.0 if x[0] > 0 else self.SLOPE
        down = 1.0 if x[1] > 0 else 1 / self.SLOPE
        return np.array([[-1.0, self.MU * down], [(1 - self.MU) * up, -1.0]])

    def dp(self, x):
        return {"target": [0.0, self.MU]}


class Ring(SmallFlow):
    """z' = (a - |z|²) z with a > 0: a circle of fixed points at every p, at which w = 0 turns unstable at p = 2.

    w' = (p - 2) w - w³ + (|z|² - a), or, with `pair`, a complex w' = (p - 2 + 3i) w - |w|² w.
    """

    def __init__(self, p=0.0, a=4.0, pair=False, angle=0.7):
        r = np.sqrt(a)
        start = [r * np.cos(angle), r * np.sin(angle), 0.0, 0.0]
        super().__init__(start, p=p, a=a)
        self.pair = pair

    def f(self, x):
        z, w = x[:2], x[2:]
        r2 = z @ z
        turn = np.array([-w[1], w[0]]) * (3.0 if self.pair else 0.0)
        node = (self.p - 2) * w - (w @ w) * w + turn
        if not self.pair:
            node = np.array([(self.p - 2) * w[0] - w[0] ** 3 + r2 - self.a, -w[1]])
        return np.concatenate([(self.a - r2) * z, node])

    def jacobian(self, x):
        z, w = x[:2], x[2:]
        full = np.zeros((4, 4))
        full[:2, :2] = (self.a - z @ z) * np.eye(2) - 2 * np.outer(z, z)
        if self.pair:
            turn = np.array([[0.0, -3.0], [3.0, 0.0]])
            full[2:, 2:] = (self.p - 2 - w @ w) * np.eye(2) - 2 * np.outer(w, w) + turn
        else:
            full[2, :2] = 2 * z
            full[2, 2], full[3, 3] = self.p - 2 - 3 * w[0] ** 2, -1.0
        return full

    def dp(self, x):
        z, w = x[:2], x[2:]
        by_p = [0, 0, w[0], w[1] if self.pair else 0.0]
        return {"p": by_p, "a": [z[0], z[1], 0.0 if self.pair else -1.0, 0.0]}

    def symmetries(self, x):
        turned = np.array([-x[1], x[0], 0.0, 0.0])
        return (turned / np.linalg.norm(turned))[:, None]


class Regression(SmallFlow):
    """Averaged flow of the linear BMVR circuit for white inputs and Cxy = diag(s).

    W' = B Cyx - Q Qᵀ W, B' = ρ (W Cxy - B), τ Q' = (W Wᵀ - 1) Q, with W (k, m), B (k, n), Q (k, k). At
    the optimum Q Qᵀ = diag(s²)[:k]. Rotations of hidden units (W, B, Q) -> (O W, O B, O Q) and Q -> Q O
    leave the flow unchanged.
    """

    def __init__(self, s, k, tau=1.0, rho=1.0):
        s = np.asarray(s, float)
        self.cxy, self.k = np.diag(s), k
        w = np.eye(k, len(s))
        super().__init__(self.pack(w, w @ self.cxy, np.diag(s[:k])), tau=tau, rho=rho)

    @staticmethod
    def pack(*parts):
        return np.concatenate([np.ravel(part) for part in parts])

    def unpack(self, x):
        k, n = self.k, len(self.cxy)
        return (
            x[: k * n].reshape(k, n),
            x[k * n : 2 * k * n].reshape(k, n),
            x[2 * k * n :].reshape(k, k),
        )

    def change(self, x, dx):
        """Return the derivative of f along dx."""
        (w, _, q), (dw, db, dq) = self.unpack(x), self.unpack(dx)
        gain = dw @ w.T + w @ dw.T
        return self.pack(
            db @ self.cxy.T - (dq @ q.T + q @ dq.T) @ w - q @ q.T @ dw,
            self.rho * (dw @ self.cxy - db),
            (gain @ q + (w @ w.T - np.eye(self.k)) @ dq) / self.tau,
        )

    def f(self, x):
        w, b, q = self.unpack(x)
        return self.pack(
            b @ self.cxy.T - q @ q.T @ w,
            self.rho * (w @ self.cxy - b),
            (w @ w.T - np.eye(self.k)) @ q / self.tau,
        )

    def jacobian(self, x):
        return np.column_stack([self.change(x, unit) for unit in np.eye(len(x))])

    def dp(self, x):
        w, b, q = self.unpack(x)
        zero = np.zeros_like
        return {
            "tau": self.pack(zero(w), zero(b), -(w @ w.T - np.eye(self.k)) @ q / self.tau**2),
            "rho": self.pack(zero(w), w @ self.cxy - b, zero(q)),
        }

    def symmetries(self, x):
        w, b, q = self.unpack(x)
        moves = []
        for i in range(self.k):
            for j in range(i):
                turn = np.zeros((self.k, self.k))
                turn[i, j], turn[j, i] = 1.0, -1.0
                moves.append(self.pack(turn @ w, turn @ b, turn @ q))
                moves.append(self.pack(np.zeros_like(w), np.zeros_like(b), q @ turn))
        if not moves:
            return np.zeros((len(x), 0))
        return np.linalg.qr(np.column_stack(moves))[0]


class Edge(SmallFlow):
    """x' = √(1 - p) - x: no equations beyond p = 1."""

    def f(self, x):
        return np.sqrt(1 - self.p) - x

    def jacobian(self, x):
        return np.array([[-1.0]])

    def dp(self, x):
        return {"p": [-0.5 / np.sqrt(1 - self.p)]}


class Nowhere(SmallFlow):
    """x' = p + exp(x): no fixed point for p > 0."""

    def f(self, x):
        return self.p + np.exp(x)

    def jacobian(self, x):
        return np.array([[np.exp(x[0])]])

    def dp(self, x):
        return {"p": [1.0]}


class Brusselator(SmallFlow):
    """x' = 1 - (b + 1) x + x² y, y' = b x - x² y, with a Hopf point at b = 2."""

    def f(self, x):
        return np.array(
            [1 - (self.b + 1) * x[0] + x[0] ** 2 * x[1], self.b * x[0] - x[0] ** 2 * x[1]]
        )

    def jacobian(self, x):
        fast, square = 2 * x[0] * x[1], x[0] ** 2
        return np.array([[fast - self.b - 1, square], [self.b - fast, -square]])

    def dp(self, x):
        return {"b": [-x[0], x[0]]}


class Radial(SmallFlow):
    """w' = (alpha + 3i) w + w |w|² and z' = -z: an unstable orbit |w|² = -alpha of period 2 pi/3."""

    def f(self, x):
        square = x[0] ** 2 + x[1] ** 2
        growth = self.alpha + square
        return np.array([growth * x[0] - 3 * x[1], 3 * x[0] + growth * x[1], -x[2]])

    def jacobian(self, x):
        growth = self.alpha + x[0] ** 2 + x[1] ** 2
        return np.array(
            [
                [growth + 2 * x[0] ** 2, 2 * x[0] * x[1] - 3, 0.0],
                [2 * x[0] * x[1] + 3, growth + 2 * x[1] ** 2, 0.0],
                [0.0, 0.0, -1.0],
            ]
        )

    def dp(self, x):
        return {"alpha": [x[0], x[1], 0.0]}
