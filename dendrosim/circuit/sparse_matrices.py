"""Connections of sparse matrices and their initial weights; runs and analyses with the same seed get the same.

The weights of a sparse matrix are one array, with a number for each connection. Connections are sorted by
postsynaptic, then by presynaptic unit, as the weights of a dense matrix are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.arrays import AnyArray, Array, Integers
from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.matrix import Matrix
from dendrosim.display.short import ShortRepr
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.machine.cached_property import cached_property
from dendrosim.streams import stream


@dataclass(frozen=True, eq=False)
class MatrixConnections(ShortRepr):
    """The connections of a sparse matrix, sorted by postsynaptic, then by presynaptic unit.

    Attributes
    ----------
    shape : tuple of int
        Shape (post, pre) of the matrix.
    post, pre : array of int, shape (connections,)
        The units of each connection.
    """

    shape: tuple[int, int]
    post: NDArray[np.int32]
    pre: NDArray[np.int32]

    @property
    def count(self) -> int:
        """The number of connections."""
        return len(self.pre)

    @cached_property
    def starts(self) -> Integers:
        """For each postsynaptic unit, the place of its first connection; the last number is their number."""
        return np.searchsorted(self.post, np.arange(self.shape[0] + 1)).astype(np.int64)

    def equals(self, other: "MatrixConnections") -> bool:
        """Return whether the same units are connected."""
        return (
            self.shape == other.shape
            and np.array_equal(self.post, other.post)
            and np.array_equal(self.pre, other.pre)
        )

    def sparse(self, weights: AnyArray) -> Any:
        """Return weights, shape (connections,), as a `scipy.sparse.csr_array` that shares their memory."""
        from scipy.sparse import csr_array

        return csr_array((weights, self.pre, self.starts), shape=self.shape, copy=False)

    def dense(self, weights: AnyArray) -> AnyArray:
        """Return weights, shape (connections,), as an array (post, pre), zero where there is no connection."""
        result = np.zeros(self.shape, weights.dtype)
        result[self.post, self.pre] = weights
        return result


def draw_connections(circuit: CircuitData, matrix: Matrix, seed: int) -> MatrixConnections:
    """Return the connections of a sparse matrix, drawn from the stream `connections.<name>`.

    Raises
    ------
    ShapeError
        If the rule connects two units more than once.
    """
    return _draw(circuit, matrix, seed)[0]


def draw_weights(circuit: CircuitData, matrix: Matrix, seed: int) -> Array:
    """Return the initial weights of a sparse matrix, shape (connections,), from the stream `initial.<name>`."""
    connections, order = _draw(circuit, matrix, seed)
    initial, rng = matrix.initial, stream(seed, f"initial.{matrix.name}")
    if isinstance(initial, Fixed) and np.ndim(initial.value.value) == 2:
        weights = np.asarray(initial.value.value, float)[connections.post, connections.pre]
    else:
        # Numbers are drawn, or given as a list, in the order of the rule, and sorted with their connections.
        weights = initial.sample((connections.count,), rng)[order]
    matrix.check_weights(f"Matrix {matrix.name!r}: initial value", weights)
    return np.asarray(weights, dtype=np.float64)


def read_weights(where: str, value: Any, connections: MatrixConnections) -> AnyArray:
    """Return given weights of a sparse matrix by connection.

    Parameters
    ----------
    where : str
        The matrix, for messages.
    value : array_like, DataArray or SciPy sparse array
        One number for each connection, in their order; a `DataArray` of a result; or an array (post, pre), dense
        or sparse, with zeros where there is no connection.
    connections : MatrixConnections
        The connections of the matrix.

    Returns
    -------
    array, shape (connections,)

    Raises
    ------
    ShapeError
        If the shape is wrong.
    ParameterError
        If there are other connections, or the values are no numbers.
    """
    coordinates = getattr(value, "coords", {})
    if "post" in coordinates and "pre" in coordinates and "connection" in coordinates:
        given = MatrixConnections(
            connections.shape, np.asarray(coordinates["post"]), np.asarray(coordinates["pre"])
        )
        if not connections.equals(given):
            raise _other_connections(where)
    sparse = hasattr(value, "tocsr")
    try:
        array: Any = value.tocsr() if sparse else np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ParameterError(f"{where} is not an array of numbers in SI units") from None
    shape = array.shape
    if shape not in ((connections.count,), connections.shape):
        raise ShapeError(
            f"{where} has shape {shape}; it must be {(connections.count,)}, one number per connection, or "
            f"{connections.shape} with zeros where there is no connection"
        )
    if len(shape) == 1:
        return np.asarray(array)
    weights = np.asarray(array[connections.post, connections.pre]).ravel()
    stored = array.count_nonzero() if sparse else np.count_nonzero(array)
    if stored > np.count_nonzero(weights):
        raise _other_connections(where)
    return weights


def _other_connections(where: str) -> ParameterError:
    return ParameterError(
        f"{where} has other connections than are drawn here; give the seed and the rule `connect` with which its "
        "weights were made"
    )


def _draw(circuit: CircuitData, matrix: Matrix, seed: int) -> tuple[MatrixConnections, Integers]:
    """Return the connections, and for each its place in the order of the connection rule."""
    shape = circuit.shape(matrix)
    rng = stream(seed, f"connections.{matrix.name}")
    post, pre = matrix.connect.draw(*shape, matrix.post == matrix.pre, rng)
    order = np.lexsort((pre, post))
    post, pre = post[order].astype(np.int32), pre[order].astype(np.int32)
    if np.any((post[1:] == post[:-1]) & (pre[1:] == pre[:-1])):
        raise ShapeError(
            f"Matrix {matrix.name!r}: {type(matrix.connect).__name__} connects the same units more than once, but "
            "a matrix has one weight for each pair"
        )
    return MatrixConnections(shape, post, pre), order
