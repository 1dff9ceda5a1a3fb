"""The Jacobian of a circuit's equations, by the chain rule, and derivatives with respect to parameters.

Every array of variables has a row of blocks, which are its derivatives with respect to each state. The rows are
computed in the order of evaluation. The row of a subexpression comes from the symbolic derivatives of its text.
The row of a variable that projections feed comes from the rows of their sources, and from the weights if a matrix
is part of the state.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from scipy import sparse

from dendrosim.arrays import Array, NamedArrays
from dendrosim.circuit.paths import is_variable
from dendrosim.circuit.sparse_matrices import MatrixConnections
from dendrosim.stability.vector_field.compiled_equations import POST, PRE, Formula
from dendrosim.stability.vector_field.evaluation import Evaluation
from dendrosim.stability.vector_field.jacobian_blocks import (
    Block,
    BlockRow,
    add_rows,
    assemble,
    chain_row,
    compact_block,
    multiply_row,
    scale_row,
)


def jacobian(at: Evaluation, states: Collection[str] | None = None) -> Any:
    """Return df/dx as a dense array or `csc_array`.

    If `states` are named, return only the derivatives of their rates with respect to these states.
    """
    chosen = [n for n in at.shapes if states is None or n in states]
    rows: dict[str, BlockRow] = {
        n: {n: np.ones(at.variables[n].size)} for n in chosen if is_variable(n)
    }
    plastic = {n for n in chosen if not is_variable(n)}
    for path in at.equations.order:
        formula = at.equations.formulas.get(path)
        if formula is None:
            rows[path] = _fed_row(at, path, rows, plastic)
        else:
            rows[path] = _formula_row(at, path, formula, rows)
    rates = {
        name: _formula_row(at, name, at.equations.rates[name], rows)
        if is_variable(name)
        else _plasticity_row(at, name, rows, plastic)
        for name in chosen
    }
    return assemble(rates, {n: at.shapes[n][0] * at.shapes[n][1] for n in chosen})


def _formula_row(
    at: Evaluation, path: str, formula: Formula, rows: Mapping[str, BlockRow]
) -> BlockRow:
    """Return the row of a formula in variables of one population."""
    values, result = at.values(formula), BlockRow()
    for symbol, source in formula.variables.items():
        if rows.get(source) and formula.expression.depends_on(symbol):
            partial = formula.expression.partial(symbol, values)
            factor = np.broadcast_to(partial, at.shape(path)).ravel()
            result = add_rows(result, scale_row(rows[source], factor))
    return result


def _fed_row(
    at: Evaluation, path: str, rows: Mapping[str, BlockRow], plastic: Collection[str]
) -> BlockRow:
    """Return the row of a variable that projections feed; `plastic` are the matrices that are states."""
    result = BlockRow()
    for projection in at.equations.feeds[path]:
        source = at.variables[projection.source]
        if rows.get(projection.source):
            matrix = at.projection_weights(projection)
            result = add_rows(
                result, multiply_row(matrix, rows[projection.source], source.shape[1])
            )
        own = projection.matrix
        inverted = at.equations.circuit.matrix(own).inverse_of
        if inverted is not None and inverted in plastic:
            block = _derivative_by_inverted(at.weights[own], source, projection.transpose)
            result = add_rows(result, {inverted: block})
        elif own in plastic:
            connections = at.numbers.connections.get(own)
            if connections is None:
                block = _derivative_by_weights(at.shapes[own], source, projection.transpose)
            else:
                block = _derivative_by_connections(connections, source, projection.transpose)
            result = add_rows(result, {own: block})
    return result


def _plasticity_row(
    at: Evaluation, name: str, rows: Mapping[str, BlockRow], plastic: Collection[str]
) -> BlockRow:
    """Return the row of a plastic matrix: derivatives of the rates of its weights, averaged over the samples.

    `plastic` are the matrices that are states; the rule reads the weight of the same pair of units of each.
    """
    formula, shape = at.equations.rates[name], (*at.shapes[name], at.samples)
    values, result = at.plasticity_values(name), BlockRow()
    for symbol, path in formula.variables.items():
        weight = path in plastic
        if not (weight or rows.get(path)) or not formula.expression.depends_on(symbol):
            continue
        slope = np.broadcast_to(formula.expression.partial(symbol, values), shape) / at.samples
        if weight:
            result = add_rows(result, {path: slope.sum(-1).ravel()})
        else:
            result = add_rows(
                result,
                chain_row(_derivative_by_side(at, name, slope, symbol.endswith(PRE)), rows[path]),
            )
    return result


def _derivative_by_weights(shape: tuple[int, int], source: Array, transpose: bool) -> Block:
    """Return the derivative of a matrix times `source` (units, samples) with respect to the matrix's weights."""
    rows, columns = shape
    samples = source.shape[1]
    if transpose:  # element (j, b) depends on w_ij with source_ib
        unit, other = np.arange(columns), np.arange(rows) * columns
    else:  # element (i, b) depends on w_ij with source_jb
        unit, other = np.arange(rows) * columns, np.arange(columns)
    indices = np.repeat(unit, samples)[:, None] + other[None, :]
    data = np.tile(source.T, (len(unit), 1))
    pointers = np.arange(len(indices) + 1) * indices.shape[1]
    whole = (len(indices), rows * columns)
    return compact_block(sparse.csr_array((data.ravel(), indices.ravel(), pointers), shape=whole))


