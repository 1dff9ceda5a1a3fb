"""The bursting pyramidal cell against forward-Euler loops of its own, and the dendritic spike of one cell.

The loops are written from the equations of Naud & Sprekeler (2018) and, with conductances, of Payeur et al.
(2021), with their parameters written down again. They count whole steps: a spike is at the end of
the step whose update crosses the threshold; the soma then stands still until a refractory period after its
step began, and the dendrite sees the spike from its delay on for exactly the duration of the box.
"""

from functools import cache

import numpy as np
import pytest
from comparisons import gap, spike_table
from reference_problems import PATIENT

import dendrosim as ds
from dendrosim.analysis.bursts import burst_statistics
from dendrosim.errors import ParameterError, UnitError, UnknownNameError, UsageError
from dendrosim.library.catalogue import find_entry
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.loading import read_settings

CONDUCTANCE = "pyramidal_burst_conductance"
C_S, TAU_S, C_D, TAU_D = 370e-12, 16e-3, 170e-12, 7e-3
REST, V_T, E_D, WIDTH = -70e-3, -50e-3, -38e-3, 6e-3
G_S, G_D, C_BAP, BOX = 1300e-12, 1200e-12, 2600e-12, 2e-3
JUMP, TAU_WS, RECOVERY, TAU_WD = -200e-12, 100e-3, -13e-9, 30e-3
DT, STEPS = 1e-4, 3000
# From silence over single spikes to plateaus that follow each other.
SOMA = np.array([0.0, 500.0, 900.0, 1500.0, 0.0, 600.0, 450.0, -100.0])
APICAL = np.array([0.0, 0.0, 200.0, 400.0, 700.0, 900.0, 550.0, 1500.0])
BACKGROUND = {
    "exc_soma": np.array([0.3, 0.6, 0.9, 1.2, 0.5, 0.2, 0.8, 0.4]),
    "inh_soma": np.array([0.1, 0.5, 0.2, 0.9, 0.0, 0.6, 0.3, 0.4]),
    "exc_apical": np.array([0.1, 0.5, 0.3, 0.0, 0.6, 0.9, 0.2, 0.4]),
    "inh_apical": np.array([0.2, 0.3, 0.0, 0.5, 0.1, 0.2, 0.4, 0.3]),
}
BASAL = np.array([0.0, 300.0, 900.0, 100.0, 500.0, -200.0, 700.0, 50.0])


def logistic(v):
    return 1 / (1 + np.exp(-(v - E_D) / WIDTH))


def loop(basal=None, conductance=False, v_drive=None, delay=5, rest=30):
    """States at the start of every step, by name, and spikes (step, unit, 0)."""
    soma, apical, w_s, w_d = np.full(8, REST), np.full(8, REST), np.zeros(8), np.zeros(8)
    theta, side, dead = np.full(8, V_T), np.full(8, REST), np.full(8, 10**9)
    exc, inh = 0.7, 0.5  # synaptic conductances at the start, in every compartment
    rows, spikes = [], []
    for step in range(STEPS):
        row = {"soma": soma, "apical": apical, "adaptation": w_s, "recovery": w_d}
        row |= {"threshold": theta} if conductance else {}
        row |= {"basal": side} if basal else {}
        rows.append(row)
        # `dead` is the time since the spike in steps: K is on from `delay` for 2 ms after it.
        seen = ((dead >= delay) & (dead < delay + round(BOX / DT))).astype(float)
        open_ = logistic(apical)
        into_soma = G_S * open_ + w_s + 1e-12 * SOMA
        into_apical = G_D * open_ + C_BAP * seen + w_d + 1e-12 * APICAL
        still = (dead + 1 < rest) & (not conductance)
        pull_s = pull_d = 0.0
        if conductance:
            drive = apical if v_drive is None else v_drive
            b = BACKGROUND
            pull_s = (exc + b["exc_soma"]) * (0 - soma) + (inh + b["inh_soma"]) * (-80e-3 - soma)
            pull_d = (exc + b["exc_apical"]) * (0 - drive) + (inh + b["inh_apical"]) * (
                -80e-3 - drive
            )
        if basal:
            away = side - (soma if basal == "ohmic" else REST)
            back = away if basal == "ohmic" else 0.0
            into_soma = into_soma + 20e-9 * away
            new_side = side + DT * ((REST - side) / 7e-3 + (1e-12 * BASAL - 20e-9 * back) / 170e-12)
        moved = soma + DT * ((REST - soma + pull_s) / TAU_S + into_soma / C_S)
        soma, apical, w_s, w_d = (
            np.where(still, soma, moved),
            apical + DT * ((REST - apical + pull_d) / TAU_D + into_apical / C_D),
            w_s - DT * w_s / TAU_WS,
            w_d + DT * (RECOVERY * (apical - REST) - w_d) / TAU_WD,
        )
        theta = theta + DT * (V_T - theta) / 27e-3
        exc, inh = exc - DT * exc / 5e-3, inh - DT * inh / 10e-3
        side = new_side if basal else side
        fired = (soma > (theta if conductance else V_T)) & ~still
        spikes += [(step, unit, 0) for unit in np.flatnonzero(fired)]
        dead = np.where(fired, 0, dead + 1)
        soma, w_s = np.where(fired, REST, soma), np.where(fired, w_s + JUMP, w_s)
        theta = np.where(fired, theta + 2e-3, theta) if conductance else theta
    return {n: np.stack([row[n] for row in rows]) for n in rows[0]}, np.array(spikes)


