"""What is read off the result of networks that learned: losses, updates, apical weights, and figures of them.

Blocks are `train` and `test`, names and recordings those of `dendrosim.learning.networks`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.analysis import learning_signals

if TYPE_CHECKING:
    from dendrosim.results.result import Result

DIVERGED = 3.0  # times the initial loss
LARGE = 0.01  # a loss above this part of the initial one is large enough to tell angles

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """What one learner did.

    Attributes
    ----------
    trials : ndarray, shape (k,)
        Numbers of the kept trials.
    weights : list of ndarray, shape (k, post, pre)
        Of layers 1 to L before the trial's learning, and `final` ones after the last.
    updates : list of ndarray, shape (k, post, pre)
        What the trial changed; empty where plasticity is continuous.
    angles : dict of ndarray, shape (k, L)
        Degrees from the updates to descent of the loss and to the Gauss-Newton direction, for the same samples.
    feedback : dict of ndarray, shape (k, L - 1)
        Degrees from layer-wise apical weights to pseudo-inverse and transpose; empty where there are none.
    outputs : ndarray, shape (n_L, tests)
        Outputs to which the circuit settled in the test.
    saturated : float or None
        Largest fraction of a layer's units, samples included, that were out of range at once.
    """

    trials: NDArray[np.int64]
    weights: list[Array]
    final: list[Array]
    updates: list[Array]
    angles: dict[str, Array]
    feedback: dict[str, Array]
    outputs: Array
    saturated: float | None

    @property
    def snapshots(self) -> Iterator[list[Array]]:
        """The weights of all layers, trial by trial."""
        for k in range(len(self.trials)):
            yield [w[k] for w in self.weights]

    def feed_forward(self, x: Array, transfer: str) -> Array:
        """Return the output (n_L, samples) of the final weights without dynamics."""
        return learning_signals.forward(self.final, x, transfer).activities[-1]

    def feed_forwards(self, x: Array, transfer: str) -> Iterator[Array]:
        """Yield the same for the weights of every kept trial."""
        for weights in self.snapshots:
            yield learning_signals.forward(weights, x, transfer).activities[-1]

    def losses(self, x: Array, y: Array, transfer: str) -> Array:
        """Return the loss on samples (units x samples) at every kept trial, and at the end."""
        passed = [*self.snapshots, self.final]
        return np.array([learning_signals.loss(w, x, y, transfer) for w in passed])

    def metrics(self, x: Array, y: Array, transfer: str) -> dict[str, Any]:
        """Return losses on samples that the test block showed, and angles; see `tp_student_teacher`."""
        losses = self.losses(x, y, transfer)
        found: dict[str, Any] = {
            "initial_loss": float(losses[0]),
            "final_loss": float(losses[-1]),
            "final_loss_dynamic": 0.5 * float(np.mean(np.sum((self.outputs - y) ** 2, axis=0))),
            "diverged": not bool(losses.max() <= DIVERGED * losses[0]),
        }
        large = losses[:-1] > LARGE * losses[0]
        for name in self.angles:
            key = name.replace("gradient descent", "gradient").replace("-", " ").replace(" ", "_")
            found[f"angle_{key.lower()}"] = _medians(self.angles[name][large])
        return found if self.saturated is None else {**found, "saturated": self.saturated}


def _medians(angles: Array) -> Array:
    """Return medians over the rows, nan where a column has none."""
    return np.array(
        [np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else np.nan for c in angles.T]
    )


def read(
    result: "Result",
    start: str,
    first: str,
    transfer: str,
    *,
    thin: int,
    damping: float,
    tests: int,
) -> Training:
    """Return what a learner did.

    Parameters
    ----------
    result : Result
    start : str
        Prefix of its names.
    first : str
        Prefix of the learner for which inputs and targets were recorded.
    transfer : str
    thin : int
        As in `dendrosim.learning.networks.recordings`.
    damping : float
        Of the damped Gauss-Newton direction.
    tests : int
        Number of samples in the test block.
    """
    populations = [p.name for p in result.circuit.populations]
    last = sum(name.startswith(f"{start}layer") for name in populations) - 1
    names = [f"{start}w{i}" for i in range(1, last + 1)]
    traces = [result[n].values for n in names]
    events = f"{first}layer0.h" in result
    count = len(traces[0]) // (2 if events else 1)
    stride = 2 if events else 1
    weights = [trace[: count * stride : stride] for trace in traces]
    updates = (
        [trace[1 : 2 * count : 2] - w for trace, w in zip(traces, weights, strict=True)]
        if events
        else []
    )
    angles = {}
    if events:
        x, y = (_samples(result, f"{first}layer{n}") for n in ("0.h", f"{last}.target"))
        angles = _angles(weights, updates, (x, y), transfer, damping)
    bounded = [
        n for n in result.names if n.startswith(f"{start}layer") and n.endswith(".saturated")
    ]
    return Training(
        trials=thin * np.arange(count),
        weights=weights,
        final=[result.final[n].values for n in names],
        updates=updates,
        angles=angles,
        feedback=_feedback(result, start, weights),
        outputs=_tested(result, f"{start}layer{last}.h", tests),
        saturated=max(
            (float(np.max(np.mean(result.traces[n].values, axis=(1, 2)))) for n in bounded),
            default=None,
        ),
    )


def _samples(result: "Result", name: str) -> Array:
    """Return what was recorded of a variable, (trials, units, samples)."""
    values: Array = np.asarray(result.traces[name].values, dtype=np.float64)
    return values if values.ndim == 3 else values[:, :, None]


def _tested(result: "Result", name: str, tests: int) -> Array:
    """Return outputs (units x samples) of the test block."""
    values = _samples(result, name)
    return np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)[:, :tests]


def _angles(
    weights: Sequence[Array],
    updates: Sequence[Array],
    shown: tuple[Array, Array],
    transfer: str,
    damping: float,
) -> dict[str, Array]:
    directions: dict[str, Callable[..., list[Array]]] = {
        "gradient descent": learning_signals.gradient_update,
        "Gauss-Newton": learning_signals.gauss_newton_update,
        "damped Gauss-Newton": partial(learning_signals.gauss_newton_update, damping=damping),
    }
    found: dict[str, list[list[float]]] = {name: [] for name in directions}
    x, y = shown
    for k in range(len(x)):
        now = [w[k] for w in weights]
        if not all(np.isfinite(w).all() for w in now):
            for rows in found.values():
                rows.append([np.nan] * len(now))
            continue
        for name, direction in directions.items():
            ideal = direction(now, x[k], y[k], transfer)
            found[name].append(
                [learning_signals.angle(u[k], d) for u, d in zip(updates, ideal, strict=True)]
            )
    return {name: np.array(rows) for name, rows in found.items()}


def _feedback(result: "Result", start: str, weights: Sequence[Array]) -> dict[str, Array]:
    names = [f"{start}q{i}" for i in range(1, len(weights))]
    if not names or not all(n in result for n in names):
        return {}
    apical = [result[n].values for n in names]
    if any(q.shape[1:] != w.shape[:0:-1] for q, w in zip(apical, weights[1:], strict=True)):
        return {}  # from the output directly
    rows = [
        [
            learning_signals.feedback_alignment(q[k], w[k])
            for q, w in zip(apical, weights[1:], strict=True)
        ]
        for k in range(min(len(q) for q in apical))
    ]
    return {
        "pseudo-inverse": np.array([[x.pseudo_inverse for x in row] for row in rows]),
        "transpose": np.array([[x.transpose for x in row] for row in rows]),
    }


def figures(name: str, course: Training) -> dict[str, Callable[[], Any]]:
    """Return figures of a learner: angles and sizes of its updates, angles of its apical weights."""
    from dendrosim import plot

    found: dict[str, Callable[[], Any]] = {}
    if course.updates:
        norms = {
            f"layer {i}": np.linalg.norm(u, axis=(1, 2)) for i, u in enumerate(course.updates, 1)
        }
        found[f"angles_{name}"] = lambda: (
            plot.angles(course.trials, course.angles, title=f"{name}: angle of updates to")[
                0
            ].figure
        )
        found[f"updates_{name}"] = lambda: (
            plot.curve(
                course.trials, norms, xlabel="trial", ylabel="norm of the weight update",
                title=f"{name}: size of updates", log=True,
            ).figure
        )  # fmt: skip
    if course.feedback:
        trials = course.trials[: len(course.feedback["transpose"])]
        found[f"feedback_{name}"] = lambda: (
            plot.angles(trials, course.feedback, title=f"{name}: angle of apical weights to")[
                0
            ].figure
        )
    return found
