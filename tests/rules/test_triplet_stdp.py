"""Triplet STDP against a loop over all spikes, and its mean drift between Poisson trains in closed form."""

import numpy as np
import pytest
from given_pairs import DT, final_weights

import dendrosim as ds
from dendrosim.errors import ParameterError, UnknownMemberError

FULL = {
    "a2_plus": 0.005, "a3_plus": 0.0062, "a2_minus": 0.007, "a3_minus": 0.0023, "tau_plus": "16.8 ms",
    "tau_minus": "33.7 ms", "tau_x": "101 ms", "tau_y": "125 ms",
}  # fmt: skip
TIMES = {n: ds.quantity(v).value for n, v in FULL.items() if n.startswith("tau")}


def loop(pre, post, nearest):
    """The weight after all spikes; sums over earlier spikes, or the last of them, in place of traces."""

    def trace(spikes, step, tau, strictly):
        past = spikes[spikes < step] if strictly else spikes[spikes <= step]
        return np.exp((past[-1:] if nearest else past) * DT / tau - step * DT / tau).sum()

    w = 0.5
    for step in np.union1d(pre, post):
        if step in pre:
            o1, r2 = (
                trace(post, step, TIMES["tau_minus"], True),
                trace(pre, step, TIMES["tau_x"], True),
            )
            w = max(w - 2.0 * o1 * (FULL["a2_minus"] + FULL["a3_minus"] * r2), 0.0)
        if step in post:
            r1, o2 = (
                trace(pre, step, TIMES["tau_plus"], False),
                trace(post, step, TIMES["tau_y"], True),
            )
            w = min(w + 2.0 * r1 * (FULL["a2_plus"] + FULL["a3_plus"] * o2), 2.0)
    return w


def test_weights_are_those_of_a_loop_over_all_spikes():
    rng = np.random.default_rng(3)
    trains = [[np.flatnonzero(rng.random(1000) < 0.02) + 1 for _ in range(2)] for _ in range(4)]
    rules = {
        k: ds.rules.triplet_stdp(weight_max=2, interaction=k, **FULL) for k in ("all", "nearest")
    }
    for name, found in final_weights(rules, trains, 0.5).items():
        expected = [loop(*pair, name == "nearest") for pair in trains]
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=name)
        assert np.ptp(expected) > 0.01


def test_the_frequency_dependence_of_periodic_pairs_is_the_closed_form():
    """Ten pairs 10 ms apart at a rate: geometric sums over all earlier spikes."""
    lag, count, a2, a3 = 100, 10, 7.1e-3, 6.5e-3
    apart = np.round(1 / np.array([20, 40, 50]) / DT).astype(int)
    trains = [[50 + n + np.arange(count) * gap for n in (0, lag)] for gap in apart]
    rule = ds.rules.triplet_stdp(weight_max=2)
    found = final_weights({"rule": rule}, trains, 1.0, steps=5000)["rule"] - 1
    period, ahead, k = apart * DT, lag * DT, np.arange(count)[:, None]

    def earlier(first, number, tau):
        """The sum of exp(-(first + n period)/tau) over n = 0, ..., number - 1."""
        ratio = np.exp(-period / tau)
        return np.exp(-first / tau) * (1 - ratio**number) / (1 - ratio)

    down = a2 * earlier(period - ahead, k, 33.7e-3)
    up = a3 * earlier(ahead, k + 1, 16.8e-3) * earlier(period, k, 114e-3)
    change = 2 * (up - down).sum(axis=0)
    np.testing.assert_allclose(found, change, rtol=1e-10)
    assert np.all(np.diff(change) > 0)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"a3_plus": -1}, ParameterError, "triplet_stdp: a3_plus is -1; it must be at least 0"),
        ({"tau_y": "0 ms"}, ParameterError, "tau_y"),
        ({"interaction": "last"}, UnknownMemberError, "interaction"),
        ({"weight_max": 0}, ParameterError, "weight_max is 0"),
    ],
)
def test_values_that_make_no_sense_are_refused(changes, error, words):
    with pytest.raises(error, match=words):
        ds.rules.triplet_stdp(**changes)
