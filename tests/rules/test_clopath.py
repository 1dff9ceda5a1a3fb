"""The voltage rule against a loop over time steps, with a given voltage of the postsynaptic cell."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import EquationError, ParameterError, UnitError, UnknownMemberError

DT, STEPS = 1e-4, 1500
SPIKES = {0: [200, 900], 1: [350, 1000], 2: [300, 700, 1400]}
RULE = ds.rules.clopath(weight_max=3, a_ltd="40e-5 mV**-1", a_ltp="30e-5 mV**-2")


def voltage():
    """Spikes of 2 ms on a slow wave, in millivolts; one row a step."""
    time = np.arange(STEPS) * DT
    wave = -68 + 6 * np.sin(2 * np.pi * 12 * time)
    for step in (320, 600, 940, 1010):
        wave[step : step + 20] = 20.0
    return wave


def circuit(post=RULE.add_to):
    cell = ds.Population("b", 3, "v : volt", inputs=["v"])
    sender = ds.Population("a", 3, "fire : 1", inputs=["fire"], threshold="fire > 0.5")
    learn = ds.Pathway("learn", "a", "b", connect=ds.OneToOne(), weight=0.5, rule=RULE)
    return ds.Circuit((sender, post(cell)), pathways=(learn,))


def test_pairing_is_that_of_a_loop_over_time_steps():
    fire = np.zeros((STEPS, 3))
    for unit, spikes in SPIKES.items():
        fire[spikes, unit] = 1
    u = voltage()
    made = ds.Protocol(
        circuit(),
        (ds.Block("run", (ds.Phase("on", f"{STEPS * DT!r} s"),)),),
        f"{DT!r} s",
        signals={
            "a.fire": ds.Table(fire, f"{DT!r} s"),
            "b.v": ds.Table(u * 1e-3, f"{DT!r} s", "V"),
        },
    )
    found = ds.run(made, "numpy").final["learn.weight"].values.ravel()
    expected = []
    for spikes in SPIKES.values():
        w, x, slow, fast = 0.5, 0.0, -70.6, -70.6
        for step in range(STEPS):
            slow += (u[step] - slow) * DT / 10e-3  # forward Euler, as all cells
            fast += (u[step] - fast) * DT / 7e-3
            x *= np.exp(-DT / 15e-3) if step else 1
            if step in spikes:
                w = max(w - 3 * 40e-5 * max(slow + 70.6, 0), 0)
                x += 1
            if u[step] > -45.3 and fast > -70.6:
                w += 3 * 30e-5 * x * (u[step] + 45.3) * (fast + 70.6) * DT / 15e-3
                w = min(w, 3)
        expected.append(w)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.ptp(expected) > 0.05


def test_a_cell_without_the_filtered_voltages_is_refused_by_name():
    with pytest.raises(UnknownMemberError, match=r"event of population 'b'.*'depolarised'"):
        circuit(post=lambda cell: cell)
    event = {"depolarised": ds.Event("v > 0*volt")}
    with pytest.raises(EquationError, match="u_slow_post"):
        circuit(post=lambda cell: cell.replace(events=event))
    with pytest.raises(EquationError, match="'v'"):
        ds.Circuit((RULE.add_to(ds.Population("b", 3, "du/dt = -u/(5*ms) : volt")),))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"theta_plus": "-80 mV"}, ParameterError, "theta_plus is -80 mV; it must be above theta_minus"),
        ({"a_ltd": "-1e-5 mV**-1"}, ParameterError, "a_ltd is -1e-5"),
        ({"a_ltp": "1e-5 mV**-1"}, UnitError, "a_ltp"),
        ({"tau_x": "1 mV"}, UnitError, "clopath: tau_x"),
        ({"tau_slow": "0 ms"}, ParameterError, "clopath: tau_slow"),
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_refused(changes, error, words):
    with pytest.raises(error, match=words):
        ds.rules.clopath(**changes)
