"""Gradient descent on the batches that a circuit was shown, to compare the circuit with."""

from collections.abc import Iterator, Sequence

import numpy as np

from dendrosim.analysis import learning_signals
from dendrosim.arrays import Array


def descend(
    weights: Sequence[Array],
    parts: Sequence[float],
    data: tuple[Array, Array],
    *,
    batch: int,
    trials: int,
    step: float,
    transfer: str,
    output: str | None = None,
) -> Iterator[list[Array]]:
    """Yield the weights before each trial and at the end, of a network h_i = s(part_i W_i h_(i-1)).

    Trials show batches of the samples in their order, as a sequential block of a protocol does.

    Parameters
    ----------
    weights : sequence of L ndarray, shapes (n_i, n_{i-1})
        Weights at the beginning.
    parts : sequence of L float
        Factors of the weights in each layer.
    data : tuple of ndarray, shapes (n_0, samples) and (n_L, samples)
        Inputs and targets; the number of samples is a multiple of `batch`.
    batch : int
        Number of samples in a trial.
    trials : int
        Number of trials.
    step : float
        A trial changes W_i by `step` times the negative gradient of the mean of 1/2 |target - h_L|^2.
    transfer, output : str
        Names of the transfer functions of all layers, and of the last one (default: the same).
    """
    now, (x, y) = [np.array(w, dtype=np.float64) for w in weights], data
    for trial in range(trials):
        yield [w.copy() for w in now]
        first = trial * batch % x.shape[1]
        rows = slice(first, first + batch)
        scaled = [part * w for part, w in zip(parts, now, strict=True)]
        gradient = learning_signals.gradient_update(
            scaled, x[:, rows], y[:, rows], transfer, output
        )
        for w, part, g in zip(now, parts, gradient, strict=True):
            w += step * part * g
    yield now
