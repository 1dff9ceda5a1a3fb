"""All learning rules side by side on the same task: losses, and angles of updates to what theory proposes.

A rule is declared by its model file, as `LEARNING`: `rules` has names of rules of models in the catalogue, or
paths of model files. All networks have the same sizes and initial weights, and see the same samples in the same
order. In every trial the circuits settle and learn in a single step; feedback weights learn in the same trials,
and alone in `pretraining` trials beforehand. Circuits whose model declares a cycle of its own see the sample after
the others; while some learn, all gates of the others are closed.

Tasks (`task`):

    student_teacher    normally distributed inputs, and the outputs of a teacher of the same shape
    digits             the shipped images of 8 x 8 pixels in 10 classes, three quarters to learn from, one to test
    gaussian           normally distributed inputs, and a linear function of them with noise

Network k of `seeds` has the initial weights, teacher and data of seed + k, where `seed` is the seed of the run.

Measured after learning, by rule; null where a rule does not have it:

    loss or accuracy           of the settled output on fresh samples, by network (accuracy with digits)
    initial_loss               loss of the initial weights, by network
    diverged                   fraction of networks whose loss exceeds three times the initial one, or is NaN
    angle_gradient             degrees between update and gradient descent, by layer
    angle_gauss_newton         degrees between update and Gauss-Newton target with `damping`, by layer
    angle_target               degrees between update and the step towards the rule's own target, by layer
    size_ratio                 norm of the update over that of gradient descent with learning rate 1, by layer
    feedback_transpose         degrees between feedback weights and the transposed weights, by layer
    feedback_pseudo_inverse    degrees between feedback weights and the pseudo-inverse of weights, by layer

Angles and ratios are medians over networks and kept trials. An update that is rounding noise has no angle. All
rules have the learning rate `eta`, except those whose declaration has its own (`modified_tp`). Weights are
bounded, so that a network that diverges does not end the run; weights with an exact inverse are not, and if they
can no longer be inverted, the run ends with an error that names the rule.

Sources
-------
The rules are those of the papers that their models name. Angles: Meulemans et al. (2020), A theoretical framework
for target propagation.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis import learning_signals
from dendrosim.errors import ParameterError, prefix_errors
from dendrosim.learning.members import Member, join_cycles, member_signals, shared_values
from dendrosim.learning.progress import DIVERGED
from dendrosim.learning.rules import find_rule, known_rules
from dendrosim.learning.same_start import with_drawn_weights
from dendrosim.learning.settling import choose_time_step
from dendrosim.learning.target_range import check_target_range
from dendrosim.learning.updates import read_updates, transfer_functions, update_recordings
from dendrosim.mechanisms.lateral_overshoot import check_lateral_steps
from dendrosim.plot import style

SNAPSHOTS = 40  # number of trials whose updates are kept
TESTS = 160  # number of samples on which losses are measured, rounded down to whole batches
LIMIT = 1e3  # largest weight: networks that diverge stay finite
LARGEST = 10  # losses above this many initial ones are not drawn
START = ds.WellConditioned(1.4, 2.0)  # initial weights of all networks, and weights of teachers


class Parameters(ds.Parameters):
    rules: tuple[str, ...] = ds.parameter((), "names of rules, or paths of models (default: all)")
    task: Literal["student_teacher", "digits", "gaussian"] = ds.parameter(
        "student_teacher", "what the networks learn"
    )
    depth: int = ds.parameter(3, "number of layers above the input, 1 to 8", least=1)
    width: int | None = ds.parameter(
        None,
        "units of every layer but, with digits, the first and last (default: 6; with digits 10, as rules with "
        "exact inverses need as many as there are classes)",
        least=1,
    )
    presentations: int = ds.parameter(400, "trials in which the networks learn", least=1)
    pretraining: int = ds.parameter(200, "trials beforehand in which feedback learns", least=0)
    batch: int = ds.parameter(16, "samples that are shown in one trial", least=1)
    samples: int = ds.parameter(480, "training samples, except for digits", least=1)
    seeds: int = ds.parameter(1, "number of networks per rule", least=1)
    seed: int = ds.parameter(0, "seed of the run", least=0)
    transfer: str = ds.parameter("smooth_leaky", "transfer function of all layers and the teacher")
    eta: ds.Quantity = ds.parameter("2 Hz", "learning rate of basal weights", above=0)
    damping: float = ds.parameter(0.01, "damping of Gauss-Newton targets", least=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant, and scale of learning steps", above=0)
    dt: ds.Quantity | None = ds.parameter(None, "time step (default: 0.5 tau)", unit="s", above=0)

    @property
    def units(self) -> int:
        """Units of every layer but, with digits, the first and last."""
        return self.width or (10 if self.task == "digits" else 6)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    members = _members(p)
    step = choose_time_step(p.dt, p.tau)
    tasks = [_task(p, p.seed + k) for k in range(p.seeds)]
    for m in members:
        with prefix_errors(f"rule {m.rule}"):
            check_target_range(
                "task: targets are", tasks[m.number]["y"], transfer_functions(m.network, m.circuit)[1],
                "choose another task, or a transfer function without limits, such as smooth_leaky",
            )  # fmt: skip
            first = tasks[m.number]["x"][: p.batch].T
            check_lateral_steps(m.circuit, first, float(p.tau.value), p.seed, p.batch)
    learn, sleep, recall = join_cycles(members, step, float(p.tau.value))
    shown = {f"{m.prefix}{m.network.input}": ds.Samples(f"fresh{m.number}") for m in members}
    hidden = {f"{m.prefix}{m.network.target}": 0.0 for m in members}
    test = recall.replace(signals=shown | hidden)
    blocks = [
        ds.Block("before", (test,), trials="pass"),
        ds.Block("train", learn, trials=p.presentations),
        ds.Block("test", (test,), trials="pass"),
    ]
    if p.pretraining and sleep:
        blocks.insert(1, ds.Block("pretrain", sleep, trials=p.pretraining))
    thin = max(1, p.presentations // SNAPSHOTS)
    outputs = tuple(f"{m.prefix}{m.network.layers[-1]}" for m in members)
    recordings = [
        ds.Recording(outputs, every="phase", phases=("before/*", "test/*"), name="tested")
    ]
    for m in members:
        recordings += update_recordings(m.network, m.prefix, thin, m.group)
    return ds.Protocol(
        ds.Circuit.join(**{m.key: m.circuit for m in members}),
        tuple(blocks),
        dt=f"{step!r} s",
        signals=member_signals(members),
        data={
            f"{name}{k}": v
            for k, task in enumerate(tasks)
            for name, v in task.items()
            if name != "expected"
        },
        recordings=tuple(recordings),
        batch=p.batch,
        batch_fixed=True,
        references={f"expected{k}": task["expected"] for k, task in enumerate(tasks)},
    )


def _members(p: Parameters) -> list[Member]:
    """Return all networks; those with the same number have the same initial weights."""
    if p.depth > 8:
        raise ParameterError(f"depth is {p.depth}; it must be at most 8")
    names = p.rules or tuple(known_rules())
    stems = [Path(n).stem for n in names]
    if len(set(stems)) < len(stems):
        raise ParameterError(f"rules is {names}; give no rule twice")
    hidden, ends = (p.units,) * (p.depth - 1), (64, 10) if p.task == "digits" else (p.units,) * 2
    sizes = (ends[0], *hidden, ends[1])
    found = []
    for name in names:
        rule = find_rule(name)
        common = shared_values(
            rule.model, sizes=sizes, transfer=p.transfer, output="transfer", eta=p.eta, tau=p.tau
        )
        with prefix_errors(f"rule {name}"):
            circuit = ds.load_circuit(rule.model, **{**common, **rule.parameters})
            network = rule.network.of(circuit)
            transfer_functions(network, circuit)
        circuit = circuit.replace(
            matrices=[_prepared(m, circuit, network) for m in circuit.matrices]
        )
        found += [
            Member(name, rule.model, k, with_drawn_weights(circuit, p.seed + k), network)
            for k in range(p.seeds)
        ]
    return found


def _prepared(matrix, circuit, network):
    """Return a matrix with the initial weights of the comparison, and with bounds.

    A matrix that has an inverse gets no bounds: with all its weights at a bound, it could not be inverted.
    """
    inverted = {m.inverse_of for m in circuit.matrices}
    if matrix.name in network.weights:
        matrix = matrix.replace(initial=START)
    if matrix.plasticity is None or matrix.bounded or matrix.name in inverted:
        return matrix
    return matrix.replace(bounds=(-LIMIT, LIMIT))


def _task(p, seed):
    """Return inputs, targets and fresh inputs, each (samples, units), and what is expected of the latter."""
    rng = np.random.default_rng(seed)
    tests = max(1, TESTS // p.batch) * p.batch
    if p.task == "digits":
        train, test = (ds.tasks.load_digits(s, seed=seed) for s in ("train", "test"))
        chosen = rng.permutation(len(test.labels))[:tests]
        answers = ds.tasks.one_hot(test.labels[chosen], 10)
        y = ds.tasks.one_hot(train.labels, 10)
        return {"x": train.images, "y": y, "fresh": test.images[chosen], "expected": answers.T}
    x, fresh = rng.normal(size=(p.units, p.samples)), rng.normal(size=(p.units, tests))
    shapes = [(p.units, p.units)] * (p.depth if p.task == "student_teacher" else 1)
    teacher = [START.sample(shape, rng) for shape in shapes]
    transfer, noise = (p.transfer, 0.0) if p.task == "student_teacher" else ("linear", 0.1)
    y, expected = (
        learning_signals.forward(teacher, z, transfer).activities[-1]
        + noise * rng.normal(size=z.shape)
        for z in (x, fresh)
    )
    return {"x": x.T, "y": y.T, "fresh": fresh.T, "expected": expected}


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the rules."""
    p = Parameters(**result.protocol.parameters)
    members = _members(p)
    rules = list(dict.fromkeys(m.rule for m in members))
    found: dict[str, dict[str, Any]] = {}
    for rule in rules:
        own = [m for m in members if m.rule == rule]
        outputs = [_outputs(result, m, p) for m in own]
        score = "accuracy" if p.task == "digits" else "loss"
        losses = {when: np.array([o[when] for o in outputs]) for when in ("initial_loss", "loss")}
        grown = ~(losses["loss"] <= DIVERGED * losses["initial_loss"])
        angles = [_angles(result, m, p.damping) for m in own]
        values = {name: _median([a[name] for a in angles]) for name in angles[0]}
        found[rule] = {
            score: np.array([o[score] for o in outputs]),
            "initial_loss": losses["initial_loss"],
            "diverged": float(np.mean(grown)),
            **values,
        }
    metrics = {name: {Path(r).stem: found[r][name] for r in rules} for name in found[rules[0]]}
    return ds.Measurement(metrics, {"comparison": lambda: _draw(metrics, p.task)})


