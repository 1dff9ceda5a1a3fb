"""All rules on one task: what is measured equals what a single run and a loop say."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError, SpecError, UnknownNameError, UsageError
from dendrosim.learning.rules import known_rules


def compared(backend="numpy", **parameters):
    protocol = ds.load_protocol("credit_assignment", **parameters)
    result = ds.run(protocol, backend, progress=False)
    return result, ds.measure(result).metrics


SMALL = {"width": 4, "presentations": 3, "pretraining": 0, "depth": 2, "batch": 4, "samples": 12}


def test_gradient_descent_is_zero_degrees_from_the_gradient_and_exact_targets_from_gauss_newton():
    """With exact inverses and a small step, targets are Gauss-Newton targets without damping."""
    _, metrics = compared(rules=("backprop", "tp_exact"), damping=0.0, **SMALL)
    assert metrics["angle_gradient"]["backprop"] == pytest.approx([0, 0], abs=1e-3)
    assert metrics["size_ratio"]["backprop"] == pytest.approx([0.02, 0.02], rel=1e-4)
    assert np.all(
        metrics["angle_gauss_newton"]["tp_exact"] < 10
    )  # the step of the output is not infinitesimal
    assert metrics["angle_target"]["tp_exact"] == pytest.approx([0, 0], abs=1e-3)
    assert metrics["feedback_pseudo_inverse"]["tp_exact"] == pytest.approx([0], abs=1e-6)
    assert metrics["feedback_transpose"]["backprop"].shape == (1,)
    assert np.isnan(metrics["feedback_transpose"]["backprop"]).all()


def test_all_signals_of_random_feedback_in_phases_are_compared_and_back_propagation_is_the_gradient():
    """With weights that are transposed at all times, the phases give the gradient of a linear output layer."""
    _, metrics = compared(rules=("bp", "bdfa", "weight_mirror"), **SMALL)
    assert metrics["angle_gradient"]["bp"] == pytest.approx([0, 0], abs=0.05)
    assert metrics["size_ratio"]["bp"] == pytest.approx([0.02, 0.02], rel=1e-3)
    assert np.all(metrics["angle_gradient"]["bdfa"][:1] > 1)
    assert metrics["angle_gradient"]["bdfa"][1] == pytest.approx(0, abs=0.05)


def test_angles_to_targets_are_those_to_the_gradient_step_towards_them():
    """The target of reciprocal feedback is an expression; the step towards it is computed here by hand."""
    result, metrics = compared(
        rules=("reciprocal_feedback",),
        depth=1,
        width=4,
        presentations=3,
        pretraining=0,
        batch=4,
        samples=12,
    )
    w, h, x, apical = (
        result[f"reciprocal_feedback_0_{n}"].values
        for n in ("w1", "layer1.h", "layer0.h", "layer1.apical")
    )
    angles = []
    for k in range(3):
        voltage = w[2 * k] @ x[k]
        root = np.sqrt(voltage**2 + 1)
        rate, slope = 0.75 * voltage + 0.25 * (root - 1), 0.75 + 0.25 * voltage / root
        step, towards = w[2 * k + 1] - w[2 * k], (slope * (h[k] + apical[k] - rate)) @ x[k].T
        cosine = np.sum(step * towards) / np.linalg.norm(step) / np.linalg.norm(towards)
        angles.append(np.degrees(np.arccos(cosine)))
    found = metrics["angle_target"]["reciprocal_feedback"]
    assert found == pytest.approx([np.median(angles)], rel=1e-6)
    assert (
        1 < np.median(angles) < 45
    )  # the rule divides by slopes and powers, the gradient does not


def test_network_k_of_a_run_is_network_0_of_the_run_with_a_seed_of_k_more():
    result, metrics = compared(rules=("backprop",), seeds=2, seed=3, **SMALL)
    other, alone = compared(rules=("backprop",), seed=4, **SMALL)
    assert result.provenance["seed"] == 3
    assert np.array_equal(
        result.final["backprop_1_w1"].values.shape, other.final["backprop_0_w1"].values.shape
    )
    assert metrics["initial_loss"]["backprop"][1] == alone["initial_loss"]["backprop"][0]
    first = result["backprop_1_w1"].values[0]
    assert np.array_equal(first, other["backprop_0_w1"].values[0])


def test_a_protocol_runs_with_the_seed_for_which_it_was_built():
    protocol = ds.load_protocol("credit_assignment", rules=("backprop",), seed=5, **SMALL)
    assert ds.run(protocol, "numpy", seed=5, progress=False).provenance["seed"] == 5
    with pytest.raises(UsageError, match=r"built for seed 5.*seed=6"):
        ds.run(protocol, "numpy", seed=6, progress=False)


@pytest.mark.parametrize("task", ["student_teacher", "digits", "gaussian"])
def test_networks_learn_every_task(task):
    own = {
        "presentations": 30,
        "batch": 16,
        "samples": 64,
        "pretraining": 0,
        "depth": 2,
        "width": 8,
    }
    _, metrics = compared(rules=("backprop",), task=task, eta="20 Hz", **own)
    assert metrics["diverged"]["backprop"] == 0
    if task == "digits":
        assert metrics["accuracy"]["backprop"][0] > 0.3  # chance is 0.1
    else:
        assert metrics["loss"]["backprop"][0] < 0.8 * metrics["initial_loss"]["backprop"][0]


def test_a_network_that_diverges_is_counted_and_does_not_end_the_run():
    own = {"presentations": 40, "batch": 4, "samples": 12, "pretraining": 0, "depth": 2, "width": 4}
    _, metrics = compared(rules=("backprop",), eta="200 Hz", transfer="linear", **own)
    assert metrics["diverged"]["backprop"] == 1


@pytest.mark.slow
def test_all_rules_side_by_side():
    """All learn; feedback by the difference loss gives targets closer to Gauss-Newton than that of DTP."""
    _, metrics = compared("cpp", seeds=2, presentations=150, pretraining=100)
    assert len(metrics["loss"]) == len(known_rules())
    for rule in metrics["loss"]:
        assert metrics["diverged"][rule] == 0, rule
        assert np.all(metrics["loss"][rule] < metrics["initial_loss"][rule]), rule
    newton = metrics["angle_gauss_newton"]
    for rule in ("dtpdrl", "ddtp_linear"):
        assert np.median(newton[rule][:-1]) < np.median(newton["dtp"][:-1])
    for rule in ("tp_exact", "dynamical_tp"):
        assert np.all(newton[rule] < 15), rule


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"depth": 0}, SpecError, "depth"),
        ({"depth": 9}, ParameterError, "at most 8"),
        ({"rules": ("backprop", "backprop")}, ParameterError, "no rule twice"),
        ({"rules": ("bpp",)}, UnknownNameError, "unknown value of rules 'bpp'"),
        (
            {"rules": ("dendritic_error",), "task": "gaussian", "transfer": "tanh"},
            ParameterError,
            "rule dendritic_error: task: targets are from .* tanh units are above -1 and below 1",
        ),
        (
            {"rules": ("dendritic_predictive",), "depth": 8},
            ParameterError,
            "rule dendritic_predictive: eta is 2 Hz, .* nudging is 0.5: .* larger from 2 on",
        ),
        (
            {"rules": ("backprop", "tp_exact"), "task": "digits", "width": 6},
            SpecError,
            r"rule tp_exact: sizes is \(64, 6, 6, 10\); for exact inverses",
        ),
    ],
)
def test_what_does_not_fit_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        ds.load_protocol("credit_assignment", **given)