@cache
def ran(backend, model="pyramidal_burst", basal="none", **parameters):
    built = ds.load_circuit(model, cells=8, basal=basal, **parameters)
    given = {"current_soma": 1e-12 * SOMA, "current_apical": 1e-12 * APICAL}
    if basal != "none":
        given["current_basal"] = 1e-12 * BASAL
    signals = {
        f"pyramidal.{n}": ds.Constant([f"{x!r} A" for x in v.tolist()]) for n, v in given.items()
    }
    if model == CONDUCTANCE:
        signals |= {
            f"pyramidal.background_{n}": ds.Constant(v.tolist()) for n, v in BACKGROUND.items()
        }
        (cell,) = built.populations
        start = {f"g_{n}": 0.7 if n.startswith("exc") else 0.5 for n in BACKGROUND}
        built = built.replace(populations=(cell.replace(initial={**cell.initial, **start}),))
    return ds.run(
        ds.Protocol(
            built,
            (ds.Block("run", (ds.Phase("on", "300 ms"),)),),
            dt="0.1 ms",
            signals=signals,
            recordings=(
                ds.Recording("pyramidal.*", every="0.1 ms"),
                ds.Recording("pyramidal.spike", every="spike"),
            ),
        ),
        backend=backend,
        precision="double",
    )


def compare(result, expected, spikes):
    assert np.array_equal(spike_table(result, "pyramidal"), spikes[np.lexsort(spikes.T[::-1])])
    for name, values in expected.items():
        found = result[f"pyramidal.{name}"].values
        assert found.shape[:2] == values.shape
        assert gap(found.reshape(values.shape), values) < 1e-9, name


# -- against the loops -------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", PATIENT)
def test_every_state_takes_the_steps_of_the_equations(backend):
    expected, spikes = loop()
    count = np.bincount(spikes[:, 1], minlength=8)
    assert count[0] == 0
    assert np.all(count[1:] > 1)
    plateaus = np.sum(np.diff((expected["apical"] > E_D).astype(int), axis=0) > 0, axis=0)
    assert plateaus.tolist() == [0, 0, 3, 1, 1, 1, 1, 1]
    compare(ran(backend), expected, spikes)


@pytest.mark.parametrize(
    ("backend", "v_drive"),
    [
        ("numpy", None),
        ("numpy", -60e-3),
        ("cpp", -60e-3),
        *(
            pytest.param(b, v, marks=pytest.mark.slow)
            for b, v in (("cpp", None), ("cython", None), ("cython", -60e-3))
        ),
    ],
)
def test_the_cell_with_conductances_has_a_moving_threshold_and_no_delay(backend, v_drive):
    expected, spikes = loop(conductance=True, v_drive=v_drive, delay=0)
    assert len(spikes) > 50
    assert np.max(expected["threshold"]) > -46e-3
    driven = {} if v_drive is None else {"v_drive": f"{v_drive!r} V"}
    compare(ran(backend, CONDUCTANCE, **driven), expected, spikes)


