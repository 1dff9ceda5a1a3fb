"""BAC firing: the dendritic threshold against the delay of a somatic spike, and its figures.

Thresholds are those of independent simulations of the same equations at a step of 0.02 ms, on the same grids;
one grid step of difference is allowed.
"""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError, UnitError, UnknownNameError, UsageError
from dendrosim.experiments.run import run_and_measure

# Delay (ms) of the dendritic current after the somatic pulse to the smallest current (pA) that makes a burst.
WINDOWS = {
    "pyramidal_burst": {
        -30: 900, -20: 860, -15: 720, -10: 480, -5: 340, 0: 320, 2.5: 340, 5: 420, 7.5: 580, 10: 740,
        15: 900, 20: 980,
    },
    "pyramidal_ca": {0: 550, 5: 500, 10: 500, 20: 600, 40: 750},
}  # fmt: skip
ALONE = {"pyramidal_burst": 900, "pyramidal_ca": 850}
GRID = {"pyramidal_burst": 20, "pyramidal_ca": 50}


@cache
def measured(model="pyramidal_burst", backend="auto", **parameters):
    protocol = ds.load_protocol("bac_firing", model=model, **parameters)
    return run_and_measure(protocol, RunSettings(backend))


def metrics(*args, **parameters):
    return measured(*args, **parameters)[1].metrics


def window(m):
    """Thresholds in pA by delay in ms."""
    delays = (1e3 * m["delays"]).round(6).tolist()
    return dict(zip(delays, 1e12 * m["threshold_with_spike"], strict=True))


# -- thresholds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", WINDOWS)
def test_the_dendrite_alone_has_its_threshold(model):
    found = 1e12 * metrics(model)["threshold_alone"]
    assert found == pytest.approx(ALONE[model], abs=1.001 * GRID[model])


@pytest.mark.parametrize(("model", "delay"), [(m, d) for m, w in WINDOWS.items() for d in w])
def test_a_spike_moves_the_threshold_at_every_delay(model, delay):
    found = window(metrics(model))[delay]
    assert found == pytest.approx(WINDOWS[model][delay], abs=1.001 * GRID[model])


def test_a_spike_lowers_the_threshold_by_two_thirds_in_a_window_of_25_ms():
    m = metrics()
    reduction = {d: 1 - 1e-12 * i / m["threshold_alone"] for d, i in window(m).items()}
    best = max(reduction, key=reduction.get)
    assert best == 0
    assert m["largest_reduction"] == pytest.approx(reduction[best], rel=1e-12)
    assert m["largest_reduction"] == pytest.approx(0.64, abs=0.03)
    step = 20e-12 / m["threshold_alone"]
    assert all(r >= 0.17 - step for d, r in reduction.items() if -15 <= d <= 10)
    assert all(r <= step / 2 for d, r in reduction.items() if d >= 15 or d <= -30)


def test_the_calcium_cell_loses_41_percent_where_the_current_follows_the_spike():
    m = metrics("pyramidal_ca")
    assert m["largest_reduction"] == pytest.approx(0.41, abs=0.06)  # of one grid step
    thresholds = window(m)
    assert min(thresholds, key=thresholds.get) in (5, 10)


# -- the four panels ---------------------------------------------------------------------------------------


def test_a_spike_alone_stays_alone_and_a_strong_current_alone_makes_a_plateau():
    m = metrics()
    assert m["pulse_spikes"] == 1
    assert 1e3 * m["pulse_apical_peak"] == pytest.approx(-42.1, abs=0.3)
    assert 1e3 * m["plateau_duration"] == pytest.approx(34, abs=1)
    assert m["plateau_spikes"] == 2
    m = metrics("pyramidal_ca")
    assert m["pulse_spikes"] == 1
    assert m["plateau_spikes"] >= 3
    assert 29 <= 1e3 * m["plateau_duration"] <= 38


def test_thresholds_are_read_off_the_units():
    """Again from the spikes and voltages, unit by unit."""
    result, measurement = measured()
    amplitudes = np.arange(0, 1101, 20)
    assert result.protocol.circuit.population("pyramidal").size == 13 * len(amplitudes)
    spikes, apical = result.spikes["pyramidal"], result["pyramidal.apical"].values
    plateau = [i for k, i in enumerate(amplitudes) if apical[:, k].max() > -38e-3]
    assert 1e12 * measurement.metrics["threshold_alone"] == pytest.approx(min(plateau))
    for row, found in enumerate(measurement.metrics["threshold_with_spike"], 1):
        units = row * len(amplitudes) + np.arange(len(amplitudes))
        burst = [i for u, i in zip(units, amplitudes, strict=True) if np.sum(spikes.unit == u) >= 2]
        assert 1e12 * found == pytest.approx(min(burst))


