"""Sparse matrices of the run-time back ends: products and outer products where there are connections."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.sparse_matrices import MatrixConnections

_AT_ONCE = 2**20
"""Numbers of each factor that are gathered at once, so that a large batch needs little memory."""


def sum_products(
    connections: MatrixConnections, post: NDArray[Any], pre: NDArray[Any]
) -> NDArray[Any]:
    """Return the products of the activities of connected units, summed over the batch.

    Parameters
    ----------
    connections : MatrixConnections
    post, pre : array, shape (units, samples)
        Factors of the two populations.

    Returns
    -------
    array, shape (connections,)
    """
    result = np.empty(connections.count, np.result_type(post, pre))
    piece = max(_AT_ONCE // post.shape[1], 1)
    for begin in range(0, connections.count, piece):
        at = slice(begin, begin + piece)
        left, right = post[connections.post[at]], pre[connections.pre[at]]
        result[at] = np.einsum("kb,kb->k", left, right)
    return result
