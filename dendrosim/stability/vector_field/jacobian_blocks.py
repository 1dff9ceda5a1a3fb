"""Blocks of a Jacobian: how one array of variables depends on one array of states.

A block is a 1-D array (the diagonal of a square one), a dense 2-D array, or a sparse array; it stays in the
simplest of these forms. Rows and columns are units x samples, flat, samples contiguous.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from dendrosim.arrays import Array

Block = Any
Row = dict[str, Block]
"""The blocks of one array of variables, by the state that they are derivatives by."""

_SPARSE_BELOW = 0.1  # of all entries: a denser block is stored densely
_SMALL = 10_000


def scaled(row: Mapping[str, Block], factor: Array) -> Row:
    """Return a row of blocks whose rows are multiplied by factors, shape (rows,)."""
    return {name: _scaled(block, factor) for name, block in row.items()}


def _scaled(block: Block, factor: Array) -> Block:
    if sparse.issparse(block):
        return sparse.diags_array(np.asarray(factor, float)).tocsr() @ block
    return factor * block if block.ndim == 1 else factor[:, None] * block


def added(row: Row, other: Mapping[str, Block]) -> Row:
    """Return the sum of two rows of blocks."""
    result = dict(row)
    for name, block in other.items():
        result[name] = _sum(result[name], block) if name in result else block
    return result


def _sum(a: Block, b: Block) -> Block:
    if _form(a) == _form(b) == "diagonal":
        return a + b
    if "dense" in (_form(a), _form(b)):
        return dense(a) + dense(b)
    return _sparse(a) + _sparse(b)


def product(matrix: Array, row: Mapping[str, Block], samples: int) -> Row:
    """Return the blocks of matrix times a variable; every sample is multiplied by itself."""
    return {name: _times(matrix, block, samples) for name, block in row.items()}


def _times(matrix: Array, block: Block, samples: int) -> Block:
    rows, columns = matrix.shape
    if _form(block) == "dense":
        parts = matrix @ block.reshape(columns, -1)
        return compact(parts.reshape(rows * samples, -1))
    if samples > 1:
        every = sparse.kron(sparse.csr_array(matrix), sparse.eye_array(samples), format="csr")
        return compact(every @ _factor(block))
    if _form(block) == "sparse":
        return compact(matrix @ block)
    if rows == columns and not np.any(matrix - np.diag(np.diag(matrix))):
        return np.diag(matrix) * block
    return compact(matrix * block)


def _factor(block: Block) -> Any:
    return sparse.diags_array(block).tocsr() if _form(block) == "diagonal" else block


def chained(outer: sparse.csr_array, row: Mapping[str, Block]) -> Row:
    """Return sparse derivatives by a variable times the blocks of that variable."""
    return {name: compact(outer @ _factor(block)) for name, block in row.items()}


def compact(block: Any) -> Block:
    """Return a 2-D block in the form that suits its number of entries."""
    rows, columns = block.shape
    if sparse.issparse(block):
        full = block.nnz > _SPARSE_BELOW * rows * columns or rows * columns < _SMALL
        return block.toarray() if full else block
    if rows * columns >= _SMALL and np.count_nonzero(block) <= _SPARSE_BELOW * rows * columns:
        return sparse.csr_array(block)
    return block


def dense(block: Block) -> Array:
    """Return a block as a dense 2-D array."""
    if sparse.issparse(block):
        return block.toarray()
    return np.diag(block) if block.ndim == 1 else block


def _sparse(block: Block) -> Any:
    return _factor(block) if _form(block) == "diagonal" else sparse.csr_array(block)


def _form(block: Block) -> str:
    return "sparse" if sparse.issparse(block) else "diagonal" if block.ndim == 1 else "dense"


def assembled(rows: Mapping[str, Row], sizes: Mapping[str, int]) -> Any:
    """Return the whole matrix of the blocks, dense or `csc_array`, in the order of `sizes`."""
    size = sum(sizes.values())
    entries = sum(_entries(b) for row in rows.values() for b in row.values())
    places = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
    if entries > _SPARSE_BELOW * size**2 or size**2 < _SMALL:
        return _assembled_dense(rows, sizes, places, size)
    parts: list[tuple[Any, Any, Any]] = []
    for name, row in rows.items():
        for by, block in row.items():
            part = _sparse(block).tocoo()
            parts.append((part.data, part.coords[0] + places[name], part.coords[1] + places[by]))
    if not parts:
        return sparse.csc_array((size, size))
    data, row_, column = (np.concatenate([p[i] for p in parts]) for i in range(3))
    return sparse.coo_array((data, (row_, column)), shape=(size, size)).tocsc()


def _assembled_dense(
    rows: Mapping[str, Row], sizes: Mapping[str, int], places: Mapping[str, int], size: int
) -> Array:
    result = np.zeros((size, size), order="F")  # as LAPACK wants it
    for name, row in rows.items():
        for by, block in row.items():
            at, to = places[name], places[by]
            if _form(block) == "diagonal":
                places_ = np.arange(len(block))
                result[at + places_, to + places_] = block
            else:
                part = result[at : at + sizes[name], to : to + sizes[by]]
                part[...] = block.toarray() if sparse.issparse(block) else block
    return result


def _entries(block: Block) -> int:
    return int(block.nnz) if sparse.issparse(block) else int(block.size)
