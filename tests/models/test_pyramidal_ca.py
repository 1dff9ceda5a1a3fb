"""The pyramidal cell with a calcium plateau against a forward-Euler loop of its own, and its thresholds.

The loop is written from the equations of the Ca-AdEx cell of Pastorelli et al. (2025), with its parameters
and the convention of its gates written down again: m, 15 ms, closes with depolarisation, h, 80 ms, opens.
"""

from functools import cache

import numpy as np
import pytest
from comparisons import gap, spike_table
from reference_problems import PATIENT
from scipy.optimize import fsolve

import dendrosim as ds
from dendrosim.errors import ParameterError, UnitError, UnknownNameError

C_S, C_D, G_LS, G_LD, G_C = 246.7883e-12, 23.673728e-12, 5e-9, 3.377855e-9, 19.77732e-9
E_LS, E_LD, E_K, V_NA, D_T = -69.24596e-3, -55e-3, -90e-3, -50e-3, 2e-3
V_TH, V_R, G_W, B, TAU_W = -40e-3, -61.73952e-3, 1.1156386e-9, 40e-3, 0.5
G_CA, G_K, PHI, CA_TH, CA_0, CA_O = 21.045506e-9, 13.199867e-9, 3.9283098e7, 4.3e-4, 1e-4, 2.0
TAU_CA, TAU_M, TAU_H, TAU_N, NERNST = 103.57234e-3, 15e-3, 80e-3, 1e-3, 13.319652e-3
G_BAP, RISE, DECAY, DELAY = 27.995562e-9, 0.2e-3, 3e-3, 0.12e-3
STATES = (
    "soma", "adaptation", "apical", "calcium", "inactivation", "activation", "potassium",
    "bap_decay", "bap_rise",
)  # fmt: skip
# From silence over single spikes to plateaus, at constant currents (pA).
SOMA = np.array([0.0, 300.0, 600.0, 1000.0, 0.0, 400.0, 200.0, -300.0])
APICAL = np.array([0.0, 0.0, 100.0, 200.0, 500.0, 300.0, 600.0, 900.0])


def gates(v_d):
    return 1 / (1 + np.exp((v_d + 9e-3) / 2e-3)), 1 / (1 + np.exp((-21e-3 - v_d) / 2e-3))


def drift(x, bap, i_s, i_d):
    """Time derivatives of V_s, w, V_d, [Ca], m, h, n."""
    v_s, w, v_d, ca, m, h, n = x
    i_ca = G_CA * m * h * (NERNST * np.log(CA_O / ca) - v_d)
    spike = G_LS * D_T * np.exp((v_s - V_NA) / D_T)
    m_inf, h_inf = gates(v_d)
    return [
        (G_LS * (E_LS - v_s) + spike - G_W * w + i_s - G_C * (v_s - v_d)) / C_S,
        -w / TAU_W,
        (
            G_LD * (E_LD - v_d) + i_ca + G_K * n * (E_K - v_d) + G_BAP * bap * (0 - v_d)
            + i_d - G_C * (v_d - v_s)
        ) / C_D,
        PHI * i_ca + (CA_0 - ca) / TAU_CA,
        (m_inf - m) / TAU_M,
        (h_inf - h) / TAU_H,
        (1 / (1 + (CA_TH / ca) ** 4.8) - n) / TAU_N,
    ]  # fmt: skip


def rest():
    """Where nothing changes, without input."""

    def balance(v):
        m, h = gates(v[1])

        def influx(ca):
            return G_CA * m * h * (NERNST * np.log(CA_O / ca) - v[1])

        ca = fsolve(lambda c: 1e3 * (c - CA_0 - TAU_CA * PHI * influx(c)), CA_0, xtol=1e-14)[0]
        x = [v[0], 0.0, v[1], ca, m, h, 1 / (1 + (CA_TH / ca) ** 4.8)]
        return x, drift(x, 0.0, 0.0, 0.0)

    v = fsolve(lambda v: np.array(balance(v)[1])[[0, 2]], [-64e-3, -63e-3], xtol=1e-12)
    return balance(v)[0]


