"""`tp_sleep`: apical weights go where their rules say, and as fast."""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.experiments.run import run_and_measure


@cache
def measured(backend="numpy", **parameters):
    return run_and_measure(ds.load_protocol("tp_sleep", **parameters), RunSettings(backend))


def basal(result):
    last = len(result.protocol.parameters["sizes"]) - 1
    return [result.final[f"w{i}"].values for i in range(1, last + 1)]


def apical(result):
    last = len(result.protocol.parameters["sizes"]) - 1
    start = [result.traces[f"q{i}"].values[0] for i in range(1, last)]
    return start, [result.final[f"q{i}"].values for i in range(1, last)]


def smooth_leaky(x):
    return 0.75 * x + 0.25 * (np.sqrt(x * x + 1) - 1)


@pytest.mark.parametrize("transfer", ["linear", "smooth_leaky"])
@pytest.mark.parametrize("sizes", [(4, 4, 4, 4), (5, 4, 3)])
def test_multiplexed_weights_follow_the_rule_step_by_step(transfer, sizes):
    """The whole course recomputed sample by sample: h does not depend on Q."""
    given = {
        "sizes": sizes,
        "transfer": transfer,
        "trials": 12,
        "decay_q": 0.05,
        "settle": "300 ms",
    }
    result, measurement = measured(**given)
    start, final = apical(result)
    for i, w in enumerate(basal(result)[1:]):
        q = start[i].copy()
        for _ in range(12):
            change = np.zeros_like(q)
            for x in result.protocol.data["x"]:
                h = x
                for lower in basal(result)[: i + 1]:
                    h = lower @ h if transfer == "linear" else smooth_leaky(lower @ h)
                t = w @ h
                change += np.outer(h - q @ t, t) / (1 + t @ t)
            q += 0.2 * (change / len(result.protocol.data["x"]) - 0.05 * q)
        assert final[i] == pytest.approx(q, abs=1e-9)
    metrics = measurement.metrics
    assert metrics["distance"] == pytest.approx(metrics["expected_distance"], rel=1e-7)
    assert metrics["rate_ratio"] == pytest.approx(np.ones(len(sizes) - 2), rel=1e-7)


@pytest.mark.parametrize("model", ["single", "two_phase", "multiplexed"])
def test_without_decay_reconstruction_finds_the_inverse(model):
    given = {"sizes": (2, 2, 2, 2), "eta_q": "60 Hz", "decay_q": 0.0, "trials": 400}
    result, measurement = measured(backend="cpp", model=model, **given)
    metrics = measurement.metrics
    for q, w in zip(apical(result)[1], basal(result)[1:], strict=True):
        assert q == pytest.approx(np.linalg.inv(w), abs=1e-3)
    assert np.max(metrics["angle_inverse"]) < 0.05
    assert np.max(metrics["angle_fixed_point"]) < 0.05
    assert np.min(metrics["angle_transpose"]) > 10
    assert np.max(metrics["reconstruction_error"][1]) < 2e-3
    assert np.min(metrics["reconstruction_error"][0]) > 0.1


def test_with_decay_one_phase_settles_where_rule_and_activity_agree():
    """At the fixed point the mean step is nothing, with activities that settle under these very weights."""
    given = {"sizes": (3, 2, 2), "eta_q": "60 Hz", "decay_q": 0.05, "trials": 400, "mu": 0.3}
    result, measurement = measured(backend="cpp", model="single", **given)
    (w1, w2), (q,) = basal(result), apical(result)[1]
    x = result.protocol.data["x"].T
    # h1 = .7 w1 x + .3 q h2 and h2 = w2 h1 without a target
    h1 = np.linalg.solve(np.eye(2) - 0.3 * q @ w2, 0.7 * w1 @ x)
    t = w2 @ h1
    step = (h1 - q @ t) @ (t / (1 + np.sum(t**2, axis=0))).T / x.shape[1] - 0.05 * q
    assert np.abs(step).max() < 1e-4
    assert measurement.metrics["distance"][1] == pytest.approx([0.0], abs=1e-3)
    assert measurement.metrics["angle_inverse"][0] > 1


