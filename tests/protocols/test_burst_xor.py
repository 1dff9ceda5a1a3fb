"""The network that learns XOR by bursts: what it is shown, how it is taught, and a short run of learning."""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError
from dendrosim.experiments.run import run_and_measure

SMALL = {"cells": 20, "probability": 0.5, "examples": 4, "example": "400 ms", "test": "200 ms"}


@cache
def small():
    protocol = ds.load_protocol("burst_xor", **SMALL)
    protocol = protocol.replace(
        recordings=(
            *protocol.recordings,
            ds.Recording("teacher.*", every="0.2 ms", name="fine"),
            ds.Recording("output_pyramidal.event", every="spike", phases="learning/*", name="all"),
        )
    )
    return ds.run(protocol, "cpp", seed=2)


@pytest.mark.slow
def test_the_teacher_has_the_event_rate_of_the_output_and_the_current_of_the_rule():
    result = small()
    time = result["fine/teacher.rate"].time.values
    rate, current, goal = (
        result[f"fine/teacher.{n}"].values.ravel() for n in ("rate", "current", "goal")
    )
    first, second = (result[f"fine/teacher.bit_{n}"].values.ravel() for n in ("first", "second"))
    assert set(np.round(goal, 9)) == {2.0, 10.0}
    np.testing.assert_allclose(goal, np.where(first != second, 10.0, 2.0), rtol=1e-12)
    example = np.floor((time - 0.8 + 1e-9) / 0.4)
    taught = (example >= 0) & (example < 4) & ((time - 0.8 + 1e-9) % 0.4 >= 0.36)
    missing = goal - rate
    up = 1e-9 / np.clip(rate - 2, 1, None)
    down = 1e-9 / np.clip(10 - rate, 1, None)
    expected = taught * np.where(missing > 1, up, np.where(missing < -1, -down, 0.0))
    np.testing.assert_allclose(current, expected, rtol=1e-9, atol=1e-22)
    assert np.any(current > 0)
    # The rate is a leaky sum of the events of 20 cells: each adds 1/(20 * 200 ms) at the end of its step.
    spikes = np.sort(
        np.concatenate(
            [
                result.spikes["output_pyramidal.event"].time,
                result.spikes["all/output_pyramidal.event"].time,
            ]
        )
    )
    counts = np.bincount(np.round(spikes / 0.2e-3).astype(int), minlength=len(time))
    value = 0.0
    for k in range(len(time)):
        assert rate[k] == pytest.approx(value, rel=1e-9, abs=1e-9)
        value = value * (1 - 0.2e-3 / 0.2) + counts[k] / (20 * 0.2)


@pytest.mark.slow
def test_weights_change_only_while_examples_are_learned_and_metrics_are_complete():
    measurement = ds.measure(small())
    m = measurement.metrics
    assert m["rates_before"].shape == m["rates_after"].shape == (4,)
    assert list(m["goal"]) == [2, 10, 10, 2]
    assert 0 <= m["right_last"] <= 1
    assert set(m["weights"]) == {f"{a}_{b}" for a in ("first", "second") for b in ("either", "both")} | {
        "either_output", "both_output"
    }  # fmt: skip
    for draw in measurement.figures.values():
        draw().canvas.draw()


@pytest.mark.slow
def test_fifty_examples_move_the_weights_of_the_output_towards_the_solution():
    protocol = ds.load_protocol("burst_xor", examples=50, cells=200, probability=0.5)
    m = run_and_measure(protocol, RunSettings("cpp", precision="single", seed=1))[1].metrics
    assert np.all(np.isfinite(m["rates_after"]))
    assert m["rates_before"][3] > m["rates_before"][0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"examples": 0}, "examples"),
        ({"example": "0.2 ms"}, "a tenth of it must be at least one time step"),
        ({"rate_least": "12 Hz"}, "rate_least is 12 Hz; it must be below rate_most, 10 Hz"),
        ({"probability": 0.0}, "probability"),
        ({"sigma": "-1 pA"}, "sigma"),
    ],
)
def test_bad_values_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        ds.load_protocol("burst_xor", **parameters)
