"""Weights of networks side by side: the same initial weights, and bounds at which those that diverge stop."""

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.computed import Computed
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.start_values import draw_start_value


def with_drawn_weights(circuit: Circuit, seed: int) -> Circuit:
    """Return a circuit whose random initial weights are replaced by those that a run with this seed draws.

    Matrices of the same name, shape and distribution thus get the same weights in all circuits. A sparse matrix
    gets a dense array, of which it uses the weights of connected units. Inverses and initial values that are
    computed from other matrices stay as they are.

    Parameters
    ----------
    circuit : Circuit
        The circuit, with the names that it has before it is joined with others.
    seed : int
        Seed of the random streams.
    """
    matrices = []
    for m in circuit.matrices:
        if m.inverse_of is None and not isinstance(m.initial, Computed):
            start = draw_start_value(circuit, m.name, circuit.shape(m), seed)
            m = m.replace(initial=Fixed(start))
        matrices.append(m)
    return circuit.replace(matrices=matrices)


def with_bounds(circuit: Circuit, limit: float) -> Circuit:
    """Return a circuit whose plastic weights stay within a limit, so that divergence does not end a run.

    Matrices that have bounds or a sign keep them.

    Parameters
    ----------
    circuit : Circuit
    limit : float
        Largest size of a weight.
    """
    return circuit.replace(
        matrices=[
            m if m.plasticity is None or m.bounded else m.replace(bounds=(-limit, limit))
            for m in circuit.matrices
        ]
    )