def test_direct_differences_go_to_the_damped_pseudo_inverse_at_the_expected_rate():
    """Q* = J^T (J J^T + d)^-1; steps by -eta ((Q J - I) J^T + d Q) on average, recomputed here."""
    given = {"sizes": (3, 3, 3, 2), "decay_q": 0.2, "trials": 120, "start": "scaled"}
    result, measurement = measured(
        backend="cpp", rule="drl", feedback="direct", inverse_error=1.0, **given
    )
    _, w2, w3 = basal(result)
    metrics = measurement.metrics
    for i, j in enumerate((w3 @ w2, w3)):
        q, final = (found[i] for found in apical(result))
        assert q == pytest.approx(2 * np.linalg.pinv(j), abs=1e-12)
        fixed = j.T @ np.linalg.inv(j @ j.T + 0.2 * np.eye(2))
        size = np.linalg.norm(fixed)
        distances = [np.linalg.norm(q - fixed) / size]
        for _ in range(120):
            q = q - 0.05 * ((q @ j - np.eye(3)) @ j.T + 0.2 * q)
            distances.append(np.linalg.norm(q - fixed) / size)
        assert metrics["expected_distance"][:, i] == pytest.approx(
            [distances[0], distances[-1]], rel=1e-9
        )
        assert metrics["distance"][1, i] == pytest.approx(
            np.linalg.norm(final - fixed) / size, rel=1e-9
        )
        assert final == pytest.approx(fixed, abs=0.1)
    assert metrics["rate_ratio"] == pytest.approx([1.0, 1.0], abs=0.1)
    assert np.max(metrics["angle_fixed_point"]) < 5


def test_layerwise_differences_undo_what_the_layers_above_make_of_a_perturbation():
    result, measurement = measured(
        backend="cpp", rule="drl", sizes=(3, 3, 3, 3), decay_q=0.05, trials=300
    )
    _, w2, w3 = basal(result)
    lower, upper = apical(result)[1]
    through = upper @ w3 @ w2
    for q, j in ((upper, w3), (lower, through)):
        fixed = j.T @ np.linalg.inv(j @ j.T + 0.05 * np.eye(3))
        assert np.linalg.norm(q - fixed) < 0.05 * np.linalg.norm(fixed)
    metrics = measurement.metrics
    assert np.isnan(metrics["expected_distance"][:, 0]).all()
    assert metrics["rate_ratio"][1] == pytest.approx(1.0, abs=0.1)


def test_weights_start_as_asked_and_recordings_are_thinned():
    zero = measured(start="zero", trials=3)[0]
    scaled, measurement = measured(start="scaled", inverse_error=-0.5, trials=450, settle="10 ms")
    for q in apical(zero)[0]:
        assert not q.any()
    for q, w in zip(apical(scaled)[0], basal(scaled)[1:], strict=True):
        assert q == pytest.approx(0.5 * np.linalg.inv(w), rel=1e-9)
    assert len(scaled.traces["q1"].values) == 225
    assert measurement.metrics["reconstruction_error"][0] == pytest.approx([0.5, 0.5], rel=1e-9)
    assert basal(zero)[1] == pytest.approx(basal(scaled)[1])


def test_more_samples_than_fit_side_by_side_are_shown_in_turn():
    result, measurement = measured(samples=128, trials=40, sizes=(2, 2, 2), eta_q="50 Hz")
    assert result.protocol.batch == 64
    assert measurement.metrics["rate_ratio"] == pytest.approx([1.0], abs=0.1)


@pytest.mark.parametrize(
    ("given", "drawn"),
    [
        ({"trials": 3}, ["angles", "distance"]),
        ({"trials": 3, "rule": "drl"}, ["angles", "distance"]),
        ({"trials": 3, "rule": "drl", "transfer": "smooth_leaky", "sizes": (3, 3, 2)}, ["angles"]),
    ],
)
def test_figures_can_be_drawn(given, drawn):
    figures = ds.measure(measured(**given)[0]).figures
    assert list(figures) == drawn
    for draw in figures.values():
        draw().canvas.draw()


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"model": "single", "mu": 1.0}, ParameterError, "mu is 1.0; it must lie between 0 and 1"),
        ({"model": "two_phase", "mu": 0.0}, ParameterError, "mu is 0.0"),
        ({"model": "single", "rule": "drl"}, ParameterError, "only multiplexed learns by it"),
        ({"feedback": "direct"}, ParameterError, "only rule=drl learns"),
        ({"sizes": (4, 4)}, ShapeError, "two layers above"),
        ({"decay_q": -0.1}, ParameterError, "decay_q is -0.1; it must not be negative"),
        ({"trials": 0}, ParameterError, "trials is 0"),
        ({"samples": 0}, ParameterError, "samples is 0"),
        ({"sigma": 0.0}, ParameterError, "sigma is 0"),
        ({"eta_q": "0 Hz"}, ParameterError, "eta_q is 0"),
        ({"dt": "0 ms"}, ParameterError, "dt is 0"),
        ({"data_seed": -1}, ParameterError, "data_seed is -1"),
    ],
)
def test_what_makes_no_sense_is_refused(given, kind, said):
    with pytest.raises(kind, match=said):
        ds.load_protocol("tp_sleep", **given)
