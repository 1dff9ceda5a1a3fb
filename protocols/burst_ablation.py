"""Learning with bursts by four cell types that obey Dale's law, and with one type of interneurons silent.

All networks learn the outputs of a teacher, which is a network like them with other signed weights, from inputs
between 0 and 1. They settle with the target, take a step of learning, and settle without it; then
feedback inhibition learns.

    point                   `burst_ccn`: signed weights and no interneurons
    intact                  `burst_cell_types`
    no_pv, no_sst, no_vip   the same with a type of interneurons ablated, from the beginning

Network k of `seeds` has the weights, teacher and data of seed + k. In `pretraining` trials beforehand, only
feedback inhibition learns. Measured for each kind of network:

    initial_loss, loss     half the squared error of settled outputs on fresh inputs, by network
    constant_loss          loss of the best constant output, by network: what learning has to beat
    learned                fraction of networks whose loss is below that of a constant output
    diverged               fraction of networks whose loss is above three times the initial one, or not finite
    apical                 root mean square of apical potentials without teacher, after learning: 0 if inhibition
                           cancels excitation
    burst_probability      its mean in hidden layers then, which is `p_b` if it does
    negative_weights       fraction of weights w and y, or of -q, below 0

Sources
-------
Greedy et al. (2022), NeurIPS 35; the models name theirs. The task is that of `credit_assignment` with inputs that
are rates, and the ablations are choices made here.
"""

from typing import Any

import numpy as np

import dendrosim as ds
from dendrosim.circuit.start_values import draw_start_value
from dendrosim.learning.progress import DIVERGED
from dendrosim.plot import style

KINDS: dict[str, dict[str, Any]] = {
    "point": {},
    "intact": {},
    "no_pv": {"ablated": ("pv",)},
    "no_sst": {"ablated": ("sst",)},
    "no_vip": {"ablated": ("vip",)},
}
TESTS = 160  # fresh inputs, rounded down to whole batches
GAIN = 3.0  # sd of weights times sqrt(units below), so large that outputs differ between inputs


