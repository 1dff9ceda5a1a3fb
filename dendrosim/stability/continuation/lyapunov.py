"""The first Lyapunov coefficient of a Hopf point: whether the cycles that are born there are stable.

References
----------
Kuznetsov, "Elements of Applied Bifurcation Theory", 3rd edition, Springer 2004, equation 5.62, and section
10.2 for multilinear forms from derivatives along real directions.
"""

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from dendrosim.arrays import Array
from dendrosim.stability.vector_field.flow import Flow

SINGULAR = 1e13
"""Condition number above which A counts as singular: there is a further eigenvalue of zero."""


def first_lyapunov_coefficient(flow: Flow, x: Array, frequency: float) -> float:
    """Return l1 = Re c/(2 omega) at a Hopf point, in the flow's SI variables.

    It is negative if the cycles near the point are stable within the plane of the oscillation (supercritical), and
    positive if they are unstable (subcritical). Its size depends on the units of the states, its sign does not.

    It is nan if A has a further eigenvalue of zero.

    Parameters
    ----------
    flow : Flow
        The flow at the bifurcation's value of the parameter.
    x : array, shape (n,)
        The fixed point, with one pair of eigenvalues on the imaginary axis and no other eigenvalue of zero.
    frequency : float
        The imaginary part omega of the pair, in 1/s.

    Notes
    -----
    c = <p, C(q, q, q*) - 2 B(q, A^-1 B(q, q*)) + B(q*, (2 i omega - A)^-1 B(q, q))> with A q = i omega q,
    A^T p = -i omega p and <q, q> = <p, q> = 1, where B and C are the second and third derivatives of f.
    """
    jacobian = flow.jacobian(x)
    matrix = np.asarray(jacobian.toarray() if sp.issparse(jacobian) else jacobian, dtype=float)
    values, left, right = scipy.linalg.eig(matrix, left=True)
    index = int(np.argmin(np.abs(values - 1j * frequency)))
    omega = float(values[index].imag)
    q, p = right[:, index], left[:, index]
    q = q / np.linalg.norm(q)
    p = p / np.conj(np.vdot(p, q))
    real, imaginary = q.real.copy(), q.imag.copy()

    def second(one: Array, two: Array) -> Array:
        """Return B(one, two) of real vectors, by polarisation; both are given the same length."""
        ratio = float(np.linalg.norm(one) / (np.linalg.norm(two) or 1.0)) or 1.0
        plus, _ = flow.directional_derivatives(x, one + ratio * two)
        minus, _ = flow.directional_derivatives(x, one - ratio * two)
        return np.asarray((plus - minus) / (4.0 * ratio))

    b_rr, c_rrr = flow.directional_derivatives(x, real)
    b_ii, c_iii = flow.directional_derivatives(x, imaginary)
    b_plus, c_plus = flow.directional_derivatives(x, real + imaginary)
    b_minus, c_minus = flow.directional_derivatives(x, real - imaginary)
    b_ri = (b_plus - b_minus) / 4.0
    c_rii = (c_plus + c_minus - 2.0 * c_rrr) / 6.0
    c_rri = (c_plus - c_minus - 2.0 * c_iii) / 6.0
    cubic = c_rrr + c_rii + 1j * (c_rri + c_iii)
    if np.linalg.cond(matrix) > SINGULAR:
        return float("nan")
    steady = np.linalg.solve(matrix, b_rr + b_ii)
    twice = np.linalg.solve(2j * omega * np.eye(len(x)) - matrix, b_rr - b_ii + 2j * b_ri)
    on_steady = second(real, steady) + 1j * second(imaginary, steady)
    on_twice = (
        second(real, twice.real)
        + second(imaginary, twice.imag)
        + 1j * (second(real, twice.imag) - second(imaginary, twice.real))
    )
    c = np.vdot(p, cubic - 2.0 * on_steady + on_twice)
    return float(c.real / (2.0 * omega))
