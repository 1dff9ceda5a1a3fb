"""Burst multiplexing in one population: rates and burst probabilities over the grid of input currents.

The numbers are those of an independent simulation of the same equations, with 1000 cells for 2 s; its standard
errors are taken to be ours. A difference counts beyond 5 % in event rate and 0.03 in burst
probability, or four standard errors of the difference if they are larger.
"""

from functools import cache

import numpy as np
import pytest
from comparisons import spike_table

import dendrosim as ds
from dendrosim.analysis.decoding import multiplexing_index
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError, UnitError, UnknownNameError, UsageError
from dendrosim.experiments.run import run_and_measure

# Extra currents into soma and dendrite (pA), event rate (Hz), burst probability, spikes per burst.
TABLE = [
    (-400, 0, 0.24, 0.025, 2.3),
    (-200, 0, 2.82, 0.028, 2.5),
    (0, 0, 7.87, 0.038, 2.5),
    (200, 0, 13.57, 0.050, 2.6),
    (400, 0, 19.2, 0.069, 2.6),
    (0, -200, 7.91, 0.009, 2.2),
    (0, 100, 7.81, 0.078, 2.7),
    (0, 200, 7.57, 0.155, 3.0),
    (0, 300, 7.24, 0.278, 3.2),
    (0, 400, 6.94, 0.440, 3.4),
    (0, 600, 7.50, 0.713, 3.6),
    (-200, 300, 3.22, 0.283, 2.8),
    (200, 300, 11.05, 0.288, 3.5),
]
# With noise means of 70 and -270 pA; nan where nothing is printed.
TABLE_WEAKER = [
    (0, 0, 0.73, 0.029),
    (200, 0, 4.5, 0.041),
    (400, 0, 9.9, 0.053),
    (600, 0, 15.5, 0.067),
    (0, 200, 0.99, 0.19),
    (0, 400, 2.2, 0.55),
    (0, 600, 6.1, 0.61),
]
SOMA, DENDRITE = (-400, -200, 0, 200, 400), (-200, 0, 100, 200, 300, 400, 600)


def amps(currents):
    return tuple(f"{i} pA" for i in currents)


@cache
def measured(soma, dendrite, cells=1000, backend="auto", **parameters):
    protocol = ds.load_protocol(
        "burst_coding",
        soma_current=amps(soma),
        dendrite_current=amps(dendrite),
        cells=cells,
        **parameters,
    )
    return run_and_measure(protocol, RunSettings(backend))


def metrics(*args, **parameters):
    return measured(*args, **parameters)[1].metrics


def value(m, soma, dendrite, name):
    """A metric at a point of the grid, and four standard errors of the difference of two such."""
    at = (
        np.argmin(np.abs(1e12 * m["soma_current"] - soma)),
        np.argmin(np.abs(1e12 * m["dendrite_current"] - dendrite)),
    )
    if f"{name}_interval" not in m:
        return m[name][at], None
    low, high = (bound[at] for bound in m[f"{name}_interval"])
    return m[name][at], 4 * np.sqrt(2) * (high - low) / (2 * 1.96)


def check(m, soma, dendrite, rate, probability):
    found, errors = value(m, soma, dendrite, "event_rate")
    assert abs(found - rate) <= max(0.05 * rate, errors), (soma, dendrite)
    found, errors = value(m, soma, dendrite, "burst_probability")
    assert abs(found - probability) <= max(0.03, errors), (soma, dendrite)


def axis_of(soma, dendrite):
    """The run of which a point of the table is part: along the dendrite's axis or the soma's."""
    return metrics((0,), DENDRITE) if soma == 0 else metrics(SOMA, (0, 300))


# -- the table ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]},{row[1]}")
def test_rates_and_burst_probabilities_are_those_of_the_table(row):
    soma, dendrite, rate, probability, spikes = row
    m = axis_of(soma, dendrite)
    check(m, soma, dendrite, rate, probability)
    # printed to 0.1; of few bursts (N = 1000, 2 s) the mean has a standard error of about sqrt(spikes - 2)
    bursts = 2000 * value(m, soma, dendrite, "burst_rate")[0]
    error = 4 * np.sqrt(2) * np.sqrt(spikes - 2 + 0.1) / np.sqrt(bursts)
    found = value(m, soma, dendrite, "spikes_per_burst")[0]
    assert found == pytest.approx(spikes, abs=0.05 + error)


