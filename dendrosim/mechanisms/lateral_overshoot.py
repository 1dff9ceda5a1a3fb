"""How far a single step of learning moves lateral weights that predict what comes down to apical dendrites.

Lateral weights of layer i follow w_(i+1) while both learn. An error D of what they predict changes by -eta kappa k
<h_i h_i^T> D in a unit of time, with kappa and k of w_(i+1), or more slowly where units are saturated. A step of
learning multiplies it by 1 - x, with x the step times the largest eigenvalue; from x = 2 on, errors grow from step
to step. The factor k is 1/nudging at the output: the weaker the target, the smaller the steps must be.
"""

import numpy as np

from dendrosim.arrays import Array
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.start_values import draw_start_value
from dendrosim.equations.transfer.numeric import numeric_transfer
from dendrosim.errors import ParameterError
from dendrosim.mechanisms.error_compartments import predicted_parts


def lateral_steps(circuit: Circuit, x: Array, step: float, seed: int) -> dict[int, float]:
    """Return how many times over a step corrects errors of prediction, by number of the layer.

    Parameters
    ----------
    circuit : Circuit
        A circuit of `dendritic_error` or `dendritic_predictive`; others have no lateral weights, and no entries.
    x : ndarray, shape (inputs, samples)
        Inputs that are shown in one step.
    step : float
        Learning rate times the time for which weights learn in one step.
    seed : int
        Seed of the initial weights.
    """
    lateral, parts, found = {m.name for m in circuit.matrices}, predicted_parts(circuit), {}
    h = x
    for i, part in enumerate(parts[:-1], 1):
        matrix, above = circuit.matrix(f"w{i}"), circuit.matrix(f"w{i + 1}")
        w = draw_start_value(circuit, matrix.name, circuit.shape(matrix), seed)
        h = numeric_transfer(circuit.population(f"layer{i}").transfer or "linear").s(part * w @ h)
        largest = float(np.linalg.eigvalsh(h @ h.T / h.shape[1])[-1])
        if f"n{i}" in lateral:
            found[i] = step * parts[i] * float(above.parameters["factor"].value) * largest
    return found


def check_lateral_steps(circuit: Circuit, x: Array, tau: float, seed: int) -> None:
    """Raise ParameterError if a step of learning would make errors of prediction larger.

    Parameters
    ----------
    circuit, x, seed
        See `lateral_steps`.
    tau : float
        Time for which weights learn in one step, in seconds.
    """
    if "n1" not in {m.name for m in circuit.matrices} or "eta" not in circuit.parameters:
        return
    eta, nudging = circuit.parameters["eta"], circuit.parameters["nudging"]
    for i, times in lateral_steps(circuit, x, tau * float(eta.value), seed).items():
        if times >= 2:
            raise ParameterError(
                f"eta is {eta} and nudging {nudging}: in a step of learning, lateral weights of layer {i} would "
                f"correct what they do not predict {times:.3g} times over, which makes it larger from 2 on; "
                "choose a smaller eta, or a larger nudging or g_apical"
            )
