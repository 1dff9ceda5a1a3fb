"""The microcircuit sends event rate up and burst probability down, at full size; and what it is made of.

The targets are those of the propagation circuit of Payeur et al. (2021): 4000 cells, 3 s, bins of 50 ms, five
seeds, correlations with the sines of at least 0.9.
"""

from functools import cache

import numpy as np
import pytest
from comparisons import spike_table

import dendrosim as ds
from dendrosim.analysis.bursts import find_bursts
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError, UnitError, UnknownNameError
from dendrosim.experiments.run import run, run_and_measure

SIZES = {"lower_pyramidal": 4000, "upper_pyramidal": 4000, "pv": 1000, "sst": 1000}
# As few cells as have 200 and 50 synapses each with every second pair connected.
SMALL = {"cells": 400, "interneurons": 100, "probability": 0.5, "burn_in": "10 ms"}
PATHWAYS = {
    "upper_from_lower": ("lower_pyramidal", "upper_pyramidal"),
    "pv_from_lower": ("lower_pyramidal", "pv"),
    "upper_from_pv": ("pv", "upper_pyramidal"),
    "lower_from_upper": ("upper_pyramidal", "lower_pyramidal"),
    "sst_from_upper": ("upper_pyramidal", "sst"),
    "lower_from_sst": ("sst", "lower_pyramidal"),
    "lower_from_lower": ("lower_pyramidal", "lower_pyramidal"),
    "upper_from_upper": ("upper_pyramidal", "upper_pyramidal"),
}


@cache
def measured(seed=1, backend="auto", **parameters):
    protocol = ds.load_protocol("burst_multiplexing", **parameters)
    return run_and_measure(protocol, RunSettings(backend, seed=seed))


def metrics(*args, **parameters):
    return measured(*args, **parameters)[1].metrics


# -- the full circuit --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_event_rate_goes_up_and_burst_probability_down(seed):
    m = metrics(seed)
    assert m["event_rate_correlation"] >= 0.9
    assert m["burst_probability_correlation"] >= 0.9
    assert np.all(np.abs(m["cross_talk"]) <= 0.3)
    assert abs(m["event_rate_lag"]) <= 0.05
    assert abs(m["burst_probability_lag"]) <= 0.05


@pytest.mark.slow
def test_with_the_published_weights_burst_probability_follows_the_wrong_signal():
    m = metrics(weights="published")
    assert m["event_rate_correlation"] >= 0.9
    assert abs(m["burst_probability_correlation"]) < 0.5
    assert m["cross_talk"][1] > 0.8  # the lower area's burst probability with the bottom-up sine


# -- a small one -------------------------------------------------------------------------------------------


def test_a_small_circuit_has_the_rates_of_a_large_one():
    """The same synapses per cell, so the same means; the signals drown in the noise of fewer cells."""
    m = metrics(**SMALL)
    for name, low, high in (
        ("lower_pyramidal_rate", 5, 13),
        ("upper_pyramidal_rate", 5, 13),
        ("pv_rate", 8, 30),
        ("sst_rate", 10, 40),
        ("lower_event_rate", 4, 8),
        ("upper_event_rate", 3.5, 7),
        ("lower_burst_probability", 0.1, 0.5),
        ("upper_burst_probability", 0.1, 0.6),
    ):
        assert low < m[name] < high, name
    assert m["event_rate_correlation"] > 0.3
    assert m["burst_probability_correlation"] > 0.3
    assert len(m["cross_talk"]) == 2
    assert abs(m["cross_talk_chance"]) < 0.15


def test_correlations_are_those_of_the_binned_spikes():
    """Again from the spikes: events and bursts in 60 bins against shifted sines."""
    result, measurement = measured(**SMALL)
    m = measurement.metrics
    edges = 0.01 + 0.05 * np.arange(61)
    time = edges[:-1] + 0.025 - 0.01

    def counted(area, only_bursts):
        found = find_bursts(result.spikes[f"{area}_pyramidal"])
        # half a nanosecond keeps what lies on an edge in the bin that begins there
        chosen = found.second[found.burst] if only_bursts else found.time
        return np.histogram(chosen + 5e-10, edges)[0]

    rate = counted("upper", False) / 400 / 0.05
    events, bursts = counted("lower", False), counted("lower", True)
    probability = bursts / events
    for name, values, period in (
        ("event_rate", rate, 0.5),
        ("burst_probability", probability, 0.5 * np.sqrt(5)),
    ):
        lags = np.arange(-50, 51, 5) * 1e-3
        found = [np.corrcoef(values, np.sin(2 * np.pi * (time - x) / period))[0, 1] for x in lags]
        best = int(np.argmax(found))
        assert m[f"{name}_correlation"] == pytest.approx(found[best], rel=1e-6)
        assert m[f"{name}_lag"] == pytest.approx(lags[best], abs=1e-12)
        assert m[f"{name}_correlation_causal"] == pytest.approx(max(found[10:]), rel=1e-6)
    assert m["upper_event_rate"] == pytest.approx(rate.mean(), rel=1e-9)
    assert m["lower_burst_probability"] == pytest.approx(bursts.sum() / events.sum(), rel=1e-9)


def test_figures_are_drawn():
    measurement = measured(**SMALL)[1]
    assert set(measurement.figures) == {"signals", *(f"raster_{name}" for name in SIZES)}
    for draw in measurement.figures.values():
        draw().canvas.draw()


