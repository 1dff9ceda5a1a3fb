"""Signatures of instructive signals: rules against loops and closed forms, and what makes a rule unfit."""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError, ShapeError, SpecError, UnknownNameError
from dendrosim.experiments.run import run_and_measure

SMALL = {
    "inputs": 4, "cells": 6, "group": 2, "contexts": 2, "trials": 12, "window": 6, "seeds": 1, "pretraining": 0,
    "transfer": "linear", "eta": "3 Hz",
}  # fmt: skip
ROLES = np.array([0.5, 0.5, -0.5, -0.5, 0.0, 0.0])
LOOPED = ("backprop", "dfa", "scalar")


@cache
def measured(backend="numpy", **given):
    protocol = ds.load_protocol("bci_signatures", **given)
    return run_and_measure(protocol, RunSettings(backend, seed=given.get("seed", 0)))


def start(result, name):
    return np.asarray(result.circuit.matrix(name).initial.value.value)


def feedback(result, rule):
    return ROLES if rule == "backprop" else start(result, f"{rule}_0_b1")[:, 0]


def looped(result, rule):
    """Train the linear cells by a loop over trials; return weights, and dendrites, somata and errors of trials."""
    data, w = result.protocol.data, start(result, f"{rule}_0_w1").copy()
    rows = []
    for x, y in zip(data["x0"], data["y0"][:, 0], strict=True):
        error = y - ROLES @ (w @ x)
        rows.append((feedback(result, rule) * error, w @ x, error))
        w += 3.0 * 0.01 * np.outer(feedback(result, rule) * error, x)
    return w, *(np.array(a) for a in zip(*rows, strict=True))


@pytest.mark.parametrize("rule", LOOPED)
def test_dendrites_and_weights_are_those_of_a_loop(rule):
    result, _ = measured(rules=LOOPED, **SMALL)
    w, dendrite, soma, _ = looped(result, rule)
    variable = "delta" if rule == "backprop" else "apical"
    found = result[f"dendrites_{rule}_0/{rule}_0_layer1.{variable}"].values
    assert found == pytest.approx(dendrite, abs=2e-3)
    assert result[f"{rule}_0_layer1.h"].values == pytest.approx(soma, abs=2e-3)
    assert result.final[f"{rule}_0_w1"].values == pytest.approx(w, abs=1e-3)
    assert np.array_equal(result.final[f"{rule}_0_w2"].values[0], ROLES)


def test_signs_are_those_of_the_feedback_weights():
    """Linear dendrites carry nothing but an error, so all correlations are 1 or -1."""
    result, measurement = measured(rules=LOOPED, **SMALL)
    metrics = measurement.metrics
    for rule in LOOPED:
        signs = np.sign(feedback(result, rule))
        expected = [signs[:2].mean(), signs[2:4].mean()]
        found = [metrics[f"correlation_{g}"][rule][0] for g in ("plus", "minus")]
        assert found == pytest.approx(expected, abs=1e-4)
        assert metrics["sign_difference"][rule][0] == pytest.approx(
            expected[0] - expected[1], abs=1e-4
        )
    assert metrics["sign_difference"]["backprop"][0] == pytest.approx(2, abs=1e-4)
    assert metrics["sign_difference"]["scalar"][0] == pytest.approx(0, abs=1e-4)
    assert np.isnan(metrics["correlation_other"]["backprop"][0])
    assert metrics["other_gain"]["scalar"][0] == pytest.approx(1, abs=1e-3)
    b = feedback(result, "dfa")
    assert metrics["other_gain"]["dfa"][0] == pytest.approx(
        np.sqrt(np.mean(b[4:] ** 2) / np.mean(b[:4] ** 2)), rel=1e-2
    )


def test_the_error_of_the_decoder_falls_if_feedback_weights_agree_with_it():
    """In linear cells a step moves the output by (decoder . feedback) |x|^2 e: by nothing with equal weights."""
    result, measurement = measured(rules=LOOPED, **SMALL)
    metrics = measurement.metrics
    patterns = np.asarray(result.protocol.references["patterns0"])
    for rule in LOOPED:
        w, *_ = looped(result, rule)
        for name, weights in (("initial_error", start(result, f"{rule}_0_w1")), ("error", w)):
            wrong = np.array([-1.0, 1.0]) - patterns @ weights.T @ ROLES
            found = metrics[name][rule][0]
            assert found == pytest.approx(np.sqrt(np.mean(wrong**2)), rel=1e-3)
        fell = metrics["error"][rule][0] < metrics["initial_error"][rule][0]
        assert rule == "scalar" or fell == (ROLES @ feedback(result, rule) > 0)
    assert metrics["error"]["scalar"][0] == pytest.approx(metrics["initial_error"]["scalar"][0])
    for name in ("feedback_early", "feedback_late", "output_moved"):
        assert all(abs(metrics[name][rule][0]) < 1e-3 for rule in LOOPED)
        assert np.isnan(metrics["target_correlation"]["backprop"][0])


