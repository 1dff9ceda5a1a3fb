"""Eigenvalues by strongly connected components: parts of a circuit without feedback between them are separate.

If states are ordered by component, the matrix is block-triangular, and its eigenvalues are those of the diagonal
blocks. Samples of a batch, uncoupled cells and feed-forward chains separate in this way.

References
----------
Duff and Reid, "An implementation of Tarjan's algorithm for the block triangularization of a matrix", ACM TOMS 4,
1978.
"""

from collections.abc import Iterator

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from dendrosim.arrays import Array, Booleans, Complex, Integers
from dendrosim.stability.vector_field.flow import JacobianMatrix

STACK_SIZE = 2**24
"""Largest number of elements in one stack of blocks of equal size, 128 MiB."""

SMALL = 24
"""Largest number of states of a block that is stacked with blocks of equal size, for one NumPy call; for larger
blocks a Python loop adds little to the time in LAPACK."""


def strong_components(matrix: JacobianMatrix) -> Integers:
    """Return the index of the strongly connected component to which each state belongs, shape (n,)."""
    if not sp.issparse(matrix):
        mask = np.asarray(matrix) != 0
        if _reaches_all(mask) and _reaches_all(mask.T):
            return np.zeros(len(mask), dtype=np.int64)
        matrix = sp.csr_array(mask)
    labels = connected_components(matrix, directed=True, connection="strong")[1]
    return np.asarray(labels, dtype=np.int64)


def diagonal_blocks(matrix: JacobianMatrix, labels: Integers) -> Iterator[JacobianMatrix]:
    """Yield the diagonal block of each component.

    Parameters
    ----------
    matrix : array or sparse array, shape (n, n)
    labels : array of int, shape (n,)
        Index of the component of each state, as `strong_components` returns it.

    Yields
    ------
    block : array, shape (blocks, m, m), or array or sparse array, shape (m, m)
        A stack of small blocks of equal size, or one large block, sparse if `matrix` is.
    """
    sizes = np.bincount(labels)
    if len(sizes) == 1:
        yield matrix[None] if not sp.issparse(matrix) and len(labels) <= SMALL else matrix
        return
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(sizes)
    for size in np.unique(sizes):
        chosen = np.flatnonzero(sizes == size)
        components = order[(ends[chosen] - size)[:, None] + np.arange(size)]
        if size <= SMALL:
            for part in np.array_split(components, -(-components.size * int(size) // STACK_SIZE)):
                yield _stack_blocks(matrix, part)
        else:
            for states in components:
                rows = matrix[states] if sp.issparse(matrix) else None
                yield rows[:, states] if rows is not None else matrix[np.ix_(states, states)]


def dense_eigenvalues(block: JacobianMatrix) -> Complex:
    """Return all eigenvalues of a matrix, or of all matrices of a stack, as one 1-D array in any order."""
    if block.ndim == 3:
        values = block[:, 0, 0] if block.shape[1] == 1 else np.linalg.eigvals(block).ravel()
    else:
        dense = block.toarray() if sp.issparse(block) else block
        values = scipy.linalg.eigvals(dense, overwrite_a=sp.issparse(block), check_finite=False)
    return np.asarray(values, dtype=np.complex128)


def _reaches_all(mask: Booleans) -> bool:
    """Return whether every state can be reached from state 0 along the entries of `mask`."""
    unseen = np.ones(len(mask), dtype=np.bool_)
    unseen[:1] = False
    waiting = [0] if len(mask) else []
    while waiting and unseen.any():
        found = np.flatnonzero(mask[waiting.pop()] & unseen)
        unseen[found] = False
        waiting.extend(found)
    return not unseen.any()


def _stack_blocks(matrix: JacobianMatrix, components: Integers) -> Array:
    """Return the diagonal blocks of components of equal size, shape (blocks, m, m).

    Each row of `components` holds the states of one component, shape (blocks, m).
    """
    if not sp.issparse(matrix):
        return np.asarray(matrix)[components[:, :, None], components[:, None, :]]
    count, size = components.shape
    block = np.full(matrix.shape[0], -1, dtype=np.int64)
    place = np.zeros(matrix.shape[0], dtype=np.int64)
    block[components] = np.arange(count)[:, None]
    place[components] = np.arange(size)
    entries = matrix.tocoo()
    rows, columns = entries.coords
    inside = (block[rows] >= 0) & (block[rows] == block[columns])
    rows, columns = rows[inside], columns[inside]
    stack = np.zeros((count, size, size))
    np.add.at(stack, (block[rows], place[rows], place[columns]), entries.data[inside])
    return stack
