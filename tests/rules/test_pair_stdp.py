"""Pair STDP: the change of a weight by one pair is the exponential of its time, and weights keep their bounds."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError, UnitError


def pairs(intervals, weight=0.5, **changes):
    """Final weights of pairs of cells, each with one presynaptic and one postsynaptic spike."""
    steps, count = 1200, len(intervals)
    fire = np.zeros((2, steps, count))
    for k, interval in enumerate(intervals):
        fire[0, 500, k] = fire[1, 500 + interval, k] = 1
    cell = "fire : 1\ndg/dt = -g/(5*ms) : 1"
    circuit = ds.Circuit(
        tuple(ds.Population(n, count, cell, inputs=["fire"], threshold="fire > 0.5") for n in "ab"),
        pathways=[
            ds.pair_stdp(
                "learn", "a", "b", "g_post += weight", connect=ds.OneToOne(), weight=weight, **changes
            )
        ],
    )  # fmt: skip
    signals = {f"{n}.fire": ds.Table(fire[k], "0.1 ms") for k, n in enumerate("ab")}
    made = ds.Protocol(
        circuit, (ds.Block("run", (ds.Phase("on", "120 ms"),)),), "0.1 ms", (), signals
    )
    return ds.run(made, "numpy").final["learn.weight"].values.ravel()


def test_the_window_is_that_of_the_rule():
    intervals = np.array([-400, -100, -3, 5, 120, 350])
    found = pairs(
        intervals, weight_max=2.0, a_plus=0.02, a_minus=0.03, tau_plus="17 ms", tau_minus="34 ms"
    )
    ms = intervals / 10
    change = np.where(ms > 0, 0.02 * np.exp(-ms / 17), -0.03 * np.exp(ms / 34))
    assert np.allclose(found, 0.5 + 2.0 * change, rtol=1e-12)


def test_weights_stop_at_their_bounds():
    assert np.array_equal(pairs([-1, 1], weight_max=0.6, a_plus=9.0, a_minus=9.0), [0.0, 0.6])


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"weight_max": -1.0}, ParameterError, "weight_max is -1.0; it must be one number above 0"),
        ({"weight_max": 0.4}, ParameterError, "outside of its bounds, 0 and 0.4"),
        ({"weight_max": 1.0, "a_plus": -0.1}, ParameterError, "a_plus"),
        ({"weight_max": 1.0, "tau_plus": "-1 ms"}, ParameterError, "tau_plus"),
        ({"weight_max": 1.0, "tau_minus": "1 mV"}, UnitError, "tau_minus"),
        ({"weight_max": "1 nS"}, UnitError, "weight"),
    ],
)
def test_values_that_make_no_sense_are_refused(changes, error, words):
    with pytest.raises(error, match=words):
        pairs([1], **changes)


def test_short_term_plasticity_as_a_rule_is_the_pathway_that_its_text_gives():
    rule = ds.ShortTerm.named("e_depressing")
    own = ds.Pathway("feed", "a", "b", weight=2.0, **rule.pathway("g_post += weight*released"))
    assert ds.tsodyks_markram("feed", "a", "b", weight=2.0, synapse=rule) == own
    assert ds.tsodyks_markram("feed", "a", "b", weight=2.0, synapse="E depressing") == own
