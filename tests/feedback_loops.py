"""The algorithms of random feedback as loops over samples and layers, and runs of the model to compare with."""

import numpy as np

import dendrosim as ds
from dendrosim.learning.feedback_cycle import feedback_cycle

TAU = 10e-3

TRANSFER = {
    "linear": (lambda a: a, np.ones_like),
    "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda a: np.exp(-a) / (1 + np.exp(-a)) ** 2),
    "relu": (lambda a: np.maximum(a, 0), lambda a: (a > 0) * 1.0),
    "saturated_linear": (lambda a: np.clip(a, -1, 1), lambda a: (abs(a) < 1) * 1.0),
}


def output_error(loss, h, y, balance=0.5):
    """Minus the derivative of the loss of one sample with respect to the output."""
    if loss == "squared":
        return y - h
    if loss == "softmax":
        return y - np.exp(h) / np.exp(h).sum()
    found = np.zeros_like(h)
    for i, reached in enumerate(h):
        if y[i] == 1 and reached <= 1:
            found[i] = 1
        elif y[i] == 0 and reached >= -1:
            found[i] = -balance
    return found


def loss_of(loss, h, y, balance=0.5):
    """The loss of one sample."""
    if loss == "squared":
        return 0.5 * np.sum((y - h) ** 2)
    if loss == "softmax":
        return -np.sum(y * (h - np.log(np.exp(h).sum())))
    right, wrong = np.maximum(1 - h, 0), np.maximum(1 + h, 0)
    return np.sum(y * right + balance * (1 - y) * wrong)


def forward(ws, x, transfer, linear=True):
    """Voltages and activities of one sample; the output is linear, or passes the transfer function too."""
    s, _ = TRANSFER[transfer]
    voltages, activities = [], [x]
    for i, w in enumerate(ws):
        voltages.append(w @ activities[-1])
        activities.append(voltages[-1] if linear and i == len(ws) - 1 else s(voltages[-1]))
    return voltages, activities


def errors(ws, back, x, y, transfer, loss, *, direct=False, linear=True):
    """delta_1 .. delta_L and the activities of one sample; `back` has R_2 .. R_L, or B_1 .. B_(L-1)."""
    _, slope = TRANSFER[transfer]
    voltages, activities = forward(ws, x, transfer, linear)
    found = [output_error(loss, activities[-1], y) * (1 if linear else slope(voltages[-1]))]
    for i in range(len(ws) - 1, 0, -1):
        carried = back[i - 1] @ (found[-1] if direct else found[0])
        found.insert(0, slope(voltages[i - 1]) * carried)
    return found, activities


def increments(ws, back, x, y, transfer, loss, **given):
    """Mean over samples of delta_i x_(i-1)^T, layers 1 to L."""
    total = [np.zeros_like(w) for w in ws]
    for one, wanted in zip(x, y, strict=True):
        deltas, activities = errors(ws, back, one, wanted, transfer, loss, **given)
        for i, delta in enumerate(deltas):
            total[i] += np.outer(delta, activities[i]) / len(x)
    return total


def bidirectional(ws, back, x, y, transfer):
    """Mean over samples of gamma_i y_(i+1)^T, for R_1 .. R_L; `back` has R_1 .. R_L."""
    s, slope = TRANSFER[transfer]
    total = [np.zeros_like(r) for r in back]
    for one, target in zip(x, y, strict=True):
        down, voltages = [target], []
        for i in range(len(back) - 1, -1, -1):
            voltages.insert(0, back[i] @ down[0])
            down.insert(0, voltages[0] if i == 0 else s(voltages[0]))
        gamma = one - down[0]
        for i in range(len(back)):
            if i > 0:
                gamma = slope(voltages[i]) * (ws[i - 1] @ gamma)
            total[i] += np.outer(gamma, down[i + 1]) / len(x)
    return total


def samples(sizes, loss, number=7, seed=3):
    """Random inputs, and targets that fit the loss, (samples, units)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(number, sizes[0]))
    if loss == "squared":
        return x, rng.normal(size=(number, sizes[-1]))
    return x, np.eye(sizes[-1])[rng.integers(sizes[-1], size=number)]


def run(
    x, y, *, trials=1, seed=1, part=1.0, backend="numpy", left=1e-12, batch=None, cycle=None, rounds=1, tau=TAU,
    **parameters,
):  # fmt: skip
    """Run trials of the whole cycle of a circuit; return the result."""
    circuit = ds.load_circuit("feedback_alignment", tau=f"{tau!r} s", **parameters)
    last = sum(p.name.startswith("layer") for p in circuit.populations) - 1
    timing = {"dt": part * tau, "tau": tau, "left": left, "rounds": rounds}
    cycle = cycle or feedback_cycle({"": circuit}, observed=True, **timing)
    kept = [m.name for m in circuit.matrices if m.name != "ones"]
    protocol = ds.Protocol(
        circuit,
        (ds.Block("train", cycle, trials=trials),),
        dt=f"{part * tau!r} s",
        signals={"layer0.h": ds.Samples("x"), f"layer{last}.target": ds.Samples("y")},
        data={"x": x, "y": y},
        recordings=(ds.Recording(kept, every="phase", phases="train/forward"),),
        batch=len(x) if batch is None else batch,
    )
    return ds.run(protocol, backend=backend, seed=seed, progress=False)


def before_and_after(result, name, dense=False):
    """Weights of a matrix at the beginning and at the end."""
    start, end = result[name].values[0], result.final[name].values
    if not dense:
        return start, end
    places = result.final[name]
    found = []
    for values in (start, end):
        shape = result.circuit.shape(result.circuit.matrix(name))
        full = np.zeros(shape)
        full[places.post.values, places.pre.values] = values
        found.append(full)
    return tuple(found)


def weights_before(result, layers, dense=False):
    """W_1 .. W_L at the beginning."""
    return [before_and_after(result, f"w{i}", dense)[0] for i in range(1, layers + 1)]
