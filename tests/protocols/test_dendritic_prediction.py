"""`dendritic_prediction`: what is measured is what the recorded voltages say, and dendrites learn."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.experiments.run import run_and_measure

SMALL = {"afferents": 10, "cells": 2, "pattern": "50 ms", "trials": 5}


def test_errors_are_those_of_recorded_voltages_and_the_teacher():
    protocol = ds.load_protocol("dendritic_prediction", **SMALL)
    result = ds.run(protocol, "numpy", progress=False)
    measurement = ds.measure(result)
    metrics = measurement.metrics
    time = np.arange(50) * 1e-3
    shift = np.random.default_rng(0)
    shift.uniform(size=(500, 10))
    phase = shift.uniform(0, 2 * np.pi, size=(2, 1))
    teacher = -60e-3 + 4e-3 * np.sin(2 * np.pi * 2 * time / 50e-3 + phase)
    voltage = result["cell.predicted"].values
    for name, part in (("initial_error", voltage[50:100]), ("error", voltage[150:200])):
        expected = np.sqrt(np.mean((part.T - teacher) ** 2, axis=1))
        assert metrics[name] == pytest.approx(expected, rel=1e-9)
    assert result["w"].shape == (5, 2, 10)
    for draw in measurement.figures.values():
        draw().canvas.draw()


def test_the_pattern_is_repeated_in_each_trial():
    protocol = ds.load_protocol("dendritic_prediction", **SMALL)
    given = protocol.spikes["train"]
    steps = np.rint(given.time / 1e-4).astype(int)
    parts = [(steps[steps // 500 == k] % 500, given.unit[steps // 500 == k]) for k in range(9)]
    assert len(parts[0][0]) > 0
    for at, unit in parts:
        assert np.array_equal(at, parts[0][0])
        assert np.array_equal(unit, parts[0][1])


@pytest.mark.slow
def test_dendrites_learn_what_the_teacher_enforces():
    """On seeds that were not used to choose anything."""
    for seed in (100, 101):
        protocol = ds.load_protocol("dendritic_prediction", seed=seed)
        metrics = run_and_measure(protocol, RunSettings(seed=seed))[1].metrics
        assert np.all(metrics["error"] < 0.6 * metrics["initial_error"])
        assert np.median(metrics["error"] / metrics["initial_error"]) < 0.45
        assert np.all(metrics["correlation"] > 0.8)
        assert metrics["drift"] < 0.3
        assert metrics["rate"] == pytest.approx(metrics["taught_rate"], rel=0.25)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"teacher_mean": "-72 mV"}, r"from -76 mV to -68 mV.*reverse at -75 mV and 0 mV"),
        ({"dt": "1 ms"}, "soma or synapses are unstable from 0.6452"),
        ({"afferent_rate": "20 kHz"}, "choose at most 10000 Hz"),
        ({"rate_max": "11 kHz"}, "rate_max is 11000 Hz"),
    ],
)
def test_what_does_not_fit_is_refused(given, said):
    with pytest.raises(ds.errors.ParameterError, match=said):
        ds.load_protocol("dendritic_prediction", **{**SMALL, **given})