def _outputs(result, member, p):
    """Return losses, and with digits the accuracy, of one network."""
    values = result[f"tested/{member.prefix}{member.network.layers[-1]}"].values
    reached = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
    expected = np.asarray(result.protocol.references[f"expected{member.number}"])
    tests = expected.shape[1]
    before, after = reached[:, :tests], reached[:, tests : 2 * tests]
    loss, initial = (0.5 * np.mean(np.sum((h - expected) ** 2, axis=0)) for h in (after, before))
    right = np.mean(after.argmax(axis=0) == expected.argmax(axis=0))
    return {"initial_loss": float(initial), "loss": float(loss), "accuracy": float(right)}


def _angles(result, member, damping):
    updates = read_updates(result, member.network, member.prefix, member.circuit)
    return updates.compare(damping) | updates.feedback_angles()


def _median(rows):
    """Return the median over networks and trials, by layer; NaN for a layer without values."""
    columns = np.concatenate(rows).T
    return np.array(
        [np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else np.nan for c in columns]
    )


@style.styled
def _draw(metrics, task):
    """Draw score, angles and size of all rules, one row per rule; layers get darker towards the output."""
    from matplotlib import colormaps
    from matplotlib.lines import Line2D
    from matplotlib.ticker import NullFormatter

    score = "accuracy" if task == "digits" else "loss"
    titles = {
        score: f"{score}, by network",
        "angle_gradient": "angle to gradient",
        "angle_gauss_newton": "angle to Gauss-Newton",
        "size_ratio": "size / gradient",
    }
    rules = list(metrics[score])
    layers = max(len(metrics["size_ratio"][rule]) for rule in rules)
    shades = colormaps["viridis_r"](np.linspace(0.15, 1.0, layers))
    panels = style.row(len(titles), (2.4 * len(titles) + 1.6, 1.0 + 0.24 * len(rules)))
    for ax, (name, title) in zip(panels, titles.items(), strict=True):
        for k, rule in enumerate(rules):
            values = np.atleast_1d(metrics[name][rule])
            gone = name == "loss" and metrics["diverged"][rule] > 0
            colours = "0.35" if name == score else shades[: len(values)]
            shown = (
                np.where(values > LARGEST * metrics["initial_loss"][rule], np.nan, values)
                if gone
                else values
            )
            ax.scatter(shown, np.full(len(values), k), c=colours, s=18, zorder=3)
            if gone:
                share = metrics["diverged"][rule]
                ax.annotate(
                    f"{share:.0%} diverged",
                    (0.98, k),
                    xycoords=("axes fraction", "data"),
                    ha="right",
                    va="center",
                )
        ax.set(title=title)
        ax.grid(axis="y", lw=0.4, color="0.85")
        if name in ("loss", "size_ratio"):
            ax.set_xscale("log")
            ax.xaxis.set_minor_formatter(NullFormatter())
        elif name.startswith("angle"):
            ax.set(xlim=(-4, max(94, ax.get_xlim()[1])), xticks=(0, 45, 90))
    panels[0].set(yticks=range(len(rules)), yticklabels=rules, ylim=(len(rules) - 0.5, -0.5))
    dots = [Line2D([], [], marker="o", ls="", color=c) for c in shades]
    for i, dot in enumerate(dots, 1):
        dot.set_label(f"layer {i}")
    style.legend_right(panels[-1], handles=dots)
    return panels[0].figure
