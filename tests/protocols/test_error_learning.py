"""Circuits with errors in dendrites learn: beside gradient descent, and what is refused."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import DendrosimWarning

SMALL = {"batch": 40, "samples": 120, "presentations": 30, "eta": "20 Hz"}


def learned(**given):
    protocol = ds.load_protocol("error_learning", **{**SMALL, **given})
    result = ds.run(protocol, "numpy", progress=False)
    return result, ds.measure(result).metrics


@pytest.mark.parametrize(
    "rule", ["dendritic_error", "dendritic_predictive_slopes", "error_neurons"]
)
def test_a_single_layer_with_a_weak_target_is_gradient_descent_on_the_same_batches(rule):
    """The loss after learning is that of gradient descent from the same weights."""
    _, metrics = learned(rule=rule, sizes=(4, 3), nudging=1e-4, presentations=12)
    assert metrics["final_loss"] < 0.9 * metrics["initial_loss"]
    assert metrics["final_loss"] == pytest.approx(metrics["backprop_loss"], rel=2e-3)
    assert metrics["silence"] < 1e-9


def test_gradient_descent_sees_the_batches_that_the_circuit_sees_and_takes_the_same_steps():
    """With conductances, where basal weights act through kappa = 10/11; written out with the recorded samples."""
    result, metrics = learned(
        rule="error_neurons", sizes=(4, 3), form="conductance", presentations=5, nudging=1e-4
    )
    w, kappa = result["w1"].values[0], 10 / (1 + 10 + 8)
    for x, y in zip(result["layer0.h"].values, result["layer1.target"].values, strict=True):
        h = np.tanh(kappa * w @ x)
        w = w + 0.2 * kappa * ((y - h) * (1 - h**2)) @ x.T / 40
    assert result.final["w1"].values == pytest.approx(
        w, abs=1e-3 * abs(w - result["w1"].values[0]).max()
    )
    fresh = np.asarray(result.protocol.data["fresh"]).T
    expected = np.asarray(result.protocol.references["expected"]).T
    loss = 0.5 * np.mean(np.sum((np.tanh(kappa * w @ fresh) - expected) ** 2, axis=0))
    assert metrics["backprop_loss"] == pytest.approx(loss, rel=1e-6)


def test_lateral_weights_predict_while_a_circuit_of_three_layers_learns():
    """With voltages sent down, n follows w exactly, apart from what the circuit has not settled."""
    result, metrics = learned(
        rule="dendritic_predictive_slopes", sizes=(4, 4, 4, 3), nudging=0.2, presentations=15
    )
    assert metrics["initial_silence"] < 1e-4
    assert metrics["silence"] < 1e-3
    assert metrics["final_loss"] < metrics["initial_loss"]
    assert not metrics["diverged"]
    # Feedback weights stay at the transposes of initial weights, which basal weights leave.
    assert np.all(metrics["angle_gradient"] < [60, 30, 10])
    assert 1 / 1.2 - 0.01 < metrics["size_ratio"][-1] < 1  # 1/(1 + nudging s'^2)
    assert metrics["stable_dt"] > 1e3 * result.protocol.time_step


def test_digits_are_learned():
    _, metrics = learned(
        rule="error_neurons", task="digits", sizes=(64, 10), batch=32, presentations=25
    )
    assert metrics["accuracy"] > 0.7  # chance is 0.1
    assert metrics["accuracy"] == pytest.approx(metrics["backprop_accuracy"], abs=0.05)


def test_loops_that_become_unstable_while_weights_grow_are_named():
    protocol = ds.load_protocol(
        "error_learning", rule="dendritic_predictive_symmetric", sizes=(3, 4, 2), g_apical=2.0,
        **SMALL | {"presentations": 4},
    )  # fmt: skip
    state = ds.run(protocol, "numpy", progress=False).state
    grown = {**state, **{name: 50 * state[name] for name in ("w2", "n1")}}
    said = r"(grows at any dt|unstable from dt = ).*; weights have grown"
    with pytest.warns(DendrosimWarning, match=said):
        result = ds.run(protocol, "numpy", initial=grown, progress=False)
    with pytest.warns(DendrosimWarning, match=said):
        metrics = ds.measure(result).metrics
    assert metrics["stable_dt"] < 1e3 * protocol.time_step


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dt": "19 ms"}, "somata of .* have a total conductance of .* from dt = .* ms on"),
        ({"form": "conductance", "dt": "1.1 ms"}, "conductance of 19 leaks.*1.053 ms"),
        (
            {"rule": "dendritic_predictive_symmetric", "g_apical": 3.0, "dt": "12 ms"},
            "dt is 12 ms, but the feedback loops of the circuit are unstable from dt = .*smaller g_apical",
        ),
        (
            {"rule": "dendritic_predictive", "g_apical": 30.0},
            "does not settle at any dt.*grows at .*smaller g_apical",
        ),
        (
            {"task": "digits", "targets": (0.0, 1.0), "transfer": "sigmoid"},
            r"targets: rates are from 0 to 1, but outputs of sigmoid units are above 0 and below 1.*output=linear",
        ),
        ({"task": "digits", "targets": (0.9, 0.1)}, "the right one, the larger"),
        ({"task": "digits", "sizes": (10, 10)}, "64 inputs and 10 outputs"),
        ({"teacher_output": "linear"}, "outputs of the teacher are from .* tanh .*output=linear"),
        (
            {"rule": "dendritic_predictive", "nudging": 0.001},
            r"eta is 10 Hz, .* nudging is 0.001: in a step .* of layer 1 would correct .* times over",
        ),
        ({"samples": 12}, "12 training samples"),
        ({"rule": "error_neurons", "g_teaching": 1.0}, "g_teaching"),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(ds.errors.DendrosimError, match=message):
        ds.load_protocol("error_learning", **given)
