"""Networks with random feedback learn what a teacher network does, side by side and from the same forward weights.

The teacher has the shape of the networks and normally distributed weights. With `task=regression` the targets are
its outputs; with `task=classes` the class of a sample is the largest of them. Each trial shows a batch of samples;
the circuits settle and learn as in `dendrosim.learning.feedback_cycle`.

Measured per rule, losses on fresh inputs:

    initial_loss, final_loss    of the feed-forward output
    final_accuracy              fraction of right classes (task=classes)
    diverged                    whether a loss reached three times the initial one, or is not a number
    angle_gradient              per layer, degrees between updates and the negative gradient for the same
                                samples; medians over the recorded trials
    angle_transpose             per layer from 2, degrees between R and W^T at the beginning and at the end; nan
                                where a rule has no R

Sources
-------
Amit (2021), Deep learning with asymmetric connections and Hebbian updates, and the sources of
`feedback_alignment`. The task is not in the paper.
"""

from typing import Any, Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis import learning_signals, vector_angles
from dendrosim.analysis.output_losses import check_targets, loss_gradient_update, mean_loss
from dendrosim.errors import ParameterError
from dendrosim.learning.feedback_cycle import feedback_cycle
from dendrosim.learning.progress import DIVERGED
from dendrosim.learning.recorded_weights import dense_final, dense_trace

BATCH, FRESH, SNAPSHOTS = 64, 400, 40
RULES = ("bp", "urfb", "frfb", "dfa")
Rule = Literal["bp", "frfb", "urfb", "dfa", "bdfa", "weight_mirror", "kolen_pollack"]
OPTIONS = {
    "eps": ("urfb",),
    "decay": ("kolen_pollack", "weight_mirror"),
    "eta_r": ("weight_mirror", "bdfa"),
    "sigma": ("weight_mirror",),
}
REVERSED = ("frfb", "urfb", "kolen_pollack", "weight_mirror", "bdfa")


