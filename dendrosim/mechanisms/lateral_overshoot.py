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


def lateral_steps(
    circuit: Circuit, x: Array, tau: float, seed: int, batch: int
) -> dict[int, float]:
    """Return how many times over a step corrects errors of prediction, by number of the layer.

    Parameters
    ----------
    circuit : Circuit
        A circuit of `dendritic_error` or `dendritic_predictive`; others have no lateral weights, and no entries.
    x : ndarray, shape (inputs, samples)
        Inputs that are shown in one step, or in several.
    tau : float
        Time for which weights learn in one step, in seconds.
    seed : int
        Seed of the initial weights.
    batch : int
        Number of inputs that are shown in one step; the mean over steps counts.
    """
    plastic = {m.name: m for m in circuit.matrices if m.plasticity}
    if "n1" not in plastic:
        return {}
    parts, rates, found = predicted_parts(circuit), [x], {}
    rate = {n: tau * float(circuit.parameters[n].value) for n in ("eta", "eta_lateral")}
    for i, part in enumerate(parts, 1):
        matrix = circuit.matrix(f"w{i}")
        w = draw_start_value(circuit, matrix.name, circuit.shape(matrix), seed)
        s = numeric_transfer(circuit.population(f"layer{i}").transfer or "linear").s
        rates.append(s(part * w @ rates[-1]))
    power = [_power(h, batch) for h in rates]
    for i in range(1, len(parts)):
        lateral, following = plastic[f"n{i}"], plastic.get(f"p{i}", plastic[f"n{i}"])
        asleep = rate["eta_lateral"] * power[i if lateral.pre == f"layer{i}" else i + 1]
        awake = 0.0
        if float(following.parameters["factor"].value):
            k = float(circuit.matrix(f"w{i + 1}").parameters["factor"].value)
            awake = rate["eta"] * parts[i] * k * power[i]
        found[i] = max(awake, asleep)
    return found


def _power(h: Array, batch: int) -> float:
    """Return the largest eigenvalue of <h h^T> of a step, mean over steps."""
    steps = [h[:, k : k + batch] for k in range(0, h.shape[1], batch)]
    return float(np.mean([np.linalg.norm(g, 2) ** 2 / g.shape[1] for g in steps]))


def check_lateral_steps(circuit: Circuit, x: Array, tau: float, seed: int, batch: int) -> None:
    """Raise ParameterError if a step of learning would make errors of prediction larger.

    Parameters
    ----------
    circuit, x, tau, seed, batch
        See `lateral_steps`.
    """
    for i, times in lateral_steps(circuit, x, tau, seed, batch).items():
        if times >= 2:
            rates = ("eta", "eta_lateral", "nudging")
            given = ", ".join(f"{n} is {circuit.parameters[n]}" for n in rates)
            raise ParameterError(
                f"{given}: in a step of learning, lateral weights of layer {i} would correct what they do not "
                f"predict {times:.3g} times over, which makes it larger from 2 on; choose a smaller eta or "
                "eta_lateral, or a larger nudging or g_apical"
            )
