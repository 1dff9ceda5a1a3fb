"""Small flows whose curves of folds and Hopf points in two parameters are known in closed form."""

import numpy as np
from continuation_flows import SmallFlow


class Cusp(SmallFlow):
    """x' = a + b x - x³, y' = x - y: folds at b = 3 x², a = -2 x³, which meet in the cusp a = b = 0."""

    def f(self, x):
        return np.array([self.a + self.b * x[0] - x[0] ** 3, x[0] - x[1]])

    def jacobian(self, x):
        return np.array([[self.b - 3 * x[0] ** 2, 0.0], [1.0, -1.0]])

    def dp(self, x):
        return {"a": [1.0, 0.0], "b": [x[0], 0.0]}


class BogdanovTakens(SmallFlow):
    """x' = y, y' = a + b x + x² - x y: folds at a = b²/4, Hopf points at a = 0, b < 0 with omega² = -b."""

    def f(self, x):
        return np.array([x[1], self.a + self.b * x[0] + x[0] ** 2 - x[0] * x[1]])

    def jacobian(self, x):
        return np.array([[0.0, 1.0], [self.b + 2 * x[0] - x[1], -x[0]]])

    def dp(self, x):
        return {"a": [0.0, 1.0], "b": [0.0, x[0]]}


class Pairs(SmallFlow):
    """z' = (a + i) z + b z|z|² - z|z|⁴, u' = (b - 0.4 + 2i) u - u|u|², w' = (b + 0.3) w - w³.

    On the Hopf curve a = 0, the third eigenvalue vanishes at b = -0.3, l1 = 2 b at b = 0, and the second pair is
    on the imaginary axis at b = 0.4.
    """

    def f(self, x):
        z, u, w = x[0] + 1j * x[1], x[2] + 1j * x[3], x[4]
        size = abs(z) ** 2
        dz = (self.a + 1j + self.b * size - size**2) * z
        du = (self.b - 0.4 + 2j - abs(u) ** 2) * u
        return np.array([dz.real, dz.imag, du.real, du.imag, (self.b + 0.3 - w**2) * w])

    def jacobian(self, x):
        full = np.zeros((5, 5))
        z, u, r, s = x[:2], x[2:4], x[:2] @ x[:2], x[2:4] @ x[2:4]
        turn = np.array([[0.0, -1.0], [1.0, 0.0]])
        slope = 2 * self.b - 4 * r
        full[:2, :2] = (self.a + self.b * r - r**2) * np.eye(2) + turn + slope * np.outer(z, z)
        full[2:4, 2:4] = (self.b - 0.4 - s) * np.eye(2) + 2 * turn - 2 * np.outer(u, u)
        full[4, 4] = self.b + 0.3 - 3 * x[4] ** 2
        return full

    def dp(self, x):
        r = x[0] ** 2 + x[1] ** 2
        return {
            "a": [x[0], x[1], 0.0, 0.0, 0.0],
            "b": [r * x[0], r * x[1], x[2], x[3], x[4]],
        }


class FoldWithPair(SmallFlow):
    """x' = a - x², and a pair with eigenvalues b ± 2i: a zero-Hopf point at a = b = 0."""

    def f(self, x):
        return np.array([self.a - x[0] ** 2, self.b * x[1] - 2 * x[2], 2 * x[1] + self.b * x[2]])

    def jacobian(self, x):
        return np.array([[-2 * x[0], 0.0, 0.0], [0.0, self.b, -2.0], [0.0, 2.0, self.b]])

    def dp(self, x):
        return {"a": [1.0, 0.0, 0.0], "b": [0.0, x[1], x[2]]}


class FitzHughNagumo(SmallFlow):
    """v' = v - v³/3 - w + current, w' = epsilon (v + 0.7 - 0.8 w)."""

    def f(self, x):
        v, w = x
        return np.array([v - v**3 / 3 - w + self.current, self.epsilon * (v + 0.7 - 0.8 * w)])

    def jacobian(self, x):
        return np.array([[1 - x[0] ** 2, -1.0], [self.epsilon, -0.8 * self.epsilon]])

    def dp(self, x):
        return {"current": [1.0, 0.0], "epsilon": [0.0, x[0] + 0.7 - 0.8 * x[1]]}
