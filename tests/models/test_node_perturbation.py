"""Node perturbation: single updates against a loop, their mean against the gradient, and its dendritic signal."""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.analysis import learning_signals
from dendrosim.learning.rules import find_rule

SIZES, TAU, ETA, SIGMA = (3, 4, 2), 0.01, 2.0, 0.1


@cache
def shown(samples, same, output="transfer"):
    """Show a batch in one trial, with time steps of tau, so that everything settles exactly."""
    given = {"sizes": SIZES, "tau": f"{TAU} s", "eta": f"{ETA} Hz", "sigma": SIGMA}
    circuit = ds.load_circuit("node_perturbation", output=output, **given)
    cycle = find_rule("node_perturbation").network.cycle(circuit, dt=TAU, tau=TAU)
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(1 if same else samples, n)) for n in (SIZES[0], SIZES[-1]))
    names = ("w1", "w2", "layer*.noise", "layer*.h", "layer*.apical", "critic.held")
    protocol = ds.Protocol(
        circuit,
        (ds.Block("train", cycle.learn),),
        dt=f"{TAU} s",
        signals={"layer0.h": ds.Samples("x"), "layer2.target": ds.Samples("y")},
        data={n: np.broadcast_to(a, (samples, a.shape[1])) for n, a in (("x", x), ("y", y))},
        recordings=(ds.Recording(names, every="phase", phases=("train/perturbed", "train/rest")),),
        batch=samples,
        batch_fixed=True,
    )
    return ds.run(protocol, "numpy", progress=False)


def passed(weights, x, noise, output):
    """Return the rates of both layers of one sample, whose voltages are perturbed."""
    rates = [x]
    for i, w in enumerate(weights):
        v = w @ rates[-1] + noise[i]
        linear = output == "linear" and i == 1
        rates.append(v if linear else 0.75 * v + 0.25 * (np.sqrt(v**2 + 1) - 1))
    return rates[1:]


@pytest.mark.parametrize("output", ["linear", "transfer"])
def test_an_update_is_that_of_a_loop_over_samples(output):
    result = shown(3, False, output)
    weights = [result[n].values[0] for n in ("w1", "w2")]
    noise = [result[f"layer{i}.noise"].values[0] for i in (1, 2)]
    update = [np.zeros_like(w) for w in weights]
    for k, (x, y) in enumerate(zip(*(result.protocol.data[n] for n in ("x", "y")), strict=True)):
        here = [n[:, k] for n in noise]
        free = passed(weights, x, [0.0, 0.0], output)
        moved = passed(weights, x, here, output)
        losses = [0.5 * np.sum((y - h[1]) ** 2) for h in (free, moved)]
        assert result["critic.held"].values[0, 0, k] == pytest.approx(losses[0])
        for i, below in enumerate((x, moved[0])):
            assert result[f"layer{i + 1}.h"].values[0][:, k] == pytest.approx(moved[i])
            reward = result[f"layer{i + 1}.apical"].values[0][:, k]
            assert reward == pytest.approx(np.full(SIZES[i + 1], losses[0] - losses[1]))
            update[i] += np.outer((losses[0] - losses[1]) * here[i], below) / SIGMA**2 / 3
    for name, expected in zip(("w1", "w2"), update, strict=True):
        change = result[name].values[1] - result[name].values[0]
        assert change == pytest.approx(ETA * TAU * expected, rel=1e-9)


def test_the_mean_update_is_gradient_descent():
    """Over 20,000 perturbations of one sample, within four standard errors of the mean."""
    samples = 20_000
    result = shown(samples, True)
    weights = [result[n].values[0] for n in ("w1", "w2")]
    x, y = (result.protocol.data[n][:1].T for n in ("x", "y"))
    gradient = learning_signals.gradient_update(weights, x, y, "smooth_leaky")
    for i, expected in enumerate(gradient):
        found = (result[f"w{i + 1}"].values[1] - weights[i]) / (ETA * TAU)
        signal = result[f"layer{i + 1}.apical"].values[0] * result[f"layer{i + 1}.noise"].values[0]
        below = x if i == 0 else result["layer1.h"].values[0]
        each = signal[:, None] * below[None] / SIGMA**2
        error = each.std(axis=2) / samples**0.5
        assert np.all(abs(found - expected) < 4 * error + SIGMA**2 * 0.1)
        assert np.linalg.norm(error) < 0.2 * np.linalg.norm(expected)
