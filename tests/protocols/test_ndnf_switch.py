"""`ndnf_switch` against a loop of Euler steps, and what switches a circuit of cell types."""

from functools import cache

import numpy as np
import pytest
from cell_type_equations import driven, euler, resting

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.experiments.run import run_and_measure

AMPLITUDES = (0.4, 1.6, 0.8)
DT, PULSE, SETTLE = 8e-3, 0.4, 3.2


@cache
def measured():
    protocol = ds.load_protocol(
        "ndnf_switch", amplitudes=AMPLITUDES, dt="8 ms", pulse="400 ms", settle="3.2 s"
    )
    return run_and_measure(protocol, RunSettings("numpy"))


def by_loop(b, amplitude):
    """NDNF rates at the ends of the phases without drive."""
    y, found = resting(b), []
    for drive in (-5, 0, amplitude, 0, -amplitude, 0):
        duration = PULSE if abs(drive) == amplitude else SETTLE
        course = euler(y, b, driven(ndnf=drive), duration, DT)
        y = course[-1]
        found.append(course[:, 5])
    return found[1][-1], found[3][-1], found[5][-2]  # the end of a run is not recorded


def test_rates_after_pulses_are_those_of_a_loop():
    metrics = measured()[1].metrics
    for name, b in (("strength0", 0.5), ("strength1", 0.8)):
        expected = np.array([by_loop(b, a) for a in AMPLITUDES]).T
        for phase, rates in zip(("before", "after_on", "after_off"), expected, strict=True):
            assert metrics[f"ndnf_{phase}"][name] == pytest.approx(rates, rel=1e-9)


def test_strong_presynaptic_inhibition_keeps_a_strong_pulse_and_weak_forgets_all():
    metrics = measured()[1].metrics
    assert not np.any(metrics["switched_on"]["strength0"])
    for name in ("switched_on", "switched_off"):
        assert list(metrics[name]["strength1"]) == [False, True, True]
    assert metrics["ndnf_after_on"]["strength1"][1] == pytest.approx(
        19 / 12
    )  # terminals shut: linear equations
    assert metrics["sst_share_high"]["strength1"] < 1e-9
    assert metrics["sst_share_low"]["strength1"] > 0.8


def test_figures_are_drawn():
    for draw in measured()[1].figures.values():
        draw().canvas.draw()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"strengths": (0.8, 0.8)},
            r"strengths is \[0.8, 0.8\]; give at least one value, and none twice",
        ),
        ({"amplitudes": ()}, r"amplitudes is \[\]; give at least one value"),
        ({"dt": "25 ms"}, "dt is 25 ms, but tau_soma is 10 ms, .* unstable from dt = 20 ms on"),
        ({"strengths": (1.0,)}, "strengths"),
    ],
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(ds.errors.ParameterError, match=said):
        ds.load_protocol("ndnf_switch", **given)
