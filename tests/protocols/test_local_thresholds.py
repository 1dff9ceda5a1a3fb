"""`local_thresholds`: the printed circuits oscillate as closed forms say; the feed-forward one computes eq. 6."""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds

VOLTAGES = (1.5, 1.2, 0.4, -1.2)
# Turning points come up to two steps late, and Euler's rates are off by dt/(2 tau), 0.5 % of a period.
LATE = 4 * 0.1e-3 + 0.005 * 45e-3
CONTINUOUS = ("output_filtered", "current_filtered", "feed_forward")


@cache
def measured(**parameters):
    given = {"voltages": VOLTAGES, "dt": "0.1 ms", "duration": "220 ms", **parameters}
    return ds.run(ds.load_protocol("local_thresholds", **given), backend="numpy").metrics


def only(metrics, name, number):
    """The values of one number by unit."""
    return np.asarray(metrics[name][number], dtype=float)


def test_clocked_circuits_oscillate_between_nothing_and_too_much():
    """h > S with s = 1: errors alternate between 0 and 1 + eps; h < -S with s = -1: between 0 and -mu - eps."""
    metrics = measured()
    for name, period in (("sequential", 2), ("synchronous", 4)):
        expected = [period, period] + 5 * [np.nan] + [period]
        np.testing.assert_array_equal(only(metrics, name, "period"), expected)
        mean = [0.6, 0.6, 1, 1, -0.5, -0.5, -0.5, -0.35]
        assert only(metrics, name, "mean") == pytest.approx(mean, abs=1e-12)
        assert metrics[name]["implements_eq_6"] is False


@pytest.mark.parametrize("form", CONTINUOUS[:2])
def test_in_continuous_time_the_period_is_that_of_the_slow_filter(form):
    """tau ln 49 at h = 1.5, tau ln 76 at |h| = 1.2."""
    found = only(measured(), form, "period")
    expected = 10e-3 * np.log([49, 76, 76])
    assert expected[0] == pytest.approx(38.918e-3, abs=1e-6)
    assert found[[0, 1, 7]] == pytest.approx(expected, abs=LATE)
    assert np.isnan(found[2:7]).all()


def test_the_period_is_independent_of_the_other_time_constant():
    """tau_control = 5 ms: 21.654 ms at h = 1.2, whatever tau_error is."""
    for tau_error in ("10 ms", "3 ms"):
        metrics = measured(tau_control="5 ms", tau_error=tau_error)
        found = only(metrics, "output_filtered", "period")[1]
        assert found == pytest.approx(21.654e-3, abs=LATE)


@pytest.mark.parametrize("form", CONTINUOUS[:2])
def test_in_continuous_time_nothing_is_shut_off(form):
    """The mean error is 1 or -mu for every voltage; of a period, two steps or so are off."""
    metrics = measured()
    assert only(metrics, form, "mean") == pytest.approx([1] * 4 + [-0.5] * 4, abs=1e-2)
    assert metrics[form]["implements_eq_6"] is False


def test_the_feed_forward_circuit_computes_the_error_of_a_hinge_loss():
    metrics = measured()
    wanted = [1 if h <= 1 else 0 for h in VOLTAGES] + [-0.5 if h >= -1 else 0 for h in VOLTAGES]
    assert only(metrics, "feed_forward", "required").tolist() == wanted
    assert only(metrics, "feed_forward", "mean") == pytest.approx(wanted, abs=1e-8)
    assert metrics["feed_forward"]["implements_eq_6"] is True


def test_with_other_numbers_the_closed_forms_hold():
    given = {"bound": 3.0, "threshold": 0.5, "balance": 0.8, "excess": 0.4, "voltages": (2.0, -1.0)}
    metrics = measured(**given)
    low, high = np.array([1.5, 0.5]) / 6, np.array([5.0, 4.0]) / 6
    period = 10e-3 * np.log(high * (1 - low) / (low * (1 - high)))
    for form in CONTINUOUS[:2]:
        assert only(metrics, form, "period")[[0, 3]] == pytest.approx(period, abs=LATE)
    assert only(metrics, "sequential", "mean") == pytest.approx([0.7, 1, -0.8, -0.6], abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "given", [{"tau_error": "0.21 ms"}, {"tau_control": "80 ms", "dt": "0.4 ms"}]
)
def test_by_default_the_run_is_long_enough_to_measure_periods(given):
    """Errors that are near 1 after many of their time constants are still above 1, not rounded to it."""
    metrics = measured(voltages=(1.5, -1.9), duration=None, **given)
    step = 1e-3 * float(given.get("dt", "0.1 ms").split()[0])
    expected = only(metrics, "output_filtered", "expected_period")[[0, 3]]
    found = only(metrics, "output_filtered", "period")[[0, 3]]
    assert found == pytest.approx(expected, abs=4 * step + 0.005 * expected.max())


@pytest.mark.parametrize("edge", ["strict", "printed"])
def test_feedback_to_saturated_units_is_shut_off(edge):
    """Also a feedback of K, unless the comparison is the printed one: then -K is left of it."""
    x = np.array([-1.0, -0.99, 0.3, 1.0, 1.0, -1.0])
    delta = np.array([0.5, -0.7, 0.2, -0.9, 1.0, 1.0])
    circuit = ds.load_circuit("shutdown_circuit", units=6, edge=edge, tau="1 ms")
    protocol = ds.Protocol(
        circuit, (ds.Block("run", (ds.Phase("run", "40 ms"),)),), dt="1 ms",
        signals={"unit.x": x, "unit.delta": delta},
    )  # fmt: skip
    leak = -1.0 if edge == "printed" else 0.0
    found = ds.run(protocol, backend="numpy").final["unit.shut"].values
    assert found.tolist() == [0.0, -0.7, 0.2, 0.0, leak, leak]


@pytest.mark.parametrize("edge", ["strict", "printed"])
def test_in_continuous_time_feedback_is_shut_off_later_or_never(edge):
    """For delta = 0.9 K after tau ln 20, for -0.5 K after tau ln 4/3, for K never, as u does not reach 1."""
    circuit = ds.load_circuit("shutdown_circuit", units=3, edge=edge, tau="10 ms")
    protocol = ds.Protocol(
        circuit, (ds.Block("run", (ds.Phase("run", "400 ms"),)),), dt="0.1 ms",
        recordings=(ds.Recording("unit.y", every="0.1 ms"),),
        signals={"unit.x": [1.0, -1.0, 1.5], "unit.delta": [0.9, -0.5, 1.0]},
    )  # fmt: skip
    result = ds.run(protocol, backend="numpy")
    passed = 0.1 * np.count_nonzero(result["unit.y"].values > -1, axis=0)
    assert passed[:2] == pytest.approx(10 * np.log([20, 4 / 3]), abs=0.3)
    assert result.final["unit.shut"].values == pytest.approx([0, 0, -1], abs=1e-12)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"voltages": (0.5, 2.0)},
            r"voltages is \[0.5, 2.0\]; .* between -bound and bound, -2 and 2",
        ),
        ({"voltages": ()}, "there must be at least one"),
        ({"threshold": 2.5}, "threshold is 2.5 and bound 2.0; no voltage would be sufficient"),
        ({"dt": "5 ms"}, "dt is 5 ms; it must be below half of the shorter time constant, 10 ms"),
        ({"duration": "150 ms"}, "duration is 150 ms; it must be at least 173.2 ms, four"),
        ({"balance": 1.5}, "balance is 1.5; it must be"),
    ],
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(ds.errors.ParameterError, match=said):
        ds.load_protocol("local_thresholds", **given)
