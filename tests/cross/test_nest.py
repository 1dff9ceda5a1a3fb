"""The same spike trains in NEST and here: pair, triplet, short-term and voltage rules.

Run it with NEST in an environment of its own:

    python -m venv build/nest && build/nest/bin/pip install nest-simulator
    NEST_PYTHON=build/nest/bin/python python -m pytest tests/cross

Where the definitions differ:

- The delay of NEST's plastic synapses is dendritic: a presynaptic spike acts at once on the weight, a
  postsynaptic one after the delay. Here a presynaptic spike acts after the delay, a postsynaptic one at once. So
  trains have no delay here, and their postsynaptic spikes come later by NEST's delay.
- NEST changes a weight when its next presynaptic spike is sent, here each spike changes it. All trains end with a
  presynaptic spike, after which both have the same weight.
- Two spikes that reach the synapse in one time step form no pair in NEST. Here the presynaptic one is first, so
  the weight grows by a pair of interval 0. Compared trains have no such spikes; one test shows the difference.
- `tsodyks2_synapse` is `canonical` here. Its u must be U at the start, which is its value at rest. It is
  compared with `ShortTerm.released`, which tests/rules compares with the rule on all back ends.
- `clopath_synapse` reads filtered voltages that are 5 ms old, and potentiates before a presynaptic spike of the
  same time step counts; here the spike is first. So the filtered voltages are given here as NEST recorded them,
  5 ms later, and no presynaptic spike comes while the cell is depolarised. Homeostasis of a_ltd, which the rule
  here does not have, is off in NEST.
- NEST loses depressions of `clopath_synapse` if the largest delay of the network is that of the synapse; see
  `nest_reference.py`.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from given_pairs import DT, final_weights

import dendrosim as ds

PYTHON = os.environ.get("NEST_PYTHON")
pytestmark = pytest.mark.skipif(not PYTHON, reason="NEST_PYTHON names no Python with NEST")

STEPS, DELAY, TOP, WEIGHT = 10_000, 10, 2.0, 0.9
"""Time steps of the run, delay of NEST's synapses in steps, upper bound and first value of weights."""
PAIRS = {"tau_plus": "17 ms", "tau_minus": "34 ms", "weight_max": TOP}
TRIPLETS = {"a2_plus": 0.003, "a3_plus": 0.008, "a2_minus": 0.006, "a3_minus": 0.002}
EXPONENTS = {"additive": 0.0, "multiplicative": 1.0, "soft": 0.3}
RULES = {
    "additive": ds.rules.pair_stdp(a_plus=0.01, a_minus=0.012, **PAIRS),
    "multiplicative": ds.rules.pair_stdp("multiplicative", a_plus=0.01, a_minus=0.012, **PAIRS),
    "soft": ds.rules.pair_stdp("multiplicative", mu=0.3, a_plus=0.01, a_minus=0.012, **PAIRS),
    "triplet": ds.rules.triplet_stdp(weight_max=TOP, **TRIPLETS),
}
NAMES = ("e_facilitating", "e_depressing", "e_pseudo_linear")
CLOPATH = ds.rules.clopath(weight_max=1, a_ltd="14e-5 mV**-1", a_ltp="8e-5 mV**-2")
TOGETHER = [([500, 900], [490])]
"""A postsynaptic spike that reaches the synapse together with the first presynaptic one."""


def random_trains():
    """Three pairs of trains that never meet at the synapse, the last spike presynaptic."""
    rng = np.random.default_rng(11)
    pairs = []
    for rate in (10, 25, 50):
        pre, post = (np.flatnonzero(rng.random(STEPS - 500) < rate * DT) + 100 for _ in range(2))
        pre = np.append(pre, STEPS - 200)
        pairs.append((pre.tolist(), np.setdiff1d(post, pre - DELAY).tolist()))
    return pairs


def case(name, pre, post):
    synapse = {"synapse_model": "stdp_synapse", "lambda": 0.01, "alpha": 1.2, "tau_plus": 17.0}
    cell = {"tau_minus": 34.0}
    if name == "triplet":
        synapse = {"synapse_model": "stdp_triplet_synapse", "tau_plus": 16.8}
        synapse |= {"tau_plus_triplet": 101.0}
        for own, theirs in zip(
            TRIPLETS, ("Aplus", "Aplus_triplet", "Aminus", "Aminus_triplet"), strict=True
        ):
            synapse[theirs] = TOP * TRIPLETS[own]
        cell = {"tau_minus": 33.7, "tau_minus_triplet": 114.0}
    else:
        synapse |= {"mu_plus": EXPONENTS[name], "mu_minus": EXPONENTS[name]}
    return {
        "pre": pre, "post": post, "cell": cell, "synapse": {"Wmax": TOP, "weight": WEIGHT, **synapse}
    }  # fmt: skip


