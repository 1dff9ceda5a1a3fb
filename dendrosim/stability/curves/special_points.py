"""Special points of curves in two parameters: test functions that change sign there, and their location.

References
----------
Kuznetsov, "Elements of Applied Bifurcation Theory", 3rd edition, Springer 2004, section 10.5.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from dendrosim.arrays import Array, Complex
from dendrosim.stability.continuation.arclength import CorrectorStuck, OutsideDomain
from dendrosim.stability.continuation.lyapunov import first_lyapunov_coefficient
from dendrosim.stability.curves.determining import Borders, Determining, Point

REAL = 1e-6
"""An eigenvalue counts as real if its imaginary part is below this fraction of the largest eigenvalue."""

ZERO = 1e-4
"""A test function that changes sign at infinity has no zero: at a zero it is below this fraction of its values at
both ends of the step."""

Test = Callable[[Determining, Array, Borders], float]


def cusp(system: Determining, z: Array, borders: Borders) -> float:
    """Return the quadratic coefficient w · B(v, v)/2 of the fold, with |v| = |w| = 1."""
    v, w, _ = (part[:, 0] for part in system.null_vectors(z, borders))
    v, w = v / np.linalg.norm(v), w / np.linalg.norm(w)
    second, _ = system.flow(z).directional_derivatives(system.state(z), v * system.scale)
    return float(w @ (second / system.scale)) / (2.0 * system.rate)


def double_zero(system: Determining, z: Array, borders: Borders) -> float:
    """Return w · v of a fold, which vanishes if zero is a double eigenvalue; omega² of a Hopf point."""
    if system.hopf:
        return float(z[-1])
    v, w, _ = (part[:, 0] for part in system.null_vectors(z, borders))
    return float(w @ v / np.linalg.norm(v) / np.linalg.norm(w))


def bautin(system: Determining, z: Array, borders: Borders) -> float:
    """Return the first Lyapunov coefficient; nan where it is not known."""
    flow, x = system.flow(z), system.state(z)
    if z[-1] <= 0.0 or flow.kinks(x):
        return float("nan")
    return first_lyapunov_coefficient(flow, x, system.omega(z))


def other_pair(system: Determining, z: Array, borders: Borders) -> float:
    """Return the smallest |sum of two other eigenvalues|, with a sign that changes when a sum vanishes."""
    rest = _others(system, z)
    sums = (rest[:, None] + rest)[np.triu_indices(len(rest), 1)]
    return _signed(sums)


def other_zero(system: Determining, z: Array, borders: Borders) -> float:
    """Return the smallest |other eigenvalue|, with a sign that changes when a real eigenvalue vanishes."""
    return _signed(_others(system, z))


def _others(system: Determining, z: Array) -> Complex:
    """Return the eigenvalues without the critical one, or pair."""
    values = system.eigenvalues(z)
    omega = system.omega(z)
    for critical in (1j * omega, -1j * omega) if system.hopf else (0.0,):
        values = np.delete(values, int(np.argmin(np.abs(values - critical))))
    return values


def _signed(values: Complex) -> float:
    sizes = np.abs(values)
    if not len(values) or not np.all(sizes > 0.0):
        return 0.0
    return float(np.min(sizes) * np.sign(np.prod(values / sizes).real))


FOLD_TESTS: dict[str, Test] = {
    "cusp": cusp,
    "bogdanov-takens": double_zero,
    "zero-hopf": other_pair,
}

HOPF_TESTS: dict[str, Test] = {
    "bautin": bautin,
    "bogdanov-takens": double_zero,
    "zero-hopf": other_zero,
    "double-hopf": other_pair,
}


def find_special(
    system: Determining, left: Point, right: Array, length: float
) -> list[tuple[str, Array]]:
    """Return kind and z of the special points in a step, in the order of the curve."""
    found = list[tuple[float, str, Array]]()
    for kind, test in (HOPF_TESTS if system.hopf else FOLD_TESTS).items():

        def along(offset: float, test: Test = test) -> float:
            return test(system, system.along(left, offset)[0], left.borders)

        try:
            ends = [test(system, z, left.borders) for z in (left.z, right)]
            if not ends[0] * ends[1] < 0.0:
                continue
            offset = float(brentq(along, 0.0, length, xtol=1e-14, rtol=1e-14))
            z = system.along(left, offset)[0]
            size = abs(test(system, z, left.borders))
        except (CorrectorStuck, OutsideDomain, ValueError):
            continue
        if size <= ZERO * min(map(abs, ends)) and _is_kind(kind, system, z):
            found.append((offset, kind, z))
    return [(kind, z) for _, kind, z in sorted(found, key=lambda one: one[0])]


def _is_kind(kind: str, system: Determining, z: Array) -> bool:
    """Return whether two eigenvalues of opposite sign are not mistaken for a pair on the imaginary axis."""
    if kind not in ("zero-hopf", "double-hopf") or (kind == "zero-hopf" and system.hopf):
        return True
    rest = _others(system, z)
    first, second = np.triu_indices(len(rest), 1)
    nearest = int(np.argmin(np.abs(rest[first] + rest[second])))
    size = float(np.max(np.abs(rest)))
    return bool(abs(rest[first[nearest]].imag) > REAL * size)
