"""Initial values of a circuit's states and matrices; runs and analyses with the same seed get the same values."""

import numpy as np

from dendrosim.arrays import AnyArray, Array
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.computed import Computed
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.matrix import LARGEST_CONDITION, Matrix
from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.circuit.population import LAST_SPIKE
from dendrosim.errors import MemoryLimitError, ParameterError
from dendrosim.machine.memory import available_memory, format_bytes
from dendrosim.streams import stream

LONG_AGO = -1e4
"""Value of `lastspike`, in seconds, for a unit that has not spiked yet; it is the same in Brian2."""
_SMALL = 2**24  # bytes; so little memory is not looked up


def draw_start_value(circuit: Circuit, name: str, shape: tuple[int, int], seed: int) -> Array:
    """Return the initial value of a state or matrix, drawn from the stream `initial.<name>`.

    Parameters
    ----------
    circuit : Circuit
        The circuit.
    name : str
        `population.state` or the name of a matrix.
    shape : tuple of int
        (units, samples) of a state, (post, pre) of a matrix.
    seed : int
        Seed of the run.

    Returns
    -------
    array of that shape
        The values as SI numbers. A distribution gives each sample numbers of its own; given numbers are the same
        in all samples.

    Raises
    ------
    MemoryLimitError
        If there are more values than fit into the free memory.
    """
    _check_memory(name, shape)
    rng = stream(seed, f"initial.{name}")
    if not is_variable(name):
        start = circuit.matrix(name).initial
        if isinstance(start, Computed):
            of = [circuit.matrix(n) for n in start.matrices]
            drawn = [draw_start_value(circuit, m.name, circuit.shape(m), seed) for m in of]
            weights = start.compute_from(drawn)
            circuit.matrix(name).check_weights(f"Matrix {name!r}: initial value", weights)
            return weights
        weights = start.sample(shape, rng)
        circuit.matrix(name).check_weights(f"Matrix {name!r}: initial value", weights)
        return weights
    population, variable = VariablePath.parse(name)
    missing = LONG_AGO if variable == LAST_SPIKE else 0.0
    start = circuit.population(population).initial.get(variable, Fixed(missing))
    if isinstance(start, Fixed):  # one number per unit, the same in every sample
        return np.repeat(start.sample(shape[:1], rng)[:, None], shape[1], axis=1)
    return start.sample(shape, rng)


def _check_memory(name: str, shape: tuple[int, int]) -> None:
    needed = 8.0 * shape[0] * shape[1]
    if needed > _SMALL and needed > (free := available_memory()):
        raise MemoryLimitError(
            f"{name}: {shape[0]:,} x {shape[1]:,} start values need {format_bytes(needed)}, but only "
            f"{format_bytes(free)} of memory are free; use fewer units or a smaller batch"
        )


def invert_weights(matrix: Matrix, weights: AnyArray) -> Array:
    """Return the inverse of `weights`, for a `matrix` that is declared as the inverse of another matrix.

    Raises
    ------
    ParameterError
        If the weights have no inverse in double precision.
    """
    weights = np.asarray(weights, dtype=float)
    condition = np.linalg.cond(weights)
    if not condition < LARGEST_CONDITION:
        raise ParameterError(
            f"Matrix {matrix.name!r}: {matrix.inverse_of!r} has no inverse: the condition number of its "
            f"weights at the beginning is {condition:.2g}; choose other initial weights"
        )
    return np.linalg.inv(weights)
