"""Layers of BMVR microcircuits against a loop over their equations, and linear layers against closed forms."""

import numpy as np
import pytest
from comparisons import eigenvalue_distance

import dendrosim as ds
from dendrosim.analysis import bmvr_flow, bmvr_layers, regression
from dendrosim.circuit.start_values import draw_start_value
from dendrosim.errors import ParameterError

SIZES = (5, 4, 3, 2)


def step_by_hand(weights, x, y, teaching, readout, rho, tau, centred, linear=False):
    """Rates of change of all weights at rest, with eta = 1: samples in columns, tanh or linear units."""
    samples = x.shape[1]
    h, slopes = [x], []
    for i in (1, 2):
        voltage = weights[f"w{i}"] @ h[-1]
        rate = voltage if linear else np.tanh(voltage)
        slopes.append(1.0 if linear else 1 - rate**2)
        h.append(rate - (weights[f"m{i}"] if centred else 0))
    output = weights["w3"] @ h[-1]
    high = weights["b2"] @ y
    low = weights["b1"] @ (y if teaching == "label" else high)
    found = {"w3": rho * (y - output) @ h[2].T / samples}
    if readout == "hebbian":
        found["w3"] = rho * (y @ h[2].T / samples - weights["w3"])
    for i, (apical, target) in enumerate(((low, y if teaching == "label" else high), (high, y)), 1):
        q = weights[f"q{i}"]
        n = q.T @ h[i]
        found[f"w{i}"] = (slopes[i - 1] * (apical - q @ n)) @ h[i - 1].T / samples
        found[f"b{i}"] = rho * (h[i] @ target.T / samples - weights[f"b{i}"])
        found[f"q{i}"] = (h[i] @ n.T / samples - q) / tau
    return found


