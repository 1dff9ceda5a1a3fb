"""One trial of a model of target propagation with given weights, and transfer functions for loops."""

from itertools import pairwise

import numpy as np

import dendrosim as ds
from dendrosim.circuit.initial_values.well_conditioned import WellConditioned

TAU, DT = 10e-3, 5e-3
SETTLED = 40  # time constants; 2^-80 of the distance to the end remains at the time step of half a time constant
S = {
    "linear": lambda v: v,
    "smooth_leaky": lambda v: 0.75 * v + 0.25 * (np.sqrt(v * v + 1) - 1),
    "leaky_relu": lambda v: np.where(v > 0, v, 0.1 * v),
    "tanh": np.tanh,
}
INVERSE = {
    "linear": lambda v: v,
    # the positive root of (0.75 v - u)^2 = 0.0625 (v^2 + 1), u = h + 0.25
    "smooth_leaky": lambda h: (0.75 * (h + 0.25) - 0.25 * np.sqrt((h + 0.25) ** 2 + 0.5)) / 0.5,
    "leaky_relu": lambda h: np.where(h > 0, h, 10 * h),
}


def slope(name, v, step=1e-6):
    """The derivative of a transfer function, by a central difference."""
    return (S[name](v + step) - S[name](v - step)) / (2 * step)


def drawn(sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [WellConditioned(1.4, 2.0).sample((b, a), rng) for a, b in pairwise(sizes)]


def run(circuit, phases, signals, weights, *, batch, backend="numpy", recordings=()):
    """Present one batch in phases (name, time steps, gates, further signals) from rest with given weights."""
    data = {name.replace(".", "_"): np.asarray(v).T for name, v in signals.items()}
    blocks = tuple(
        ds.Phase(
            name, f"{steps * DT!r} s", gates=gates,
            signals={k: ds.Samples(k.replace(".", "_")) for k in more},
        )
        for name, steps, gates, more in phases
    )  # fmt: skip
    always = {k: ds.Samples(k.replace(".", "_")) for k in signals if not k.endswith("noise")}
    protocol = ds.Protocol(
        circuit, (ds.Block("one", blocks),), f"{DT} s", signals=always, data=data, batch=batch,
        recordings=recordings,
    )  # fmt: skip
    start = {
        f"{p.name}.{s}": np.zeros((p.size, batch) if batch > 1 else p.size)
        for p in circuit.populations
        for s in p.states
    }
    start |= {m.name: np.ones(circuit.shape(m)) for m in circuit.matrices if m.name[:4] == "ones"}
    return ds.run(protocol, backend, initial=start | weights, progress=False)


def teach(steps=int(SETTLED * TAU / DT), learn=100.0):
    """A free phase, a phase with a target, and one step of learning."""
    return [
        ("free", steps, {}, ()),
        ("nudged", steps, {"teach": 1.0, "hold": 0.0}, ()),
        ("learn", 1, {"teach": 1.0, "hold": 0.0, "learn": learn}, ()),
    ]


def known(circuit, phases):
    """The same phases without the gates that the circuit does not have."""
    return [
        (name, steps, {g: v for g, v in gates.items() if g in circuit.gates}, more)
        for name, steps, gates, more in phases
    ]


def learned(circuit, weights, x, y, *, eta, learn=100.0, steps=int(SETTLED * TAU / DT), **options):
    """The change of basal weights of one trial, divided by learning rate and time."""
    last = len([n for n in weights if n[0] == "w"])
    signals = {"layer0.h": x, f"layer{last}.target": y}
    result = run(
        circuit, known(circuit, teach(steps)), signals, weights, batch=x.shape[1], **options
    )
    scale = eta * learn * DT
    changes = [
        (result.final[f"w{i}"].values - weights[f"w{i}"]) / scale for i in range(1, last + 1)
    ]
    return changes, result
