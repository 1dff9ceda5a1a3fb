"""Layers of BMVR microcircuits learn the output of a teacher, next to one such layer and to back-propagation.

Networks, cycle and rules are those of `bmvr_deep_digits`. The teacher has as many layers as the deep networks,
with `teacher_width` hidden units each; inputs are normally distributed, and outputs of the teacher are scaled to a
mean square of 1 on training inputs. Network k of `seeds` has the weights, teacher and data of seed + k. With
transfer=linear, teacher and networks are linear.

Measured, by network, for the output on fresh inputs:

    loss          squared error over the mean square of the targets, by seed; `summary` has median and largest
    failed        fraction of seeds that do not beat the best linear function of the inputs (with transfer=linear:
                  whose loss is more than 0.05 above that of regression of the rank of the narrowest layer)
    diverged      fraction of seeds whose loss is above 3, or not finite

`linear_loss` is the loss of the best linear function of the inputs, fitted to the training samples, and
`best_loss` that of the rank of the narrowest layer, by seed.

Results
-------
With the defaults and seeds 70 to 74, which were not used to choose anything, median losses on smooth_leaky
teachers are 0.036 for the single layer, 0.088 with labels, 0.049 with passed targets, 0.0023 and 0.0035 for back-
propagation with two and one hidden layers, and 0.063 for the best linear function; with labels, three of five
networks do not beat it. On tanh teachers, losses are 0.046, 0.055, 0.055, 0.0065 and 0.017, and 0.174; all
networks beat the linear function. No network diverges. So layers of BMVR learn part of what is nonlinear, but a
second layer does not help: each layer keeps what predicts its target, and the layer above gets less to work with.

Sources
-------
BMVR workshop abstract (NeurIPS 2020), section 5, "Deep extension", announces such a hierarchy. The task is that of
`credit_assignment` with networks that are wider than the output.
"""

from itertools import pairwise
from typing import Any, Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis import bmvr_layers, learning_signals, regression
from dendrosim.errors import ParameterError
from dendrosim.learning.cycle import learning_cycle
from dendrosim.learning.same_start import with_bounds, with_drawn_weights
from dendrosim.plot import style

TESTS = 400  # fresh inputs
LIMIT = 1e3  # largest weight: networks that diverge stay finite
DIVERGED = 3.0
CLOSE = 0.05
Name = Literal["label", "targets", "single", "backprop", "backprop_single"]


