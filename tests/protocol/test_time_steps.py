"""Times become steps by one rule; rounding errors of any number of steps are allowed, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from valid_specs import protocol

import dendrosim as ds
from dendrosim.learning.settling import count_settling_steps
from dendrosim.protocol.time_steps import nearest_steps, whole_steps


@given(st.integers(1, 10**11), st.floats(1e-7, 1.0))
def test_multiples_of_any_step_are_whole(count, dt):
    assert whole_steps(count * dt, dt, "it") == count
    assert whole_steps(float(f"{count * dt * 1e3!r}") / 1e3, dt, "it") == count


@given(st.integers(0, 10**8), st.floats(1e-4, 0.9999), st.sampled_from([1e-4, 2.5e-5, 1e-3, 0.3]))
def test_what_is_between_two_steps_is_refused_at_any_length(count, part, dt):
    with pytest.raises(ds.errors.ParameterError, match=r"it is .* a whole number of time steps"):
        whole_steps((count + part) * dt, dt, "it")


def test_one_half_is_rounded_up():
    assert np.array_equal(nearest_steps([0.4, 0.5, 1.5, 2.5, 3.4], 1.0), [0, 1, 2, 3, 3])


LONG = (
    r"is 60000\.05 ms; it must be a whole number of time steps of 0\.1 ms \(dt\), "
    r"such as 60000 ms or 60000\.1 ms"
)


def test_half_a_step_is_refused_in_a_long_duration_as_in_a_short_one():
    for text, message in (
        ("60.00005 s", LONG),
        ("10.05 ms", "such as 10 ms or 10.1 ms"),
        ("0.05 ms", r"steps of 0\.1 ms \(dt\), such as 0\.1 ms$"),
    ):
        block = ds.Block("only", (ds.Phase("on", text),))
        with pytest.raises(ds.errors.ParameterError, match=rf"Phase only/on: duration .*{message}"):
            protocol(blocks=(block,), dt="0.1 ms")
    whole = ds.Block("only", (ds.Phase("on", "60 s"),))
    with pytest.raises(ds.errors.ParameterError, match=rf"every {LONG}"):
        protocol(blocks=(whole,), dt="0.1 ms", recordings=(ds.Recording("cell.v", "60.00005 s"),))


def test_other_times_that_become_steps_follow_the_same_rule():
    with pytest.raises(ds.errors.ParameterError, match=rf"settle {LONG}"):
        count_settling_steps({}, 1e-4, ds.quantity("60.00005 s"))
    with pytest.raises(ds.errors.ParameterError, match=r"interval is 60000\.05 ms"):
        ds.load_protocol("stp_decoding", interval=("60.00005 s",), dt="0.1 ms")


def test_a_refractory_period_is_rounded_down_to_steps():
    """With steps of 0.1 ms, 0.29 ms are two; a thousandth of a step is a rounding error, as in Brian2."""
    for period, apart in (
        ("0.29", 2),
        ("0.25", 2),
        ("0.3", 3),
        ("0.29995", 3),
        ("0.2998", 2),
        ("0", 1),
    ):
        cell = ds.Population(
            "cell", 1, "dv/dt = 0/second : 1", threshold="v > -1", refractory=f"{period}*ms"
        )
        circuit = ds.Circuit((cell,))
        blocks = (ds.Block("only", (ds.Phase("on", "2 ms"),)),)
        recordings = (ds.Recording("cell.spike", every="spike"),)
        times = (
            ds.run(ds.Protocol(circuit, blocks, "0.1 ms", recordings), "numpy").spikes["cell"].time
        )
        assert np.array_equal(np.round(times / 1e-4), np.arange(0, 20, apart)), period