def _derivative_by_connections(
    connections: MatrixConnections, source: Array, transpose: bool
) -> Block:
    """Return the derivative of a sparse matrix times `source` (units, samples) with respect to its weights."""
    to, from_ = connections.post, connections.pre
    units = connections.shape[1 if transpose else 0]
    if transpose:
        to, from_ = from_, to
    samples = np.arange(source.shape[1])
    rows = to[:, None].astype(np.int64) * len(samples) + samples
    columns = np.broadcast_to(np.arange(connections.count)[:, None], rows.shape)
    shape = (units * len(samples), connections.count)
    data = source[from_].ravel()
    return compact_block(sparse.csr_array((data, (rows.ravel(), columns.ravel())), shape=shape))


def _derivative_by_inverted(q: Array, source: Array, transpose: bool) -> Block:
    """Return the derivative of Q source (or Q^T source) with respect to W = Q^-1, from dQ = -Q dW Q."""
    size, samples = q.shape[0], source.shape[1]
    sides = (q.T, q) if transpose else (q, q)
    pattern = "jc,ab->jbac" if transpose else "ia,cb->ibac"
    block = -np.einsum(pattern, sides[0], sides[0] @ source)
    return block.reshape(size * samples, size * size)


def _derivative_by_side(at: Evaluation, name: str, slope: Array, pre: bool) -> sparse.csr_array:
    """Return derivatives (post, pre, samples) as a sparse matrix: rows for weights, columns for one population."""
    rows, columns, samples = slope.shape
    matrix = at.equations.circuit.matrix(name)
    units = at.equations.circuit.shape(matrix)[1 if pre else 0]
    # The unit of each weight; each weight of a sparse matrix has a row.
    side = at.side(name, np.arange(units)[:, None], not pre)
    indices = np.broadcast_to(side, (rows, columns, 1)) * samples + np.arange(samples)
    pointers = np.arange(rows * columns + 1) * samples
    shape = (rows * columns, units * samples)
    return sparse.csr_array((slope.ravel(), indices.ravel(), pointers), shape=shape)


def parameter_derivative(at: Evaluation, name: str) -> Array:
    """Return df/dp, shape (n,), where p is the parameter, gate or input `name`."""
    slopes: NamedArrays = {}
    if name in at.numbers.drives:
        slopes[name] = np.ones_like(at.numbers.drives[name])
    for path in at.equations.order:
        formula = at.equations.formulas.get(path)
        if formula is None:
            feeding = [p for p in at.equations.feeds[path] if p.source in slopes]
            parts = [at.projection_weights(p) @ slopes[p.source] for p in feeding]
            slopes[path] = np.sum(parts, axis=0) if parts else np.zeros(at.shape(path))
        else:
            own = {s: slopes[p] for s, p in formula.variables.items() if p in slopes}
            slope = _formula_derivative(formula, at.values(formula), own, name)
            slopes[path] = np.broadcast_to(slope, at.shape(path))
    return np.concatenate(
        [_rate_derivative(at, state, slopes, name).ravel() for state in at.shapes]
    )


def _rate_derivative(at: Evaluation, state: str, slopes: NamedArrays, name: str) -> Array:
    formula = at.equations.rates[state]
    own = {s: slopes[p] for s, p in formula.variables.items() if p in slopes}
    if is_variable(state):
        return np.broadcast_to(
            _formula_derivative(formula, at.values(formula), own, name), at.shapes[state]
        )
    placed = {s: at.side(state, v, s.endswith(POST)) for s, v in own.items()}
    slope = _formula_derivative(formula, at.plasticity_values(state), placed, name)
    return np.broadcast_to(slope, (*at.shapes[state], at.samples)).mean(-1)


def _formula_derivative(
    formula: Formula, values: Mapping[str, Any], slopes: NamedArrays, name: str
) -> Any:
    """Return the derivative of a formula with respect to a parameter, given those of its variables (`slopes`)."""
    total: Any = 0.0
    for symbol, slope in slopes.items():
        if formula.expression.depends_on(symbol):
            total = total + formula.expression.partial(symbol, values) * slope
    for symbol, key in formula.numbers.items():
        if key == name and formula.expression.depends_on(symbol):
            total = total + formula.expression.partial(symbol, values)
    return total