class Parameters(ds.Parameters):
    rules: tuple[Rule, ...] = ds.parameter(RULES, "rules of feedback weights, side by side")
    task: Literal["regression", "classes"] = ds.parameter("regression", "what the teacher gives")
    loss: Literal["squared", "softmax", "hinge"] | None = ds.parameter(
        None, "loss of the outputs (default: squared, for classes hinge)"
    )
    sizes: tuple[int, ...] = ds.parameter((10, 20, 20, 5), "units per layer, input first", least=1)
    presentations: int = ds.parameter(1000, "number of batches", least=1)
    samples: int = ds.parameter(640, "training samples, at least one batch of 64", least=BATCH)
    steepness: float = ds.parameter(
        1.0, "sd of the teacher's weights times sqrt(units below)", above=0
    )
    dt: ds.Quantity | None = ds.parameter(None, "time step (default: 0.5 tau)", unit="s", above=0)
    data_seed: int = ds.parameter(0, "seed of teacher and data, not of initial weights", least=0)
    circuit = ds.parameters_of("feedback_alignment", without=("rule", "output"), optional=True)

    @property
    def chosen_loss(self) -> str:
        """The loss of the outputs."""
        return self.loss or ("hinge" if self.task == "classes" else "squared")


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if not p.rules or len(set(p.rules)) < len(p.rules):
        raise ParameterError(f"rules is {list(p.rules)}; give at least one, and each of them once")
    if p.task == "classes" and p.sizes[-1] < 2:
        raise ParameterError(
            f"sizes is {list(p.sizes)}, but task is classes: with one output all samples are of one class; give "
            "the last layer two units or more"
        )
    networks = {rule: _network(p, rule) for rule in p.rules}
    joined = ds.Circuit.join(**networks)
    first, last = p.rules[0], len(p.sizes) - 1
    copies = {f"{r}_w{i}": f"{first}_w{i}" for r in p.rules[1:] for i in range(1, last + 1)}
    if not p.circuit.get("pruned"):  # a sparse matrix has no copies
        joined = joined.replace(
            matrices=[
                m.replace(initial=ds.Copy(copies[m.name])) if m.name in copies else m
                for m in joined.matrices
            ]
        )
    tau = float(networks[first].parameters["tau"].value)
    step = 0.5 * tau if p.dt is None else float(p.dt.value)
    cycle = feedback_cycle(networks, dt=step, tau=tau, observed=True)
    data, expected = _data(p)
    check_targets(data["y"].T, p.chosen_loss)
    thin = max(1, p.presentations // SNAPSHOTS)
    weights = tuple(m.name for m in joined.matrices if m.name.split("_")[-1][0] in "wr")
    kept = {"every": "phase", "thin": thin}
    return ds.Protocol(
        joined,
        (ds.Block("train", cycle, trials=p.presentations, order="shuffled"),),
        dt=f"{step!r} s",
        signals={f"{r}_layer0.h": ds.Samples("x") for r in p.rules}
        | {f"{r}_layer{last}.target": ds.Samples("y") for r in p.rules},
        data=data,
        recordings=(
            ds.Recording(weights, phases=("train/forward", "train/rest"), **kept),
            ds.Recording(
                (f"{first}_layer0.h", f"{first}_layer{last}.target"), phases="train/forward", **kept
            ),
        ),
        batch=BATCH,
        references={"fresh": expected[0], "fresh_targets": expected[1], "thin": thin},
    )


def _network(p, rule):
    """Return the circuit of a rule, with those of the given parameters that it has."""
    given = dict(p.circuit) | {"sizes": p.sizes, "loss": p.chosen_loss}
    for name, rules in OPTIONS.items():
        if given.get(name) is not None and not set(rules) & set(p.rules):
            raise ParameterError(
                f"{name} is {given[name]}, but rules is {list(p.rules)}; {name} is for {' or '.join(rules)}"
            )
        if rule not in rules:
            given.pop(name, None)
    if rule not in REVERSED:
        given.pop("symmetric", None)
    return ds.load_circuit("feedback_alignment", rule=rule, **given)


def _data(p):
    """Return data sets for training, and fresh inputs with their targets (samples, units)."""
    rng = np.random.default_rng(p.data_seed)
    transfer = p.circuit.get("transfer", "saturated_linear")
    teacher = [
        p.steepness * rng.normal(size=(n, m)) / m**0.5
        for m, n in zip(p.sizes[:-1], p.sizes[1:], strict=True)
    ]
    found = []
    for count in (p.samples, FRESH):
        x = rng.normal(size=(p.sizes[0], count))
        y = learning_signals.forward(teacher, x, transfer, "linear").activities[-1]
        y = np.eye(len(y))[np.argmax(y, axis=0)].T if p.task == "classes" else y
        found.append((x.T, y.T))
    return {"x": found[0][0], "y": found[0][1]}, found[1]


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the rules on fresh inputs, and their updates with the gradient."""
    p = Parameters(**result.protocol.parameters)
    courses = {rule: _Course(result, p, rule) for rule in p.rules}
    metrics = {rule: course.metrics() for rule, course in courses.items()}
    trials = next(iter(courses.values())).trials

    def loss() -> Any:
        losses = {rule: course.losses[:-1] for rule, course in courses.items()}
        title = "Networks with random feedback learn from a teacher"
        axes: Any = {"xlabel": "trial", "ylabel": "loss on fresh inputs", "log": True}
        return ds.plot.curve(trials, losses, title=title, **axes).figure

    figures = {"loss": loss}
    for rule, course in courses.items():
        if course.back:
            angles = {f"layer {i}": course.angles(i) for i in range(2, len(p.sizes))}
            figures[f"feedback_{rule}"] = lambda angles=angles, rule=rule: ds.plot.curve(
                trials, angles, title=f"{rule}: feedback weights align with transposed forward weights",
                xlabel="trial", ylabel="angle of R to the transpose of W (degrees)",
            ).figure  # fmt: skip
    return ds.Measurement(metrics, figures)


class _Course:
    """Weights of one network over the recorded trials, as dense matrices, and what they do."""

    def __init__(self, result, p, rule):
        self._p, given = p, result.protocol.references
        last = len(p.sizes) - 1
        traces = [dense_trace(result, f"{rule}_w{i}") for i in range(1, last + 1)]
        count = len(traces[0]) // 2
        self.trials = given["thin"] * np.arange(count)
        self.weights = [w[: 2 * count : 2] for w in traces]
        final = [dense_final(result, f"{rule}_w{i}") for i in range(1, last + 1)]
        self._updates = [w[1 : 2 * count : 2] - w[: 2 * count : 2] for w in traces]
        names = [f"{rule}_r{i}" for i in range(2, last + 1)]
        self.back = [dense_trace(result, n)[: 2 * count : 2] for n in names if n in result]
        self._x, self._y = (
            result[f"{p.rules[0]}_layer{n}"].values for n in ("0.h", f"{last}.target")
        )
        fresh = np.asarray(given["fresh"]).T
        self._targets = np.asarray(given["fresh_targets"]).T
        self._outputs = [
            learning_signals.forward(ws, fresh, self._transfer, "linear").activities[-1]
            for ws in [*zip(*self.weights, strict=True), final]
        ]

    @property
    def _transfer(self):
        return self._p.circuit.get("transfer", "saturated_linear")

    @property
    def losses(self):
        """Losses on fresh inputs before each recorded trial, and at the end."""
        return np.array([mean_loss(h, self._targets, *self._loss) for h in self._outputs])

    @property
    def _loss(self):
        return self._p.chosen_loss, self._p.circuit.get("balance", 0.5)

    def angles(self, layer):
        """Return the angles between R and W^T of a layer before each recorded trial."""
        r, w = self.back[layer - 2], self.weights[layer - 1]
        return np.array([vector_angles.angle(a, b.T) for a, b in zip(r, w, strict=True)])

    def metrics(self):
        losses, layers = self.losses, range(2, len(self._p.sizes))
        missing = np.full((2, len(layers)), np.nan)
        angles = np.array([self.angles(i)[[0, -1]] for i in layers]).T if self.back else missing
        found = {
            "initial_loss": float(losses[0]),
            "final_loss": float(losses[-1]),
            "diverged": not bool(losses.max() <= DIVERGED * losses[0]),
            "angle_gradient": self._gradient_angles(),
            "angle_transpose": angles,
        }
        if self._p.task == "classes":
            right = np.argmax(self._outputs[-1], axis=0) == np.argmax(self._targets, axis=0)
            found["final_accuracy"] = float(np.mean(right))
        return found

    def _gradient_angles(self):
        """Return, per layer, the median angle between updates and the negative gradient."""
        rows = []
        for k in range(len(self.trials)):
            now = [w[k] for w in self.weights]
            ideal = loss_gradient_update(now, self._x[k], self._y[k], self._transfer, *self._loss)
            rows.append(
                [
                    vector_angles.angle(u[k], np.where(w != 0, g, 0.0))
                    for u, g, w in zip(self._updates, ideal, now, strict=True)
                ]
            )
        return np.array(
            [
                np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else np.nan
                for c in np.transpose(rows)
            ]
        )
