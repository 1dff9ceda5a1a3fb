"""Weights follow the dendritic current, and settle while it is constant, as in the rate form of the rule."""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError
from dendrosim.experiments.run import run_and_measure

SMALL = {"cells": 60, "probability": 0.4, "block": "6 s", "burn_in": "6 s", "tau_average": "2 s"}
STRONG = {"factors": (1.0, 2.0, 1.0, 0.25, 1.0), "eta": "2 pA", "p_start": 0.2}


@cache
def measured(**parameters):
    protocol = ds.load_protocol("burst_drive", **parameters)
    return run_and_measure(protocol, RunSettings("cpp", seed=3))


def test_weights_grow_with_a_stronger_dendritic_current_and_shrink_with_a_weaker_one():
    m = measured(**SMALL, **STRONG)[1].metrics
    change, error = m["weight_change"], m["weight_change_error"]
    assert change[1] > 4 * error[1]
    assert np.all(change[2:4] < -4 * error[2:4])
    assert change[4] > 4 * error[4]
    assert np.all(np.diff(m["burst_probability"])[[0, 3]] > 0.07)
    assert np.all(np.diff(m["burst_probability"])[[1, 2]] < -0.07)


def test_the_mean_weight_is_that_of_the_rate_form():
    """Within four standard errors, and a tenth of the largest change for correlations within single cells."""
    m = measured(**SMALL, **STRONG)[1].metrics
    gap = np.abs(m["weight_change"] - m["expected_change"])
    assert np.all(gap < 4 * m["weight_change_error"] + 0.1 * np.abs(m["weight_change"]).max())
    assert m["correlation"] > 0.95


@pytest.mark.slow
def test_a_moving_average_keeps_weights_at_a_constant_current_and_a_constant_probability_does_not():
    constant = {**SMALL, "factors": (1.0, 1.0, 1.0), "eta": "2 pA", "p_start": 0.05}
    moving = measured(**constant)[1].metrics
    frozen = measured(**{**constant, "tau_average": "0 s"})[1].metrics
    assert np.all(frozen["weight_change"] > 8 * frozen["weight_change_error"])
    assert np.sum(frozen["weight_change"]) > 10 * np.abs(np.sum(moving["weight_change"]))
    assert np.sum(frozen["expected_change"]) == pytest.approx(
        np.sum(frozen["weight_change"]), rel=0.1
    )


@pytest.mark.slow
def test_rates_and_burst_probabilities_are_those_of_cells_with_constant_currents():
    """The rate form of the cells: event rate and burst probability as functions of the mean currents.

    The synapses also add noise, whose variance is that of shot noise (Campbell): n (w U)^2 r tau/2 for n synapses
    that release U w at the rate r. Error bars are four standard errors of counts: of events, as if they were those
    of Poisson trains, and of bursts among events.
    """
    parameters = {**SMALL, "cells": 200, "probability": 0.2}
    m = measured(**parameters, **STRONG)[1].metrics
    synapses, tau, block = 200 * 0.2, 5e-3, 6.0
    used = m["synaptic_current"] / (
        synapses * tau * m["input_event_rate"]
    )  # U times the mean weight
    noise = np.sqrt(synapses * used**2 * m["input_event_rate"] * tau / 2)
    soma = tuple(f"{1e12 * current - 150:.3f} pA" for current in m["synaptic_current"])
    dendrites = sorted(set(m["factor"]))
    static = ds.load_protocol(
        "burst_coding", soma_current=soma, duration="5 s",
        dendrite_current=tuple(f"{200 * factor:g} pA" for factor in dendrites),
    )  # fmt: skip
    target = "pyramidal.current_soma"
    sd = ds.Quantity(np.repeat(noise, len(dendrites) * 200), ds.quantity("1 A").dimension)
    shot = ds.OrnsteinUhlenbeck("0 pA", sd, f"{tau} s")
    static = static.replace(signals={**static.signals, target: (*static.signals[target], shot)})
    grid = run_and_measure(static, RunSettings("cpp", seed=5))[1].metrics
    column = np.searchsorted(dendrites, m["factor"])
    rate, probability = (
        np.stack([m[name], grid[name][np.arange(len(soma)), column]])
        for name in ("event_rate", "burst_probability")
    )
    events = rate * np.array([[200 * block], [200 * 5.0]])
    rate_error = np.hypot(*(rate / np.sqrt(events)))
    probability_error = np.hypot(*np.sqrt(probability * (1 - probability) / events))
    assert np.all(np.abs(np.diff(rate, axis=0)) < 4 * rate_error)
    assert np.all(np.abs(np.diff(probability, axis=0)) < 4 * probability_error)
    assert np.all(rate_error < 0.02 * rate)
    assert np.all(probability_error < 0.01)


@pytest.mark.slow
def test_bursts_of_the_input_do_not_matter():
    """Seven times as many presynaptic bursts; the change over the rate of presynaptic events stays the same."""
    few = measured(**{**SMALL, "cells": 200}, **STRONG)[1].metrics
    many = measured(**{**SMALL, "cells": 200}, **STRONG, input_dendrite="300 pA")[1].metrics
    change, error = (
        np.stack([m[name][1:4] / m["input_event_rate"] for m in (few, many)])
        for name in ("weight_change", "weight_change_error")
    )
    assert np.all(np.abs(change[0] - change[1]) < 4 * np.hypot(*error) + 0.1 * np.abs(change[0]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "current", "side"), [("rate_high", "100 pA", -1), ("rate_low", "-350 pA", 1)]
)
def test_homeostasis_brings_event_rates_within_its_limits_at_a_constant_current(
    limit, current, side
):
    constant = {
        **SMALL,
        "factors": (1.0, 1.0, 1.0, 1.0),
        "eta": "2 pA",
        "p_start": 0.2,
        "output_soma": current,
    }
    value = {"rate_high": 12.0, "rate_low": 4.0}[limit]
    free = measured(**constant)[1]
    kept = measured(**constant, **{limit: f"{value} Hz"})[1]
    assert np.all(side * (free.metrics["event_rate"] - value) < 0)
    assert side * (kept.metrics["event_rate"][-1] - value) > 0
    assert side * kept.metrics["weight_change"][0] > 4 * kept.metrics["weight_change_error"][0]
    assert "weight_change" in free.references
    assert not kept.references


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"factors": ()}, "factors is empty; give at least one"),
        ({"block": "2.5 s"}, "block is 2.5 s; it must be a whole number of windows of 1 s"),
        ({"burn_in": "1.2 s"}, "burn_in is 1.2 s; it must be a whole number of windows of 1 s"),
        ({"weight": "300 pA"}, "weight has values outside of its bounds"),
        ({"eta": "-1 pA"}, "eta"),
        ({"tau_synapse": "0.04 ms"}, "tau_synapse is 0.04 ms, .* unstable from dt = 0.08 ms on"),
        ({"tau_average": "0 s", "rate_high": "12 Hz"}, "rate_high is a limit of the average"),
    ],
)
def test_bad_values_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        ds.load_protocol("burst_drive", **parameters)


def test_figures_are_drawn():
    for draw in measured(**SMALL, **STRONG)[1].figures.values():
        draw().canvas.draw()