@pytest.mark.parametrize("teaching", ["label", "targets"])
@pytest.mark.parametrize(("readout", "centred"), [("hebbian", False), ("delta", True)])
def test_one_step_of_learning_is_that_of_a_loop(teaching, readout, centred):
    rho, tau = 0.6, 1.7
    circuit = ds.load_circuit(
        "bmvr_deep", sizes=SIZES, teaching=teaching, readout=readout, centred=centred,
        transfer="tanh", rho=rho, tau_ratio=tau,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    weights = {
        m.name: draw_start_value(circuit, m.name, circuit.shape(m), 3) for m in circuit.matrices
    }
    weights |= {n: 0.2 * rng.normal(size=w.shape) for n, w in weights.items() if n[0] == "m"}
    x, y = rng.normal(size=(5, 6)), rng.normal(size=(2, 6))
    flow = ds.vector_field(
        circuit, inputs={"layer0.h": x, "layer3.target": y}, unfrozen="*", slaved="*.*"
    )
    found = flow.unpack(flow.f(flow.pack(weights)))
    expected = step_by_hand(weights, x, y, teaching, readout, rho, tau, centred)
    for name, rate in expected.items():
        np.testing.assert_allclose(found[name], rate, atol=1e-12, err_msg=name)


def linear_field(teaching, widths, canonical=(0.9, 0.7, 0.5), inputs=4, rho=1.0, tau=0.5):
    """The flow of all weights with neurons slaved, covariances, canonical directions, and the samples."""
    rng = np.random.default_rng(2)
    outputs, samples = len(canonical), inputs + 4
    x = np.sqrt(samples) * np.linalg.qr(rng.normal(size=(samples, inputs)))[0].T
    left = np.linalg.qr(rng.normal(size=(inputs, inputs)))[0][:, :outputs]
    right = np.linalg.qr(rng.normal(size=(outputs, outputs)))[0]
    y = right * np.asarray(canonical) @ left.T @ x
    circuit = ds.load_circuit(
        "bmvr_deep", sizes=(inputs, *widths, outputs), teaching=teaching, rho=rho, tau_ratio=tau
    )
    last = len(widths) + 1
    flow = ds.vector_field(
        circuit, inputs={"layer0.h": x, f"layer{last}.target": y}, unfrozen="*", slaved="*.*"
    )
    return flow, regression.covariances(x, y), left, right, x, y


def optimum(teaching, widths, left, right, canonical=(0.9, 0.7, 0.5)):
    """Weights at the joint optimum, written out in canonical coordinates."""
    s, depth = np.asarray(canonical), len(widths)
    found = {}
    for i, k in enumerate(widths, 1):
        power = 1 if teaching == "label" else 2 ** (depth - i)
        found[f"w{i}"] = left[:, :k].T if i == 1 else np.eye(k, widths[i - 2])
        found[f"q{i}"] = np.diag(s[:k] ** power)
        if teaching == "label" or i == depth:
            found[f"b{i}"] = (right[:, :k] * s[:k]).T
        else:
            found[f"b{i}"] = np.diag(s[:k] ** power)
    k = widths[-1]
    found[f"w{depth + 1}"] = right[:, :k] * s[:k]
    return found


@pytest.mark.parametrize("teaching", ["label", "targets"])
def test_linear_layers_have_the_optimum_of_the_closed_form(teaching):
    """Three layers of two units: gains s^2 in all of them, or s^8, s^4 and s^2."""
    widths = (2, 2, 2)
    flow, cov, left, right, *_ = linear_field(teaching, widths, rho=0.3, tau=0.1)
    weights = optimum(teaching, widths, left, right)
    state = flow.pack(weights)
    assert np.max(np.abs(flow.f(state))) < 1e-12
    for i, gains in enumerate(bmvr_layers.layer_gains(cov, widths, teaching), 1):
        q = weights[f"q{i}"]
        assert np.linalg.eigvalsh(q @ q.T)[::-1] == pytest.approx(gains, rel=1e-12)
    basal = weights["w3"] @ weights["w2"] @ weights["w1"]
    assert regression.loss(cov, basal, weights["w4"].T) == pytest.approx(
        bmvr_layers.layered_loss(cov, widths), rel=1e-12
    )
    # It attracts: all modes decay but two rotations of hidden units and of interneurons in each layer.
    found = np.linalg.eigvals(flow.jacobian(state))
    assert np.sum(np.abs(found) < 1e-7) == 6
    assert np.max(found[np.abs(found) > 1e-7].real) < 0


def test_the_spectrum_with_labels_is_that_of_single_layers():
    widths, tau = (3, 2), 0.5
    flow, cov, left, right, *_ = linear_field("label", widths, tau=tau)
    found = np.linalg.eigvals(flow.jacobian(flow.pack(optimum("label", widths, left, right))))
    expected = bmvr_layers.label_modes(cov, widths, tau_ratio=tau)
    readout = np.full(3 * 2, -1.0)
    moving = found[np.abs(found) > 1e-6]
    assert eigenvalue_distance(moving, np.concatenate([expected, readout])) < 1e-6
    first = bmvr_flow.flow_modes(cov, 3, tau_ratio=tau).eigenvalues
    assert len(expected) > len(first)


@pytest.mark.parametrize("teaching", ["label", "targets"])
def test_from_random_weights_linear_layers_reach_the_regression_of_the_narrowest(teaching):
    """Layers of 4 and 2 units: with passed targets, two units of the first layer keep slack."""
    widths = (4, 2)
    rho, tau, step = 0.1, 0.5, 0.03
    flow, cov, _, _, x, y = linear_field(teaching, widths)
    end = {n: w for n, w in flow.unpack(flow.start).items() if "." not in n}
    for _ in range(12_000):
        slope = step_by_hand(end, x, y, teaching, "hebbian", rho, tau, False, linear=True)
        end = {name: w + step * slope[name] for name, w in end.items()}
    basal = end["w2"] @ end["w1"]
    best = bmvr_layers.layered_loss(cov, widths)
    assert regression.loss(cov, basal, end["w3"].T) == pytest.approx(best, abs=1e-3)
    for i, gains in enumerate(bmvr_layers.layer_gains(cov, widths, teaching), 1):
        q = end[f"q{i}"]
        assert np.linalg.eigvalsh(q @ q.T)[::-1] == pytest.approx(gains, abs=1e-2)


def test_widths_without_a_closed_form_are_refused():
    cov = regression.Covariances(np.eye(3), np.diag([0.9, 0.5, 0.3]), np.eye(3))
    with pytest.raises(ParameterError, match="wider than the one below"):
        bmvr_layers.label_modes(cov, (2, 3))
    with pytest.raises(ParameterError, match="at least one hidden layer"):
        bmvr_layers.layer_gains(cov, (), "label")
