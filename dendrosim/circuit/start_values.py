"""Where a circuit starts: initial values of its states and matrices, the same for every run and analysis."""

import numpy as np

from dendrosim.arrays import AnyArray, Array
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.derived import Derived
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.matrix import Matrix
from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.circuit.population import LAST_SPIKE
from dendrosim.errors import ParameterError
from dendrosim.streams import stream

LONG_AGO = -1e4
"""The time, in seconds, of the last spike of a unit that has not spiked: as in Brian2."""


def draw_start_value(circuit: Circuit, name: str, shape: tuple[int, int], seed: int) -> Array:
    """Return the specified initial value of a state, drawn from the stream `initial.<name>`.

    A population's draw is one number per unit and sample; a given array has one per unit.
    """
    rng = stream(seed, f"initial.{name}")
    if not is_variable(name):
        start = circuit.matrix(name).initial
        if isinstance(start, Derived):
            of = circuit.matrix(start.matrix)
            return start.compute(draw_start_value(circuit, of.name, circuit.shape(of), seed))
        return start.sample(shape, rng)
    population, variable = VariablePath.parse(name)
    missing = LONG_AGO if variable == LAST_SPIKE else 0.0
    start = circuit.population(population).initial.get(variable, Fixed(missing))
    if isinstance(start, Fixed):  # one number per unit, the same in every sample
        return np.repeat(start.sample(shape[:1], rng)[:, None], shape[1], axis=1)
    return start.sample(shape, rng)


def invert_weights(matrix: Matrix, weights: AnyArray) -> Array:
    """Return the inverse of the weights that `matrix` is the inverse of; raises ParameterError."""
    weights = np.asarray(weights, dtype=float)
    condition = np.linalg.cond(weights)
    if not condition < 1e12:
        raise ParameterError(
            f"Matrix {matrix.name!r}: {matrix.inverse_of!r} has no inverse: the condition number of its "
            f"weights at the beginning is {condition:.2g}; choose other initial weights"
        )
    return np.linalg.inv(weights)
