"""Error neurons: updates for weak nudging against back-propagation, written out."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.analysis.vector_angles import angle
from dendrosim.circuit.start_values import draw_start_value

SIZES = (5, 6, 4, 3)


def updated(form, nudging, seed):
    """Changes of basal weights at rest under a target, and the gradient of 1/2 |target - h_L|^2."""
    g_apical = 8.0 if form == "conductance" else 1.0
    circuit = ds.load_circuit(
        "error_neurons",
        sizes=SIZES,
        form=form,
        symmetric=True,
        nudging=nudging,
        gain=1.5,
        g_apical=g_apical,
    )
    w = [
        draw_start_value(circuit, f"w{i}", s, seed)
        for i, s in ((1, (6, 5)), (2, (4, 6)), (3, (3, 4)))
    ]
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=5), rng.uniform(-0.5, 0.5, size=3)
    field = ds.vector_field(
        circuit, inputs={"layer0.h": x, "layer3.target": y}, gates={"teach": 1.0, "learn": 1.0}, seed=seed,
        unfrozen="w*", slaved="layer*.*",
    )  # fmt: skip
    parts = np.split(field.f(field.start), [30, 54])
    kappa = 10 / 19 if form == "conductance" else 1.0
    h = [x]
    for m in w:
        h.append(np.tanh(kappa * m @ h[-1]))
    delta, gradient = (1 - h[3] ** 2) * (y - h[3]), []
    for i in (2, 1, 0):
        gradient.insert(0, kappa * np.outer(delta, h[i]))
        delta = (1 - h[i] ** 2) * kappa * (w[i].T @ delta)
    return [c.reshape(m.shape) for c, m in zip(parts, w, strict=True)], gradient


@pytest.mark.parametrize("form", ["conductance", "current"])
def test_updates_are_those_of_gradient_descent_for_weak_nudging(form):
    for seed in range(3):
        angles = []
        for nudging in (1e-4, 1e-3):
            changes, gradient = updated(form, nudging, seed)
            angles.append([angle(c, g) for c, g in zip(changes, gradient, strict=True)])
            for c, g in zip(changes, gradient, strict=True):  # the learning rate is 1 Hz
                assert np.linalg.norm(c) == pytest.approx(np.linalg.norm(g), rel=20 * nudging)
        assert np.max(angles[0]) < 0.05
        assert np.divide(angles[1], angles[0]) == pytest.approx([10] * 3, rel=0.1)


@pytest.mark.parametrize("form", ["conductance", "current"])
def test_learned_top_down_weights_change_as_the_transposes_of_basal_weights_and_decay(form):
    """With settled voltages, w^T - b falls at the rate eta decay, also under a strong target."""
    circuit = ds.load_circuit(
        "error_neurons",
        sizes=(5, 6, 4, 3),
        form=form,
        top_down="learned",
        decay=0.3,
        eta="2 Hz",
        g_apical=1.0,
    )
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5, 4)), rng.uniform(-0.5, 0.5, size=(3, 4))
    field = ds.vector_field(
        circuit, inputs={"layer0.h": x, "layer3.target": y}, gates={"teach": 1.0, "learn": 1.0},
        unfrozen="*", slaved="layer*.*",
    )  # fmt: skip
    w, change = field.unpack(field.start), field.unpack(field.f(field.start))
    for i in (1, 2):
        apart = w[f"w{i + 1}"].T - w[f"b{i}"]
        found = change[f"w{i + 1}"].T - change[f"b{i}"]
        assert found == pytest.approx(-0.6 * apart, abs=1e-9)
        assert abs(change[f"b{i}"] + 0.6 * w[f"b{i}"]).max() > 1e-3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"decay": 0.1}, "top_down is fixed"),
        ({"top_down": "learned", "low_pass": True}, "cannot pass the filter"),
        ({"tau_low_pass": "5 ms"}, "low_pass is False"),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(ds.errors.ParameterError, match=message):
        ds.load_circuit("error_neurons", **given)
