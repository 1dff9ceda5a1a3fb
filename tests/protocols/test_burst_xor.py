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
def test_each_teacher_has_the_event_rate_of_its_cell_and_the_current_of_the_rule():
    result = small()
    time = result["fine/teacher.rate"].time.values
    rate, current, goal, first, second = (
        result[f"fine/teacher.{n}"].values
        for n in ("rate", "current", "goal", "bit_first", "bit_second")
    )
    np.testing.assert_allclose(goal, np.where(first != second, 10.0, 2.0), rtol=1e-12)
    example = np.floor((time - 0.8 + 1e-9) / 0.4)
    taught = (example >= 0) & (example < 4) & ((time - 0.8 + 1e-9) % 0.4 >= 0.36)
    up = (goal == 10) * (rate < 9) * 450e-12 / np.clip(rate - 2, 1, None)
    down = (goal == 2) * (rate > 3) * 450e-12 / np.clip(10 - rate, 1, None)
    expected = taught[:, np.newaxis] * (up - down)
    np.testing.assert_allclose(current, expected, rtol=1e-9, atol=1e-22)
    assert np.any(current > 0)
    assert np.any(current < 0)
    # The rate is a leaky sum of the events of the cell: each adds 1/(2 s) at the end of its step.
    trains = [result.spikes[f"{prefix}output_pyramidal.event"] for prefix in ("", "all/")]
    counts = np.zeros((len(time), 20))
    for train in trains:
        np.add.at(counts, (np.round(train.time / 0.2e-3).astype(int), train.unit), 1)
    value = np.zeros(20)
    for k in range(len(time)):
        np.testing.assert_allclose(rate[k], value, rtol=1e-9, atol=1e-9)
        value = value * (1 - 0.2e-3 / 2) + counts[k] / 2


@pytest.mark.slow
def test_metrics_are_complete_and_figures_are_drawn():
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


HIDDEN = tuple((i, h) for i in ("first", "second") for h in ("either", "both"))
ONTO_OUTPUT = (("either", "output"), ("both", "output"))
WINDOW = 0.1


@cache
def fifty():
    """Fifty examples, with all events, and all weights before and after each lesson.

    Weights learn twice as fast as by default, and without homeostasis, which the rate form does not have.
    """
    protocol = ds.load_protocol(
        "burst_xor", examples=50, cells=200, probability=0.5, test="3 s", rate_high="100 Hz",
        eta_hidden="1 pA", eta_output="8 pA",
    )  # fmt: skip
    names = ("first", "second", "either", "both", "output")
    protocol = protocol.replace(
        recordings=(
            *protocol.recordings,
            ds.Recording(
                tuple(f"{i}_{h}.weight" for i, h in (*HIDDEN, *ONTO_OUTPUT)), every="phase",
                phases="learning/*", name="weights",
            ),
            ds.Recording(
                tuple(f"{n}_pyramidal.{e}" for n in names for e in ("event", "burst")), every="spike",
                phases="learning/*", name="lessons",
            ),
        )
    )  # fmt: skip
    return run_and_measure(protocol, RunSettings("cpp", precision="single", seed=1))