def test_lateral_weights_do_not_learn_to_predict_a_decoder_that_is_taught():
    """Otherwise apical dendrites lose the error that is to teach the cells, and with it the sign of the role."""
    result, measurement = measured(rules=("dendritic_error_symmetric",), **SMALL)
    p = result.final["dendritic_error_symmetric_0_p1"].values
    assert p == pytest.approx(ROLES[None], abs=1e-3)
    assert measurement.metrics["sign_difference"]["dendritic_error_symmetric"][0] > 1.99


def test_figures_are_drawn():
    measurement = measured(rules=LOOPED, **SMALL)[1]
    for draw in measurement.figures.values():
        draw().canvas.draw()


def test_networks_of_one_number_have_the_same_cells_and_feedback_does_not_know_the_decoder():
    protocol = ds.load_protocol(
        "bci_signatures", rules=("backprop", "multiplexed_dtp", "dtp"), seeds=2
    )
    matrices = {m.name: m for m in protocol.circuit.matrices}

    def weights(name):
        return np.asarray(matrices[name].initial.value.value)

    for k in range(2):
        first = weights(f"backprop_{k}_w1")
        assert np.array_equal(weights(f"multiplexed_dtp_{k}_w1"), first)
        assert np.array_equal(weights(f"dtp_{k}_w1"), first)
        for rule in ("backprop", "multiplexed_dtp", "dtp"):
            decoder = matrices[f"{rule}_{k}_w2"]
            assert str(decoder.plasticity).startswith("dw/dt = 0*(")
            assert np.sum(weights(decoder.name) == [0.2]) == 5
        for name in (f"multiplexed_dtp_{k}_q1", f"dtp_{k}_q1"):
            assert abs(np.corrcoef(weights(name)[:, 0], weights(f"backprop_{k}_w2")[0])[0, 1]) < 0.8
    assert not np.array_equal(weights("backprop_0_w1"), weights("backprop_1_w1"))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            {"rules": ("damped_gauss_newton",)},
            SpecError,
            r"rule damped_gauss_newton: .*dendritic signal.*apical=\(",
        ),
        ({"rules": ("tp_exact",)}, ShapeError, "rule tp_exact: .*exact inverses"),
        ({"rules": ("backpropp",)}, UnknownNameError, "unknown value of rules 'backpropp'"),
        ({"rules": ()}, ParameterError, "at least one rule"),
        ({"rules": ("bp", "bp")}, ParameterError, "none twice"),
        ({"group": 6, "cells": 11}, ParameterError, "12 cells, but there are 11 cells"),
        ({"group": 7}, SpecError, "group"),
        ({"window": 60, "trials": 100}, ParameterError, "at most 50"),
        ({"contexts": 1}, SpecError, "contexts"),
        (
            {"rules": ("dendritic_predictive_learned",), "seeds": 1, "seed": 2},
            ParameterError,
            "rule dendritic_predictive_learned: .* eta_lateral is 20 Hz.* larger from 2 on",
        ),
    ],
)
def test_what_does_not_fit_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        ds.load_protocol("bci_signatures", **given)


@pytest.mark.slow
def test_signs_of_the_candidates_and_who_learns():
    """On seeds that were not used to choose parameters."""
    metrics = measured("auto", seed=100, seeds=4)[1].metrics
    ratio = {r: e / metrics["initial_error"][r] for r, e in metrics["error"].items()}
    for rule in set(ratio) - {"frfb", "scalar"}:
        assert np.all(ratio[rule] < 0.7), rule
    known = (
        "backprop",
        "weight_mirror",
        "burst_ccn_tied",
        "dendritic_error_symmetric",
        "deep_feedback_control",
        "strong_control",
    )
    for rule in known:
        assert np.all(metrics["sign_difference"][rule] > 1.4), rule
        assert np.all(metrics["sign_probability"][rule] < 0.01), rule
        assert np.mean(metrics["change_over_cells"][rule]) > 0.4, rule
    for rule in ("scalar", "node_perturbation"):
        assert np.all(abs(metrics["sign_difference"][rule]) < 0.1), rule
        assert abs(np.mean(metrics["change_over_cells"][rule])) < 0.3, rule
    # Random feedback learns where its weights agree with the decoder.
    assert np.array_equal(ratio["frfb"] < 1, metrics["alignment"]["frfb"] > 0)
    for rule in ("deep_feedback_control", "strong_control"):
        assert np.all(metrics["feedback_late"][rule] < 0.6 * metrics["feedback_early"][rule])
        assert np.all(metrics["target_correlation"][rule] > 0.4)
