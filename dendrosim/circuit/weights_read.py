"""Plasticity rules that read weights of other matrices, such as an eligibility of each synapse.

In the text of a plastic matrix, the name of another matrix between the same populations means the weight of that
matrix for the same pair of units. All rules see the weights at the beginning of a step, so matrices are updated
after those that read them; matrices that read each other in a circle are therefore refused.
"""

from graphlib import CycleError, TopologicalSorter

from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.circuit.matrix import Matrix
from dendrosim.errors import LoopError, ShapeError, SpecError


def update_order(circuit: CircuitData) -> tuple[Matrix, ...]:
    """Return the matrices in an order in which each one follows those whose rules read its weights.

    Raises
    ------
    LoopError
        If rules read each other's weights in a circle; the message names the matrices.
    """
    graph: dict[str, set[str]] = {m.name: set() for m in circuit.matrices}
    for matrix in circuit.matrices:
        for other in circuit.weights_read(matrix).values():
            graph[other.name].add(matrix.name)
    try:
        order = tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        loop = " -> ".join(error.args[1])
        raise LoopError(
            f"Circuit: rules of plasticity read each other's weights in a circle: {loop}; remove one of these "
            "matrices from the text of another"
        ) from None
    return tuple(map(circuit.matrix, order))


def check_weights_read(circuit: CircuitData) -> None:
    """Check that each rule can read the weights of other matrices that its text names.

    Raises
    ------
    ShapeError
        If a matrix is between other populations, or one of the two is sparse.
    SpecError
        If a matrix is the inverse of another.
    LoopError
        If rules read each other's weights in a circle.
    """
    for matrix in circuit.matrices:
        for symbol, other in circuit.weights_read(matrix).items():
            _check_pair(matrix, symbol, other)
    update_order(circuit)


def _check_pair(matrix: Matrix, symbol: str, other: Matrix) -> None:
    where = f"Matrix {matrix.name!r}: plasticity reads the weights {symbol!r}"
    if (other.post, other.pre) != (matrix.post, matrix.pre):
        raise ShapeError(
            f"{where} from {other.pre!r} to {other.post!r}, but this matrix is from {matrix.pre!r} to "
            f"{matrix.post!r}; a rule can only read weights of the same pairs of units"
        )
    if other.inverse_of is not None:
        raise SpecError(
            f"{where}, which are the inverse of {other.inverse_of!r}; a rule cannot read an inverse, so use "
            "another matrix"
        )
    for each in (matrix, other):
        if each.connect is not None:
            raise ShapeError(
                f"{where}, and {each.name!r} is sparse; only dense matrices can share their pairs of units, so "
                "leave `connect` out"
            )
