"""`vip_gating` against a loop of Euler steps; VIP drive opens a gate for dendritic input."""

from functools import cache

import numpy as np
import pytest
from cell_type_equations import driven, euler, resting

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.experiments.run import run_and_measure

DRIVES = (-1.0, 0.0, 1.5)
DT, SETTLE, PULSE = 5e-3, 2.0, 0.1


@cache
def measured():
    protocol = ds.load_protocol("vip_gating", vip_drives=DRIVES, dt="5 ms", settle="2 s")
    return run_and_measure(protocol, RunSettings("numpy"))


def by_loop(vip):
    """Largest effect of the early and of the late pulse on dendrites, by comparison with a run without pulses."""
    runs = []
    for pulse in (0.5, 0.0):
        y, parts = resting(0.5), []
        pulsed, settling = (vip, pulse, PULSE), (vip, 0, SETTLE)
        for drive, extra, duration in ((0, 0, SETTLE), pulsed, settling, pulsed):
            course = euler(y, 0.5, driven(vip=drive, dendrite=-1.5 + extra), duration, DT)
            y = course[-1]
            parts.append(course[1:, 1])
        runs.append(parts)
    return [np.max(runs[0][k] - runs[1][k]) for k in (1, 3)]


def test_responses_are_those_of_a_loop():
    metrics = measured()[1].metrics
    early, late = np.array([by_loop(vip) for vip in DRIVES]).T
    assert metrics["early"]["intact"] == pytest.approx(early, rel=1e-6)
    assert metrics["late"]["intact"] == pytest.approx(late, rel=1e-6, abs=1e-12)


def test_vip_drive_opens_the_gate_through_sst_cells_and_ndnf_cells_close_a_part():
    metrics = measured()[1].metrics
    early, late = (metrics[k]["intact"] for k in ("early", "late"))
    assert early[2] > 2.5 * early[1]
    assert late[0] < 1e-6
    assert 0.6 * early[2] < late[2] < 0.9 * early[2]
    assert np.diff(metrics["ndnf"]["intact"]).min() > 0
    assert metrics["early"]["cut"] == pytest.approx(metrics["early"]["cut"][1], rel=0.15)


def test_settled_rates_are_those_of_the_closed_form():
    assert max(measured()[1].metrics["deviation"].values()) < 2e-3


def test_figures_are_drawn():
    for draw in measured()[1].figures.values():
        draw().canvas.draw()


def test_no_drive_is_refused():
    with pytest.raises(ds.errors.ParameterError, match="vip_drives is empty"):
        ds.load_protocol("vip_gating", vip_drives=())
