"""`segregated_digits`: times of phases, answers in the form with rates, and what spikes learn."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.experiments.run import run_and_measure

SMALL = {"presentations": 2, "hidden": (8,), "batch": 225, "test": "150 ms"}


def test_phases_have_random_durations_with_the_mean_and_variance_of_wald():
    found = []
    for seed in range(10):
        protocol = ds.load_protocol("segregated_digits", hidden=(2,), seed=seed)
        times = {p.name: float(p.duration.value) for p in protocol.blocks[1].phases}
        steps = []
        for k in range(20):
            assert times[f"settle{k}"] == times[f"nudge{k}"] == pytest.approx(0.03)
            steps += [times[f"settle{k}"] + times[f"free{k}"]]
            steps += [times[f"nudge{k}"] + times[f"taught{k}"]]
        assert protocol.references["mean_phase"] == pytest.approx(np.mean(steps))
        found += steps
    found = 1e3 * np.array(found)
    assert found.min() >= 50
    # Mean 2 ms, variance mean^3/shape = 8 ms^2, and 1/12 ms^2 by rounding to whole steps.
    assert found.mean() == pytest.approx(52, abs=4 * np.sqrt(8.1 / 400))
    assert len(set(found)) > 5


def test_settled_rates_give_the_answers_of_a_forward_pass():
    protocol = ds.load_protocol("segregated_digits", form="rate", **SMALL)
    result = ds.run(protocol, "numpy", progress=False)
    measurement = ds.measure(result)
    metrics = measurement.metrics
    assert metrics["test_accuracy"] == pytest.approx(metrics["rate_accuracy"][-1], abs=0.01)
    assert metrics["initial_accuracy"] == pytest.approx(metrics["rate_accuracy"][0], abs=0.01)
    labels = ds.tasks.load_digits("test").labels
    rate = ds.tasks.load_digits("test").images.T
    for i in (1, 2):
        soma = 6 / 7 * result.final[f"w{i}"].values @ rate
        rate = 1 / (1 + np.exp(-soma))
    assert metrics["rate_accuracy"][-1] == np.mean(soma.argmax(axis=0) == labels)
    for draw in measurement.figures.values():
        draw().canvas.draw()


@pytest.mark.slow
def test_spiking_cells_learn_digits():
    """On a seed and a split that were not used to choose anything."""
    protocol = ds.load_protocol("segregated_digits", seed=100, split=100)
    metrics = run_and_measure(protocol, RunSettings(seed=100))[1].metrics
    assert metrics["initial_accuracy"] < 0.3
    assert metrics["test_accuracy"] > 0.8


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"phase": "30 ms"}, r"phase is 0\.03 s, but its first 0\.03 s \(settle\)"),
        ({"dt": "2 ms"}, "taught outputs have a total conductance of 17 leaks"),
        ({"rate_max": "1500 Hz"}, "rate_max must be at most 1000 Hz"),
        ({"rate_max": "100 Hz", "form": "rate"}, "form is rate"),
        ({"settle": "30.5 ms"}, "whole number of time steps"),
    ],
)
def test_what_does_not_fit_is_refused(given, said):
    with pytest.raises(ds.errors.ParameterError, match=said):
        ds.load_protocol("segregated_digits", presentations=1, hidden=(2,), **given)
