"""Circuits with errors in dendrites learn from a teacher, or to name digits, under a weak target.

`rule` is a rule that `dendritic_error`, `dendritic_predictive` or `error_neurons` declares for comparisons; it
gives the values of the circuit that are not set here. (With form=conductance, conductances are those of the
model.) In each trial a batch of samples is shown: the circuit settles under its target, basal weights take one
step, and the circuit settles without a target, after which lateral weights take one step. Targets are rates.

Tasks (`task`):

    student_teacher    normally distributed inputs, and the outputs of a teacher of the same shape
    digits             the shipped images of 8 x 8 pixels; `targets` are the rates for wrong and right classes

Measured on samples that were not used to learn:

    initial_loss, final_loss    mean of 1/2 |target - rate|^2 of the outputs to which the circuit settles
    backprop_loss               loss of gradient descent from the same weights, on the same batches in the same
                                order, with the same learning rate
    accuracy, backprop_accuracy fraction of right classes (task=digits)
    diverged                    whether the final loss is above three times the initial one, or is not a number
    angle_gradient              degrees between the updates of a layer and gradient descent for the same samples;
                                median over kept trials before which the loss was above 1 % of the initial one
    size_ratio                  norm of these updates over that of gradient descent, median
    initial_silence, silence    largest voltage of an apical dendrite (or error neuron) without a target, before
                                and after learning: 0 if all that comes down is predicted
    stable_dt                   time step in ms from which the loops among the neurons are unstable with the
                                weights at the end, at rest and for eight samples

If no `dt` is given, it is half of the limit for the initial weights. A `dt` at which a compartment or a loop is
unstable with these weights is refused. Weights that grow while they learn can make loops unstable later; then
stable_dt is below dt, and a warning says so.

Results
-------
Five seeds that were not used to choose anything (100 to 104), median of the final loss with the defaults: gradient
descent 0.011, error_neurons_symmetric and dendritic_error_symmetric 0.014, dendritic_predictive_slopes 0.015,
dendritic_error 0.017, dendritic_predictive_symmetric 0.022, dendritic_predictive_rates 0.023, dendritic_predictive
0.036. None diverges. With random feedback weights, lateral weights of dendritic_predictive grow until loops are
unstable at the default dt in four of five (voltages up to 8 in apical dendrites); at dt=1.5 ms none is.
Digits, seeds 100 to 102, median accuracy: dendritic_error_symmetric 0.953, gradient descent 0.947, predictive with
slopes 0.944, dendritic_error and error_neurons 0.941, dendritic_predictive 0.934 (symmetric 0.922).

Sources
-------
Sacramento, Costa, Bengio & Senn (2018), Dendritic cortical microcircuits approximate the backpropagation
algorithm, NeurIPS 31, and Error-neuron microcircuits, PLOS Computational Biology (2026), doi
10.1371/journal.pcbi.1014164, for the tasks. Sizes, rates and learning in single steps are chosen here. Digits:
E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998,
CC BY 4.0.
"""

from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis import learning_signals
from dendrosim.analysis.target_propagation.settling import cascade_time
from dendrosim.errors import ParameterError
from dendrosim.learning.cycle import learning_cycle, recall_phase
from dendrosim.learning.descent import descend
from dendrosim.learning.loop_stability import (
    check_loop,
    loop_at_end,
    loop_at_rest,
    warn_of_loop,
    worst_loop,
)
from dendrosim.learning.progress import DIVERGED, LARGE
from dendrosim.learning.rules import find_rule
from dendrosim.learning.same_start import with_drawn_weights
from dendrosim.learning.target_range import check_target_range
from dendrosim.learning.updates import read_updates, transfer_functions, update_recordings
from dendrosim.mechanisms.error_compartments import (
    check_time_step,
    predicted_parts,
    total_conductances,
)
from dendrosim.mechanisms.lateral_overshoot import check_lateral_steps
from dendrosim.units import quantity

SNAPSHOTS = 40  # number of trials whose updates are kept
TESTS = 320  # number of samples on which losses are measured, rounded down to whole batches
LIMIT = 1e3  # largest weight: circuits that diverge stay finite for longer
LEFT = 1e-3  # part of the learning signal of layer 1 that errors of settling may be
PASSED = 0.3  # part of an error that a layer passes down at least, roughly
DAMPING = 0.1  # of the Gauss-Newton targets, which are not used here
LOOPS = 8  # samples for which loops are analysed at the end
SIZES = {"student_teacher": (10, 8, 6, 4), "digits": (64, 32, 10)}
RATES = {"student_teacher": "10 Hz", "digits": "4 Hz"}
OF_CONDUCTANCES = ("form", "g_apical", "g_teaching")  # what rules choose for form=current
WEAKER = "a smaller g_apical or gain"


