"""`cell_type_map`: the ends of runs are the steady states by an independent integrator."""

from functools import cache

import numpy as np
import pytest
from cell_type_equations import driven, settle, starts

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.experiments.run import run_and_measure

FIRST, SECOND = (-0.5, 0.3), (-0.9, 0.0, 0.9)


@cache
def measured(b=0.8):
    given = {"first_drives": FIRST, "second_drives": SECOND, "dt": "8 ms", "b": b}
    return run_and_measure(ds.load_protocol("cell_type_map", **given), RunSettings("numpy"))


def test_both_ends_are_those_of_an_integrator():
    metrics = measured()[1].metrics
    for i, vip in enumerate(FIRST):
        for j, ndnf in enumerate(SECOND):
            ends = [settle(y, 0.8, driven(vip=vip, ndnf=ndnf)) for y in starts()]
            for side, end in zip(("low", "high"), ends, strict=True):
                assert metrics[f"dendrite_{side}"][i, j] == pytest.approx(end[1], abs=1e-3)
                assert metrics[f"ndnf_{side}"][i, j] == pytest.approx(end[5], abs=1e-3)
    assert metrics["settled"] == 1.0


def test_two_states_exist_only_between_weak_and_strong_ndnf_drive():
    metrics = measured()[1].metrics
    expected = [[False, True, False], [False, False, False]]
    np.testing.assert_array_equal(metrics["two_states"], expected)
    np.testing.assert_array_equal(metrics["expected_two_states"], expected)


def test_the_figure_is_drawn():
    measured()[1].figures["map"]().canvas.draw()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"first": "ndnf"}, "first and second are both ndnf"),
        ({"first_drives": (0.0,)}, "first_drives is .* at least two values, in ascending order"),
        ({"second_drives": (1.0, 0.0)}, "second_drives is .* in ascending order"),
    ],
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(ds.errors.ParameterError, match=said):
        ds.load_protocol("cell_type_map", **given)
