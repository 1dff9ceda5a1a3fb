"""Steady states with presynaptic inhibition, against an independent integrator."""

import numpy as np
import pytest
from cell_type_equations import W, rates, settle, starts

from dendrosim.analysis.presynaptic_inhibition import CLASSES, critical_strength, steady_states
from dendrosim.errors import ParameterError, UnknownNameError

LETTERS = dict(zip("EDPSVN", CLASSES, strict=True))
WEIGHTS = {f"{LETTERS[to]}_from_{LETTERS[source]}": w for (to, source), w in W.items()}
WEIGHTS["soma_from_dendrite"] = 1.0


def test_every_steady_state_is_a_zero_of_the_equations():
    drives = np.random.default_rng(0).normal(size=(40, 6))
    for b in (0.0, 0.5, 0.8):
        for drive, states in zip(drives, steady_states(WEIGHTS, drives, b), strict=True):
            assert len(states) in (1, 3)
            for r in states:
                y = np.append(r, [r[5], np.clip(1 - b * r[5], 0, 1)])
                assert rates(y, b, drive) == pytest.approx(0, abs=1e-7)


def test_circuits_settle_in_the_states_with_least_and_most_ndnf_activity():
    drives = np.vstack([np.zeros(6), np.random.default_rng(1).normal(0, 0.3, size=(5, 6))])
    for drive, states in zip(drives, steady_states(WEIGHTS, drives, 0.8), strict=True):
        ends = [settle(start, 0.8, drive)[:6] for start in starts()]
        assert ends[0] == pytest.approx(states[0], abs=1e-4)
        assert ends[1] == pytest.approx(states[-1], abs=1e-4)


def test_rates_of_one_are_among_the_states_and_the_critical_strength_is_the_cited_one():
    for b in (0.0, 0.65, 0.8):
        (states,) = steady_states(WEIGHTS, np.zeros(6), b)
        assert np.min(np.max(np.abs(states - 1), axis=1)) < 1e-9
    assert critical_strength(WEIGHTS) == pytest.approx(0.701817, abs=1e-6)
    assert np.isnan(critical_strength({**WEIGHTS, "sst_from_soma": 0.0, "ndnf_from_sst": 0.0}))


def test_what_cannot_be_is_refused():
    with pytest.raises(ParameterError, match=r"b is 0\.8 and p_low 0\.3; b must be"):
        steady_states(WEIGHTS, np.zeros(6), 0.8, 0.3)
    with pytest.raises(UnknownNameError, match="pv_from_sat"):
        critical_strength({"pv_from_sat": 1.0})
