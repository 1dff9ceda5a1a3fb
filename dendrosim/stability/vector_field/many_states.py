"""A circuit's equations at many states at once: the states are samples side by side."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from dendrosim.arrays import Array
from dendrosim.circuit.paths import is_variable
from dendrosim.stability.vector_field.evaluation import Evaluation
from dendrosim.stability.vector_field.jacobian import jacobian, parameter_derivative

MOST_ENTRIES = 4_000_000
"""Largest number of entries of the Jacobians that are computed together: about 100 MB with temporary arrays."""


def can_batch(at: Evaluation) -> bool:
    """Return whether states can be samples side by side: there is one sample, and no matrix is a state."""
    return at.samples == 1 and all(map(is_variable, at.shapes))


def evaluate_states(
    at: Evaluation, states: Array, parameter: str | None
) -> tuple[Array, Array, Array]:
    """Return f, Jacobians and derivatives with respect to a parameter at m states, shape (m, n).

    `at` is the evaluation of the same equations at one state.
    """
    count, size = states.shape
    rates, slopes = np.zeros((count, size)), np.zeros((count, size))
    jacobians = np.zeros((count, size, size))
    each = max(1, MOST_ENTRIES // size**2)
    for begin in range(0, count, each):
        part = slice(begin, min(begin + each, count))
        side = side_by_side(at, states[part])
        m = side.samples
        rates[part] = np.concatenate([side.rate(n) for n in side.shapes]).T
        jacobians[part] = _by_sample(jacobian(side), size, m)
        if parameter is not None:
            slopes[part] = parameter_derivative(side, parameter).reshape(size, m).T
    return rates, jacobians, slopes


def side_by_side(at: Evaluation, states: Array) -> Evaluation:
    """Return the evaluation of m states, shape (m, n), as m samples."""
    m = len(states)
    ends = np.cumsum([rows for rows, _ in at.shapes.values()])[:-1]
    parts = dict(zip(at.shapes, np.split(np.asarray(states, float).T, ends), strict=True))
    drives = {n: np.repeat(d, m, axis=1) for n, d in at.numbers.drives.items()}
    return Evaluation(
        at.equations,
        replace(at.numbers, drives=drives),
        m,
        {n: (rows, m) for n, (rows, _) in at.shapes.items()},
        parts,
    )


def _by_sample(matrix: Any, size: int, m: int) -> Array:
    """Return the blocks of each sample, (m, n, n), of a Jacobian of n states times m samples."""
    if not sparse.issparse(matrix):
        whole = np.asarray(matrix).reshape(size, m, size, m)
        return np.asarray(np.einsum("ikjk->kij", whole))
    entries = matrix.tocoo()
    row, column = entries.coords
    found = np.zeros((m, size, size))
    np.add.at(found, (row % m, row // m, column // m), entries.data)
    return found


def variables_with_corners(at: Evaluation, states: Array) -> Iterator[tuple[str, int]]:
    """Yield path and unit of each equation that has a corner between two of m states, shape (m, n)."""
    side = side_by_side(at, states)
    for path in (*at.equations.order, *at.shapes):
        formula = at.equations.formulas.get(path) or at.equations.rates.get(path)
        if formula is None:
            continue
        sides = formula.expression.sides_of_corners(side.values(formula))
        for sign in sides:
            whole = np.broadcast_to(sign, side.shape(path))
            for unit in np.flatnonzero(np.any(whole != whole[:, :1], axis=1)):
                yield path, int(unit)
