"""The equations that bursting cells share, in a cell whose voltages are held by the test."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.mechanisms.bursting_cell import RESET, BurstingCell, cell_equations, cell_inputs

DT = 0.1e-3


class Table(BurstingCell, ds.Parameters):
    bap_delay: ds.Quantity = ds.parameter("0.5 ms", "delay of the back-propagating spike", least=0)


def clamped(steps, **values):
    """Run the equations with a soma that fires in step 10 and an apical dendrite held at E_d."""
    p = Table(**values)
    text = "dsoma/dt = 0*volt/second : volt\ndapical/dt = 0*volt/second : volt\n"
    cell = ds.Population(
        "cell", 1, text + cell_equations(p) + "\nfire : 1", inputs={**cell_inputs(p), "fire": 0.0},
        initial={"soma": p.e_leak, "apical": p.e_plateau},
        threshold="fire > 0.5", reset=RESET,
    )  # fmt: skip
    phase = ds.Phase("run", f"{steps * DT!r} s")
    protocol = ds.Protocol(
        ds.Circuit((cell,), parameters=p),
        (ds.Block("run", (phase,)),),
        dt=f"{DT!r} s",
        signals={"cell.fire": ds.Pulse(1.0, onset=f"{10 * DT!r} s", duration=f"{DT!r} s")},
        recordings=(
            ds.Recording("cell.*", every=f"{DT!r} s"),
            ds.Recording("cell.spike", every="spike"),
        ),
    )
    result = ds.run(protocol, backend="numpy")
    assert len(result.spikes["cell"].time) == 1
    return {
        n: result[f"cell.{n}"].values[:, 0]
        for n in ("bap", "adaptation", "recovery", "into_soma", "plateau")
    }


def test_a_spike_opens_the_window_of_the_back_propagating_spike():
    bap = clamped(60, bap_delay="0.5 ms", bap_duration="2 ms")["bap"]
    open_steps = np.flatnonzero(bap)
    assert open_steps.size == 20
    assert np.all(np.diff(open_steps) == 1)
    assert open_steps[0] == 10 + 1 + 5


def test_adaptation_jumps_and_decays_and_a_half_open_plateau_feeds_the_soma():
    courses = clamped(60)
    after = courses["adaptation"][11:]
    np.testing.assert_allclose(
        after, -200e-12 * (1 - DT / 100e-3) ** np.arange(after.size), rtol=1e-12
    )
    np.testing.assert_allclose(courses["plateau"], 0.5, rtol=1e-15)
    np.testing.assert_allclose(courses["into_soma"][:10], 650e-12, rtol=1e-12)
    target = -13e-9 * (-38e-3 + 70e-3)
    expected = target * (1 - (1 - DT / 30e-3) ** np.arange(60))
    np.testing.assert_allclose(courses["recovery"], expected, rtol=1e-10, atol=1e-25)


def test_a_reset_above_the_threshold_and_a_dendrite_that_is_absent_are_refused():
    with pytest.raises(
        ParameterError, match=r"v_reset is -0\.045 V; it must lie below v_threshold"
    ):
        cell_equations(Table(v_reset="-45 mV"))
    with pytest.raises(ParameterError, match="g_basal has no effect with basal=none"):
        cell_equations(Table(g_basal="10 nS"))
