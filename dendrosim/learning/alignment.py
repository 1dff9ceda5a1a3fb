"""Angles between what networks learned and what theory proposes, for a sequence of recorded trials."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from dendrosim.analysis import learning_signals, vector_angles
from dendrosim.arrays import Array


def update_angles(
    weights: Sequence[Array],
    updates: Sequence[Array],
    x: Array,
    y: Array,
    transfer: str,
    damping: float,
) -> dict[str, Array]:
    """Return the angles between weight updates and ideal directions for the same samples.

    Parameters
    ----------
    weights : sequence of ndarray, shapes (trials, post, pre)
        Basal weights of layers 1 to L before each update.
    updates : sequence of ndarray, shapes (trials, post, pre)
        Changes of these weights.
    x, y : ndarray, shape (trials, units, samples)
        Inputs and targets of the trials.
    transfer : str
        Name of the transfer function of all layers.
    damping : float
        Damping of the damped Gauss-Newton direction.

    Returns
    -------
    dict of str to ndarray, shape (trials, L)
        For the name of each direction, angles in degrees; NaN in trials whose weights are not finite.
    """
    directions: dict[str, Callable[..., list[Array]]] = {
        "gradient descent": learning_signals.descent_update,
        "Gauss-Newton": learning_signals.target_update,
        "damped Gauss-Newton": partial(learning_signals.target_update, damping=damping),
    }
    usable = np.all([np.isfinite(w).all(axis=(1, 2)) for w in weights], axis=0)
    now = [w[usable] for w in weights]
    found = {name: np.full((len(x), len(weights)), np.nan) for name in directions}
    if usable.any():
        passed = learning_signals.forward(now, x[usable], transfer)
        errors = -learning_signals.output_error(passed, y[usable])
        for name, direction in directions.items():
            ideal = direction(now, passed, errors)
            for k, (update, best) in enumerate(zip(updates, ideal, strict=True)):
                found[name][usable, k] = vector_angles.angles(update[usable], best)
    return found


def apical_angles(apical: Sequence[Array], basal: Sequence[Array]) -> dict[str, Array]:
    """Return the angles between layer-wise apical weights and the pseudo-inverses and transposes of basal weights.

    Parameters
    ----------
    apical : sequence of L - 1 ndarray, shapes (trials, n_i, n_(i+1))
        Apical weights of layers 1 to L - 1.
    basal : sequence of L ndarray, shapes (trials, n_i, n_(i-1))
        Basal weights of layers 1 to L.

    Returns
    -------
    dict of str to ndarray, shape (trials, L - 1)
        Angles in degrees to the `pseudo-inverse` and the `transpose` of the basal weights of the layer above.
        Empty if there is no apical matrix, or if a shape shows that apical weights come from the output directly.
    """
    if not apical or any(
        q.shape[1:] != w.shape[:0:-1] for q, w in zip(apical, basal[1:], strict=True)
    ):
        return {}
    rows = min(len(q) for q in apical)
    found = [
        vector_angles.feedback_angles(q[:rows], w[:rows])
        for q, w in zip(apical, basal[1:], strict=True)
    ]
    return {name: np.stack([f[name] for f in found], axis=1) for name in found[0]}
