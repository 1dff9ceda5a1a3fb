"""Pair STDP: the change of a weight by one pair is the exponential of its time, and weights keep their bounds."""

import numpy as np
import pytest
from given_pairs import final_weights

import dendrosim as ds
from dendrosim.errors import ParameterError, UnitError, UnknownMemberError

INTERVALS = np.array([-400, -100, -3, 5, 120, 350])
NUMBERS = {"a_plus": 0.02, "a_minus": 0.03, "tau_plus": "17 ms", "tau_minus": "34 ms"}
WEIGHT, TOP = 0.5, 2.0
WINDOWS = {
    "additive": ({}, TOP * 0.02, TOP * 0.03),
    "multiplicative": ({"variant": "multiplicative"}, 1.5 * 0.02, 0.5 * 0.03),
    "soft": ({"variant": "multiplicative", "mu": 0.3}, TOP * 0.75**0.3 * 0.02, TOP * 0.25**0.3 * 0.03),
    "hard": ({"variant": "multiplicative", "mu": 0}, TOP * 0.02, TOP * 0.03),
    "power": ({"variant": "power"}, TOP * 0.25**0.4 * 0.02, 0.5 * 0.03),
    "other": ({"variant": "power", "mu": 0.7, "weight_reference": 0.1}, 0.1 * 5**0.7 * 0.02, 0.5 * 0.03),
}  # fmt: skip
"""Changes of the arguments, and what they make of the changes of a weight by a pair without delay."""


def rule(**changes):
    return ds.rules.pair_stdp(**{"weight_max": TOP, **NUMBERS, **changes})


def single(intervals):
    """One spike of each cell, `intervals` time steps apart."""
    return [([500], [500 + k]) for k in intervals]


def test_windows_are_those_of_the_rules():
    rules = {
        f"{name}_{pairing}": rule(pairing=pairing, **WINDOWS[name][0])
        for name in WINDOWS
        for pairing in ("all", "nearest")
    }
    found = final_weights(rules, single(INTERVALS), WEIGHT)
    ms = INTERVALS / 10
    for name, weights in found.items():
        _, plus, minus = WINDOWS[name.split("_")[0]]
        change = np.where(ms > 0, plus * np.exp(-ms / 17), -minus * np.exp(ms / 34))
        np.testing.assert_allclose(weights, WEIGHT + change, rtol=1e-12, err_msg=name)


def loop(pre, post, variant, pairing):
    """The final weight: each spike sums over the earlier ones of the other cell, all or the last."""
    w = WEIGHT
    for step in np.union1d(pre, post):
        for own, other, a, tau, sign in ((pre, post, 0.03, 34, -1), (post, pre, 0.02, 17, 1)):
            if step not in own:
                continue
            past = other[other <= step] if sign > 0 else other[other < step]
            past = past[-1:] if pairing == "nearest" else past
            up = {"additive": TOP, "multiplicative": TOP - w, "power": TOP * (w / TOP) ** 0.4}
            size = up[variant] if sign > 0 else TOP if variant == "additive" else w
            w += sign * a * size * np.exp((past - step) / 10 / tau).sum()
            w = min(max(w, 0.0), TOP)
    return w


def test_random_trains_form_all_pairs_or_nearest_ones():
    rng = np.random.default_rng(7)
    trains = [[np.flatnonzero(rng.random(1000) < 0.02) + 1 for _ in range(2)] for _ in range(4)]
    kinds = {
        f"{variant}_{pairing}": (variant, pairing)
        for variant in ("additive", "multiplicative", "power")
        for pairing in ("all", "nearest")
    }
    rules = {name: rule(variant=v, pairing=p) for name, (v, p) in kinds.items()}
    for name, weights in final_weights(rules, trains, WEIGHT).items():
        expected = [loop(pre, post, *kinds[name]) for pre, post in trains]
        np.testing.assert_allclose(weights, expected, rtol=1e-12, err_msg=name)
        assert np.ptp(expected) > 1e-3


def test_independent_poisson_trains_drift_as_the_areas_of_the_window_say():
    """r^2 (A_plus tau_plus - A_minus tau_minus) within three standard errors, with traces that start at 0."""
    rate, count, steps, dt, tau = 40.0, 400, 2500, 1e-4, 20e-3
    rng = np.random.default_rng(11)
    trains = [[np.flatnonzero(rng.random(steps) < rate * dt) for _ in "ab"] for _ in range(count)]
    learn = ds.rules.pair_stdp(weight_max=TOP, a_plus=0.002, a_minus=0.005)
    found = final_weights({"learn": learn}, trains, 1.0, steps=steps)["learn"] - 1
    time = steps * dt - tau * (1 - np.exp(-steps * dt / tau))
    expected = rate**2 * TOP * (0.002 - 0.005) * tau * time
    assert abs(found.mean() - expected) < 3 * found.std(ddof=1) / np.sqrt(count)
    assert found.std(ddof=1) / np.sqrt(count) < 0.1 * abs(expected)


def test_weights_stop_at_their_bounds():
    rules = {"hard": rule(weight_max=0.6, a_plus=9.0, a_minus=9.0)}
    assert np.array_equal(final_weights(rules, single([-1, 1]), WEIGHT)["hard"], [0.0, 0.6])


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"weight_max": -1.0}, ParameterError, "weight_max is -1; it must be positive"),
        ({"weight_max": 0.4}, ParameterError, "outside of its bounds, 0 and 0.4"),
        ({"a_plus": -0.1}, ParameterError, "a_plus"),
        ({"tau_plus": "-1 ms"}, ParameterError, "tau_plus"),
        ({"tau_minus": "1 mV"}, UnitError, "tau_minus"),
        ({"weight_max": "1 nS"}, UnitError, "weight"),
        ({"mu": 0.4}, ParameterError, "mu has no effect with variant 'additive'"),
        ({"variant": "power", "mu": -1}, ParameterError, "mu is -1; it must be at least 0"),
        ({"weight_reference": 1}, ParameterError, "weight_reference has no effect"),
        ({"variant": "addtive"}, UnknownMemberError, "did you mean 'additive'"),
        ({"variant": "soft"}, UnknownMemberError, "variant"),
        ({"pairing": "last"}, UnknownMemberError, "pairing"),
    ],
)
def test_values_that_make_no_sense_are_refused(changes, error, words):
    with pytest.raises(error, match=words):
        final_weights({"bad": rule(**changes)}, single([1]), WEIGHT)