def lessons(pre, post):
    """Return the mean change of weights in each lesson, with its error over cells, and that of the rate form.

    The rate form has the rates R of both populations in windows: dW/dt = eta tau_trace R_pre (R_B - p R_E), where
    p is the ratio of the averages of R_B and R_E.
    """
    result = fifty()[0]
    rows = result[f"weights/{pre}_{post}.weight"].values.reshape(100, -1)
    # Weights change in lessons only. The last step of a lesson, in which few cells fire, is not recorded.
    assert np.mean(rows[2::2] != rows[1:-1:2]) < 0.01
    change = rows[1::2] - rows[::2]  # lessons, synapses
    cell = result.final[f"{pre}_{post}.weight"].post.values
    count = np.bincount(cell, minlength=200)
    means = np.stack([np.bincount(cell, row, minlength=200) for row in change]) / count
    rule = result.circuit.pathway(f"{pre}_{post}").parameters
    eta, tau, average = (rule[n].value for n in ("eta", "tau_trace", "tau_average"))
    edges = 12.0 + WINDOW * np.arange(4001)
    pre_rate, event, burst = (
        np.histogram(result.spikes[f"lessons/{n}_pyramidal.{e}"].time, edges)[0] / (200 * WINDOW)
        for n, e in ((pre, "event"), (post, "event"), (post, "burst"))
    )
    kept = np.exp(-WINDOW / average)
    r, drift = np.array([event[:20].mean(), burst[:20].mean()]), np.zeros(4000)
    for k in range(4000):
        drift[k] = eta * tau * pre_rate[k] * (burst[k] - r[1] / r[0] * event[k]) * WINDOW
        r = kept * r + (1 - kept) * np.array([event[k], burst[k]])
    taught = np.arange(4000).reshape(50, 80)[:, 72:]
    return means.mean(axis=1), means.std(axis=1, ddof=1) / 200**0.5, drift[taught].sum(axis=1)


def shown_patterns():
    result = fifty()[0]
    bits = [result[f"teacher.bit_{n}"].values[:, 0] > 0.5 for n in ("first", "second")]
    return bits[0], bits[1]


@pytest.mark.slow
@pytest.mark.parametrize(("pre", "post"), [*HIDDEN, *ONTO_OUTPUT])
def test_weights_change_in_lessons_as_the_rate_form_and_the_gradient_of_the_error_say(pre, post):
    """Within four standard errors, and a tenth of the change for correlations within single cells.

    The output is too weak for one active input and too strong for two. The gradient is that of a network in which
    `either` excites the output and `both` inhibits it.
    """
    change, error, expected = lessons(pre, post)
    first, second = shown_patterns()
    sender = {"first": first, "second": second}.get(pre, first | second)
    sign = -1 if (pre, post) in ONTO_OUTPUT or post == "either" else 1
    for lesson, direction in ((first & second, sign), ((first ^ second) & sender, -sign)):
        if "both" in (pre, post) and direction == -sign:
            continue  # `both` is silent unless both inputs are active
        total, bar = change[lesson].sum(), np.sqrt(np.sum(error[lesson] ** 2))
        assert direction * total > 3 * bar
        assert abs(total - expected[lesson].sum()) < 4 * bar + 0.1 * abs(total)


@pytest.mark.slow
def test_fifty_examples_move_the_output_towards_its_goals():
    m = fifty()[1].metrics
    missed, contrast = (
        {n: f(m[f"rates_{n}"]) for n in ("before", "after")}
        for f in (lambda x: np.abs(x - m["goal"]), lambda x: (x[1] + x[2]) / 2 - x[3])
    )
    assert contrast["after"] > contrast["before"] + 1.5
    assert np.all(missed["after"] < missed["before"] + 0.5)
    assert missed["after"].sum() < missed["before"].sum() - 3


@pytest.mark.slow
def test_bursts_of_different_cells_are_not_synchronous():
    """Counts in windows of 10 ms would have a variance of 200 times their mean if all cells fired together."""
    m = fifty()[1].metrics
    assert np.all((m["burst_probability"] > 0.15) & (m["burst_probability"] < 0.5))
    time = fifty()[0].spikes["lessons/output_pyramidal.event"].time
    counts = np.histogram(time, 12.0 + 0.01 * np.arange(40001))[0].reshape(50, -1)[:, 300:700]
    assert np.all(counts.var(axis=1) < 10 * counts.mean(axis=1))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"examples": 0}, "examples"),
        ({"example": "0.2 ms"}, "a tenth of it must be at least one time step"),
        ({"rate_least": "12 Hz"}, "rate_least is 12 Hz; it must be below rate_most, 10 Hz"),
        ({"probability": 0.0}, "probability"),
        ({"tau_dendrite": "0.1 ms"}, "apical is 0.1 ms, .* unstable from dt = 0.2 ms on"),
        ({"sigma": "-1 pA"}, "sigma"),
    ],
)
def test_bad_values_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        ds.load_protocol("burst_xor", **parameters)
