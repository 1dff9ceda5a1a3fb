"""The f-I protocol: rheobases against closed forms solved here in another way, rates, refusals, figures."""

from functools import cache

import numpy as np
import pytest
from scipy.optimize import brentq

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError, UnitError, UnknownNameError, UsageError
from dendrosim.experiments.run import run_and_measure

# Grid of 1 pA around each rheobase; all runs have as many units, so each model is compiled once.
AROUND = {"pyramidal_burst": (450, 462), "sst": (19, 31), "pv": (195, 207)}
EXPECTED = {"pyramidal_burst": 456.087, "sst": 24.966, "pv": 200.0}  # pA


@cache
def measured(model="pyramidal_burst", first=None, last=None, backend="auto", **parameters):
    first, last = AROUND[model] if first is None else (first, last)
    currents = tuple(f"{i!r} pA" for i in np.linspace(first, last, 13).round(6).tolist())
    protocol = ds.load_protocol("fi_curve", model=model, currents=currents, **parameters)
    return run_and_measure(protocol, RunSettings(backend))


def metrics(*args, **parameters):
    return measured(*args, **parameters)[1].metrics


@pytest.mark.parametrize("model", AROUND)
def test_the_rheobase_is_the_closed_form_within_one_grid_step(model):
    m = metrics(model)
    assert 1e12 * m["rheobase_expected"] == pytest.approx(EXPECTED[model], abs=1e-3)
    assert 0 < m["rheobase"] - m["rheobase_expected"] <= 1.001e-12
    assert np.all(m["rate"][m["currents"] > m["rheobase_expected"]] > 0)
    assert np.all(m["rate"][m["currents"] <= m["rheobase_expected"]] == 0)


def test_the_resting_plateau_takes_its_share_of_the_rheobase():
    """Leak current 23.125 nS x 20 mV = 462.5 pA, minus 1300 pA f(V_d) at the root of the dendrite's balance."""

    def plateau(v):
        return 1 / (1 + np.exp(-(v + 38) / 6))

    def balance(v):  # pA: leak and recovery against the regenerative current
        return (170 / 7 + 13) * (v + 70) - 1200 * plateau(v)

    rest = brentq(balance, -70, -69)
    share = 1300 * plateau(rest)
    assert share == pytest.approx(6.413, abs=1e-3)
    assert 1e12 * metrics()["rheobase_expected"] == pytest.approx(462.5 - share, rel=1e-10)
    # without plateau, the leak alone
    m = metrics("pyramidal_burst", 455.0, 467.0, g_soma="0 pA")
    assert 1e12 * m["rheobase_expected"] == pytest.approx(462.5, rel=1e-12)
    assert 1e12 * m["rheobase"] == pytest.approx(463)


def test_an_ohmic_basal_dendrite_loads_the_soma():
    series = 20 * (170 / 7) / (20 + 170 / 7)
    m = metrics(
        "pyramidal_burst", 670.0, 682.0, basal="ohmic", backend="numpy", burn_in="10 ms",
        duration="300 ms",
    )  # fmt: skip
    expected = EXPECTED["pyramidal_burst"] + 20 * series
    assert 1e12 * m["rheobase_expected"] == pytest.approx(expected, abs=1e-3)
    assert 0 < m["rheobase"] - m["rheobase_expected"] <= 1.001e-12


def test_a_step_makes_sst_spike_once_below_its_rheobase():
    m = metrics("sst")
    assert 22e-12 < m["rheobase_onset"] < m["rheobase"]
    below = (m["currents"] >= m["rheobase_onset"]) & (m["currents"] < m["rheobase"])
    result = measured("sst")[0]
    assert np.all(np.bincount(result.spikes["sst"].unit, minlength=13)[below] == 1)
    assert np.all(np.isnan(m["first_interval"][below]))
    for model in ("pv", "pyramidal_burst"):
        assert metrics(model)["rheobase_onset"] == metrics(model)["rheobase"]