@pytest.mark.parametrize("basal", ["passive", "ohmic"])
def test_a_basal_dendrite_takes_the_steps_of_its_equations(basal):
    expected, spikes = loop(basal)
    assert len(spikes) > 50
    compare(ran("numpy", basal=basal), expected, spikes)


def test_delay_and_refractory_period_are_what_is_given():
    expected, spikes = loop(delay=12, rest=55)
    compare(ran("numpy", bap_delay="1.2 ms", t_refractory="5.5 ms"), expected, spikes)


# -- the basal dendrite at rest ----------------------------------------------------------------------------


@pytest.mark.parametrize("basal", ["passive", "ohmic"])
def test_the_basal_dendrite_moves_the_soma_by_its_closed_form(basal):
    """Currents in pA, conductances in nS: leaks 23.125 and 24.286, coupling 20; no plateau."""
    soma, side = np.array([100.0, -50.0]), np.array([200.0, 300.0])
    built = ds.load_circuit("pyramidal_burst", cells=2, basal=basal, g_soma="0 pA")
    result = ds.run(
        ds.Protocol(
            built,
            (ds.Block("run", (ds.Phase("on", "1 s"),)),),
            dt="0.1 ms",
            signals={
                "pyramidal.current_soma": ds.Constant([f"{i} pA" for i in soma]),
                "pyramidal.current_basal": ds.Constant([f"{i} pA" for i in side]),
            },
            recordings=(ds.Recording("pyramidal.spike", every="spike"),),
        ),
        backend="numpy",
        precision="double",
    )
    g_s, g_b, g = 370 / 16, 170 / 7, 20.0
    back = g if basal == "ohmic" else 0.0
    matrix = np.array([[g_s + back, -g], [-back, g_b + back]])
    expected = -70 + np.linalg.solve(matrix, np.stack([soma, side]))
    assert not len(result.spikes["pyramidal"].time)
    found = [result.final[f"pyramidal.{n}"].values.ravel() for n in ("soma", "basal")]
    np.testing.assert_allclose(1e3 * np.array(found), expected, rtol=1e-9)


# -- one cell, noise-free ----------------------------------------------------------------------------------

RHEOBASE = np.arange(1600.0, 1801.0, 25.0)
STRONG = np.array([800.0, 1000.0, 1500.0, 2000.0])


@cache
def single_cells():
    """Somatic pulses of 5 ms, then dendritic currents alone, each into a cell of its own; spikes, V_d."""
    pulses = np.concatenate([RHEOBASE, np.zeros(len(STRONG))])
    currents = np.concatenate([np.zeros(len(RHEOBASE)), STRONG])
    result = ds.run(
        ds.Protocol(
            ds.load_circuit("pyramidal_burst", cells=len(pulses)),
            (ds.Block("run", (ds.Phase("on", "150 ms"),)),),
            dt="0.02 ms",
            signals={
                "pyramidal.current_soma": ds.Pulse([f"{i} pA" for i in pulses], "20 ms", "5 ms"),
                "pyramidal.current_apical": ds.BiExponential(
                    [f"{i} pA" for i in currents], "20 ms", "2 ms", "10 ms"
                ),
            },
            recordings=(
                ds.Recording("pyramidal.apical", every="0.02 ms"),
                ds.Recording("pyramidal.spike", every="spike"),
            ),
        )
    )
    count = np.bincount(result.spikes["pyramidal"].unit, minlength=len(pulses))
    return count, result["pyramidal.apical"].values


def test_a_back_propagating_spike_alone_is_subthreshold():
    """Rheobase 1700 pA for 5 ms, one spike; V_d peaks at -42.1 mV and stays below E_d."""
    count, apical = single_cells()
    count, peak = count[: len(RHEOBASE)], apical.max(axis=0)[: len(RHEOBASE)]
    rheobase = RHEOBASE[np.argmax(count > 0)]
    assert abs(rheobase - 1700) <= 25
    assert np.all(count == (rheobase <= RHEOBASE))
    assert 1e3 * peak[rheobase == RHEOBASE] == pytest.approx(-42.1, abs=0.3)
    assert np.all(peak < E_D)


