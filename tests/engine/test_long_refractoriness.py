"""Refractory periods of any length: longer than any run, infinite, and across runs that continue each other."""

import numpy as np
import pytest
from comparisons import spike_table
from reference_problems import PATIENT

import dendrosim as ds

PERIODS = (3.0, 1.2e4, 9.2e15, 1e30)  # seconds; 9.2e15 s are nearly 2^63 ms


def protocol(period="pause", steps=25):
    """Cells whose v grows by 1 in every step in which they are not refractory; they spike if they can."""
    cell = ds.Population(
        "cell",
        len(PERIODS),
        "dv/dt = 1/(1000*second) : 1 (unless refractory)\npause : second",
        parameters={"pause": ds.Quantity(PERIODS, ds.quantity("1 s").dimension)},
        threshold="v > 1.5",
        refractory=f"{period} + 0*pause",
    )
    return ds.Protocol(
        ds.Circuit((cell,)),
        (ds.Block("only", (ds.Phase("on", f"{steps}000 s"),)),),
        "1000 s",
        (ds.Recording("cell.spike", every="spike"),),
    )


@pytest.mark.parametrize("backend", PATIENT)
@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("period", ["pause", "pause + 0*dt", "inf*second", "pause*inf"])
def test_a_unit_spikes_once_and_then_after_its_period(backend, precision, period):
    if precision == "single" and backend != "cpp":
        pytest.skip("single precision is tested on cpp")
    result = ds.run(protocol(period), backend, precision=precision)
    lengths = PERIODS if "inf" not in period else [np.inf] * len(PERIODS)
    table = spike_table(result)
    for unit, length in enumerate(lengths):
        pause = max(1, int(min(length, 1e9) // 1000))
        expected = np.arange(1, 25, pause)  # v exceeds 1.5 after the second step
        assert np.array_equal(table[table[:, 1] == unit][:, 0], expected)


@pytest.mark.parametrize("backend", PATIENT)
def test_a_run_that_continues_another_one_keeps_the_rest_of_the_period(backend):
    first = ds.run(protocol("3000*second", steps=3), backend)
    assert np.array_equal(spike_table(first)[:, 0], [1] * len(PERIODS))
    assert np.array_equal(first.state["cell.lastspike"], np.full((len(PERIODS), 1), -2000.0))
    second = ds.run(protocol("3000*second", steps=3), backend, initial=first)
    assert np.array_equal(spike_table(second)[:, 0], [1] * len(PERIODS))
    forever = ds.run(protocol("inf*second", steps=30), backend, initial=second)
    assert len(spike_table(forever)) == 0
    silent = ds.run(protocol("inf*second", steps=1), backend)
    assert len(spike_table(silent)) == 0
    awake = ds.run(protocol("inf*second", steps=3), backend, initial=silent)
    assert np.array_equal(spike_table(awake)[:, 0], [0] * len(PERIODS))
