"""Weight updates of a network that declares its parts, read from a result and compared with theory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from dendrosim.analysis import learning_signals, vector_angles
from dendrosim.arrays import Array
from dendrosim.circuit.circuit import Circuit
from dendrosim.display.short import ShortRepr
from dendrosim.errors import SpecError
from dendrosim.learning.network import Network
from dendrosim.learning.own_cycle import AFTER
from dendrosim.learning.recorded_steps import recorded_samples, split_steps
from dendrosim.learning.targets import evaluate_target, target_variables
from dendrosim.protocol.phases import Recording
from dendrosim.results.result import Result

NOISE = 1e-12
"""Updates below this fraction of the weights are rounding noise: their angles are NaN."""


def update_recordings(
    network: Network, prefix: str, thin: int, cycle: str = ""
) -> tuple[Recording, ...]:
    """Return the recordings of a block `train` that `read_updates` reads.

    Parameters
    ----------
    network : Network
        The network, with the names of its circuit; see `Network.of`.
    prefix : str
        Prefix of these names in a joined circuit, or "".
    thin : int
        Every `thin`-th trial is recorded.
    cycle : str, default ""
        Name with which the phases of a cycle of the network's own begin.
    """
    first = f"train/{cycle}_" if cycle else "train/"
    learn, after = first + network.learning_phase, first + AFTER
    used = (n for target in network.targets for n in target_variables(target))
    states = (network.input, network.target, *network.layers, *network.feedback, *used)
    return (
        Recording(_with(prefix, network.weights), every="phase", phases=(learn, after), thin=thin),
        Recording(_with(prefix, dict.fromkeys(states)), every="phase", phases=learn, thin=thin),
    )


@dataclass(frozen=True)
class Updates(ShortRepr):
    """What a network learned in the kept trials.

    Attributes
    ----------
    weights, changes : list of ndarray, shapes (trials, post, pre)
        Weights before the step of learning, and their change, for each layer.
    feedback : list of L - 1 ndarray, shapes (trials, post, pre), or None
        Feedback weights of each hidden layer from the layer above, None where there are none.
    x, y : ndarray, shape (trials, units, samples)
        Inputs and targets.
    rates, targets : list of ndarray, shapes (trials, units, samples)
        Rates of the layers while they learn, and what the rule takes as their targets.
    transfer, output : str
        Names of the transfer functions of the hidden layers and of the last one.
    """

    weights: list[Array]
    changes: list[Array]
    feedback: list[Array | None]
    x: Array
    y: Array
    rates: list[Array]
    targets: list[Array]
    transfer: str
    output: str

    def compare(self, damping: float) -> dict[str, Array]:
        """Return angles and sizes of the updates, each of shape (trials, layers), NaN where there is none.

        Parameters
        ----------
        damping : float
            Damping of the Gauss-Newton targets.

        Returns
        -------
        dict of str to ndarray
            `angle_gradient`, `angle_gauss_newton`, `angle_target` in degrees, and `size_ratio`, the norm of the
            update divided by that of gradient descent with learning rate 1.
        """
        shape = (len(self.x), len(self.weights))
        names = ("angle_gradient", "angle_gauss_newton", "angle_target", "size_ratio")
        found = {name: np.full(shape, np.nan) for name in names}
        gauss_newton = partial(learning_signals.gauss_newton_update, damping=damping)
        for k in range(shape[0]):
            now = [w[k] for w in self.weights]
            steps = [c[k] for c in self.changes]
            if not all(np.isfinite(a).all() for a in (*now, *steps)):
                continue
            given: Any = (now, self.x[k], self.y[k], self.transfer, self.output)
            gradient = learning_signals.gradient_update(*given)
            newton = gauss_newton(*given)
            target = self._towards_targets(k)
            for i, (step, w) in enumerate(zip(steps, now, strict=True)):
                if np.linalg.norm(step) <= NOISE * np.linalg.norm(w):
                    continue
                found["angle_gradient"][k, i] = vector_angles.angle(step, gradient[i])
                found["angle_gauss_newton"][k, i] = vector_angles.angle(step, newton[i])
                size = np.linalg.norm(gradient[i])
                found["size_ratio"][k, i] = np.linalg.norm(step) / size if size else np.nan
                if (towards := target[i]) is not None:
                    found["angle_target"][k, i] = vector_angles.angle(step, towards)
        return found

    def feedback_angles(self) -> dict[str, Array]:
        """Return the angles of feedback weights to transpose and pseudo-inverse, each of shape (trials, L - 1).

        They are NaN for a layer without feedback weights from the layer above.
        """
        shape = (len(self.x), max(len(self.weights) - 1, 0))
        names = ("feedback_transpose", "feedback_pseudo_inverse")
        found = {name: np.full(shape, np.nan) for name in names}
        for i, (q, w) in enumerate(zip(self.feedback, self.weights[1:], strict=True)):
            if q is not None:
                angles = vector_angles.feedback_angles(q, w[: len(q)])
                found["feedback_transpose"][: len(q), i] = angles["transpose"]
                found["feedback_pseudo_inverse"][: len(q), i] = angles["pseudo-inverse"]
        return found

    def _towards_targets(self, k: int) -> list[Array | None]:
        """Return for each layer the gradient step towards its target in a trial, None without a target."""
        found: list[Array | None] = [None] * len(self.weights)
        below = [self.x, *self.rates[:-1]]
        for i, target in enumerate(self.targets):
            goal, lower = target[k], below[i][k]
            if not all(np.isfinite(a).all() for a in (goal, lower)):
                continue
            name = self.output if i == len(self.weights) - 1 else self.transfer
            passed = learning_signals.forward([self.weights[i][k]], lower, name)
            found[i] = learning_signals.descent_update(
                [self.weights[i][k]], passed, goal - passed.activities[-1]
            )[0]
        return found


def read_updates(result: Result, network: Network, prefix: str, circuit: Circuit) -> Updates:
    """Read from a result with `update_recordings` what a network learned.

    Parameters
    ----------
    result : Result
    network : Network
        The network, with the names of its circuit.
    prefix : str
        Prefix of these names in the joined circuit, or "".
    circuit : Circuit
        The circuit of the network, with its own names.
    """
    traces = [np.asarray(result[n].values) for n in _with(prefix, network.weights)]
    weights, changes = split_steps(traces)
    count = len(weights[0])
    transfer, output = transfer_functions(network, circuit)

    def samples(names: Sequence[str]) -> list[Array]:
        return [recorded_samples(result, n)[:count] for n in _with(prefix, names)]

    def target(expression: str) -> Array:
        names = target_variables(expression)
        return evaluate_target(expression, dict(zip(names, samples(names), strict=True)))

    return Updates(
        weights=weights,
        changes=changes,
        feedback=[
            None if name is None else np.asarray(result[prefix + name].values)[:count]
            for name in _layerwise_feedback(network, circuit)
        ],
        x=samples([network.input])[0],
        y=samples([network.target])[0],
        rates=samples(network.layers),
        targets=[target(text) for text in network.targets],
        transfer=transfer,
        output=output,
    )


def _layerwise_feedback(network: Network, circuit: Circuit) -> list[str | None]:
    """Return for each hidden layer the dense matrix of its feedback from the layer above, or None."""
    layers = [n.partition(".")[0] for n in network.layers]
    matrices = [m for m in circuit.matrices if m.name in network.feedback and m.connect is None]
    ends = {(m.post, m.pre): m.name for m in matrices}
    return [ends.get(pair) for pair in pairwise(layers)]


def transfer_functions(network: Network, circuit: Circuit) -> tuple[str, str]:
    """Return the names of the transfer functions of a network's hidden layers and of its last layer.

    Raises
    ------
    SpecError
        If the hidden layers have different ones.
    """
    *hidden, last = (
        circuit.population(n.partition(".")[0]).transfer or "linear" for n in network.layers
    )
    if len(set(hidden)) > 1:
        raise SpecError(
            f"Network.layers have different transfer functions ({', '.join(hidden)}); give all one"
        )
    return (hidden[0] if hidden else last), last


def _with(prefix: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(prefix + n for n in names)
