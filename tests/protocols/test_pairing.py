"""Protocols of paired spikes: windows, triplets, frequency, calcium and balance against closed forms."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError, UnknownMemberError
from dendrosim.experiments.run import run_and_measure


def run(name, backend="numpy", **parameters):
    return run_and_measure(ds.load_protocol(name, **parameters), RunSettings(backend))[1]


@pytest.mark.parametrize(
    "rule", ["pair_additive", "pair_multiplicative", "pair_power", "vogels", "triplet"]
)
def test_the_change_by_one_pair_is_the_window_of_the_rule(rule):
    lags = np.array([-30, -10, -2, 0, 5, 20])
    result = run("stdp_window", rule=rule, lags=[f"{t} ms" for t in lags], weight=0.3, dt="0.5 ms")
    before = np.exp(-np.abs(lags) / (33.7 if rule == "triplet" else 20))
    up, down = {
        "pair_additive": (0.005, 0.00525),
        "pair_multiplicative": (0.005 * 0.7, 0.00525 * 0.3),
        "pair_power": (0.005 * 0.3**0.4, 0.00525 * 0.3),
        "triplet": (0.0, 0.0071),
        "vogels": (0.01, -0.01),
    }[rule]
    loss = 0.01 * 2 * 5 * 0.02 if rule == "vogels" else 0
    expected = np.where(lags >= 0, up, -down) * before - loss
    np.testing.assert_allclose(result.metrics["change"], expected, rtol=0, atol=1e-14)
    assert all(result.agrees.values())


def test_windows_of_voltage_and_calcium_have_the_signs_of_their_sources():
    lags = ["-40 ms", "-15 ms", "10 ms", "20 ms"]
    for rule in ("clopath", "calcium"):
        change = run("stdp_window", rule=rule, lags=lags, dt="0.5 ms").metrics["change"]
        assert (change > 0).tolist() == [False, False, True, True]
        assert np.all(np.abs(change) > 1e-4)


def test_a_weight_at_its_bound_stays_there():
    change = run("stdp_window", lags=["-5 ms", "5 ms"], weight=1, dt="0.5 ms").metrics["change"]
    assert change[1] == 0
    assert change[0] < 0


@pytest.mark.parametrize("rule", ["pair_additive", "triplet"])
def test_triplets_and_repeated_pairs_are_sums_over_earlier_spikes(rule):
    """The protocols compare with closed forms; here, with sums over all pairs of spikes of a triplet."""
    result = run(
        "triplets",
        rule=rule,
        first_gaps=["5 ms", "8 ms"],
        second_gaps=["10 ms", "3 ms"],
        dt="0.5 ms",
    )
    p = {
        "pair_additive": (5e-3, 5.25e-3, 0, 20, 20, 1),
        "triplet": (0, 7.1e-3, 6.5e-3, 16.8, 33.7, 114),
    }[rule]
    plus, minus, triple, tau_plus, tau_minus, tau_y = p
    expected = []
    for order in ((0, 2), (1,)), ((1,), (0, 2)):
        for gaps in ((5, 10), (8, 3)):
            times = np.cumsum([0, *gaps])
            pre, post = (times[list(k)] for k in order)
            w = 0.0
            for t in pre:
                w -= minus * np.exp(-(t - post[post < t]) / tau_minus).sum()
            for t in post:
                slow = np.exp(-(t - post[post < t]) / tau_y).sum()
                w += (plus + triple * slow) * np.exp(-(t - pre[pre < t]) / tau_plus).sum()
            expected.append(w)
    np.testing.assert_allclose(result.metrics["change"].ravel(), expected, rtol=1e-9)


def test_potentiation_wins_at_high_rates_with_triplets_and_not_with_pairs():
    found = {
        rule: run("stdp_frequency", rule=rule, rates=["10 Hz", "50 Hz"], pairs=10, dt="0.5 ms")
        for rule in ("pair_additive", "triplet", "clopath")
    }
    for rule, result in found.items():
        slow, fast = result.metrics["change"].T
        assert slow[0] > 0 > slow[1]
        assert (fast[1] > 0) == (rule != "pair_additive")
        assert all(result.agrees.values())


def test_transitions_by_calcium_depend_on_the_lag():
    lags, few = ["-30 ms", "10 ms"], {"pairs": 4, "rate": "4 Hz", "synapses": 20, "dt": "1 ms"}
    metrics = run("calcium_pairing", lags=lags, **few).metrics
    assert metrics["strength"][1] > metrics["strength"][0]
    assert np.all((metrics["up"] >= 0) & (metrics["down"] <= 1))
    assert metrics["expected_up"][1] > metrics["expected_up"][0]


@pytest.mark.slow
def test_transitions_by_calcium_are_near_those_of_slow_synapses():
    metrics = run("calcium_pairing", "cpp").metrics
    for name in ("up", "down"):
        assert np.all(np.abs(metrics[name] - metrics[f"expected_{name}"]) < 0.15)


@pytest.mark.slow
def test_inhibition_holds_the_rate_within_five_percent():
    result = run("inhibitory_balance", "cpp")
    assert np.all(result.metrics["start_rate"] > 15)
    np.testing.assert_allclose(result.metrics["rate"], 5, rtol=0.05)


@pytest.mark.parametrize(
    ("name", "parameters", "error", "words"),
    [
        ("stdp_window", {"rule": "tripplet"}, ParameterError, "is not one of pair_additive"),
        ("stdp_window", {"lags": []}, ParameterError, "lags is empty"),
        ("stdp_window", {"weight": 1.2}, ParameterError, "weight"),
        ("triplets", {"first_gaps": ["5 ms"]}, ParameterError, "first_gaps has 1 times, second_gaps 4"),
        ("stdp_frequency", {"rates": ["200 Hz"]}, ParameterError, "rates has 200 Hz, at which the next"),
        ("stdp_frequency", {"rates": ["-1 Hz"]}, ParameterError, "rates"),
        ("inhibitory_balance", {"rate": "-5 Hz"}, ParameterError, "rate"),
        ("calcium_pairing", {"values": "cortex"}, UnknownMemberError, "values"),
    ],
)  # fmt: skip
def test_values_without_meaning_are_refused(name, parameters, error, words):
    with pytest.raises(error, match=words):
        ds.load_protocol(name, **parameters)