@pytest.mark.parametrize("model", WINDOWS)
def test_the_classical_panels_and_the_window_are_drawn(model):
    figures = measured(model)[1].figures
    assert list(figures) == ["panels", "window"]
    drawn = {name: draw() for name, draw in figures.items()}
    titles = [ax.get_title(loc=loc) for ax in drawn["panels"].axes for loc in ("left", "center")]
    for panel in ("dendrite alone", "soma alone", "both", "strong dendrite alone"):
        assert any(title.startswith(panel) for title in titles)
    for figure in drawn.values():
        figure.canvas.draw()


# -- other settings ----------------------------------------------------------------------------------------

QUICK = {"dt": "0.1 ms", "backend": "numpy", "step": "100 pA"}


def test_delays_amplitudes_and_criteria_may_be_chosen():
    m = metrics(delays=("5 ms", "0 ms"), largest="1.2 nA", **QUICK)
    assert m["delays"].tolist() == [5e-3, 0.0]
    assert window(m)[0] == pytest.approx(400)
    assert window(m)[5] == pytest.approx(500)
    assert 1e12 * m["threshold_alone"] == pytest.approx(900)
    more = metrics(delays=("5 ms", "0 ms"), largest="1.2 nA", burst=3, **QUICK)
    assert np.all(~(more["threshold_with_spike"] < m["threshold_with_spike"]))


def test_without_back_propagation_there_is_no_reduction():
    m = metrics(delays=("0 ms", "5 ms"), largest="1.2 nA", c_bap="0 pA", **QUICK)
    assert np.all(window(m)[0] >= 800)  # the plateau must now open by itself


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_without_a_somatic_spike_there_is_no_threshold_with_one():
    with pytest.warns(ds.errors.DendrosimWarning, match="somatic pulse of 1 pA makes no spike"):
        measurement = measured(pulse="1 pA", delays=("0 ms", "10 ms"))[1]
    assert not measurement.figures  # a window would be a false one
    m = measurement.metrics
    assert m["pulse_spikes"] == 0
    assert m["threshold_alone"] > 0
    assert np.all(np.isnan(m["threshold_with_spike"]))


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("largest", ["200 pA", "900 pA"])
def test_a_threshold_that_was_not_reached_is_no_number(largest):
    """At 200 pA neither is reached; at 900 pA only that of the dendrite alone, at a delay of 20 ms."""
    measurement = measured(delays=("20 ms",), largest=largest, **QUICK)[1]
    m = measurement.metrics
    assert np.isnan(m["threshold_alone"]) == (largest == "200 pA")
    assert np.isnan(m["threshold_with_spike"]).all()
    assert np.isnan(m["largest_reduction"])
    assert list(measurement.figures) == ["window"]
    for draw in measurement.figures.values():
        draw().canvas.draw()


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"delays": ()}, ParameterError, "at least one"),
        (
            {"basal": "passive"},
            ParameterError,
            "basal is passive, but this protocol gives .* no current",
        ),
        ({"delays": ("-60 ms",)}, ParameterError, "-60 ms.*at least -50 ms and at most 100 ms"),
        ({"delays": ("1 pA",)}, UnitError, "delays"),
        ({"step": "2 nA"}, ParameterError, "larger than the largest"),
        ({"step": "0 pA"}, ParameterError, "step is 0 pA"),
        ({"largest": "0 pA"}, ParameterError, "largest is 0 pA"),
        ({"pulse": "-1 pA"}, ParameterError, "pulse"),
        ({"burst": 0}, ParameterError, "burst is 0"),
        ({"dt": "0 ms"}, ParameterError, "dt is 0 ms"),
        ({"dt": "0.03 ms"}, ParameterError, "whole number of time steps"),
        ({"plateau": "-38 pA"}, UnitError, "plateau"),
        ({"model": "sst"}, ParameterError, "one of pyramidal_burst, pyramidal_ca"),
        ({"g_calcium": "1 nS"}, UnknownNameError, "g_calcium"),
        ({"model": "pyramidal_ca", "g_soma": "1 pA"}, UnknownNameError, "g_soma"),
        ({"model": "pyramidal_ca", "bap_delay": "-1 ms"}, ParameterError, "delay is -1 ms"),
        (
            {"model": "pyramidal_ca", "bap_delay": "0.01 ms"},
            ParameterError,
            "at least one time step",
        ),
        ({"cells": 2}, UnknownNameError, "cells"),
        ({"variant": "conductance"}, UsageError, "use the model pyramidal_burst_conductance"),
    ],
)
def test_bad_values_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        ds.load_protocol("bac_firing", **parameters)
