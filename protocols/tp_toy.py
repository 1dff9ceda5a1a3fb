"""Two weights that learn by target propagation, modified target propagation and back-propagation.

The network 1-2-2 has a linear output, exact inverses and a fixed W_2; W_1 learns to do what W_1^* does in a
teacher with the same W_2. Inputs are normally distributed, scaled so that their mean square is 1, and all are
shown in each trial.

In the linear network every step is known in closed form, with D = W_1 - W_1^* and the singular values s_k of W_2:

    target propagation    D shrinks by 1 - step_tp: in a straight line, as with Gauss-Newton, which needs one step
    back-propagation      D shrinks by 1 - step_bp s_k^2 along the right singular vector k of W_2

Measured by rule (`tp`, `modified`, `bp`):

    steps             trials until the distance to W_1^* is below 1 % of the first one, or NaN
    final_distance    distance to W_1^* at the end, divided by the first one
    step_error        linear network: largest deviation from the closed form, of all weights and trials

With `leaky_relu`, slopes of the hidden layer slow target propagation down; the modified step undoes this.

Sources
-------
Thesis (dynamical target propagation), section 5.1.1, eq. 5.1-5.34 and Fig. 5.2-5.4. The step sizes 0.8 and 0.3 are
those of the thesis; its W_2 and W_1^* are not printed.
"""

from typing import Literal

import numpy as np

import dendrosim as ds
from dendrosim.learning.cycle import learning_cycle
from dendrosim.plot import style

W2 = np.array([[1.6, -0.4], [0.3, 0.7]])
GOAL, START = np.array([[0.8], [-0.6]]), np.array([[-1.4], [1.0]])
DT, TAU, SETTLE = 5e-3, 10e-3, 50  # seconds, seconds, time steps
RULES = {"tp": "gradient", "modified": "modified", "bp": None}


class Parameters(ds.Parameters):
    transfer: Literal["linear", "leaky_relu"] = ds.parameter(
        "linear", "transfer function of the hidden layer"
    )
    trials: int = ds.parameter(25, "steps of learning", least=1)
    samples: int = ds.parameter(200, "inputs that are shown in each trial", least=2)
    step_tp: float = ds.parameter(0.8, "size of a step of target propagation", above=0)
    step_bp: float = ds.parameter(0.3, "size of a step of back-propagation", above=0)
    data_seed: int = ds.parameter(0, "seed of the inputs", least=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    circuits = {name: _circuit(step, p) for name, step in RULES.items()}
    cycle = learning_cycle(circuits, dt=DT, tau=TAU, steps=SETTLE)
    x = _inputs(p)
    y = W2 @ _hidden(GOAL @ x, p)
    signals = {}
    for name in RULES:
        signals |= {f"{name}_layer0.h": ds.Samples("x"), f"{name}_layer2.target": ds.Samples("y")}
    weights = tuple(f"{name}_w1" for name in RULES)
    return ds.Protocol(
        ds.Circuit.join(**circuits),
        (ds.Block("train", cycle, trials=p.trials),),
        dt=f"{DT} s",
        signals=signals,
        data={"x": x.T, "y": y.T},
        recordings=(ds.Recording(weights, every="phase", phases="train/learn"),),
        batch=p.samples,
        batch_fixed=True,
    )


def _circuit(step, p):
    """Return a network that learns by one rule, with the weights of the toy example and a linear output."""
    sizes, eta = (1, 2, 2), f"{(p.step_bp if step is None else p.step_tp) / TAU!r} Hz"
    if step is None:
        circuit = ds.load_circuit(
            "backprop", sizes=sizes, transfer=p.transfer, eta=eta, tau="10 ms"
        )
    else:
        circuit = ds.load_circuit(
            "target_propagation", sizes=sizes, transfer=p.transfer, step=step, eta=eta, eta_hat=0.8
        )
        output = circuit.population("layer2").replace(transfer="linear")
        circuit = circuit.replace(
            populations=[output if q.name == "layer2" else q for q in circuit.populations]
        )
    fixed = {
        "w1": {"initial": ds.Fixed(START)},
        "w2": {"initial": ds.Fixed(W2), "plasticity": None},
    }
    return circuit.replace(matrices=[m.replace(**fixed.get(m.name, {})) for m in circuit.matrices])


def _inputs(p):
    x = np.random.default_rng(p.data_seed).normal(size=(1, p.samples))
    return x / np.sqrt(np.mean(x**2))


def _hidden(a, p):
    return a if p.transfer == "linear" else np.where(a > 0, a, 0.1 * a)


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the paths of the weights."""
    p = Parameters(**result.protocol.parameters)
    paths = {}
    for name in RULES:
        recorded = result[f"{name}_w1"].values[:, :, 0]
        paths[name] = np.vstack([recorded, result.final[f"{name}_w1"].values[:, 0]])
    away = {n: np.linalg.norm(path - GOAL[:, 0], axis=1) for n, path in paths.items()}
    metrics = {
        "steps": {n: _first(d < 0.01 * d[0]) for n, d in away.items()},
        "final_distance": {n: float(d[-1] / d[0]) for n, d in away.items()},
    }
    references = {}
    if p.transfer == "linear":
        expected = _closed_form(p)
        metrics["step_error"] = {
            n: float(np.max(np.abs(paths[n] - path))) for n, path in expected.items()
        }
        zero = dict.fromkeys(expected, 0.0)
        references["step_error"] = ds.Reference(zero, 1e-9, reason="rounding")
    return ds.Measurement(metrics, {"paths": lambda: _draw(paths, p)}, references=references)


def _first(reached):
    return float(np.argmax(reached)) if reached.any() else np.nan


def _closed_form(p):
    """Return the weights of all trials in the linear network by rule."""
    _, s, v = np.linalg.svd(W2)
    steps = np.arange(p.trials + 1)[:, None]
    start = START[:, 0] - GOAL[:, 0]
    straight = GOAL[:, 0] + (1 - p.step_tp) ** steps * start
    return {
        "tp": straight,
        "modified": straight,
        "bp": GOAL[:, 0] + ((1 - p.step_bp * s**2) ** steps * (v @ start)) @ v,
    }


@style.styled
def _draw(paths, p):
    """Draw the loss and the paths of the weights, one panel per rule."""
    titles = {"tp": "target propagation", "modified": "modified", "bp": "back-propagation"}
    panels = style.row(len(paths), (8.2, 3.0), sharex=True)
    every = np.vstack(list(paths.values()))
    low, high = every.min(axis=0) - 0.4, every.max(axis=0) + 0.4
    first, second = np.meshgrid(*(np.linspace(a, b, 81) for a, b in zip(low, high, strict=True)))
    x = _inputs(p)
    target = W2 @ _hidden(GOAL @ x, p)
    points = np.stack([first.ravel(), second.ravel()], axis=1)
    errors = [W2 @ _hidden(w[:, None] @ x, p) - target for w in points]
    loss = np.array([0.5 * np.mean(np.sum(e**2, axis=0)) for e in errors]).reshape(first.shape)
    for ax, (name, path) in zip(panels, paths.items(), strict=True):
        ax.contour(first, second, np.sqrt(loss), levels=9, colors="0.75", linewidths=0.7)
        ax.plot(path[:, 0], path[:, 1], "o-", markersize=3, lw=1.0)
        ax.plot(*GOAL[:, 0], "x", color="k", markersize=7)
        ax.set(
            title=titles[name],
            xlabel="first weight",
            xlim=(low[0], high[0]),
            ylim=(low[1], high[1]),
        )
    panels[0].set_ylabel("second weight")
    return panels[0].figure
