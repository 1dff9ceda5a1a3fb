"""Pairing protocols of burst-dependent plasticity: drifts, and where they are zero, in closed form."""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError
from dendrosim.experiments.run import run_and_measure

T = 16e-3  # seconds


@cache
def measured(**parameters):
    return run_and_measure(ds.load_protocol("burst_pairing", **parameters), RunSettings("cpp"))[1]


def hertz(*values):
    return tuple(f"{float(v)!r} Hz" for v in values)


def near(p_start, factors=(0.92, 0.96, 1.0, 1.04, 1.08)):
    return hertz(*(-np.log(1 - p_start) / T * np.array(factors)))


SHORT = {"duration": "20 s", "pairs": 60}
LONG_TRACE = {"tau_trace": "500 ms"}  # averages more presynaptic spikes: the noise is half as large


def test_the_drift_of_poisson_trains_changes_its_sign_at_the_rate_of_the_closed_form():
    m = measured(rates=near(0.3), **SHORT, **LONG_TRACE).metrics
    assert m["switch_rate_error"] < 0.01 * m["switch_rate"]
    in_steps = -np.log(0.7) / (T - 1e-4)
    assert m["switch_rate_in_steps"] == pytest.approx(in_steps, rel=1e-12)
    assert abs(m["switch_rate"] - in_steps) < 4 * m["switch_rate_error"]


def test_poisson_trains_have_the_events_of_the_closed_forms():
    m = measured(rates=near(0.3), **SHORT, **LONG_TRACE).metrics
    rate, seconds = m["rates"], 20 * 60
    events = rate * np.exp(-rate * (T - 1e-4))
    assert np.all(np.abs(m["event_rate"] - events) < 4 * np.sqrt(events / seconds))
    probability = 1 - np.exp(-rate * (T - 1e-4))
    error = np.sqrt(probability * (1 - probability) / (events * seconds))
    assert np.all(np.abs(m["burst_probability"] - probability) < 4 * error)


@pytest.mark.slow
@pytest.mark.parametrize("p_start", [0.15, 0.2, 0.3, 0.5])
def test_the_rate_of_the_switch_is_within_one_per_cent(p_start):
    """The time step is so short that counting intervals in steps changes the rate by 0.3 %."""
    rate = -np.log(1 - p_start) / T
    seconds = {0.15: 24_000, 0.2: 13_000, 0.3: 6_000, 0.5: 2_800}[p_start]
    m = measured(
        rates=near(p_start),
        p_start=p_start,
        pairs=seconds // 100,
        duration="100 s",
        dt="0.05 ms",
        seed=1,
        **LONG_TRACE,
    ).metrics
    assert m["switch_rate_error"] < 0.003 * rate
    assert m["switch_rate"] == pytest.approx(rate, rel=0.01)


def test_the_drift_is_zero_at_the_expected_burst_probability_and_its_slope_is_proportional_to_the_rate():
    m = measured(pairing="burst_poisson", rates=hertz(5, 10), p_start=0.25, **SHORT).metrics
    assert np.all(np.abs(m["zero_crossing"] - 0.25) < 4 * m["zero_crossing_error"])
    assert np.all(m["zero_crossing_error"] < 0.02)
    rates = m["event_rate"].reshape(2, -1).mean(axis=1)
    ratio = m["slope"][1] / m["slope"][0]
    error = ratio * np.sqrt(np.sum((m["slope_error"] / m["slope"]) ** 2))
    assert abs(ratio - rates[1] / rates[0]) < 4 * error
    assert rates[1] / rates[0] == pytest.approx(2, rel=0.1)
    # eta <x_pre> R (P - P0): the trace of presynaptic events is tau_trace times their rate
    gap = (m["drift"] - m["expected_drift"]) / m["drift_error"]
    assert np.all(np.abs(gap) < 4)
    assert np.ptp(m["drift"]) > 20 * m["drift_error"].max()


def test_periodic_trains_switch_where_the_interval_is_16_ms():
    found = measured(pairing="periodic", duration="10 s", p_start=0.3)
    m = found.metrics
    assert (m["switch_rate"], m["switch_rate_error"]) == (62.5, 2.5)
    assert found.references["switch_rate"].value == pytest.approx(62.5)
    expected = []
    for rate in m["rates"]:
        pre = np.floor(np.arange(5) / rate / 1e-4 + 0.5)
        post = np.floor((np.arange(5) / rate + 10e-3) / 1e-4 + 0.5)
        apart = np.diff(pre, prepend=-np.inf)
        events = pre[apart >= 160]
        change = 0.0
        for k, step in enumerate(post):
            since = (step - events[events <= step]) * 1e-4
            trace = np.sum(np.exp(-since / 50e-3))
            if k == 0 or step - post[k - 1] >= 160:
                change -= 0.3 * trace
            elif k == 1:
                change += trace
        expected.append(0.1 * change / 10)
    np.testing.assert_allclose(m["drift"], expected, rtol=1e-9)
    assert np.all((m["drift"] > 0) == (m["rates"] > 62.5))


@pytest.mark.slow
def test_a_moving_average_keeps_the_sign_of_the_first_mismatch_and_stops_the_drift():
    values = {
        "pairing": "burst_poisson",
        "rates": hertz(5),
        "probabilities": (0.05, 0.6),
        "p_start": 0.25,
    }
    constant = measured(**values, **SHORT).metrics["drift"]
    moving = measured(**values, **SHORT, tau_average="5 s").metrics["drift"]
    assert constant[0] < moving[0] < 0 < moving[1] < constant[1]
    assert np.all(np.abs(moving) < 0.3 * np.abs(constant))


def test_figures_are_drawn():
    for pairing in ("poisson", "burst_poisson", "periodic"):
        pairs = {} if pairing == "periodic" else {"pairs": 2}  # trains that repeat need one pair
        protocol = ds.load_protocol(
            "burst_pairing", pairing=pairing, duration="2 s", dt="1 ms", **pairs
        )
        measurement = run_and_measure(protocol, RunSettings("numpy"))[1]
        measurement.figures["drift"]().canvas.draw()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"probabilities": (0.1, 0.2)}, "probabilities is .* but pairing is poisson"),
        ({"pairing": "burst_poisson", "probabilities": (1.2, 0.1)}, "probabilities"),
        ({"pairing": "burst_poisson", "probabilities": (0.1,)}, "at least two"),
        ({"rates": ()}, "rates is empty; give at least one"),
        ({"pairing": "burst_poisson", "rates": ("60 Hz",)}, "rates has 60 Hz"),
        ({"rates": ("8 kHz",)}, "rates has 8000 Hz"),
        ({"p_start": 1.0}, "p_start"),
        ({"pairs": 0}, "pairs"),
        (
            {"duration": "0.04 ms"},
            "duration is 0.04 ms; it must be at least one time step of 0.1 ms",
        ),
        ({"tau_average": "0 s"}, "tau_average"),
    ],
)
def test_bad_values_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        ds.load_protocol("burst_pairing", **parameters)
