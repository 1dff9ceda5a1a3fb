"""Derivatives of a circuit's rates along a curve of states, up to the third, by the chain rule.

They are exact: those of expressions are symbolic, and products of matrices and variables follow Leibniz's rule.
All derivatives are with respect to the parameter s of the curve x(s), at s = 0.
"""

from math import comb
from typing import Any

import numpy as np

from dendrosim.arrays import Array, NamedArrays
from dendrosim.circuit.matrix import Projection
from dendrosim.circuit.paths import is_variable
from dendrosim.stability.vector_field.compiled_equations import POST, PRE, Formula
from dendrosim.stability.vector_field.evaluation import Evaluation

Curve = tuple[NamedArrays, NamedArrays, NamedArrays]
"""The first three derivatives of the states, by name, in the shapes of an evaluation."""


def curve_derivatives(at: Evaluation, curve: Curve) -> Array:
    """Return the first three derivatives of all rates along a curve through the states of `at`, shape (3, n)."""
    moving: dict[str, tuple[Any, Any, Any]] = {
        name: (curve[0][name], curve[1][name], curve[2][name])
        for name in at.shapes
        if is_variable(name)
    }
    weights = _weights_along(at, curve)
    for path in at.equations.order:
        formula = at.equations.formulas.get(path)
        if formula is None:
            found = _fed_along(at, path, moving, weights)
        else:
            found = _formula_along(at, formula, moving, at.shape(path))
        if found is not None:
            moving[path] = found
    orders: list[list[Array]] = [[], [], []]
    for name, shape in at.shapes.items():
        if is_variable(name):
            rates = _formula_along(at, at.equations.rates[name], moving, shape)
        else:
            rates = _plasticity_along(at, name, moving, curve)
        for order, parts in enumerate(orders):
            parts.append(np.zeros(shape) if rates is None else np.asarray(rates[order]))
    return np.array([np.concatenate([p.ravel() for p in parts]) for parts in orders])


def _formula_along(
    at: Evaluation,
    formula: Formula,
    moving: dict[str, tuple[Any, Any, Any]],
    shape: tuple[int, int],
) -> tuple[Any, Any, Any] | None:
    """Return the derivatives of a formula in variables of one population; None if none of them moves."""
    own = {symbol: moving[path] for symbol, path in formula.variables.items() if path in moving}
    if not own:
        return None
    a, b, c = formula.expression.along(at.values(formula), own)
    return np.broadcast_to(a, shape), np.broadcast_to(b, shape), np.broadcast_to(c, shape)


def _weights_along(at: Evaluation, curve: Curve) -> dict[str, tuple[Any, Any, Any]]:
    """Return the derivatives of the matrices that are states, and of their inverses."""
    found: dict[str, tuple[Any, Any, Any]] = {}
    for name in at.shapes:
        if is_variable(name):
            continue
        connections = at.numbers.connections.get(name)
        parts = [
            c[name] if connections is None else connections.sparse(c[name][:, 0]) for c in curve
        ]
        found[name] = (parts[0], parts[1], parts[2])
    for matrix in at.equations.circuit.matrices:
        if matrix.inverse_of in found:
            given = (at.weights[matrix.inverse_of], *found[matrix.inverse_of])
            inverse = [at.weights[matrix.name]]
            for k in (1, 2, 3):  # the derivatives of W Q = 1
                terms = sum(comb(k, j) * given[j] @ inverse[k - j] for j in range(1, k + 1))
                inverse.append(-inverse[0] @ terms)
            found[matrix.name] = (inverse[1], inverse[2], inverse[3])
    return found


def _fed_along(
    at: Evaluation,
    path: str,
    moving: dict[str, tuple[Any, Any, Any]],
    weights: dict[str, tuple[Any, Any, Any]],
) -> tuple[Any, Any, Any] | None:
    """Return the derivatives of a variable that projections feed; None if nothing that feeds it moves."""
    totals: list[Any] = [0.0, 0.0, 0.0]
    moved = False
    for projection in at.equations.feeds[path]:
        matrices = _orders(
            at.projection_weights(projection), weights.get(projection.matrix), projection
        )
        sources = (at.variables[projection.source], *moving.get(projection.source, (None,) * 3))
        for k in (1, 2, 3):
            for j in range(k + 1):
                if matrices[j] is not None and sources[k - j] is not None:
                    totals[k - 1] = totals[k - 1] + comb(k, j) * (matrices[j] @ sources[k - j])
                    moved = True
    if not moved:
        return None
    a, b, c = (np.broadcast_to(t, at.shape(path)) for t in totals)
    return a, b, c


def _orders(matrix: Any, along: tuple[Any, Any, Any] | None, projection: Projection) -> list[Any]:
    """Return a matrix and its derivatives, transposed if the projection transposes it; None for zero."""
    if along is None:
        return [matrix, None, None, None]
    return [matrix, *(m.T if projection.transpose else m for m in along)]


def _plasticity_along(
    at: Evaluation, name: str, moving: dict[str, tuple[Any, Any, Any]], curve: Curve
) -> tuple[Any, Any, Any] | None:
    """Return the derivatives of the rates of a matrix's weights, averaged over the samples."""
    formula = at.equations.rates[name]
    own: dict[str, tuple[Any, Any, Any]] = {}
    for symbol, path in formula.variables.items():
        if path == name:
            own[symbol] = tuple(c[name][:, :, None] for c in curve)  # type: ignore[assignment]
        elif path in moving:
            post = symbol.endswith(POST) or not symbol.endswith(PRE)
            own[symbol] = tuple(at.side(name, m, post) for m in moving[path])  # type: ignore[assignment]
    if not own:
        return None
    shape = (*at.shapes[name], at.samples)
    found = formula.expression.along(at.plasticity_values(name), own)
    a, b, c = (np.broadcast_to(d, shape).mean(-1) for d in found)
    return a, b, c
