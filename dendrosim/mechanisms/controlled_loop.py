"""Whether the loop of deep feedback control is stable once its feedback weights have learned.

Feedback weights begin so small that the controller works through the last layer alone, and this loop is checked at
rest. They then grow towards Q_i = J_i^T S, where J_i is the Jacobian from layer i to the output, until each
direction of the output, with the eigenvalue s^2 of sum_i J_i J_i^T, has the gain g of the closed form
decay_q g (g + a)^2 = a s^2, a = alpha/(1 + k_p alpha). What the controller sends into layer i is filtered by all
layers above, so deep networks with large gains oscillate, from a time step on or at any one.
"""

import math
import warnings
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from dendrosim.arrays import Array
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.start_values import draw_start_value
from dendrosim.equations.transfer.numeric import numeric_transfer
from dendrosim.errors import DendrosimWarning

_SLOWER = (2, 4, 8, 16)
"""Factors by which a slower controller is tried."""


def learned_feedback(jacobians: list[Array], damping: float, decay: float) -> list[Array]:
    """Return the feedback weights at which learning from noise in all layers comes to rest.

    Parameters
    ----------
    jacobians : list of ndarray, shapes (outputs, units)
        Jacobians from the voltages of each layer to the output.
    damping : float
        a = alpha/(1 + k_p alpha).
    decay : float
        Decay of feedback weights relative to their learning rate, above 0.
    """
    squares, vectors = np.linalg.eigh(sum(j @ j.T for j in jacobians))
    scale = vectors @ np.diag([_gain(s, damping, decay) / s for s in squares]) @ vectors.T
    return [j.T @ scale for j in jacobians]


def _gain(square: float, damping: float, decay: float) -> float:
    """Return the g with decay g (g + a)^2 = a s^2, which lies between 0 and (a s^2/decay)^(1/3)."""
    most = (damping * square / decay) ** (1 / 3)
    return float(
        brentq(lambda g: decay * g * (g + damping) ** 2 - damping * square, 0.0, most * (1 + 1e-9))
    )


def _slope_at_rest(transfer: str) -> float:
    """Return the mean of the slopes on both sides of 0, where some transfer functions have a corner."""
    return float(np.mean(numeric_transfer(transfer).ds([-1e-6, 1e-6])))


def longest_step(circuit: Circuit, seed: int = 0, *, slower: float = 1.0) -> float:
    """Return the time step from which the loop with learned feedback weights is unstable; 0 if at any step.

    Parameters
    ----------
    circuit : Circuit
        A circuit of `deep_feedback_control` with `decay_q` above 0; it is linearised without input.
    seed : int, default 0
        Seed of initial basal weights that are drawn.
    slower : float, default 1
        Factor of the controller's time constant.

    Returns
    -------
    float
        In seconds.
    """
    value = {name: float(q.value) for name, q in circuit.parameters.items()}
    layers = [p for p in circuit.populations if p.name.startswith("layer")][1:]
    slopes = [_slope_at_rest(p.transfer or "linear") for p in layers]
    names = [f"w{i}" for i in range(1, len(layers) + 1)]
    ws = [draw_start_value(circuit, n, circuit.shape(circuit.matrix(n)), seed) for n in names]
    jacobians = [slopes[-1] * np.eye(layers[-1].size)]
    for w, slope in zip(ws[:0:-1], slopes[-2::-1], strict=True):
        jacobians.insert(0, jacobians[0] @ w * slope)
    damping = value["alpha"] / (1 + value["k_p"] * value["alpha"])
    qs = learned_feedback(jacobians, damping, value["decay_q"])
    ends = np.cumsum([0, *(p.size for p in layers), layers[-1].size])
    *v, c = (slice(a, b) for a, b in pairwise(ends))
    rates = np.zeros((ends[-1], ends[-1]))
    for i, (w, q) in enumerate(zip(ws, qs, strict=True)):
        rates[v[i], v[i]] -= np.eye(layers[i].size)
        if i:
            rates[v[i], v[i - 1]] += slopes[i - 1] * w
        rates[v[i], c] += q
        rates[v[i], v[-1]] -= value["k_p"] * slopes[-1] * q
    rates /= value["tau"]
    lag = value["tau_u"] * slower
    rates[c, v[-1]] = -slopes[-1] * np.eye(layers[-1].size) / lag
    rates[c, c] = -value["alpha"] * np.eye(layers[-1].size) / lag
    modes = np.linalg.eigvals(rates)
    return max(0.0, float(np.min(-2 * modes.real / abs(modes) ** 2)))


def warn_of_learned_loop(circuit: Circuit, dt: float) -> None:
    """Warn if the loop of deep feedback control will be unstable when its feedback weights have learned.

    Parameters
    ----------
    circuit : Circuit
        A circuit of `deep_feedback_control`.
    dt : float
        Time step in seconds.

    Warns
    -----
    DendrosimWarning
        If it is unstable with this time step at the gains that feedback reaches for the initial basal weights.
    """
    if float(circuit.parameters["decay_q"].value) == 0.0 or dt < longest_step(circuit):
        return
    tau_u = float(circuit.parameters["tau_u"].value) * 1e3
    slow = (k for k in _SLOWER if dt < longest_step(circuit, slower=k))
    factor = next(slow, math.nan)
    remedy = "" if math.isnan(factor) else f"a slower controller (tau_u = {factor * tau_u:g} ms), "
    layers = sum(p.name.startswith("layer") for p in circuit.populations) - 1
    warnings.warn(
        f"deep_feedback_control: with {layers} layers and these initial weights, the loop through the controller "
        f"becomes unstable at dt = {dt * 1e3:g} ms as feedback weights learn, and the network may diverge; choose "
        f"fewer layers, {remedy}a larger decay_q, or initial weights with a smaller gain",
        DendrosimWarning,
        stacklevel=3,
    )
