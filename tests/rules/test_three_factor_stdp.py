"""The three-factor rule: closed forms of a pair and a later modulator, at once and with a decay of its own."""

import numpy as np
import pytest
from given_pairs import CELL, DT, run_rules
from scipy.integrate import quad

import dendrosim as ds
from dendrosim.errors import EquationError, ParameterError, SpecError, UnknownMemberError

GAP, LATER, STEPS = 80, 2000, 12_000
TAU_E, TAU_M = 0.3, 0.2
NUMBERS = {"a_plus": 0.02, "a_minus": 0.03, "weight_max": 2.0, "tau_eligibility": f"{TAU_E} s"}
TRAINS = [([100], [100 + GAP]), ([100 + GAP], [100])]
LEFT = np.array([0.02, -0.03]) * np.exp(-GAP * DT / 20e-3)
"""The eligibility that each pair leaves."""


def with_reward(cell):
    """The cell with an event in one step, whose size it says."""
    event = ds.Event(f"abs(t - {(100 + GAP + LATER) * DT!r}*second) < 0.5*dt")
    return cell.replace(
        events={"reward": event}, equations=f"{CELL}\ndsize/dt = 0*Hz : 1", initial={"size": -0.7}
    )


@pytest.fixture(scope="module")
def result():
    rules = {
        "at_once": ds.rules.three_factor_stdp(**NUMBERS),
        "sized": ds.rules.three_factor_stdp(size="size_post", **NUMBERS),
        "slow": ds.rules.three_factor_stdp(size=0.5, tau_modulator=f"{TAU_M} s", **NUMBERS),
    }
    return run_rules(rules, TRAINS, 1.0, steps=STEPS, post=with_reward)


def test_a_delayed_impulse_turns_the_eligibility_into_a_change(result):
    expected = 2 * LEFT * np.exp(-LATER * DT / TAU_E)
    for name, size in (("at_once", 1.0), ("sized", -0.7)):
        change = result.final[f"{name}.weight"].values.ravel() - 1
        np.testing.assert_allclose(change, size * expected, rtol=1e-12)


def test_a_modulator_that_decays_has_the_integral_of_its_product_with_the_eligibility(result):
    assert np.array_equal(result.final["slow.weight"].values.ravel(), [1.0, 1.0])
    passed = (STEPS - 100 - GAP - LATER) * DT
    kernel, _ = quad(lambda s: np.exp(-s / TAU_E - s / TAU_M) / TAU_M, 0, passed, epsabs=1e-14)
    expected = LEFT * np.exp(-LATER * DT / TAU_E) * 0.5 * kernel
    np.testing.assert_allclose(result.final["slow.pending"].values.ravel(), expected, rtol=1e-10)
    whole = TAU_E / (TAU_E + TAU_M)
    assert kernel == pytest.approx(whole, rel=1e-3)


def test_spikes_after_the_impulse_apply_what_is_pending_and_learn_while_the_modulator_lasts():
    """Random spikes and several rewards, against the integral of e M on a fine grid between events."""
    rng = np.random.default_rng(5)
    trains = [[np.flatnonzero(rng.random(4000) < 0.004) + 1 for _ in range(2)] for _ in range(3)]
    rewards = [900, 1500, 1510, 3000]
    at = " or ".join(f"abs(t - {step * DT!r}*second) < 0.5*dt" for step in rewards)
    rule = ds.rules.three_factor_stdp(tau_modulator=f"{TAU_M} s", **NUMBERS)
    found = run_rules(
        {"slow": rule}, trains, 1.0, steps=4100,
        post=lambda cell: cell.replace(events={"reward": ds.Event(at)}),
    ).final  # fmt: skip
    both = 1 / TAU_E + 1 / TAU_M
    for k, (pre, post) in enumerate(trains):
        x = y = e = m = w = 0.0
        for step in range(4100):
            if step in pre:
                x, e = x + 1, e - 0.03 * y
            if step in post:
                y, e = y + 1, e + 0.02 * x
            if step in rewards:
                m += 1 / TAU_M
            w += 2 * e * m * (1 - np.exp(-DT * both)) / both
            x, y = x * np.exp(-DT / 20e-3), y * np.exp(-DT / 20e-3)
            e, m = e * np.exp(-DT / TAU_E), m * np.exp(-DT / TAU_M)
        end = found["slow.weight"].values.ravel()[k] + 2 * found["slow.pending"].values.ravel()[k]
        assert end == pytest.approx(1 + w, rel=1e-10)
        assert abs(w) > 1e-3


@pytest.mark.parametrize(
    ("event", "changes", "error", "words"),
    [
        ("plateau", {}, UnknownMemberError, r"event of population 'b'.*'plateau'"),
        ("reward", {"size": "dopamine_post"}, EquationError, "dopamine_post"),
        ("reward", {"a_minus": -1}, ParameterError, "three_factor_stdp: a_minus"),
        ("reward", {"tau_modulator": "0 s"}, ParameterError, "tau_modulator"),
        ("re ward", {}, SpecError, "event: 're ward' is not a valid symbol"),
    ],
)
def test_values_that_make_no_sense_are_refused(event, changes, error, words):
    def run():
        run_rules(
            {"rule": ds.rules.three_factor_stdp(event, **changes)}, TRAINS, 0.5, post=with_reward
        )

    with pytest.raises(error, match=words):
        run()