def loop(start, dt, steps):
    """States at the start of every step, by name, and spikes (step, unit, 0)."""
    x = [np.full(8, value) for value in start]
    decay, rise, calendar = np.zeros(8), np.zeros(8), {}
    instant = DECAY * RISE / (DECAY - RISE) * np.log(DECAY / RISE)
    scale = 1 / (np.exp(-instant / DECAY) - np.exp(-instant / RISE))
    rows, spikes = [], []
    for step in range(steps):
        rows.append([*x, decay, rise])
        change = drift(x, scale * (decay - rise), 1e-12 * SOMA, 1e-12 * APICAL)
        x = [value + dt * slope for value, slope in zip(x, change, strict=True)]
        decay, rise = decay - dt * decay / DECAY, rise - dt * rise / RISE
        fired = x[0] > V_TH
        spikes += [(step, unit, 0) for unit in np.flatnonzero(fired)]
        calendar[step + round(DELAY / dt)] = fired
        arrived = calendar.pop(step, np.zeros(8, bool))
        decay, rise = decay + arrived, rise + arrived
        x[0], x[1] = np.where(fired, V_R, x[0]), np.where(fired, x[1] + B, x[1])
    return dict(zip(STATES, np.moveaxis(rows, 0, 1), strict=True)), np.array(spikes)


@cache
def ran(backend, dt="0.05 ms", driven=True, duration="300 ms"):
    given = {"current_soma": SOMA * driven, "current_apical": APICAL * driven}
    return ds.run(
        ds.Protocol(
            ds.load_circuit("pyramidal_ca", cells=8),
            (ds.Block("run", (ds.Phase("on", duration),)),),
            dt=dt,
            signals={
                f"pyramidal.{n}": ds.Constant([f"{i} pA" for i in v]) for n, v in given.items()
            },
            recordings=(
                ds.Recording([f"pyramidal.{n}" for n in STATES], every=dt),
                ds.Recording("pyramidal.spike", every="spike"),
            ),
        ),
        backend=backend,
        precision="double",
    )


# -- against the loop --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", PATIENT)
def test_every_state_takes_the_steps_of_the_equations(backend):
    expected, spikes = loop(rest(), 5e-5, 6000)
    count = np.bincount(spikes[:, 1], minlength=8)
    assert count[0] == 0
    assert np.sum(count > 3) >= 5
    assert np.sum(expected["apical"].max(axis=0) > -10e-3) >= 3
    result = ran(backend)
    assert np.array_equal(spike_table(result, "pyramidal"), spikes[np.lexsort(spikes.T[::-1])])
    for name, values in expected.items():
        found = result[f"pyramidal.{name}"].values.reshape(values.shape)
        assert gap(found, values) < 1e-9, name


@pytest.mark.parametrize(("dt", "steps"), [("0.02 ms", 6), ("0.1 ms", 1)])
def test_a_spike_arrives_in_the_dendrite_after_its_delay_in_whole_steps(dt, steps):
    result = ran("numpy", dt=dt, duration="40 ms")
    arrived = result["pyramidal.bap_decay"].values.reshape(-1, 8)
    first = {}
    for step, unit, _ in spike_table(result, "pyramidal"):
        first.setdefault(unit, step)
    assert len(first) >= 5
    for unit, step in first.items():
        if step + steps + 2 < len(arrived):
            assert np.all(arrived[: step + steps + 1, unit] == 0)
            assert arrived[step + steps + 1, unit] == 1


def test_a_back_propagating_spike_has_its_peak_conductance():
    """Twice the same exponentials as continuous functions; one rises, one decays."""
    scale = float(ds.load_circuit("pyramidal_ca").parameters["bap_scale"].value)
    t = np.linspace(0, 5e-3, 100_001)
    assert np.max(scale * (np.exp(-t / DECAY) - np.exp(-t / RISE))) == pytest.approx(1, abs=1e-8)


def test_the_nernst_factor_is_that_of_the_source():
    assert pytest.approx(8.31441 * 309.15 / (2 * 96489), rel=1e-7) == NERNST


# -- rest --------------------------------------------------------------------------------------------------


