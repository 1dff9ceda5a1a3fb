"""SST cells close the gate for plateaus and leave the event rate nearly as it is.

The plateau probability is a share of 200 cells x 10 trials for each drive, so its standard error is at most
0.011 if trials are independent; cells share no input other than SST spikes.
"""

from functools import cache

import numpy as np
import pytest
from comparisons import spike_table

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError, ShapeError, UnitError, UnknownNameError
from dendrosim.experiments.run import run_and_measure

TRIALS = 200 * 10


@cache
def measured(backend="auto", **parameters):
    return run_and_measure(ds.load_protocol("sst_inhibition", **parameters), RunSettings(backend))


def metrics(**parameters):
    return measured(**parameters)[1].metrics


def error(share):
    """Standard error of a share of all trials, with half a trial in place of none."""
    share = np.clip(share, 0.5 / TRIALS, 1 - 0.5 / TRIALS)
    return np.sqrt(share * (1 - share) / TRIALS)


def test_plateaus_become_rarer_the_more_the_sst_cells_fire():
    m = metrics()
    assert np.all(np.diff(m["sst_rate"]) > 1)
    p = m["plateau_probability"]
    assert np.all(np.diff(p) < 4 * np.hypot(error(p[1:]), error(p[:-1])))
    assert p[0] > 0.5
    assert p[-1] < 0.05


def test_without_dendritic_current_there_are_hardly_any():
    m = metrics()
    assert np.all(m["plateau_probability_control"] < 0.02)
    assert np.all(m["plateau_probability_control"] < m["plateau_probability"])


def test_the_event_rate_stays_while_bursts_go():
    m = metrics()
    rate, probability = m["event_rate"], m["burst_probability"]
    assert np.max(rate) < 1.15 * np.min(rate)
    assert np.all(np.diff(probability) < 0.02)
    assert probability[-1] < 0.5 * probability[0]


def test_without_synapses_the_drive_of_sst_cells_changes_nothing():
    """All levels are replicates then: their spread is that of sampling."""
    m = metrics(weight=0.0)
    assert np.ptp(m["sst_rate"]) > 25
    for name in ("plateau_probability", "plateau_probability_control"):
        p = m[name]
        assert np.ptp(p) < 5 * error(p.mean())
    # events of a cell are at most Poisson, bursts at most binomial: 2.5 s of 200 cells
    rate, probability = m["event_rate"], m["burst_probability"]
    assert np.ptp(rate) < 5 * np.sqrt(rate.mean() / 500)
    events = 500 * rate.mean()
    assert np.ptp(probability) < 5 * np.sqrt(0.25 / events)
    assert np.all(m["plateau_probability"] > metrics()["plateau_probability"].max())


def test_a_plateau_is_ten_milliseconds_above_the_middle_of_its_activation():
    """Counted again, trial by trial, from the recorded voltages: burn-in, then 125 ms before each current."""
    result, measurement = measured()
    trace = result.traces["pyramidal.apical"]
    above = trace.values > -38e-3  # time, cell, level
    time = np.round(1e3 * trace.time).astype(int)  # one value per ms
    for name, first in (("", 625), ("_control", 500)):
        found = np.zeros(6)
        for trial in range(10):
            start = np.flatnonzero(time == first + 250 * trial)[0]
            found += np.sum(np.sum(above[start : start + 50], axis=0) >= 10, axis=0)
        np.testing.assert_allclose(
            measurement.metrics[f"plateau_probability{name}"], found / TRIALS, rtol=1e-12
        )


def test_rates_are_those_of_the_spikes_after_the_burn_in():
    result, measurement = measured()
    spikes = result.spikes["sst"]
    kept = spikes.time >= 0.5 - 1e-9
    count = np.bincount(spikes.sample[kept], minlength=6)
    np.testing.assert_allclose(measurement.metrics["sst_rate"], count / 50 / 2.5)


def test_figures_are_drawn():
    figures = measured()[1].figures
    assert set(figures) == {"gating", "event_rate", "raster_weakest", "raster_strongest"}
    for draw in figures.values():
        draw().canvas.draw()


@pytest.mark.slow
def test_a_single_drive_is_measured_as_beside_another_one():
    """Samples have random numbers of their own, so the first of two is the only one."""
    given = {"cells": 6, "interneurons": 3, "synapses": 2, "trials": 2}
    one = measured("numpy", sst_current=("50 pA",), **given)[1]
    two = measured("numpy", sst_current=("50 pA", "200 pA"), **given)[1].metrics
    for name, values in one.metrics.items():
        assert values == pytest.approx(two[name][:1], rel=1e-12), name
    for draw in one.figures.values():
        draw().canvas.draw()


@pytest.mark.slow
def test_back_ends_agree_spike_by_spike():
    small = {
        "cells": 20, "interneurons": 10, "synapses": 5, "trials": 1, "burn_in": "50 ms",
        "sst_current": ("0 pA", "200 pA"),
    }  # fmt: skip
    runs = [measured(backend=backend, **small)[0] for backend in ("numpy", "cpp")]
    for name in ("pyramidal", "sst"):
        tables = [spike_table(run, name) for run in runs]
        assert len(tables[0]) > 20
        assert np.array_equal(*tables)
    for name, values in runs[0].metrics.items():
        np.testing.assert_array_equal(values, runs[1].metrics[name])


@pytest.mark.parametrize(
    ("parameters", "kind", "message"),
    [
        ({"sst_current": ()}, ParameterError, "sst_current is empty"),
        ({"sst_current": ("1 mV",)}, UnitError, "sst_current"),
        ({"weight": -1.0}, ParameterError, "weight is -1"),
        ({"synapses": 0}, ParameterError, "synapses is 0"),
        ({"synapses": 51}, ShapeError, "only 50 units"),
        ({"interval": "150 ms"}, ParameterError, "interval is .*at least 200 ms"),
        ({"trials": 0}, ParameterError, "trials is 0"),
        ({"cells": 0}, ParameterError, "cells is 0"),
        ({"burn_in": "0 s"}, ParameterError, "burn_in"),
        ({"delay": "0.01 ms"}, ParameterError, "at least one time step"),
        ({"delay": "-1 ms"}, ParameterError, "delay is -1 ms"),
        ({"rise": "10 ms"}, ParameterError, "rise < decay"),
        ({"weights": 1.0}, UnknownNameError, "weights"),
    ],
)
def test_bad_values_are_refused(parameters, kind, message):
    with pytest.raises(kind, match=message):
        ds.load_protocol("sst_inhibition", **parameters)
