"""Slaved states: fast states are replaced by their own fixed point, so that slow states are analysed alone.

For dx/dt = f(x, z) and dz/dt = g(x, z) with fast states z, the reduced flow is F(x) = f(x, z(x)), where z(x)
solves g(x, z) = 0. By the implicit function theorem its Jacobian is the Schur complement f_x - f_z g_z^-1 g_x.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import LinAlgWarning, lu_factor, lu_solve
from scipy.sparse.linalg import splu

from dendrosim.arrays import AnyArray, Array, NamedArrays
from dendrosim.errors import NotConvergedError
from dendrosim.machine.brian_import import own_filters
from dendrosim.stability.vector_field.circuit_field import CircuitField, CircuitFlow

Solve = Callable[[Any], Any]

_ITERATIONS = 20
"""Number of Newton steps after which the search gives up: BMVR and target propagation need one to four."""

_HALVINGS = 30
"""Largest number of times that a Newton step is halved: the progress of even shorter steps is not worth their
cost."""

_SETTLED = 1e-9
"""Newton's method ends if the relative correction is below this: the next correction, about its square, is below
rounding errors."""

_RELAXATION = 100
"""Largest number of implicit Euler steps: each may be four times as long as the one before, so a few dozen reach
the length `_LONG`."""

_SHORT = 1e-2
"""Length of a step, relative to the fastest time constant, below which the step is accepted even if it is not
accurate, because the rates jump there."""

_LONG = 1e5
"""Length of a step, relative to the fastest time constant, at which the fast states count as at rest."""


class SlavedField(CircuitFlow):
    """A vector field in which some states follow the others without delay.

    Parameters
    ----------
    field : CircuitField
        The vector field of all states.
    fast : set of str
        Names of the fast states, which follow the others without delay.
    """

    cost = 10  # a Jacobian of the fast states and at least two evaluations of the field

    def __init__(self, field: CircuitField, fast: set[str]) -> None:
        self._field, self._names = field, frozenset(fast)
        self.circuit, self.samples = field.circuit, field.samples
        self.shapes = {n: s for n, s in field.shapes.items() if n not in fast}
        whole = [np.full(rows * columns, n in fast) for n, (rows, columns) in field.shapes.items()]
        self._fast = np.concatenate(whole)
        self._slow = ~self._fast
        self._last: tuple[AnyArray, AnyArray] | None = None
        self.start = field.start[self._slow]
        self.labels = [n for n, kept in zip(field.labels, self._slow, strict=True) if kept]
        self.units = [u for u, kept in zip(field.units, self._slow, strict=True) if kept]

    @property
    def parameters(self) -> Mapping[str, float]:  # type: ignore[override]
        return self._field.parameters

    def parameter_unit(self, name: str) -> str:
        return self._field.parameter_unit(name)

    def at(self, name: str, value: float) -> "SlavedField":
        return self.with_changes(_field=self._field.at(name, value), _last=None)

    def pack(self, values: Mapping[str, Any]) -> Array:
        """Return x from states by name, as `CircuitField.pack` does; values of slaved states are ignored."""
        return self._field.pack(values)[self._slow]

    def unpack(self, x: AnyArray) -> NamedArrays:
        """Return all states by name, slaved ones included."""
        return self._field.unpack(self._complete_state(np.asarray(x)))

    def evaluate(self, x: AnyArray) -> NamedArrays:
        """Return every variable of every population at `x` by name."""
        return self._field.evaluate(self._complete_state(np.asarray(x)))

    def f(self, x: AnyArray) -> AnyArray:
        return self._field.f(self._complete_state(np.asarray(x)))[self._slow]

    def jacobian(self, x: Array) -> Any:
        whole = self._complete_state(np.asarray(x, dtype=float))
        full = self._field.jacobian(whole)
        (slow, slow_by_fast), (fast_by_slow, solve) = self._split_jacobian(full)
        return slow - slow_by_fast @ solve(fast_by_slow)

    def parameter_derivative(self, x: Array, name: str) -> Array:
        whole = self._complete_state(np.asarray(x, dtype=float))
        slope = self._field.parameter_derivative(whole, name)
        (_, slow_by_fast), (_, solve) = self._split_jacobian(self._field.jacobian(whole))
        reduced: Array = slope[self._slow] - slow_by_fast @ solve(slope[self._fast])
        return reduced

    def directional_derivatives(self, x: Array, direction: Array) -> tuple[Array, Array]:
        """Return the second and third derivative of f along a line; the fast states follow it order by order."""
        whole = self._complete_state(np.asarray(x, dtype=float))
        solve = self._solver(self._fast_block(whole))
        curve = np.zeros((3, len(whole)))
        curve[0, self._slow] = direction
        for order in range(
            3
        ):  # with the fast states' derivatives of lower orders, g has this derivative left
            left = self._field.curve_derivatives(whole, curve)[order, self._fast]
            curve[order, self._fast] = -solve(left)
        found = self._field.curve_derivatives(whole, curve)[:, self._slow]
        return found[1], found[2]

    def kinks(self, x: Array) -> list[str]:
        return self._field.kinks(self._complete_state(np.asarray(x, dtype=float)))

    def check(self, x: Array) -> None:
        """Raise DifferentiationError if a unit is above its spike threshold at `x`."""
        self._field.check(self._complete_state(np.asarray(x, dtype=float)))

    def _split_jacobian(self, full: Any) -> tuple[tuple[Any, Any], tuple[Any, Solve]]:
        """Return ((f_x, f_z), (g_x, solver of g_z)) of the Jacobian of all states."""
        slow, fast = np.flatnonzero(self._slow), np.flatnonzero(self._fast)
        parts = [[full[rows][:, columns] for columns in (slow, fast)] for rows in (slow, fast)]
        solve = self._solver(parts[1][1])
        if sparse.issparse(full):
            return (parts[0][0].toarray(), parts[0][1]), (parts[1][0].toarray(), solve)
        return (parts[0][0], parts[0][1]), (parts[1][0], solve)

    def _fast_block(self, whole: Array) -> Any:
        return self._field.partial_jacobian(whole, self._names)

    def _solver(self, block: Any) -> Solve:
        """Return the solver for the Jacobian of the fast states; raises NotConvergedError if it is singular."""
        solve = _factorise(block)
        if solve is not None:
            return solve
        still = np.flatnonzero(np.asarray(abs(block).sum(axis=1)).ravel() == 0)
        labels = [label for label, fast in zip(self._field.labels, self._fast, strict=True) if fast]
        cause = f"{labels[still[0]]} does not change at all" if len(still) else "they drift freely"
        raise NotConvergedError(
            f"slaved states have no fixed point of their own: {cause}; slave fewer states, or open the "
            "gates that move them",
            where=labels[still[0]] if len(still) else "",
        )

    def _complete_state(self, x: AnyArray) -> AnyArray:
        """Return all states, with the fast ones at their fixed point; the last result is kept.

        If `x` has a small imaginary part (for a derivative by a complex step), the fast states get imaginary parts
        that are right to first order.
        """
        if self._last is not None and np.array_equal(self._last[0], x):
            return self._last[1]
        whole = np.zeros(len(self._slow), dtype=np.result_type(x, float))
        whole[self._fast] = self._field.start[self._fast]
        whole[self._slow] = x.real
        whole[self._fast] = self._solve_fast(whole.real)
        if np.iscomplexobj(x):
            solve = self._solver(self._fast_block(whole.real))
            whole[self._slow] = x
            whole[self._fast] -= 1j * solve(self._field.f(whole)[self._fast].imag)
        self._last = np.array(x), whole
        return whole

    def _solve_fast(self, whole: Array) -> Array:
        """Return the fast states at which their rates are zero.

        Newton's method starts from the initial values or, if this fails, from the state to which fast states
        relax.
        """
        with np.errstate(all="ignore"):
            found = self._search_newton(whole.copy())
            if found is None:
                relaxed = self._relax(whole.copy())
                found = self._search_newton(relaxed.copy())
        if found is not None:
            return found
        self._solver(self._fast_block(relaxed))
        rates = abs(self._field.f(relaxed)[self._fast])
        worst = np.flatnonzero(self._fast)[np.argmax(rates)]
        label, unit = self._field.labels[worst], self._field.units[worst]
        raise NotConvergedError(
            f"slaved states have no fixed point of their own near where they start: {label} still changes at "
            f"{rates.max():.3g} {unit}/s; slave fewer states, or give other start values",
            where=label,
        )

    def _search_newton(self, trial: Array) -> Array | None:
        """Return the fixed point near a state by damped Newton steps, or None if they do not converge.

        A step is accepted if the next correction, with the same Jacobian, is smaller (natural monotonicity).
        """
        fast = self._fast
        residual = self._field.f(trial)[fast]
        for _ in range(_ITERATIONS):
            solve = _factorise(self._fast_block(trial))
            if solve is None:
                return None
            before, step = trial[fast], solve(residual)
            if not np.all(np.isfinite(step)):
                return None
            for halving in range(_HALVINGS):
                trial[fast] = before - step / 2**halving
                residual = self._field.f(trial)[fast]
                correction = solve(residual)
                if _relative_size(correction, trial[fast]) < _SETTLED:
                    return np.asarray(trial[fast] - correction)
                if np.linalg.norm(correction) < np.linalg.norm(step):
                    break
            else:
                return None
        return None

    def _relax(self, trial: Array) -> Array:
        """Return the state to which the fast states relax, by implicit Euler steps that grow while accurate.

        Newton's method may cycle between the pieces of a flow with corners; the flow itself does not.
        """
        fast, length = self._fast, 0.0
        for _ in range(_RELAXATION):
            before, rates, block = trial[fast], self._field.f(trial)[fast], self._fast_block(trial)
            speed = float(abs(block).sum(axis=1).max()) or 1.0
            length = length or 1.0 / speed
            if length * speed > _LONG:
                break
            while True:
                shifted = sparse.eye_array(len(rates), format="csr") / length - block
                solve = _factorise(shifted if sparse.issparse(shifted) else np.asarray(shifted))
                step = rates * np.nan if solve is None else solve(rates)
                trial[fast] = before + step
                # Only the end matters, so the linearisation of a step may be wrong by half of the step.
                defect = np.linalg.norm(length * self._field.f(trial)[fast] - step)
                if defect <= 0.5 * np.linalg.norm(step) + 1e-3 * np.linalg.norm(trial[fast]):
                    break
                if length * speed < _SHORT:  # the rates jump here, and no step is short enough
                    break
                length /= 4.0
            if not np.all(np.isfinite(trial)):
                trial[fast] = before
                break
            length *= 4.0
        return trial


def _factorise(block: Any) -> Solve | None:
    """Return a solver of linear systems with a square matrix, or None if the matrix is singular."""
    try:
        if sparse.issparse(block):
            return splu(sparse.csc_array(block)).solve  # type: ignore[no-any-return]
        with own_filters():
            warnings.simplefilter("error", LinAlgWarning)
            factors = lu_factor(block, check_finite=False)
    except (RuntimeError, LinAlgWarning):
        return None
    return lambda right: lu_solve(factors, right, check_finite=False)


def _relative_size(step: Array, state: Array) -> float:
    """Return the largest ratio of a step to its state; states below 1e-9 count as 1e-9.

    Otherwise a state that settles at 0 would never count as settled. With `_SETTLED`, steps of 1e-18 in SI units
    are small enough: a current of 1 pA is then accurate to a millionth.
    """
    return float(np.max(abs(step) / (1e-9 + abs(state)), initial=0.0))
