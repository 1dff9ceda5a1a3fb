"""Fast states replaced by their own fixed point, so that slow ones can be analysed alone.

With dx/dt = f(x, z) and z at the solution of g(x, z) = 0, the reduced flow is F(x) = f(x, z(x)). Its Jacobian is
the Schur complement f_x - f_z g_z^-1 g_x.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lu_factor, lu_solve
from scipy.sparse.linalg import splu

from dendrosim.errors import NotConvergedError
from dendrosim.stability.field import CircuitFlow, Field
from dendrosim.stability.flow import Vector

_ITERATIONS, _HALVINGS, _SETTLED = 100, 30, 1e-9


class Slaved(CircuitFlow):
    """A field in which the states of the names `fast` follow the others without delay."""

    def __init__(self, field: Field, fast: set[str]) -> None:
        self._field = field
        self.circuit, self.samples = field.circuit, field.samples
        self.shapes = {n: s for n, s in field.shapes.items() if n not in fast}
        whole = [np.full(rows * columns, n in fast) for n, (rows, columns) in field.shapes.items()]
        self._fast = np.concatenate(whole)
        self._slow = ~self._fast
        self._last: tuple[Vector, Vector] | None = None
        self.start = field.start[self._slow]
        self.labels = [n for n, kept in zip(field.labels, self._slow, strict=True) if kept]
        self.units = [u for u, kept in zip(field.units, self._slow, strict=True) if kept]

    @property
    def parameters(self) -> Mapping[str, float]:  # type: ignore[override]
        return self._field.parameters

    def at(self, name: str, value: float) -> "Slaved":
        return self.with_changes(_field=self._field.at(name, value), _last=None)

    def pack(self, values: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return x from states by name, as the whole field does; fast ones are ignored."""
        return self._field.pack(values)[self._slow]

    def unpack(self, x: Vector) -> dict[str, NDArray[Any]]:
        """Return the states by name, also those that follow."""
        return self._field.unpack(self._whole(np.asarray(x)))

    def evaluate(self, x: Vector) -> dict[str, NDArray[Any]]:
        """Return every variable of every population, subexpressions included."""
        return self._field.evaluate(self._whole(np.asarray(x)))

    def f(self, x: Vector) -> Vector:
        return self._field.f(self._whole(np.asarray(x)))[self._slow]

    def jacobian(self, x: NDArray[np.float64]) -> Any:
        whole = self._whole(np.asarray(x, dtype=float))
        full = self._field.jacobian(whole)
        (slow, slow_by_fast), (fast_by_slow, solve) = self._blocks(full)
        return slow - slow_by_fast @ solve(fast_by_slow)

    def parameter_derivative(self, x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        whole = self._whole(np.asarray(x, dtype=float))
        slope = self._field.parameter_derivative(whole, name)
        (_, slow_by_fast), (_, solve) = self._blocks(self._field.jacobian(whole))
        followed: NDArray[np.float64] = slope[self._slow] - slow_by_fast @ solve(slope[self._fast])
        return followed

    def kinks(self, x: NDArray[np.float64]) -> list[str]:
        return self._field.kinks(self._whole(np.asarray(x, dtype=float)))

    def check(self, x: NDArray[np.float64]) -> None:
        """Raise DifferentiationError if a unit is above its threshold at x."""
        self._field.check(self._whole(np.asarray(x, dtype=float)))

    def _blocks(self, full: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        slow, fast = np.flatnonzero(self._slow), np.flatnonzero(self._fast)
        parts = [[full[rows][:, columns] for columns in (slow, fast)] for rows in (slow, fast)]
        if sparse.issparse(full):
            dense = parts[0][0].toarray(), parts[0][1], parts[1][0].toarray()
            return (dense[0], dense[1]), (dense[2], splu(sparse.csc_array(parts[1][1])).solve)
        factors = lu_factor(parts[1][1], check_finite=False)
        return (parts[0][0], parts[0][1]), (parts[1][0], lambda right: lu_solve(factors, right))

    def _whole(self, x: Vector) -> Vector:
        """Return the states of the whole field, with the fast ones at their fixed point.

        Where x has a small imaginary part, the step by which derivatives are taken, so have the fast states.
        """
        if self._last is not None and np.array_equal(self._last[0], x):
            return self._last[1]
        whole = np.zeros(len(self._slow), dtype=np.result_type(x, float))
        whole[self._fast] = self._field.start[self._fast]
        whole[self._slow] = x.real
        whole[self._fast] = self._settled(whole.real)
        if np.iscomplexobj(x):
            solve = self._blocks(self._field.jacobian(whole.real))[1][1]
            whole[self._slow] = x
            whole[self._fast] -= 1j * solve(self._field.f(whole)[self._fast].imag)
        self._last = np.array(x), whole
        return whole

    def _settled(self, whole: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the fast states at which their rates vanish, by damped Newton steps."""
        trial, fast = whole.copy(), self._fast
        residual = self._field.f(trial)[fast]
        for _ in range(_ITERATIONS):
            solve = self._blocks(self._field.jacobian(trial))[1][1]
            before, step = trial[fast], solve(residual)
            if not np.all(np.isfinite(step)):
                break
            for halving in range(_HALVINGS):
                trial[fast] = before - step / 2**halving
                after = self._field.f(trial)[fast]
                correction = solve(after)
                size = np.max(abs(correction) / (1e-9 + abs(trial[fast])), initial=0.0)
                if size < _SETTLED:
                    return trial[fast] - correction
                if np.linalg.norm(correction) < np.linalg.norm(step):
                    break
            else:
                break
            residual = after
        worst = np.flatnonzero(fast)[np.argmax(abs(residual))] if len(residual) else 0
        raise NotConvergedError(
            f"slaved states have no fixed point of their own near where they start: {self._field.labels[worst]} "
            f"still changes at {abs(residual).max():.3g} {self._field.units[worst]}/s; slave fewer states, or "
            "give other start values",
            where=self._field.labels[worst],
        )
