"""What feedback weights must learn: targets that use no part of an update in vain, and point where they should.

Networks with the same initial weights learn the function of a teacher, each with feedback that learns in another
way (model `difference_tp`, and back-propagation for comparison). Their layers have different sizes, so no feedback
path can be the inverse of the layers above. In every trial one sample is shown.

Measured per method (medians over the kept trials in which the loss was above 1 % of the initial one):

    initial_loss, final_loss    mean of 1/2 |h_L - y|^2 on fresh inputs
    diverged                    whether a loss reached three times the initial one, or is not a number
    null_space                  per layer, what of an update does not change the output: the norm of its
                                projection on the null space of dh_L/dW_i, divided by its norm
    angle_gradient              per layer, degrees between update and gradient descent
    angle_gauss_newton          per layer, degrees between update and Gauss-Newton target
    angle_damped_gauss_newton   the same with `damping`

A Gauss-Newton target has no such part in linear networks whose layers do not widen towards the output (theorem 5);
with other networks this holds approximately. The last layer learns in the same way with all methods.

Claims, each 1 if it holds for the median over hidden layers, else 0, and present if its methods run:

    claim_null_space    feedback that learns by the difference reconstruction loss leaves less of an update unused
                        (Fig. 2): ddtp_linear less than dtp
    claim_angles        its updates are closer to Gauss-Newton targets (Fig. 4b): ddtp_linear and dtpdrl than dtp

Sources
-------
Meulemans et al. (2020), A theoretical framework for target propagation, Fig. 2 (part of updates in the null space)
and Fig. 4 (angles over training).
"""

from typing import Any, Literal, get_args

import numpy as np

import dendrosim as ds
from dendrosim.analysis import learning_signals
from dendrosim.errors import ParameterError
from dendrosim.learning.cycle import learning_cycle, sleep_cycle
from dendrosim.learning.networks import (
    LayeredNetwork,
    circuits_by_prefix,
    input_signals,
    join_networks,
    learning_recordings,
)
from dendrosim.learning.progress import LARGE, progress_figures, read_progress
from dendrosim.learning.rules import rules_of_model
from dendrosim.learning.settling import choose_time_step, count_settling_steps

Method = Literal["dtp", "dtpdrl", "ddtp_linear", "ddtp_rhl", "ddtp_control", "backprop"]
FRESH = 400  # number of inputs on which losses are measured
SNAPSHOTS = 100  # number of trials whose updates are kept
WINDOW = 10  # kept trials over which the curves are averaged