class Parameters(ds.Parameters):
    networks: tuple[Name, ...] = ds.parameter(
        ("label", "targets", "single", "backprop", "backprop_single"), "networks, as listed above"
    )
    transfer: Literal["linear", "smooth_leaky", "tanh", "relu"] = ds.parameter(
        "smooth_leaky", "somatic rate of hidden layers, and of the teacher"
    )
    inputs: int = ds.parameter(8, "number of inputs", least=1)
    hidden: tuple[int, ...] = ds.parameter((16, 16), "units of the hidden layers", least=1)
    outputs: int = ds.parameter(4, "number of outputs", least=1)
    teacher_width: int = ds.parameter(8, "units of each hidden layer of the teacher", least=1)
    samples: int = ds.parameter(960, "training samples", least=1)
    batch: int = ds.parameter(32, "samples that are shown in one trial", least=1)
    presentations: int = ds.parameter(6000, "number of batches", least=1)
    seeds: int = ds.parameter(2, "number of networks of each kind", least=1)
    seed: int = ds.parameter(0, "seed of the run", least=0)
    centred: bool = ds.parameter(False, "whether somata of BMVR lose their running mean")
    readout: Literal["hebbian", "delta"] = ds.parameter("delta", "rule of the output weights")
    eta: ds.Quantity = ds.parameter("5 Hz", "learning rate of basal weights", above=0)
    rho: float = ds.parameter(0.1, "rate of apical and output weights over eta", above=0)
    tau_ratio: float = ds.parameter(0.5, "rate of basal weights over that of q", above=0)
    backprop_eta: ds.Quantity = ds.parameter("5 Hz", "rate of back-propagation", above=0)
    tau_mean: ds.Quantity = ds.parameter(
        "1 s", "time constant of running means", above=0, only={"centred": True}
    )
    tau: ds.Quantity = ds.parameter("10 ms", "time constant, and scale of learning steps", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if not p.networks or len(set(p.networks)) < len(p.networks):
        raise ParameterError(f"networks is {list(p.networks)}; give at least one, and none twice")
    if not p.hidden:
        raise ParameterError("hidden is empty; give the units of at least one hidden layer")
    if p.samples < p.batch:
        raise ParameterError(
            f"samples is {p.samples}, less than batch = {p.batch}; show fewer at once"
        )
    circuits, signals, data, references = {}, {}, {}, {}
    for k in range(p.seeds):
        for name in p.networks:
            circuit = with_bounds(_circuit(p, name), LIMIT)
            circuits[f"{name}_{k}"] = with_drawn_weights(circuit, p.seed + k)
            last = _depth(p, name) + 1
            signals[f"{name}_{k}_layer0.h"] = ds.Samples(f"x{k}")
            signals[f"{name}_{k}_layer{last}.target"] = ds.Samples(f"y{k}")
        x, y, fresh, expected = _task(p, p.seed + k)
        data |= {f"x{k}": x.T, f"y{k}": y.T}
        references |= {f"fresh{k}": fresh, f"expected{k}": expected}
    tau = float(p.tau.value)
    steps = 2 * (len(p.hidden) + 1)  # as in bmvr_deep_digits
    cycle = learning_cycle(circuits, dt=tau, tau=tau, steps=steps)
    return ds.Protocol(
        ds.Circuit.join(**circuits),
        (ds.Block("train", cycle, trials=p.presentations, order="shuffled"),),
        dt=p.tau,
        signals=signals,
        data=data,
        recordings=(),
        batch=p.batch,
        references=references,
    )


def _depth(p, name):
    """Return the number of hidden layers of a network."""
    return 1 if name.endswith("single") else len(p.hidden)


def _circuit(p, name):
    """Return the circuit of a network."""
    sizes = (p.inputs, *p.hidden[: _depth(p, name)], p.outputs)
    common = {"sizes": sizes, "transfer": p.transfer, "tau": p.tau}
    if name.startswith("backprop"):
        return ds.load_circuit("backprop", eta=p.backprop_eta, **common)
    own = {n: getattr(p, n) for n in ("readout", "centred", "eta", "rho", "tau_ratio", "tau_mean")}
    teaching = "targets" if name == "targets" else "label"
    return ds.load_circuit("bmvr_deep", teaching=teaching, **own, **common)


def _task(p, seed):
    """Return inputs and targets to learn, and fresh ones, each (units, samples)."""
    rng = np.random.default_rng(seed)
    widths = (p.inputs, *(p.teacher_width,) * len(p.hidden), p.outputs)
    teacher = [
        rng.normal(size=(above, below)) * 1.4 / below**0.5 for below, above in pairwise(widths)
    ]
    x, fresh = (rng.normal(size=(p.inputs, n)) for n in (p.samples, TESTS))
    y, expected = (
        learning_signals.forward(teacher, z, p.transfer, "linear").activities[-1]
        for z in (x, fresh)
    )
    scale = np.sqrt(np.mean(y**2))
    return x, y / scale, fresh, expected / scale


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the networks on fresh inputs."""
    p, given = Parameters(**result.protocol.parameters), result.protocol.references
    linear, best = [], []
    losses: dict[str, list[float]] = {name: [] for name in p.networks}
    for k in range(p.seeds):
        x, y = (result.protocol.data[f"{n}{k}"].T for n in "xy")
        fresh, expected = np.asarray(given[f"fresh{k}"]), np.asarray(given[f"expected{k}"])
        cov = regression.covariances(x, y)
        for rank, into in ((min(p.inputs, p.outputs), linear), (min(*p.hidden, p.outputs), best)):
            prediction = regression.optimal_prediction(cov, rank)
            into.append(_loss(prediction @ fresh, expected))
        for name in p.networks:
            losses[name].append(_loss(_output(result, p, name, k, fresh), expected))
    found = {name: np.array(values) for name, values in losses.items()}
    bar = np.array(best) + CLOSE if p.transfer == "linear" else np.array(linear)
    metrics = {
        "summary": {
            n: {"median": float(np.median(a)), "largest": float(np.max(a))}
            for n, a in found.items()
        },
        "loss": found,
        "failed": {n: float(np.mean(~(a < bar))) for n, a in found.items()},
        "diverged": {n: float(np.mean(~(a <= DIVERGED))) for n, a in found.items()},
        "linear_loss": np.array(linear),
        "best_loss": np.array(best),
    }
    references = {}
    if p.transfer == "linear":
        best_known = ds.Reference("best_loss", CLOSE, "statistical", reason="as `failed`: batches")
        references = {f"loss.{name}": best_known for name in p.networks}
    figures = {"losses": lambda: _draw(p, found, metrics)}
    return ds.Measurement(metrics, figures, references=references)


def _output(result, p, name, k, x):
    """Return the output of a network at rest, (units, samples)."""
    depth, start = _depth(p, name), f"{name}_{k}"
    ws = [result.final[f"{start}_w{i}"].values for i in range(1, depth + 2)]
    means: list[Any] = [0.0] * depth
    if p.centred and not name.startswith("backprop"):
        means = [result.final[f"{start}_m{i}"].values for i in range(1, depth + 1)]
    return ws[-1] @ bmvr_layers.layered_rates(ws[:-1], means, x, p.transfer)[-1]


def _loss(outputs, expected):
    return float(np.sum((outputs - expected) ** 2) / np.sum(expected**2))


@style.styled
def _draw(p, found, metrics) -> Any:
    """Draw the losses of all networks, a dot for each seed, and the levels of linear functions."""
    ax = style.axes(None, (5.6, 0.9 + 0.32 * len(p.networks)))
    for k, name in enumerate(p.networks):
        shown = np.clip(np.nan_to_num(found[name], nan=DIVERGED), 1e-8, DIVERGED)
        ax.plot(shown, np.full(len(shown), k), "o", color=style.PALETTE[k], ms=4)
    level = max(float(np.median(metrics["linear_loss"])), 1e-8)
    ax.axvline(level, color=style.INK, lw=1.0, ls=(0, (5, 1.5)), label="linear function")
    ax.set(
        yticks=range(len(p.networks)), yticklabels=p.networks, ylim=(len(p.networks) - 0.5, -0.5),
        xscale="log", xlabel="loss on fresh inputs, relative", title="Output of a teacher",
    )  # fmt: skip
    style.legend_right(ax)
    return ax.figure