def short_term(name, pre):
    rule = ds.ShortTerm.named(name)
    times = {"tau_rec": rule.tau_depression.value, "tau_fac": rule.tau_facilitation.value}
    u = {"U": rule.utilisation, "u": rule.utilisation}
    return {"pre": pre, "synapse": {**u, **{n: 1e3 * v for n, v in times.items()}}}


@pytest.fixture(scope="module")
def nest():
    """Results of NEST for all tests, from one run."""
    trains = random_trains()
    given = {
        "steps": STEPS,
        "cases": [case(name, *pair) for name in RULES for pair in trains + TOGETHER],
        "released": [short_term(name, trains[1][0]) for name in NAMES],
        "clopath": {
            "cell": {"A_LTD": 14e-5, "A_LTP": 8e-5, "A_LTD_const": True},
            "kicks": list(
                range(400, STEPS - 500, 500)
            ),  # each lifts the voltage by 30 mV to a spike
            "pre": list(range(300, STEPS - 100, 373)),
            "synapse": {"weight": 0.5, "Wmax": 1.0, "delay": 1.0},
        },
    }
    command = [PYTHON, str(Path(__file__).with_name("nest_reference.py"))]
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return given, json.loads(done.stdout.split("\nFOUND ")[1])


def delayed(pairs):
    return [(pre, [k + DELAY for k in post]) for pre, post in pairs]


def test_pair_and_triplet_rules_end_with_the_same_weights(nest):
    _, found = nest
    pairs = delayed(random_trains())
    theirs = np.array(found["weights"]).reshape(len(RULES), -1)
    ours = final_weights(RULES, pairs, WEIGHT, steps=STEPS)
    for name, weights in zip(RULES, theirs[:, :-1], strict=True):
        assert abs(weights - WEIGHT).max() > 0.01
        np.testing.assert_allclose(ours[name], weights, rtol=1e-8, err_msg=name)


def test_spikes_that_meet_at_the_synapse_are_a_pair_here_and_none_in_nest(nest):
    _, found = nest
    theirs = np.array(found["weights"]).reshape(len(RULES), -1)[:, -1]
    ours = final_weights(RULES, delayed(TOGETHER), WEIGHT)
    later = 0.012 * TOP * np.exp(-40 / 34)
    assert theirs[0] == pytest.approx(WEIGHT - later, rel=1e-12)
    assert ours["additive"] == pytest.approx(WEIGHT + 0.01 * TOP - later, rel=1e-12)


@pytest.mark.parametrize("index", range(len(NAMES)))
def test_the_same_fractions_are_released(nest, index):
    given, found = nest
    steps = given["released"][index]["pre"]
    ours = ds.ShortTerm.named(NAMES[index]).released(np.array(steps) * DT)
    np.testing.assert_allclose(ours, found["released"][index], rtol=1e-8)


def test_the_voltage_rule_on_the_voltage_of_nest(nest):
    given, found = nest
    recorded, weight = found["clopath"]
    first = round(recorded["times"][0] / 0.1)
    voltages = np.full((STEPS, 3), -70.6)
    for column, (name, delay) in enumerate((("V_m", 0), ("u_bar_minus", 50), ("u_bar_plus", 50))):
        values = recorded[name][: STEPS - first - delay]
        voltages[first + delay : first + delay + len(values), column] = values
    # A presynaptic spike meets the voltage of the cell one delay earlier.
    steps = np.array(given["clopath"]["pre"]) - DELAY
    high = (voltages[:, 0] > -45.3) & (voltages[:, 2] > -70.6)
    assert high.sum() > 100
    assert not high[steps].any()
    fire = np.zeros((STEPS, 1))
    fire[steps] = 1
    high[steps[-1] :] = False  # NEST changes the weight last at the last presynaptic spike
    voltages[~high, 0] = -70.6
    names = ("v", "u_slow", "u_fast")
    cell = ds.Population(
        "b", 1, "\n".join(f"{n} : volt" for n in names), inputs=names,
        events={"depolarised": ds.Event("v > -45.3*mV and u_fast > -70.6*mV")},
    )  # fmt: skip
    sender = ds.Population("a", 1, "fire : 1", inputs=["fire"], threshold="fire > 0.5")
    learn = ds.Pathway("learn", "a", "b", connect=ds.OneToOne(), weight=0.5, rule=CLOPATH)
    signals = {"a.fire": ds.Table(fire, f"{DT!r} s")}
    for column, name in enumerate(names):
        signals[f"b.{name}"] = ds.Table(1e-3 * voltages[:, [column]], f"{DT!r} s", "V")
    block = ds.Block("run", (ds.Phase("on", f"{STEPS * DT!r} s"),))
    circuit = ds.Circuit((sender, cell), pathways=(learn,))
    made = ds.Protocol(circuit, (block,), f"{DT!r} s", (), signals)
    ours = ds.run(made, "numpy").final["learn.weight"].item()
    assert abs(weight - 0.5) > 1e-3
    assert ours == pytest.approx(weight, rel=1e-6)