class Parameters(ds.Parameters):
    methods: tuple[Method, ...] = ds.parameter(get_args(Method), "methods, side by side")
    sizes: tuple[int, ...] = ds.parameter((6, 8, 8, 3), "units per layer, input first", least=1)
    transfer: str = ds.parameter("tanh", "transfer function of all layers and of the teacher")
    samples: int = ds.parameter(400, "training samples", least=1)
    presentations: int = ds.parameter(2000, "trials", least=1)
    pretraining: int = ds.parameter(1000, "trials beforehand in which feedback learns", least=0)
    eta: ds.Quantity = ds.parameter("2 Hz", "learning rate of target propagation", above=0)
    backprop_eta: ds.Quantity = ds.parameter("2 Hz", "learning rate of back-propagation", above=0)
    damping: float = ds.parameter(0.01, "damping of the damped Gauss-Newton direction", least=0)
    dt: ds.Quantity | None = ds.parameter(None, "time step (default: 0.5 tau)", unit="s", above=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant, and scale of learning steps", above=0)
    data_seed: int = ds.parameter(0, "seed of teacher and data, not of initial weights", least=0)
    circuit = ds.parameters_of(
        "difference_tp", without=("output", "feedback", "decoder", "reconstruction", "tau_hold"), optional=True,
    )  # fmt: skip


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    networks = _networks(p)
    step = choose_time_step(p.dt, p.tau)
    steps = count_settling_steps({n.name: n.find_settling() for n in networks}, step)
    rng, start = np.random.default_rng(p.data_seed), ds.WellConditioned(1.4, 2.0)
    teacher = [start.sample(shape, rng) for shape in zip(p.sizes[1:], p.sizes[:-1], strict=True)]
    x, fresh = rng.normal(size=(p.sizes[0], p.samples)), rng.normal(size=(p.sizes[0], FRESH))
    y, expected = (
        learning_signals.forward(teacher, shown, p.transfer).activities[-1] for shown in (x, fresh)
    )
    circuits, thin = circuits_by_prefix(networks), max(1, p.presentations // SNAPSHOTS)
    timing: Any = {"dt": step, "tau": float(p.tau.value), "steps": steps}
    cycle = learning_cycle(circuits, **timing, observed=True)
    blocks = [ds.Block("train", cycle, trials=p.presentations)]
    if p.pretraining and any(n.name != "backprop" for n in networks):
        beforehand = sleep_cycle(circuits, **timing)
        blocks.insert(0, ds.Block("pretrain", beforehand, trials=p.pretraining))
    seconds = sum(float(phase.duration.value) for phase in cycle)
    return ds.Protocol(
        join_networks(networks),
        tuple(blocks),
        dt=f"{step!r} s",
        signals=input_signals(networks, ds.Samples("x"), ds.Samples("y")),
        data={"x": x.T, "y": y.T},
        recordings=learning_recordings(
            networks, thin=thin, cycle=seconds, events=True, tested=False
        ),
        references={"fresh": fresh, "fresh_targets": expected, "thin": thin},
    )


def _networks(p: Parameters) -> list[LayeredNetwork]:
    """Return the networks of the chosen methods."""
    if not p.methods or len(set(p.methods)) < len(p.methods):
        raise ParameterError(f"methods is {p.methods}; give at least one method, and none twice")
    if len(p.sizes) < 3:
        raise ParameterError(
            f"sizes is {list(p.sizes)}; give at least one layer between input and output: the methods differ in "
            "the targets of hidden layers"
        )
    given = {k: v for k, v in p.circuit.items() if v is not None}
    if "hidden" in given and "ddtp_rhl" not in p.methods:
        raise ParameterError(
            f"hidden is {given['hidden']}, and methods is {list(p.methods)}; only ddtp_rhl has feedback units: "
            "leave hidden out, or add the method"
        )
    found, rules = [], rules_of_model("difference_tp")
    for name in p.methods:
        common: Any = {"sizes": p.sizes, "transfer": p.transfer, "output": "transfer", "tau": p.tau}
        if name == "backprop":
            circuit = ds.load_circuit("backprop", **common, eta=p.backprop_eta)
        else:
            own = dict(rules[name].parameters)
            own |= {k: v for k, v in given.items() if k != "hidden" or own["feedback"] == "hidden"}
            circuit = ds.load_circuit("difference_tp", **common, tau_hold=p.tau, eta=p.eta, **own)
        found.append(LayeredNetwork(name, circuit, f"{name}_" if len(p.methods) > 1 else ""))
    if p.methods[0] == "backprop" and len(found) > 1:
        found.append(found.pop(0))  # all networks start from the weights of the first
    return found


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the updates of the methods with what theory proposes."""
    p, references = Parameters(**result.protocol.parameters), result.protocol.references
    networks = _networks(p)
    fresh, expected = (np.asarray(references[n]) for n in ("fresh", "fresh_targets"))
    shown: Any = {"thin": references["thin"], "damping": p.damping}
    courses = {
        n.name: read_progress(result, n.prefix, networks[0].prefix, p.transfer, **shown)
        for n in networks
    }
    x = result.traces[f"{networks[0].prefix}layer0.h"].values
    metrics, unused = {}, {}
    for name, course in courses.items():
        metrics[name] = course.metrics(fresh, expected, p.transfer)
        unused[name] = _unused(course, x, p.transfer)
        losses = course.losses(fresh, expected, p.transfer)[:-1]
        kept = unused[name][losses > LARGE * losses[0]]
        metrics[name]["null_space"] = np.nanmedian(kept, axis=0)
    claims = _claims(metrics)
    trials = next(iter(courses.values())).trials

    def loss() -> Any:
        losses = {n: c.losses(fresh, expected, p.transfer)[:-1] for n, c in courses.items()}
        axes: Any = {"xlabel": "trial", "ylabel": "loss on fresh inputs", "log": True}
        return ds.plot.curve(
            trials, losses, title="Networks learn what a teacher does", **axes
        ).figure

    figures = {
        "loss": loss,
        "null_space": lambda: _draw(
            trials, unused, "part in the null space", "What of an update does not change the output"
        ),
        "gauss_newton": lambda: _draw(
            trials,
            {n: c.update_angles["Gauss-Newton"] for n, c in courses.items()},
            "angle (degrees)",
            "Angle between updates and Gauss-Newton targets",
        ),
    }
    for name, course in courses.items():
        figures |= progress_figures(name, course)
    return ds.Measurement({**metrics, **claims}, figures)


def _unused(course, x, transfer):
    """Return the part of each update that does not change the output, shape (kept trials, layers)."""
    found = []
    for k, (weights, *updates) in enumerate(zip(course.snapshots, *course.updates, strict=True)):
        row = np.full(len(updates), np.nan)
        if all(np.isfinite(w).all() for w in (*weights, *updates)):
            passed = learning_signals.forward(weights, x[k].reshape(-1, 1), transfer)
            for i, jacobian in enumerate(learning_signals.jacobians(weights, passed)):
                to_output = jacobian[0] * passed.slopes[i].T
                effect = np.einsum("oi,j->oij", to_output, passed.activities[i][:, 0])
                flat, update = effect.reshape(len(effect), -1), updates[i].ravel()
                used = np.linalg.pinv(flat) @ (flat @ update)
                size = np.linalg.norm(update)
                row[i] = np.linalg.norm(update - used) / size if size else np.nan
        found.append(row)
    return np.array(found)


def _claims(metrics):
    """Return for each claim of the paper whose methods were run whether it holds."""
    claims = {}
    tests = {
        "claim_null_space": ("null_space", ["ddtp_linear"]),
        "claim_angles": ("angle_gauss_newton", ["ddtp_linear", "dtpdrl"]),
    }
    for claim, (key, better) in tests.items():
        if {"dtp", *better} <= set(metrics):
            hidden = {n: np.median(metrics[n][key][:-1]) for n in ("dtp", *better)}
            claims[claim] = float(all(hidden[n] < hidden["dtp"] for n in better))
    return claims


def _draw(trials, rows, ylabel, title):
    """Draw the mean over hidden layers against the trial, averaged over a window of `WINDOW` kept trials."""
    curves = {}
    for name, values in rows.items():
        means = np.nanmean(values[:, :-1], axis=1)
        width = min(WINDOW, len(means))
        curves[name] = np.convolve(means, np.full(width, 1 / width), mode="valid")
    shown = trials[: len(next(iter(curves.values())))]
    axes: Any = {"xlabel": "trial", "ylabel": ylabel, "log": False}
    return ds.plot.curve(shown, curves, title=title, **axes).figure