def test_rates_and_intervals_are_those_of_the_spikes():
    m = metrics("sst", 0.0, 120.0)
    result = measured("sst", 0.0, 120.0)[0]
    spikes = result.spikes["sst"]
    for unit in range(13):
        times = np.sort(spikes.time[spikes.unit == unit])
        assert m["rate"][unit] == np.sum(times >= 1.0 - 1e-9) / 5
        if len(times) > 1:
            assert m["first_interval"][unit] == times[1] - times[0]
            assert m["last_interval"][unit] == times[-1] - times[-2]
    busy = m["rate"] > 1
    assert busy.sum() >= 9
    assert np.all(m["last_interval"][busy] > 1.5 * m["first_interval"][busy])  # it adapts
    m = metrics("pv", 240.0, 480.0)
    np.testing.assert_allclose(m["last_interval"], m["first_interval"], atol=1e-9)  # it does not
    np.testing.assert_allclose(m["rate"], 1 / m["last_interval"], atol=0.2)  # one spike in 5 s
    m = metrics("pyramidal_burst", 0.0, 1200.0)
    assert np.all(np.diff(m["rate"]) >= 0)
    assert np.all((m["last_interval"] > m["first_interval"])[m["rate"] > 0])


def test_noise_lets_a_cell_fire_below_its_rheobase():
    short = {"burn_in": "100 ms", "duration": "1 s", "backend": "numpy"}
    m = metrics("sst", noise="20 pA", **short)
    assert m["rheobase"] < m["rheobase_expected"]
    assert 1e12 * m["rheobase_expected"] == pytest.approx(24.966, abs=1e-3)
    assert not measured("sst", noise="20 pA", **short)[1].references
    assert measured("sst")[1].agrees == {"rheobase": True}
    assert measured("sst")[1].references["rheobase"].value == metrics("sst")["rheobase_expected"]


def test_a_silent_cell_has_no_rheobase():
    m = metrics("pv", 0.0, 120.0)
    assert np.all(m["rate"] == 0)
    assert np.isnan(m["rheobase"])
    assert np.isnan(m["rheobase_onset"])
    assert np.all(np.isnan(m["first_interval"]))


@pytest.mark.parametrize("model", AROUND)
def test_currents_default_to_a_range_around_the_rheobase(model):
    protocol = ds.load_protocol("fi_curve", model=model)
    currents = np.asarray(protocol.references["currents"])
    assert len(currents) == 41
    assert currents[0] == 0
    assert currents[-1] > 2 * 1e-12 * EXPECTED[model]


@pytest.mark.parametrize(
    "case", [("pyramidal_burst",), ("sst", 0.0, 120.0), ("pv", 0.0, 120.0), ("pv", 240.0, 480.0)]
)
def test_figures_are_drawn(case, recwarn):
    _, measurement = measured(*case)
    assert set(measurement.figures) == {"fi_curve", "voltages", "raster"}
    drawn = {name: draw() for name, draw in measurement.figures.items()}
    labels = [t.get_text() for t in drawn["fi_curve"].axes[0].get_legend().get_texts()]
    assert any(f"{EXPECTED[case[0]]:.4g} pA" in label for label in labels)
    assert drawn["raster"].axes[0].get_ylabel() == "current (pA)"
    titles = [ax.get_title(loc="left") for ax in drawn["voltages"].axes]
    assert 2 <= len(titles) <= 4
    assert all(title.endswith(" pA") for title in titles)
    for figure in drawn.values():
        figure.canvas.draw()
    assert not recwarn.list


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"basal": "passive"},
            ParameterError,
            "basal is passive, but this protocol gives .* no current",
        ),
        ({"model": "pyramidal"}, ParameterError, "one of pyramidal_burst, .*, sst, pv"),
        ({"currents": ()}, ParameterError, "at least one"),
        ({"currents": ("2 pA", "1 pA")}, ParameterError, "increasing"),
        ({"currents": ("2 pA", "2 pA")}, ParameterError, "increasing"),
        ({"currents": ("2 mV",)}, UnitError, "currents.*pA"),
        ({"noise": "-1 pA"}, ParameterError, "noise is -1 pA"),
        ({"burn_in": "0 s"}, ParameterError, "positive"),
        ({"duration": "0.05 ms"}, ParameterError, "whole number of time steps"),
        ({"cells": 3}, UnknownNameError, "cells"),
        ({"variant": "conductance"}, UsageError, "--set model=pyramidal_burst_conductance"),
        ({"g_some": "1 pA"}, UnknownNameError, "did you mean 'g_soma'"),
        ({"model": "sst", "g_soma": "1 pA"}, UnknownNameError, "g_soma"),
    ],
)
def test_bad_values_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        ds.load_protocol("fi_curve", **parameters)