@pytest.mark.slow
def test_back_ends_agree_spike_by_spike():
    """A shorter run is the beginning of a longer one."""
    whole = ds.load_protocol("burst_multiplexing", **SMALL)
    burn_in, sending = whole.blocks[0].phases
    phases = (burn_in, sending.replace(duration="40 ms"))
    short = run(whole.replace(blocks=(whole.blocks[0].replace(phases=phases),)), "numpy", 1)
    long = measured(**SMALL)[0]
    for name in SIZES:
        begin = spike_table(long, name)
        begin = begin[begin[:, 0] < 500]
        assert len(begin) > 20
        assert np.array_equal(spike_table(short, name), begin)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_silent_circuit_has_no_correlations():
    """Strong negative currents into every soma; no event, no burst probability."""
    measurement = measured(
        backend="numpy", cells=4, interneurons=2, probability=0.5, duration="40 ms", burn_in="10 ms",
        bin_width="10 ms", lower_soma="-4 nA", upper_soma="-4 nA", bottom_up="0 pA",
        top_down="0 pA", bottom_up_period="20 ms", top_down_period="40 ms",
    )[1]  # fmt: skip
    m = measurement.metrics
    assert m["lower_event_rate"] == m["upper_event_rate"] == 0
    for name in ("event_rate_correlation", "burst_probability_correlation", "event_rate_lag"):
        assert np.isnan(m[name])
    assert np.all(np.isnan(m["cross_talk"]))
    assert np.isnan(m["lower_burst_probability"])
    for draw in measurement.figures.values():
        draw().canvas.draw()


# -- what it is made of ------------------------------------------------------------------------------------


def test_every_pathway_connects_each_pair_with_the_same_probability():
    """In-degrees are binomial: of n sources with p = 0.05, mean n p and variance n p (1 - p)."""
    protocol = ds.load_protocol("burst_multiplexing")
    assert {p.name: (p.pre, p.post) for p in protocol.circuit.pathways} == PATHWAYS
    assert {p.name: p.size for p in protocol.circuit.populations} == SIZES
    for name, wiring in synapse_tables(protocol, 1).items():
        sources, targets = (SIZES[side] for side in PATHWAYS[name])
        inside = np.bincount(wiring.post, minlength=targets)
        variance = sources * 0.05 * 0.95
        assert abs(inside.mean() - 0.05 * sources) < 4 * np.sqrt(variance / targets)
        assert abs(inside.var() / variance - 1) < 4 * np.sqrt(2 / targets)
        outside = np.bincount(wiring.pre, minlength=sources)
        assert abs(outside.var() / (targets * 0.05 * 0.95) - 1) < 4 * np.sqrt(2 / sources)
        pairs = wiring.post.astype(np.int64) * sources + wiring.pre
        assert len(np.unique(pairs)) == len(pairs)
        assert np.all(wiring.delays == 0.8e-3)


def weight(circuit, name):
    (pathway,) = (p for p in circuit.pathways if p.name == name)
    return float(pathway.weight.value.value)


def test_weights_belong_to_200_and_50_synapses_and_are_scaled_to_others():
    published = {
        "upper_from_lower": 0.05, "pv_from_lower": 0.05, "upper_from_pv": 0.07,
        "lower_from_upper": 0.37, "sst_from_upper": 0.3, "lower_from_sst": 0.035,
        "lower_from_lower": 0.1, "upper_from_upper": 0.1,
    }  # fmt: skip
    full = ds.load_circuit("burst_microcircuit", weights="published")
    small = ds.load_circuit(
        "burst_microcircuit", weights="published", cells=500, interneurons=100, probability=0.1
    )
    for name, value in published.items():
        assert weight(full, name) == pytest.approx(value, rel=1e-12)
        factor = 50 / 10 if PATHWAYS[name][0] in ("pv", "sst") else 200 / 50
        assert weight(small, name) == pytest.approx(value * factor, rel=1e-12)
    given = ds.load_circuit("burst_microcircuit", weights="published", lower_from_sst=0.5)
    assert weight(given, "lower_from_sst") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"probability": 1.5}, ParameterError, "probability is 1.5"),
        ({"probability": -0.1}, ParameterError, "-0.1"),
        ({"cells": 0}, ParameterError, "cells is 0"),
        ({"interneurons": 0}, ParameterError, "interneurons is 0"),
        ({"lower_from_sst": -0.1}, ParameterError, "lower_from_sst is -0.1"),
        ({"delay": "0 ms"}, ParameterError, "at least one time step"),
        ({"delay": "0.05 ms"}, ParameterError, "at least one time step"),
        ({"duration": "100 ms"}, ParameterError, "four bins"),
        ({"bottom_up_period": "0 s"}, ParameterError, "bottom_up_period"),
        ({"top_down_period": "-1 s"}, ParameterError, "top_down_period"),
        ({"bin_width": "0 ms"}, ParameterError, "bin_width"),
        ({"top_down": "1 mV"}, UnitError, "top_down"),
        ({"weights": "random"}, ParameterError, "tuned, published"),
        ({"sst_synapses": "static"}, ParameterError, "depressing, facilitating"),
        ({"upper_from_sst": 0.1}, UnknownNameError, "upper_from_sst"),
    ],
)
def test_bad_values_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        ds.load_protocol("burst_multiplexing", **parameters)