class Parameters(ds.Parameters):
    depth: int = ds.parameter(2, "number of layers above the input", least=1, most=8)
    width: int = ds.parameter(6, "units of every layer", least=1)
    presentations: int = ds.parameter(2000, "trials in which the networks learn", least=1)
    pretraining: int = ds.parameter(200, "trials beforehand in which inhibition learns", least=0)
    batch: int = ds.parameter(16, "samples that are shown in one trial", least=1)
    samples: int = ds.parameter(480, "training samples", least=1)
    seeds: int = ds.parameter(2, "number of networks of each kind", least=1)
    seed: int = ds.parameter(0, "seed of the run", least=0)
    eta: ds.Quantity = ds.parameter("200 Hz", "learning rate of forward weights", above=0)
    eta_q: ds.Quantity = ds.parameter("10 Hz", "learning rate of feedback inhibition", above=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant and time step", above=0)
    p_b: float = ds.parameter(0.5, "burst probability without teacher", above=0, most=0.5)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol; with a time step of tau, a chain of k filters has settled exactly after k steps."""
    circuits = {f"{kind}_{k}": _network(kind, k, p) for kind in KINDS for k in range(p.seeds)}
    tau = float(p.tau.value)
    settle = f"{(4 * p.depth + 1) * tau!r} s"

    def phase(name, duration, **opened):
        gates = {}
        for key, circuit in circuits.items():
            gates |= {f"{key}_{g}": opened.get(g, 0.0) for g in circuit.gates}
        return ds.Phase(name, duration, gates=gates)

    step = f"{tau!r} s"
    sleep = (phase("free", settle), phase("sleep", step, sleep=1.0))
    taught = (phase("taught", settle, teach=1.0), phase("learn", step, teach=1.0, learn=1.0))
    shown = {f"{key}_layer0.h": ds.Samples(f"fresh{key.rpartition('_')[2]}") for key in circuits}
    shown |= {f"{key}_layer{p.depth}.target": 0.0 for key in circuits}
    test = phase("test", settle).replace(signals=shown)
    tasks = [_task(p, p.seed + k) for k in range(p.seeds)]
    signals = {}
    for key in circuits:
        number = key.rpartition("_")[2]
        signals[f"{key}_layer0.h"] = ds.Samples(f"x{number}")
        signals[f"{key}_layer{p.depth}.target"] = ds.Samples(f"y{number}")
    blocks = [
        ds.Block("before", (test,), trials="pass"),
        ds.Block("pretrain", sleep, trials=p.pretraining),
        ds.Block("train", (*taught, *sleep), trials=p.presentations),
        ds.Block("after", (test,), trials="pass"),
    ]
    hidden = tuple(
        f"*layer{i}.{name}" for i in range(1, p.depth) for name in ("apical", "burst_probability")
    )
    return ds.Protocol(
        ds.Circuit.join(**circuits),
        tuple(b for b in blocks if b.name != "pretrain" or p.pretraining),
        dt=p.tau,
        signals=signals,
        data={f"{n}{k}": task[n] for k, task in enumerate(tasks) for n in ("x", "y", "fresh")},
        recordings=(
            ds.Recording(
                (f"*layer{p.depth}.h", *hidden), every="phase", phases=("before/*", "after/*")
            ),
        ),
        batch=p.batch,
        batch_fixed=True,
        references={f"expected{k}": task["expected"] for k, task in enumerate(tasks)},
    )


def _network(kind, number, p):
    """Return a network; those of all kinds with the same number have the same W, where signs allow."""
    model = "burst_ccn" if kind == "point" else "burst_cell_types"
    common = {"sizes": (p.width,) * (p.depth + 1), "eta": p.eta, "eta_q": p.eta_q, "p_b": p.p_b}
    common |= {"gain": GAIN, "tau": p.tau}
    circuit = ds.load_circuit(model, **common, **KINDS[kind])
    typed = ds.load_circuit("burst_cell_types", **common)
    matrices = []
    for m in circuit.matrices:
        if m.plasticity or m.name[0] == "y":
            start = draw_start_value(
                typed, m.name, typed.shape(typed.matrix(m.name)), p.seed + number
            )
            m = m.replace(
                initial=ds.Fixed(_signed(m.name, start, typed) if kind == "point" else start)
            )
        matrices.append(m)
    return circuit.replace(matrices=matrices)


def _signed(name, start, typed):
    """Return the signed weights that a matrix and interneurons make."""
    kind, i = name[0], name[1:]
    constant = float(typed.matrix(f"from_{'pv' if kind == 'w' else 'pool'}{i}").initial.value.value)
    if kind == "q":
        vip = float(typed.matrix(f"to_vip{i}").initial.value.value)
        return -start + vip * constant
    return start + constant


def _task(p, seed):
    """Return inputs, targets and fresh inputs, each (samples, units), and the targets of the latter."""
    rng = np.random.default_rng(seed)
    tests = max(1, TESTS // p.batch) * p.batch
    limit = (3 / p.width) ** 0.5 * GAIN  # as large as the weights that networks can have
    teacher = rng.uniform(-limit, limit, size=(p.depth, p.width, p.width))
    found = {}
    for x, y, count in (("x", "y", p.samples), ("fresh", "expected", tests)):
        found[x] = rate = rng.uniform(size=(count, p.width))
        for w in teacher:
            rate = 1 / (1 + np.exp(-rate @ w.T))
        found[y] = rate
    return found


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the kinds of networks."""
    p = Parameters(**result.protocol.parameters)
    found = {kind: [_read(result, f"{kind}_{k}", k, p) for k in range(p.seeds)] for kind in KINDS}
    metrics: dict[str, Any] = {}
    for name in ("initial_loss", "loss", "constant_loss"):
        metrics[name] = {kind: np.array([n[name] for n in found[kind]]) for kind in KINDS}
    losses = {kind: (metrics["loss"][kind], metrics["initial_loss"][kind]) for kind in KINDS}
    constant = metrics["constant_loss"]
    metrics["learned"] = {k: float(np.mean(now < constant[k])) for k, (now, _) in losses.items()}
    metrics["diverged"] = {
        k: float(np.mean(~(now <= DIVERGED * before))) for k, (now, before) in losses.items()
    }
    for name in ("apical", "burst_probability", "negative_weights"):
        metrics[name] = {kind: float(np.mean([n[name] for n in found[kind]])) for kind in KINDS}
    return ds.Measurement(metrics, {"losses": lambda: _draw(metrics)})


def _read(result, key, number, p):
    values = result[f"{key}_layer{p.depth}.h"].values
    reached = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
    expected = np.asarray(result.protocol.references[f"expected{number}"]).T
    tests = expected.shape[1]
    before, after = (
        0.5 * np.mean(np.sum((h - expected) ** 2, axis=0))
        for h in (reached[:, :tests], reached[:, tests : 2 * tests])
    )
    y = result.protocol.data[f"y{number}"]
    constant = 0.5 * np.mean(np.sum((expected.T - y.mean(axis=0)) ** 2, axis=1))
    half = values.shape[0] // 2
    hidden = {
        name: np.concatenate(
            [result[f"{key}_layer{i}.{name}"].values[half:].ravel() for i in range(1, p.depth)]
            or [np.full(1, np.nan)]
        )
        for name in ("apical", "burst_probability")
    }
    weights = np.concatenate(
        [
            (result.final[name].values * (-1 if name.startswith(f"{key}_q") else 1)).ravel()
            for name in (m.name for m in result.circuit.matrices)
            if name.startswith(tuple(f"{key}_{letter}" for letter in "wyq"))
        ]
    )
    return {
        "initial_loss": float(before),
        "loss": float(after),
        "constant_loss": float(constant),
        "apical": float(np.sqrt(np.mean(hidden["apical"] ** 2))),
        "burst_probability": float(np.mean(hidden["burst_probability"])),
        "negative_weights": float(np.mean(weights < 0)),
    }


@style.styled
def _draw(metrics):
    """Draw the loss of each network, relative to that of a constant output."""
    ax = style.axes(None, (5.6, 3.0))
    for k, kind in enumerate(KINDS):
        ratio = np.asarray(metrics["loss"][kind]) / np.asarray(metrics["constant_loss"][kind])
        ax.plot(np.full(len(ratio), k), ratio, "o", ms=5, color=style.PALETTE[k], alpha=0.7)
    ax.axhline(1.0, color=style.INK, lw=1.0, ls=(0, (5, 1.5)), label="constant output")
    ax.set_xticks(range(len(KINDS)), [_label(kind) for kind in KINDS])
    ax.set(ylabel="loss, relative", yscale="log")
    style.legend_right(ax)
    return ax.figure


def _label(kind):
    return f"no {kind[3:].upper()}" if kind.startswith("no_") else kind