def test_a_spike_belongs_to_one_event_or_one_burst():
    """Rate = event rate + burst rate times the further spikes of a burst, up to bursts across the edges."""
    for m in (metrics((0,), DENDRITE), metrics(SOMA, (0, 300))):
        total = m["event_rate"] + m["burst_rate"] * (m["spikes_per_burst"] - 1)
        np.testing.assert_allclose(m["rate"], total, rtol=0.01)
        np.testing.assert_allclose(m["burst_rate"], m["burst_probability"] * m["event_rate"])


def test_the_dendrite_moves_burst_probability_and_hardly_the_event_rate():
    m = metrics((0,), DENDRITE)
    assert np.all((m["event_rate"] > 6.9 * 0.97) & (m["event_rate"] < 7.9 * 1.03))
    assert m["burst_probability"][0, 0] < 0.03
    assert m["burst_probability"][0, -1] > 0.68
    assert np.all(np.diff(m["burst_probability"][0]) > 0)


def test_the_soma_moves_the_event_rate_and_hardly_burst_probability():
    m = metrics(SOMA, (0, 300))
    rates = [value(m, i, 300, "event_rate")[0] for i in (-200, 0, 200)]
    probabilities = [value(m, i, 300, "burst_probability")[0] for i in (-200, 0, 200)]
    assert rates[2] > 3 * rates[0]
    assert np.ptp(probabilities) < 0.04


def test_one_index_per_signal_says_how_well_it_is_multiplexed():
    m = metrics(SOMA, (0, 300))
    assert m["event_rate_index"] == multiplexing_index(m["event_rate"], 0)
    assert m["burst_probability_index"] == multiplexing_index(m["burst_probability"], 1)
    # by hand: variance between the rows (columns) over variance of all, on a full grid
    rate, probability = m["event_rate"], m["burst_probability"]
    assert m["event_rate_index"] == pytest.approx(np.var(rate.mean(axis=1)) / np.var(rate))
    assert m["burst_probability_index"] == pytest.approx(
        np.var(probability.mean(axis=0)) / np.var(probability)
    )
    assert m["event_rate_index"] > 0.9
    assert m["burst_probability_index"] > 0.9


def test_without_refractory_period_bursts_are_more_and_longer():
    """(0, 300 pA): 6.61 Hz, 0.345 and 4.1 spikes per burst, where the default has 7.24, 0.278 and 3.2."""
    m, usual = metrics((0,), (300,), t_refractory="0 ms"), metrics((0,), DENDRITE)
    assert value(m, 0, 300, "spikes_per_burst")[0] == pytest.approx(4.1, abs=0.1)
    for name, printed in (("event_rate", 6.61), ("burst_probability", 0.345)):
        found, errors = value(m, 0, 300, name)
        default, _ = value(usual, 0, 300, name)
        assert abs(found - printed) <= errors
        assert abs(found - default) > 2 * errors
        assert (found > default) == (name == "burst_probability")
    assert value(usual, 0, 300, "spikes_per_burst")[0] < 3.4


@pytest.mark.slow
@pytest.mark.parametrize("row", TABLE_WEAKER, ids=lambda row: f"{row[0]},{row[1]}")
def test_with_weaker_noise_means_a_dendrite_drives_events_by_itself(row):
    grid = (0, 200, 400, 600)
    check(metrics(grid, grid, soma_mean="70 pA", dendrite_mean="-270 pA"), *row)


@pytest.mark.slow
def test_a_full_grid_has_the_numbers_of_its_axes_and_both_signals_are_multiplexed():
    m = metrics(SOMA, DENDRITE)
    assert m["event_rate"].shape == m["burst_probability"].shape == (5, 7)
    for soma, dendrite, rate, probability, _ in TABLE:
        check(m, soma, dendrite, rate, probability)
    driven = m["soma_current"] >= -201e-12
    assert multiplexing_index(m["event_rate"][driven], 0) > 0.75
    assert multiplexing_index(m["burst_probability"][driven], 1) > 0.75


# -- back ends, shapes, silence ----------------------------------------------------------------------------