def test_the_cell_starts_at_rest_and_stays_there():
    (cell,) = ds.load_circuit("pyramidal_ca").populations
    expected = dict(zip(STATES, rest(), strict=False))
    result = ran("cpp", driven=False)
    for name in ("soma", "apical"):
        values = result[f"pyramidal.{name}"].values
        assert np.max(np.abs(values - values[0])) < 1e-6
        assert values[0, 0] == pytest.approx(expected[name], abs=1e-10)
        assert float(cell.initial[name].value.value) == values[0, 0]
    assert 1e3 * expected["soma"] == pytest.approx(-64.1, abs=0.05)
    assert 1e3 * expected["apical"] == pytest.approx(-62.8, abs=0.05)
    for name in ("calcium", "inactivation", "activation", "potassium"):
        values = result[f"pyramidal.{name}"].values
        np.testing.assert_allclose(values, expected[name], rtol=1e-6)


def test_rest_follows_the_parameters():
    (cell,) = ds.load_circuit("pyramidal_ca", g_coupling="0 nS").populations
    # apart, each compartment rests where its own currents cancel: the soma next to its leak potential
    v = float(cell.initial["soma"].value.value)
    assert G_LS * (E_LS - v) + G_LS * D_T * np.exp((v - V_NA) / D_T) == pytest.approx(0, abs=1e-18)


def test_a_cell_without_rest_is_refused():
    with pytest.raises(ParameterError, match="no resting state"):
        ds.load_circuit("pyramidal_ca", e_leak_soma="-30 mV", e_leak_apical="-30 mV")


# -- thresholds --------------------------------------------------------------------------------------------

SOMATIC = np.arange(900.0, 1301.0, 50.0)
DENDRITE = np.concatenate([np.arange(450.0, 1001.0, 50.0), [1250.0, 1500.0, 2000.0, 2500.0]])


@cache
def single_cells():
    """Somatic pulses of 5 ms, then dendritic currents alone, each into a cell of its own; spikes, V_d."""
    pulses = np.concatenate([SOMATIC, np.zeros(len(DENDRITE))])
    currents = np.concatenate([np.zeros(len(SOMATIC)), DENDRITE])
    result = ds.run(
        ds.Protocol(
            ds.load_circuit("pyramidal_ca", cells=len(pulses)),
            (ds.Block("run", (ds.Phase("on", "200 ms"),)),),
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


def test_a_somatic_pulse_makes_one_spike_from_its_rheobase_on():
    count = single_cells()[0][: len(SOMATIC)]
    rheobase = SOMATIC[np.argmax(count > 0)]
    assert abs(rheobase - 1100) <= 50
    assert np.all(count[rheobase > SOMATIC] == 0)
    assert count[rheobase == SOMATIC] == 1


def test_the_dendrite_alone_makes_a_spike_and_then_a_burst():
    count = single_cells()[0][len(SOMATIC) :]
    assert abs(DENDRITE[np.argmax(count >= 1)] - 600) <= 50
    assert abs(DENDRITE[np.argmax(count >= 3)] - 850) <= 50
    assert np.all(np.diff(count) >= 0)


def test_a_plateau_lasts_29_to_38_ms():
    apical = single_cells()[1][:, len(SOMATIC) :][:, DENDRITE >= 850]
    above = apical > -30e-3
    durations = 0.02 * above.sum(axis=0)
    assert np.all((durations >= 29) & (durations <= 38))


# -- parameters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"tau_bap_rise": "3 ms"}, ParameterError, "tau_bap_rise.*below tau_bap_decay"),
        ({"c_soma": "0 pF"}, ParameterError, "c_soma"),
        ({"tau_calcium": "-1 ms"}, ParameterError, "tau_calcium"),
        ({"calcium_rest": "0 mmolar"}, ParameterError, "calcium_rest"),
        ({"d_gate": "0 mV"}, ParameterError, "d_gate"),
        ({"g_calcium": "1 pA"}, UnitError, "g_calcium"),
        ({"g_sodium": "1 nS"}, UnknownNameError, "g_sodium"),
    ],
)
def test_bad_values_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        ds.load_circuit("pyramidal_ca", **parameters)
