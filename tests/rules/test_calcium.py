"""Calcium-based plasticity: fixed points, and transitions by noise against an independent loop."""

import numpy as np
import pytest
from given_pairs import CELL, run_rules
from scipy.optimize import brentq

import dendrosim as ds
from dendrosim.errors import ParameterError, UnknownMemberError


def test_without_calcium_rho_goes_to_0_or_1_and_a_half_is_unstable():
    """The cubic drift has a solution in closed form: (rho (1 - rho))/(2 rho - 1)^2 decays with 2 tau."""
    rule = ds.rules.calcium(sigma=0, tau_rho="5 ms")
    start = np.array([0.0, 0.1, 0.49, 0.5, 0.51, 0.9, 1.0])
    final = run_rules({"rule": rule}, [([], [])] * 7, start, steps=1200, post=rule.add_to).final
    rho = final["rule.weight"].values.ravel()
    moving = np.array([1, 2, 4, 5])
    with np.errstate(divide="ignore"):
        ratio = start * (1 - start) / (2 * start - 1) ** 2
    later = ratio[moving] * np.exp(-0.12 / 5e-3 / 2)
    expected = 0.5 + 0.5 * np.sign(start[moving] - 0.5) / np.sqrt(1 + 4 * later)
    assert np.array_equal(rho[[0, 3, 6]], [0, 0.5, 1])
    np.testing.assert_allclose(rho[moving], expected, atol=2e-3)


def test_high_calcium_has_the_fixed_points_of_the_drift():
    """Calcium that decays within 1000 s, above the threshold of depression alone or of both."""
    given = {"sigma": 0, "tau_calcium": "1000 s", "tau_rho": "0.2 s", "gamma_d": 20, "gamma_p": 60}
    rule = ds.rules.calcium(weight_max=2, pre_calcium=1.1, post_calcium=1.5, **given)
    trains, start = [([1], []), ([], [1])], np.array([0.1, 1.5])
    final = run_rules({"rule": rule}, trains, start, steps=1500, post=rule.add_to).final

    def drift(rho, gamma_p):
        return -rho * (1 - rho) * (0.5 - rho) + gamma_p * (1 - rho) - 20 * rho

    ends = [0.0, brentq(drift, 0, 1, args=(60.0,))]
    np.testing.assert_allclose(final["rule.weight"].values.ravel(), 2 * np.array(ends), atol=1e-6)


def transitions(start, pre, post, dt, steps, given, rng, count=10_000):
    """Where `count` independent synapses end, by Euler-Maruyama steps in plain numpy."""
    c, rho = 0.0, np.full(count, start)
    for step in range(steps):
        c = c * np.exp(-dt / 20e-3) + 1.0 * (step in pre) + 2.0 * (step in post)
        d, p = c > 1.0, c > 1.3
        drift = (
            -rho * (1 - rho) * (0.5 - rho)
            + given["gamma_p"] * (1 - rho) * p
            - given["gamma_d"] * rho * d
        )
        rho = rho + drift * dt / 1.0
        if d or p:
            size = given["sigma"] * np.sqrt((int(d) + int(p)) * dt / 1.0)
            rho = rho + size * rng.standard_normal(count)
    return rho


def test_noise_makes_as_many_transitions_as_in_an_independent_loop():
    """Pairs at 50 Hz for 0.2 s; 10 000 synapses of one pair of cells with the same spikes, in two directions."""
    dt, steps, count = 5e-4, 400, 10_000
    given = {"gamma_d": 5.0, "gamma_p": 6.0, "sigma": 1.2}
    rule = ds.rules.calcium("dp", tau_rho="1 s", **given)
    pre, post = np.arange(10, 400, 40), np.arange(26, 400, 40)
    fire = np.zeros((2, steps, 1))
    fire[0, pre], fire[1, post] = 1, 1
    cells = [ds.Population(n, 1, CELL, inputs=["fire"], threshold="fire > 0.5") for n in "ab"]
    pairings = ds.Pairings(np.zeros(count, dtype=int), np.zeros(count, dtype=int))
    learn = {
        name: ds.Pathway(name, "a", "b", connect=pairings, weight=start, rule=rule)
        for name, start in (("down", 1.0), ("up", 0.0))
    }
    made = ds.Protocol(
        ds.Circuit((cells[0], rule.add_to(cells[1])), pathways=tuple(learn.values())),
        (ds.Block("run", (ds.Phase("on", f"{steps * dt!r} s"),)),),
        f"{dt!r} s",
        signals={f"{n}.fire": ds.Table(fire[k], f"{dt!r} s") for k, n in enumerate("ab")},
    )
    final = ds.run(made, "numpy", 2).final
    for name, start in (("down", 1.0), ("up", 0.0)):
        expected = transitions(start, pre, post, dt, steps, given, np.random.default_rng(9), count)
        found = final[f"{name}.weight"].values.ravel()
        shares = [np.mean((rho > 0.5) != (start > 0.5)) for rho in (found, expected)]
        error = np.sqrt(sum(s * (1 - s) / count for s in shares))
        assert 0.05 < shares[1] < 0.95
        assert abs(shares[0] - shares[1]) < 3 * error
        assert np.std(found) == pytest.approx(np.std(expected), rel=0.03)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"values": "cortex"}, UnknownMemberError, "calcium: values"),
        ({"gamma": 2}, ParameterError, "'gamma' is no value of the rule; it has tau_calcium"),
        ({"gamma_p": -2}, ParameterError, "gamma_p is -2; it must be at least 0"),
        ({"tau_rho": "0 s"}, ParameterError, "tau_rho"),
    ],
)
def test_values_that_make_no_sense_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        ds.rules.calcium(**arguments)


def test_a_cell_without_the_event_is_refused_by_name():
    with pytest.raises(UnknownMemberError, match=r"event of population 'b'.*'step'"):
        run_rules({"rule": ds.rules.calcium()}, [([1], [2])], 0.5)