def test_a_dendritic_spike_lasts_34_ms_whatever_the_current():
    count, apical = single_cells()
    count, apical = count[len(RHEOBASE) :], apical[:, len(RHEOBASE) :]
    assert count.tolist() == [0, 2, 2, 2]
    assert 1e3 * apical[:, 0].max() == pytest.approx(-45, abs=1)
    above = apical[:, 1:] > E_D
    assert np.all(np.sum(np.diff(above.astype(int), axis=0) > 0, axis=0) == 1)  # without a gap
    durations = 0.02 * above.sum(axis=0)
    assert np.all(np.abs(durations - 34) <= 1)
    assert durations == pytest.approx([34.0, 34.1, 34.6], abs=0.3)
    assert np.all(np.diff(durations) > 0)


# -- with a Poisson background -----------------------------------------------------------------------------

# Currents into soma and dendrite (pA), event rate (Hz), burst probability.
POISSON = [
    (-200, 50, 3.7, 0.14),
    (0, 50, 6.0, 0.18),
    (200, 50, 8.6, 0.23),
    (-100, 0, 4.9, 0.13),
    (-100, 100, 4.8, 0.20),
    (-100, 200, 4.7, 0.32),
]


@cache
def with_background(cells, box="2 ms"):
    """Events and bursts of a group of cells for every row, without connections; 2 s after 1 s."""
    soma, apical = (np.repeat([row[k] for row in POISSON], cells) for k in (0, 1))
    backgrounds = {
        f"pyramidal.background_{kind}_{place}": ds.ShotNoise("500 Hz", jump, tau)
        for kind, tau in (("exc", "5 ms"), ("inh", "10 ms"))
        for place, jump in (("soma", 0.35), ("apical", 0.05))
    }
    currents = {
        f"pyramidal.current_{place}": ds.Constant([f"{i} pA" for i in values])
        for place, values in (("soma", soma), ("apical", apical))
    }
    protocol = ds.Protocol(
        ds.load_circuit(CONDUCTANCE, cells=len(soma), bap_duration=box),
        (ds.Block("run", (ds.Phase("on", "3 s"),)),),
        dt="0.1 ms",
        signals={**backgrounds, **currents},
        recordings=(ds.Recording("pyramidal.spike", every="spike"),),
    )
    return burst_statistics(
        ds.run(protocol).spikes["pyramidal"],
        1.0,
        3.0,
        cells=len(soma),
        groups=np.repeat(np.arange(len(POISSON)), cells),
    )


@pytest.mark.slow
def test_a_poisson_background_makes_the_rates_of_the_cell_with_conductances():
    """Printed to 0.1 Hz and 0.01, by a simulation that adds the events of a step to its end.

    In ours they fall into its middle. That is worth 2.5 % of the event rate and, with a box shorter by one
    step, 15 % of the burst probability: see the following test.
    """
    found = with_background(500)
    rates, probabilities = (np.array([row[k] for row in POISSON]) for k in (2, 3))
    # 5 % for the difference in conventions, half a unit of the last digit, and four standard errors.
    errors = np.ptp(found.event_rate_interval, axis=0) / (2 * 1.96)
    assert np.all(np.abs(found.event_rate - rates) < 0.05 * rates + 0.05 + 4 * errors)
    np.testing.assert_allclose(found.burst_probability, probabilities, atol=0.045)
    # over the soma the event rate more than doubles; over the dendrite burst probability does
    assert found.event_rate[2] > 2.2 * found.event_rate[0]
    assert np.ptp(found.event_rate[3:]) < 0.1 * found.event_rate[3]
    assert found.burst_probability[5] > 2 * found.burst_probability[3]