def test_back_ends_agree_spike_by_spike():
    small = {"cells": 10, "duration": "200 ms", "burn_in": "20 ms"}
    runs = [measured((0, 200), (0, 300, 600), backend=b, **small)[0] for b in ("numpy", "cpp")]
    tables = [spike_table(run, "pyramidal") for run in runs]
    assert len(tables[0]) > 100
    assert np.array_equal(*tables)
    for name, values in runs[0].metrics.items():
        np.testing.assert_array_equal(values, runs[1].metrics[name])


def test_metrics_are_soma_by_dendrite_and_figures_are_drawn():
    small = {"cells": 10, "duration": "200 ms", "burn_in": "20 ms", "backend": "cpp"}
    measurement = measured((0, 200), (0, 300, 600), **small)[1]
    m = measurement.metrics
    for name in ("rate", "event_rate", "burst_rate", "burst_probability", "spikes_per_burst"):
        assert m[name].shape == (2, 3)
    for name in ("event_rate", "burst_rate", "burst_probability"):
        low, high = m[f"{name}_interval"]
        assert np.all((low <= m[name]) & (m[name] <= high))
    assert measurement.units["event_rate"] == "Hz"
    assert measurement.units["soma_current"] == "A"
    for draw in measurement.figures.values():
        draw().canvas.draw()


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_silent_corner_has_no_burst_probability():
    small = {"cells": 8, "duration": "100 ms", "burn_in": "10 ms", "backend": "numpy"}
    measurement = measured((-4000, 200), (-2000, 0), **small)[1]
    m = measurement.metrics
    assert np.all(m["event_rate"][0] == 0)
    assert np.all(np.isnan(m["burst_probability"][0]))
    assert np.all(np.isnan(m["burst_probability_interval"][:, 0]))
    assert np.all(np.isfinite(m["burst_probability"][1]))
    assert m["event_rate_index"] > 0.9
    assert np.isnan(m["burst_probability_index"])  # only one row of it is left
    for draw in measurement.figures.values():
        draw().canvas.draw()
    m = metrics((-4000, -3900), (-2000, -1900), **small)
    assert np.isnan(m["event_rate_index"])
    assert np.isnan(m["burst_probability_index"])


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_single_current_has_rates_but_no_index():
    small = {"cells": 8, "duration": "100 ms", "burn_in": "10 ms", "backend": "numpy"}
    for soma, dendrite in (((0,), (0, 300)), ((0, 200), (0,))):
        measurement = measured(soma, dendrite, **small)[1]
        m = measurement.metrics
        assert m["event_rate"].shape == (len(soma), len(dendrite))
        assert np.all(m["event_rate"] > 0)
        assert np.isnan(m["event_rate_index"])
        assert np.isnan(m["burst_probability_index"])
        for draw in measurement.figures.values():
            draw().canvas.draw()


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"soma_current": ()}, ParameterError, "soma_current is empty; give at least one"),
        ({"dendrite_current": ()}, ParameterError, "dendrite_current is empty"),
        ({"cells": 0}, ParameterError, "cells"),
        ({"duration": "0 s"}, ParameterError, "duration"),
        ({"duration": "0.05 ms"}, ParameterError, "whole number of time steps"),
        ({"burn_in": "-1 s"}, ParameterError, "burn_in"),
        ({"dt": "0 ms"}, ParameterError, "dt"),
        ({"sigma": "-1 pA"}, ParameterError, "sigma"),
        ({"tau_noise": "0 ms"}, ParameterError, "tau"),
        ({"soma_current": ("1 mV",)}, UnitError, "soma_current"),
        ({"dendrite_mean": "1 nS"}, UnitError, "dendrite_mean"),
        ({"variant": "conductance"}, UsageError, "use the model pyramidal_burst_conductance"),
        ({"g_some": "1 pA"}, UnknownNameError, "did you mean 'g_soma'"),
        ({"v_drive": "-60 mV"}, UsageError, "'v_drive' any more: .* model pyramidal_burst_cond"),
        ({"c_basal": "170 pF"}, ParameterError, "c_basal has no effect with basal=none"),
    ],
)
def test_bad_values_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        ds.load_protocol("burst_coding", **parameters)