class Parameters(ds.Parameters):
    rule: Literal[
        "dendritic_error", "dendritic_error_symmetric", "dendritic_error_learned", "dendritic_predictive",
        "dendritic_predictive_symmetric", "dendritic_predictive_slopes", "dendritic_predictive_rates",
        "dendritic_predictive_learned", "error_neurons", "error_neurons_symmetric", "error_neurons_learned",
    ] = ds.parameter("dendritic_error", "rule by which the circuit learns")  # fmt: skip
    task: Literal["student_teacher", "digits"] = ds.parameter(
        "student_teacher", "what the circuit learns"
    )
    sizes: tuple[int, ...] | None = ds.parameter(
        None, "units per layer, input first (default: 10-8-6-4, digits: 64-32-10)", least=1
    )
    transfer: str = ds.parameter("tanh", "transfer function of the circuit and of the teacher")
    teacher_output: Literal["transfer", "linear"] = ds.parameter(
        "transfer", "outputs of the teacher"
    )
    steepness: float = ds.parameter(
        1.0, "sd of the teacher's weights times the root of the number of inputs", above=0
    )
    targets: tuple[float, ...] = ds.parameter(
        (0.1, 0.9), "rates for wrong and right classes of digits"
    )
    presentations: int = ds.parameter(1500, "number of trials", least=1)
    batch: int = ds.parameter(16, "samples that are shown in one trial", least=1)
    samples: int = ds.parameter(960, "training samples of student_teacher", least=1)
    eta: ds.Quantity | None = ds.parameter(
        None, "learning rate of basal weights (default: 10 Hz, digits: 4 Hz)", unit="Hz", above=0
    )
    dt: ds.Quantity | None = ds.parameter(
        None, "time step (default: half of what is stable)", unit="s", above=0
    )
    seed: int = ds.parameter(0, "seed of the run: initial weights, teacher and data", least=0)
    circuit = ds.parameters_of(
        "dendritic_error", "dendritic_predictive", "error_neurons", without=("teaching",), optional=True
    )  # fmt: skip

    @property
    def layers(self) -> tuple[int, ...]:
        """Units per layer."""
        return self.sizes or SIZES[self.task]

    @property
    def rate(self) -> ds.Quantity:
        """Learning rate of basal weights."""
        return quantity(RATES[self.task]) if self.eta is None else self.eta


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    circuit, network = _circuit(p)
    data, expected = _data(p, circuit, network)
    step, steps = _timing(p, circuit)
    tau = float(circuit.parameters["tau"].value)
    check_lateral_steps(circuit, data["x"][: p.batch].T, tau, p.seed, p.batch)
    cycle = learning_cycle({"": circuit}, dt=step, tau=tau, steps=steps, observed=True)
    recall = recall_phase({"": circuit}, dt=step, steps=steps).replace(
        signals={network.input: ds.Samples("fresh"), network.target: 0.0}
    )
    thin = max(1, p.presentations // SNAPSHOTS)
    kept = (network.layers[-1], *_silent(circuit))
    return ds.Protocol(
        circuit,
        (
            ds.Block("before", (recall,), trials="pass"),
            ds.Block("train", cycle, trials=p.presentations),
            ds.Block("test", (recall,), trials="pass"),
        ),
        dt=f"{step!r} s",
        signals={network.input: ds.Samples("x"), network.target: ds.Samples("y")},
        data=data,
        recordings=(
            ds.Recording(kept, every="phase", phases=("before/*", "test/*"), name="tested"),
            *update_recordings(network, "", thin),
        ),
        batch=p.batch,
        batch_fixed=True,
        references={"expected": expected, "thin": thin},
    )


def _circuit(p):
    """Return the circuit with its initial weights, and the network that it declares."""
    rule = find_rule(p.rule)
    given = dict(rule.parameters)
    if p.circuit.get("form") == "conductance":
        given = {k: v for k, v in given.items() if k not in OF_CONDUCTANCES}
    given |= {**p.circuit, "sizes": p.layers, "transfer": p.transfer, "eta": p.rate}
    circuit = ds.load_circuit(rule.model, **given)
    circuit = circuit.replace(
        matrices=[
            m if m.plasticity is None or m.bounded else m.replace(bounds=(-LIMIT, LIMIT))
            for m in circuit.matrices
        ]
    )
    return with_drawn_weights(circuit, p.seed), rule.network.of(circuit)


def _timing(p, circuit):
    """Return the time step in seconds, and the number of steps in which the circuit settles."""
    tau, totals = circuit.parameters["tau"], total_conductances(circuit)
    loop = worst_loop(loop_at_rest(circuit, {"teach": teach}, p.seed) for teach in (0.0, 1.0))
    largest = min(loop.largest_step, 2 * float(tau.value) / max(totals.values()))
    step = 0.5 * largest if p.dt is None else float(p.dt.value)
    check_time_step(totals, tau, step)
    check_loop(loop, step, WEAKER)
    layers = len(p.layers) - 1
    # Weak nudging makes small signals, which a circuit that has not settled would hide.
    left = LEFT * min(1.0, float(circuit.parameters["nudging"].value)) * PASSED ** (layers - 1)
    return step, int(np.ceil(cascade_time(2 * layers, left) / loop.slowest / step))


def _silent(circuit):
    """Return the names of voltages that are zero without a target if everything is predicted."""
    names = [f"{q.name}.{v}" for q in circuit.populations for v in q.variables]
    return [n for n in names if n.endswith(".apical")] or [n for n in names if n.endswith(".error")]


def _data(p, circuit, network):
    """Return data sets, each (samples, units), and what is expected of fresh inputs."""
    rng = np.random.default_rng(p.seed)
    tests = max(1, TESTS // p.batch) * p.batch
    output = transfer_functions(network, circuit)[1]
    if p.task == "digits":
        x, y, fresh, expected = _digits(p, tests, rng)
        check_target_range(
            "targets: rates are", p.targets, output,
            "give rates for wrong and right classes between, such as (0.1, 0.9), or choose output=linear",
        )  # fmt: skip
    else:
        x, fresh = (
            rng.normal(size=(n, circuit.population("layer0").size)) for n in (p.samples, tests)
        )
        shapes = pairwise(p.layers)
        teacher = [p.steepness * rng.normal(size=(n, m)) / m**0.5 for m, n in shapes]
        last = "linear" if p.teacher_output == "linear" else None
        y, expected = (
            learning_signals.forward(teacher, shown.T, p.transfer, last).activities[-1].T
            for shown in (x, fresh)
        )
        check_target_range(
            "teacher_output: outputs of the teacher are", np.concatenate([y, expected]), output,
            "choose teacher_output=transfer, or output=linear for the circuit",
        )  # fmt: skip
    if len(x) < p.batch:
        raise ParameterError(
            f"batch is {p.batch}, but there are {len(x)} training samples; choose less"
        )
    whole = len(x) // p.batch * p.batch
    return {"x": x[:whole], "y": y[:whole], "fresh": fresh}, expected


def _digits(p, tests, rng):
    """Return images and targets to learn from and to test; pixels are centred and scaled to unit variance."""
    if len(p.targets) != 2 or p.targets[0] >= p.targets[1]:
        raise ParameterError(
            f"targets is {list(p.targets)}; give two rates, for wrong classes and for the right one, the larger"
        )
    if (p.layers[0], p.layers[-1]) != (64, 10):
        raise ParameterError(f"sizes is {p.sizes}; digits need 64 inputs and 10 outputs")
    train, test = (ds.tasks.load_digits(part, seed=p.seed) for part in ("train", "test"))
    mean = train.images.mean(axis=0)
    scale = np.sqrt(np.mean((train.images - mean) ** 2))
    shown, chosen = (rng.permutation(len(part.labels)) for part in (train, test))
    low, high = p.targets
    found = []
    for part, order in ((train, shown), (test, chosen[:tests])):
        found += [
            (part.images[order] - mean) / scale,
            low + (high - low) * ds.tasks.one_hot(part.labels[order], 10),
        ]
    return found


def measure(result: ds.Result) -> ds.Measurement:
    """Compare what the circuit learned with gradient descent."""
    p = Parameters(**result.protocol.parameters)
    course = _Course(result, p)
    metrics = course.metrics()
    loop = loop_at_end(result, LOOPS, p.seed)
    metrics["stable_dt"] = 1e3 * loop.largest_step
    warn_of_loop(loop, result.protocol.time_step, f"{WEAKER}, or a smaller eta")
    return ds.Measurement(metrics, course.figures(), units={"stable_dt": "ms"})


class _Course:
    """How the circuit learned, and gradient descent beside it."""

    def __init__(self, result, p):
        self.p, given = p, result.protocol.references
        network = find_rule(p.rule).network.of(result.circuit)
        self.updates = read_updates(result, network, "", result.circuit)
        self.parts = predicted_parts(result.circuit)
        self.expected = np.asarray(given["expected"]).T
        self.data = {k: np.asarray(v).T for k, v in result.protocol.data.items()}
        self.trials = given["thin"] * np.arange(len(self.updates.x))
        self.step = float(p.rate.value) * float(result.circuit.parameters["tau"].value)
        tests = self.expected.shape[1]
        output = self._tested(result, network.layers[-1])
        self.before, self.after = output[:, :tests], output[:, tests : 2 * tests]
        silent = [abs(self._tested(result, n)) for n in _silent(result.circuit)]
        self.silence = [
            max((float(v[:, part].max()) for v in silent), default=0.0)
            for part in (slice(tests), slice(tests, None))
        ]
        snapshots = [[w[k] for w in self.updates.weights] for k in range(len(self.trials))]
        self.losses = np.array([self._loss(self._forward(w)) for w in snapshots])
        self.descended = self._descend(snapshots[0])

    @staticmethod
    def _tested(result, name):
        """Return a variable in both tests, (units, 2 samples)."""
        values = np.asarray(result[f"tested/{name}"].values)
        values = values if values.ndim == 3 else values[:, :, None]
        return np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)

    def _effective(self, weights):
        return [k * w for k, w in zip(self.parts, weights, strict=True)]

    def _forward(self, weights):
        """Return outputs for fresh inputs without dynamics."""
        given = (self._effective(weights), self.data["fresh"], self.updates.transfer)
        return learning_signals.forward(*given, self.updates.output).activities[-1]

    def _loss(self, outputs):
        return float(0.5 * np.mean(np.sum((outputs - self.expected) ** 2, axis=0)))

    def _right(self, outputs):
        return float(np.mean(outputs.argmax(axis=0) == self.expected.argmax(axis=0)))

    def _descend(self, start):
        """Return outputs before each kept trial, and at the end, of gradient descent on the same batches."""
        given = (start, self.parts, (self.data["x"], self.data["y"]))
        every = descend(
            *given, batch=self.p.batch, trials=self.p.presentations, step=self.step,
            transfer=self.updates.transfer, output=self.updates.output,
        )  # fmt: skip
        kept = {*self.trials.tolist(), self.p.presentations}
        return [self._forward(weights) for trial, weights in enumerate(every) if trial in kept]

    def metrics(self):
        """Return all metrics but the one of loops."""
        # The gradient with respect to w is kappa times that with respect to kappa w.
        scaled = replace(self.updates, weights=self._effective(self.updates.weights))
        compared = scaled.compare(DAMPING)
        large = self.losses > LARGE * self.losses[0]
        ratio = compared["size_ratio"] / (self.step * np.array(self.parts))
        initial, final = self._loss(self.before), self._loss(self.after)
        found: dict[str, Any] = {
            "initial_loss": initial,
            "final_loss": final,
            "backprop_loss": self._loss(self.descended[-1]),
            "diverged": not final <= DIVERGED * initial,
            "angle_gradient": _medians(compared["angle_gradient"][large]),
            "size_ratio": _medians(ratio[large]),
            "initial_silence": self.silence[0],
            "silence": self.silence[1],
        }
        self.angles = compared["angle_gradient"]
        if self.p.task == "digits":
            found["accuracy"] = self._right(self.after)
            found["backprop_accuracy"] = self._right(self.descended[-1])
        return found

    def figures(self):
        """Return functions that draw losses and angles."""
        rule, angles = self.p.rule, {f"layer {i}": a for i, a in enumerate(self.angles.T, 1)}

        def learning():
            losses = {
                rule: self.losses,
                "gradient descent": [self._loss(h) for h in self.descended[:-1]],
            }
            return ds.plot.curve(
                self.trials, losses, xlabel="trial", ylabel="loss on fresh samples", log=True,
                title=f"{rule} learns from weak targets",
            ).figure  # fmt: skip

        def directions():
            return ds.plot.curve(
                self.trials, angles, xlabel="trial", ylabel="angle to gradient descent (degrees)",
                title=f"{rule}: direction of updates", log=False,
            ).figure  # fmt: skip

        return {"learning": learning, "angles": directions}


def _medians(rows):
    """Return the median of the finite values of each column, NaN for a column without them."""
    return np.array(
        [np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else np.nan for c in rows.T]
    )