@pytest.mark.slow
def test_burst_probability_with_background_lies_between_boxes_one_step_apart():
    short, long = (with_background(1500, box) for box in ("1.9 ms", "2 ms"))
    for k, (*_, printed) in enumerate(POISSON):
        low, high = short.burst_probability[k], long.burst_probability[k]
        errors = [
            np.ptp([bound[k] for bound in s.burst_probability_interval]) / (2 * 1.96)
            for s in (short, long)
        ]
        assert low < high
        assert low - 4 * errors[0] - 0.005 < printed < high + 4 * errors[1] + 0.005


# -- parameters --------------------------------------------------------------------------------------------


def read(model, **texts):
    """Read parameters as the command line does."""
    return read_settings(find_entry(model, "model"), texts)


@pytest.mark.parametrize("model", ["pyramidal_burst", CONDUCTANCE])
@pytest.mark.parametrize(
    ("name", "value"),
    [("c_basal", "1 pF"), ("tau_basal", "5 ms"), ("g_basal", "1 nS"), ("c_basal", "170 pF")],
)
def test_parameters_of_a_basal_dendrite_that_is_not_there_are_refused(model, name, value):
    with pytest.raises(ParameterError, match=f"{name} has no effect with basal=none; leave it out"):
        ds.load_circuit(model, **{name: value})


@pytest.mark.parametrize("model", ["pyramidal_burst", CONDUCTANCE])
def test_parameters_of_a_basal_dendrite_have_the_documented_defaults(model):
    standard = {"c_basal": "170 pF", "tau_basal": "7 ms", "g_basal": "20 nS"}
    for basal in ("passive", "ohmic"):
        circuit = ds.load_circuit(model, basal=basal)
        assert circuit == ds.load_circuit(model, basal=basal, **standard)
        other = ds.load_circuit(model, basal=basal, tau_basal="5 ms").parameters
        assert other == {**circuit.parameters, "tau_basal": ds.quantity("5 ms")}
    documented = {p.name: p.doc for p in parameters_of_file(find_entry(model, "model"))}
    assert all(f"(default: {value})" in documented[name] for name, value in standard.items())


def test_the_cell_with_conductances_has_no_refractory_period():
    with pytest.raises(UnknownNameError, match=f"of model '{CONDUCTANCE}' 't_refractory'"):
        ds.load_circuit(CONDUCTANCE, t_refractory="1 ms")


def test_parameters_of_the_cell_with_conductances_are_refused_with_the_name_of_its_model():
    both = (parameters_of_file(find_entry(m, "model")) for m in ("pyramidal_burst", CONDUCTANCE))
    here, there = ({p.name for p in parameters} for parameters in both)
    assert len(there - here) == 7
    for name in there - here:
        with pytest.raises(UsageError, match=f"{name}' any more: it is .* the model {CONDUCTANCE}"):
            ds.load_circuit("pyramidal_burst", **{name: "1 ms"})


@pytest.mark.parametrize("variant", ["current", "conductance"])
@pytest.mark.parametrize("load", [ds.load_circuit, read])
def test_the_variants_of_old_are_refused_with_the_name_of_the_model(load, variant):
    with pytest.raises(
        UsageError, match=r"use the model pyramidal_burst_conductance.*leave it out"
    ):
        load("pyramidal_burst", variant=variant)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"basal": "active"}, ParameterError, "none, passive, ohmic"),
        ({"tau_soma": "0 ms"}, ParameterError, "tau_soma"),
        ({"c_bap": "inf pA"}, ParameterError, "c_bap"),
        ({"c_apical": "-1 pF"}, ParameterError, "c_apical"),
        ({"d_plateau": "0 mV"}, ParameterError, "d_plateau"),
        ({"basal": "ohmic", "c_basal": "0 pF"}, ParameterError, "c_basal"),
        ({"g_soma": "1300 nS"}, UnitError, "g_soma"),
        ({"g_dendrite": "1300 pA"}, UnknownNameError, "g_dendrite"),
        ({"v_reset": "-50 mV"}, ParameterError, "it must lie below v_threshold"),
        ({"cells": 0}, ParameterError, "size is 0"),
    ],
)
def test_bad_values_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        ds.load_circuit("pyramidal_burst", **parameters)
