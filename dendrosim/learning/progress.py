"""Progress of networks that learn: losses, updates and apical weights, read from a result, and figures of them.

The protocol has blocks `train` and `test`, and names and recordings of `dendrosim.learning.networks`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dendrosim.analysis import learning_signals
from dendrosim.arrays import Array, Integers
from dendrosim.display.short import ShortRepr
from dendrosim.learning.alignment import apical_angles, update_angles
from dendrosim.learning.recorded_steps import recorded_samples, split_steps
from dendrosim.results.result import Result

DIVERGED = 3.0
"""Learning counts as diverged if the loss exceeds the initial loss by this factor."""

LARGE = 0.01
"""Angles are measured while the loss exceeds this fraction of the initial loss; later, incomplete settling hides
the signals."""


@dataclass(frozen=True)
class LearningProgress(ShortRepr):
    """How one network learned.

    Attributes
    ----------
    trials : ndarray of int, shape (k,)
        Numbers of the kept trials.
    weights : list of ndarray, shapes (k, post, pre)
        Basal weights of layers 1 to L before each kept trial's step of learning.
    final : list of ndarray, shapes (post, pre)
        Basal weights of layers 1 to L at the end.
    updates : list of ndarray, shapes (k, post, pre)
        Changes of the weights in each kept trial; empty if plasticity is continuous.
    update_angles : dict of str to ndarray, shape (k, L)
        Angles in degrees between the updates and several ideal directions for the same samples, by direction;
        empty if plasticity is continuous.
    apical_angles : dict of str to ndarray, shape (k, L - 1)
        Angles in degrees between layer-wise apical weights and pseudo-inverse or transpose of basal weights; empty
        if there are no layer-wise apical weights of the network's own.
    outputs : ndarray of shape (n_L, tests), or None
        Outputs to which the circuit settled in the block `test`; None if there is no such block.
    saturated : float or None
        Largest fraction of a layer's units, samples included, that were out of range at one time; None for
        circuits without a range.
    """

    trials: Integers
    weights: list[Array]
    final: list[Array]
    updates: list[Array]
    update_angles: dict[str, Array]
    apical_angles: dict[str, Array]
    outputs: Array | None
    saturated: float | None

    @property
    def snapshots(self) -> Iterator[list[Array]]:
        """Basal weights of all layers, trial by trial."""
        for k in range(len(self.trials)):
            yield [w[k] for w in self.weights]

    def feed_forward(self, x: Array, transfer: str) -> Array:
        """Return the output (n_L, samples) of the final weights for inputs (n_0, samples), without dynamics."""
        return learning_signals.forward(self.final, x, transfer).activities[-1]

    def feed_forward_of_snapshots(self, x: Array, transfer: str) -> Iterator[Array]:
        """Yield the output (n_L, samples) of the weights of each kept trial, without dynamics."""
        for weights in self.snapshots:
            yield learning_signals.forward(weights, x, transfer).activities[-1]

    def losses(self, x: Array, y: Array, transfer: str) -> Array:
        """Return the loss on samples (units, samples) before each kept trial and at the end, shape (k + 1,)."""
        all_weights = [
            np.concatenate((before, end[None]))
            for before, end in zip(self.weights, self.final, strict=True)
        ]
        inputs, targets = (np.broadcast_to(a, (len(all_weights[0]), *a.shape)) for a in (x, y))
        return learning_signals.losses(all_weights, inputs, targets, transfer)

    def metrics(self, x: Array, y: Array, transfer: str) -> dict[str, Any]:
        """Return losses and angles as metrics, named as in the protocol `tp_student_teacher`.

        Parameters
        ----------
        x, y : ndarray, shape (units, samples)
            Inputs and targets of the block `test`.
        transfer : str
            Name of the transfer function of all layers.
        """
        losses = self.losses(x, y, transfer)
        found: dict[str, Any] = {
            "initial_loss": float(losses[0]),
            "final_loss": float(losses[-1]),
        }
        if self.outputs is not None:
            wrong = np.sum((self.outputs - y) ** 2, axis=0)
            found["final_loss_dynamic"] = 0.5 * float(np.mean(wrong))
        # The comparison is written so that a loss of NaN counts as diverged.
        found["diverged"] = not bool(losses.max() <= DIVERGED * losses[0])
        large = losses[:-1] > LARGE * losses[0]
        for name in self.update_angles:
            key = name.replace("gradient descent", "gradient").replace("-", " ").replace(" ", "_")
            found[f"angle_{key.lower()}"] = _column_medians(self.update_angles[name][large])
        return found if self.saturated is None else {**found, "saturated": self.saturated}


def _column_medians(angles: Array) -> Array:
    """Return the median of the finite values of each column, NaN for a column without finite values."""
    return np.array(
        [np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else np.nan for c in angles.T]
    )


def read_progress(
    result: Result,
    prefix: str,
    first: str,
    transfer: str,
    *,
    thin: int,
    damping: float,
    tests: int = 0,
) -> LearningProgress:
    """Read from a result how a network learned.

    Parameters
    ----------
    result : Result
        Result of a protocol with `learning_recordings`.
    prefix : str
        Prefix of the network's names.
    first : str
        Prefix of the network whose inputs and targets were recorded.
    transfer : str
        Name of the transfer function of all layers.
    thin : int
        Every `thin`-th trial was recorded.
    damping : float
        Damping of the damped Gauss-Newton direction.
    tests : int, default 0
        Number of samples in the block `test`; 0 if there is no such block.
    """
    populations = [p.name for p in result.circuit.populations]
    last = sum(name.startswith(f"{prefix}layer") for name in populations) - 1
    names = [f"{prefix}w{i}" for i in range(1, last + 1)]
    weights = [_recorded_matrix(result, n) for n in names]
    events = f"{first}layer0.h" in result
    updates: list[Array] = []
    angles: dict[str, Array] = {}
    if events:
        weights, updates = split_steps(weights)
        x, y = (recorded_samples(result, f"{first}layer{n}") for n in ("0.h", f"{last}.target"))
        angles = update_angles(weights, updates, x, y, transfer, damping)
    apical = [f"{prefix}q{i}" for i in range(1, last)]
    layerwise = all(n in result for n in apical)
    bounded = [
        n for n in result.names if n.startswith(f"{prefix}layer") and n.endswith(".saturated")
    ]
    return LearningProgress(
        trials=thin * np.arange(len(weights[0])),
        weights=weights,
        final=[np.asarray(result.state[n], dtype=np.float64) for n in names],
        updates=updates,
        update_angles=angles,
        apical_angles=apical_angles([_recorded_matrix(result, n) for n in apical], weights)
        if layerwise
        else {},
        outputs=_tested_outputs(result, f"{prefix}layer{last}.h", tests) if tests else None,
        saturated=max(
            (float(np.max(np.mean(result.traces[n].values, axis=(1, 2)))) for n in bounded),
            default=None,
        ),
    )


def _recorded_matrix(result: Result, name: str) -> Array:
    """Return the recording of a matrix, (k, post, pre), as a plain array: labels take longer than a short run."""
    return np.asarray(result.traces[name].values, dtype=np.float64)


def _tested_outputs(result: Result, name: str, tests: int) -> Array:
    """Return the outputs of the block `test`, shape (units, tests)."""
    values = recorded_samples(result, name)
    return np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)[:, :tests]


def progress_figures(name: str, progress: LearningProgress) -> dict[str, Callable[[], Any]]:
    """Return functions that draw how a network learned, by the name of the figure.

    Parameters
    ----------
    name : str
        Name of the network, for titles and names of figures.
    progress : LearningProgress

    Returns
    -------
    dict of str to callable
        `angles_NAME` and `updates_NAME` (angles and norms of weight updates) if plasticity is in steps, and
        `feedback_NAME` (angles of apical weights) if apical weights are layer-wise.
    """
    from dendrosim import plot
    from dendrosim.plot import style

    called = style.readable(name)
    found: dict[str, Callable[[], Any]] = {}
    if progress.updates:
        norms = {
            f"layer {i}": np.linalg.norm(u, axis=(1, 2)) for i, u in enumerate(progress.updates, 1)
        }
        found[f"angles_{name}"] = lambda: (
            plot.angles(
                progress.trials,
                _while_learning(progress.update_angles, norms),
                title=f"{called}: angle of updates to",
            )[0].figure
        )
        found[f"updates_{name}"] = lambda: (
            plot.families(
                progress.trials, dict(enumerate(norms.values(), 1)), xlabel="trial",
                ylabel="norm of the weight update", parameter="layer", title=f"{called}: size of updates",
                log=True,
            ).figure
        )  # fmt: skip
    if progress.apical_angles:
        trials = progress.trials[: len(progress.apical_angles["transpose"])]
        found[f"feedback_{name}"] = lambda: (
            plot.angles(
                trials, progress.apical_angles, title=f"{called}: angle of apical weights to"
            )[0].figure
        )
    return found


CONVERGED = 1e-9
"""Size of a weight update, relative to the largest, below which it is rounding error and has no direction."""


def _while_learning(angles: Mapping[str, Array], norms: Mapping[str, Array]) -> dict[str, Array]:
    """Return angles with NaN in place of those of updates that are rounding errors."""
    sizes = np.stack(list(norms.values()), axis=-1)
    largest = np.max(sizes, axis=0, initial=0.0, where=np.isfinite(sizes))
    small = sizes < CONVERGED * largest
    return {name: np.where(small[: len(a)], np.nan, a) for name, a in angles.items()}
