"""Blocks of a Jacobian: the derivatives of one array of variables with respect to one array of states.

A block is a 1-D array (the diagonal of a diagonal block), a dense 2-D array, or a sparse array, whichever is
simplest. Rows and columns are the elements of units x samples, with the samples of one unit next to each other.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from dendrosim.arrays import Array

Block = Any
BlockRow = dict[str, Block]
"""The blocks of one array of variables, by the name of the state."""

_SPARSE_BELOW = 0.1
"""Largest fraction of non-zero entries of a sparse block: with more of them, BLAS is faster than sparse
products."""

_SMALL = 10_000
"""Number of entries below which a block is dense, since the overhead of sparse arrays outweighs their gain."""


def scale_row(row: Mapping[str, Block], factor: Array) -> BlockRow:
    """Return blocks with each of their rows multiplied by a factor; `factor` has shape (rows,)."""
    return {name: _scale_block(block, factor) for name, block in row.items()}


def _scale_block(block: Block, factor: Array) -> Block:
    if sparse.issparse(block):
        return sparse.diags_array(np.asarray(factor, float)).tocsr() @ block
    return factor * block if block.ndim == 1 else factor[:, None] * block


def add_rows(row: BlockRow, other: Mapping[str, Block]) -> BlockRow:
    """Return the sum of two rows of blocks."""
    result = dict(row)
    for name, block in other.items():
        result[name] = _add_blocks(result[name], block) if name in result else block
    return result


def _add_blocks(a: Block, b: Block) -> Block:
    if _storage(a) == _storage(b) == "diagonal":
        return a + b
    if "dense" in (_storage(a), _storage(b)):
        return dense_block(a) + dense_block(b)
    return _sparse_block(a) + _sparse_block(b)


def multiply_row(matrix: Any, row: Mapping[str, Block], samples: int) -> BlockRow:
    """Return the blocks of the product of a matrix and a variable, computed sample by sample.

    The matrix is a dense array or a SciPy sparse array.
    """
    return {name: _multiply_block(matrix, block, samples) for name, block in row.items()}


def _multiply_block(matrix: Any, block: Block, samples: int) -> Block:
    rows, columns = matrix.shape
    if _storage(block) == "dense":
        parts = matrix @ block.reshape(columns, -1)
        return compact_block(parts.reshape(rows * samples, -1))
    if samples > 1:
        every = _in_every_sample(matrix, samples)
        if _storage(block) == "diagonal":
            every.data *= block[every.indices]
            return compact_block(every)
        return compact_block(every @ block)
    if _storage(block) == "sparse":
        return compact_block(matrix @ block)
    if sparse.issparse(matrix):
        place = matrix.tocoo().coords
        if rows == columns and np.array_equal(place[0], place[1]):
            return matrix.diagonal() * block
        return compact_block(matrix @ _as_matrix(block))
    if rows == columns and not np.any(matrix - np.diag(np.diag(matrix))):
        return np.diag(matrix) * block
    return compact_block(matrix * block)


def _in_every_sample(matrix: Any, samples: int) -> sparse.csr_array:
    """Return the Kronecker product of `matrix` and I, which multiplies each sample of a flat variable."""
    if sparse.issparse(matrix):
        return sparse.kron(matrix, sparse.eye_array(samples), format="csr")
    rows, columns = matrix.shape
    # Written row by row: a general Kronecker product takes longer than all the rest of a small Jacobian.
    shape = (rows, samples, columns)
    values = np.broadcast_to(np.asarray(matrix, dtype=float)[:, None, :], shape).flatten()
    places = np.arange(samples)[:, None] + samples * np.arange(columns)
    indices = np.broadcast_to(places, shape).flatten()
    starts = columns * np.arange(rows * samples + 1)
    return sparse.csr_array((values, indices, starts), shape=(rows * samples, columns * samples))


def _as_matrix(block: Block) -> Any:
    """Return a block as a 2-D array, sparse if it is diagonal."""
    return sparse.diags_array(block).tocsr() if _storage(block) == "diagonal" else block


def chain_row(outer: sparse.csr_array, row: Mapping[str, Block]) -> BlockRow:
    """Return blocks by the chain rule: derivatives `outer` with respect to a variable times its blocks `row`."""
    return {name: compact_block(outer @ _as_matrix(block)) for name, block in row.items()}


def compact_block(block: Any) -> Block:
    """Return a 2-D block as a dense or a sparse array, depending on its size and fraction of non-zeros."""
    rows, columns = block.shape
    if sparse.issparse(block):
        full = block.nnz > _SPARSE_BELOW * rows * columns or rows * columns < _SMALL
        return block.toarray() if full else block
    if rows * columns >= _SMALL and np.count_nonzero(block) <= _SPARSE_BELOW * rows * columns:
        return sparse.csr_array(block)
    return block


def dense_block(block: Block) -> Array:
    """Return a block as a dense 2-D array."""
    if sparse.issparse(block):
        return block.toarray()
    return np.diag(block) if block.ndim == 1 else block


def _sparse_block(block: Block) -> Any:
    return _as_matrix(block) if _storage(block) == "diagonal" else sparse.csr_array(block)


def _storage(block: Block) -> str:
    return "sparse" if sparse.issparse(block) else "diagonal" if block.ndim == 1 else "dense"


def assemble(rows: Mapping[str, BlockRow], sizes: Mapping[str, int]) -> Any:
    """Return the whole matrix as a dense array or `csc_array`, with states in the order of `sizes`."""
    size = sum(sizes.values())
    entries = sum(_count_entries(b) for row in rows.values() for b in row.values())
    places = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
    if entries > _SPARSE_BELOW * size**2 or size**2 < _SMALL:
        return _assemble_dense(rows, sizes, places, size)
    parts: list[tuple[Any, Any, Any]] = []
    for name, row in rows.items():
        for by, block in row.items():
            part = _sparse_block(block).tocoo()
            parts.append((part.data, part.coords[0] + places[name], part.coords[1] + places[by]))
    if not parts:
        return sparse.csc_array((size, size))
    data, row_, column = (np.concatenate([p[i] for p in parts]) for i in range(3))
    return sparse.coo_array((data, (row_, column)), shape=(size, size)).tocsc()


def _assemble_dense(
    rows: Mapping[str, BlockRow], sizes: Mapping[str, int], places: Mapping[str, int], size: int
) -> Array:
    result = np.zeros((size, size), order="F")  # LAPACK's order, so that LAPACK makes no copy
    for name, row in rows.items():
        for by, block in row.items():
            at, to = places[name], places[by]
            if _storage(block) == "diagonal":
                places_ = np.arange(len(block))
                result[at + places_, to + places_] = block
            else:
                part = result[at : at + sizes[name], to : to + sizes[by]]
                part[...] = block.toarray() if sparse.issparse(block) else block
    return result


def _count_entries(block: Block) -> int:
    return int(block.nnz) if sparse.issparse(block) else int(block.size)
