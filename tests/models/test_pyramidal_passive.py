"""The passive pyramidal cell against linear algebra: G u = I at rest, u(t) = (1 - exp(-C^-1 G t)) u on the way.

u is the voltage above E_L, G the conductance matrix of the star, C the capacitances; both are written down
here from Kirchhoff's laws.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_problems import PATIENT
from scipy.linalg import expm

import dendrosim as ds
from dendrosim.errors import ParameterError, UnitError, UnknownMemberError, UnknownNameError

SOMA, BASAL, APICAL = range(3)
NAMES = ("soma", "basal", "apical")
DEFAULTS = {
    "c_soma": 370.0, "tau_soma": 16.0, "c_basal": 170.0, "tau_basal": 7.0, "c_apical": 170.0,
    "tau_apical": 7.0, "g_basal": 20.0, "g_apical": 10.0, "e_leak": -70.0,
}  # fmt: skip
UNITS = {"c": ("pF", 1e-12), "tau": ("ms", 1e-3), "g": ("nS", 1e-9), "e": ("mV", 1e-3)}
CELLS = (
    {},
    {"g_basal": 0.0, "e_leak": 0.0},  # the basal dendrite cut off
    {"c_soma": 50.0, "tau_soma": 30.0, "g_basal": 3.0, "g_apical": 90.0, "tau_apical": 20.0},
)
# One unit per condition: nothing, each compartment alone, all three.
CURRENTS = 100e-12 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, -1, 2]])


def system(changes):
    """Capacitances (3,) and conductances (3, 3) in SI units."""
    p = {n: v * UNITS[n.partition("_")[0]][1] for n, v in {**DEFAULTS, **changes}.items()}
    c = np.array([p[f"c_{name}"] for name in NAMES])
    leak = c / np.array([p[f"tau_{name}"] for name in NAMES])
    g = np.diag(leak)
    for other, coupling in ((BASAL, p["g_basal"]), (APICAL, p["g_apical"])):
        g += coupling * np.outer(*[np.eye(3)[SOMA] - np.eye(3)[other]] * 2)
    return c, g, p["e_leak"]


def cell(cells, changes):
    values = {n: f"{v!r} {UNITS[n.partition('_')[0]][0]}" for n, v in changes.items()}
    return ds.load_circuit("pyramidal_passive", cells=cells, **values)


def simulated(changes, steps, dt, every=1, backend="auto", currents=CURRENTS, initial=None):
    """Times (n,) and voltages above E_L (n, unit, compartment), the last after all steps; dt in seconds."""
    circuit = cell(len(currents), changes)
    e_leak = system(changes)[2]
    if initial is not None:
        start = {n: [f"{v!r} V" for v in initial[:, k].tolist()] for k, n in enumerate(NAMES)}
        population = circuit.population("pyramidal").replace(initial=start)
        circuit = circuit.replace(populations=(population,))
    signals = {
        f"pyramidal.current_{name}": ds.Constant([f"{i!r} A" for i in currents[:, k].tolist()])
        for k, name in enumerate(NAMES)
    }
    result = ds.run(
        ds.Protocol(
            circuit,
            (ds.Block("run", (ds.Phase("on", f"{steps * dt!r} s"),)),),
            dt=f"{dt!r} s",
            signals=signals,
            recordings=(ds.Recording("pyramidal.*", every=f"{every * dt!r} s"),),
        ),
        backend=backend,
        precision="double",
    )
    paths = [f"pyramidal.{name}" for name in NAMES]
    course = np.stack([result[p].values for p in paths], axis=-1)
    final = np.stack([result.final[p].values for p in paths], axis=-1)
    times = np.append(result[paths[0]].time.values, steps * dt)
    return times, np.concatenate([course, final[None]]) - e_leak


def steady(changes):
    """Voltages above E_L (unit, compartment) after 24 of the slowest time constants: e^-24 < 1e-10."""
    c, g, _ = system(changes)
    slowest = 1 / np.min(np.linalg.eigvals(g / c[:, None]).real)
    steps = int(np.ceil(24 * slowest / 1e-4))
    return simulated(changes, steps, 1e-4, every=steps)[1][-1]


@pytest.mark.parametrize("changes", CELLS)
def test_steady_voltages_and_resistances_solve_the_linear_system(changes):
    _, g, _ = system(changes)
    u = steady(changes)
    assert np.all(u[0] == 0)
    np.testing.assert_allclose(u[1:], np.linalg.solve(g, CURRENTS[1:].T).T, rtol=1e-8, atol=1e-16)
    resistance = u[1:4] / 100e-12  # row: where the current goes in, column: where it is seen
    np.testing.assert_allclose(resistance, np.linalg.inv(g), rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(resistance, resistance.T, rtol=1e-8, atol=1e-6)
    # superposition
    np.testing.assert_allclose(u[4], u[1] * 0.5 - u[2] + u[3] * 2, rtol=1e-8)


def test_resistances_and_attenuation_by_hand():
    """A dendrite is loaded by what lies behind it; the way into a dendrite is a voltage divider."""
    u = steady({})
    soma, dendrite, g_basal, g_apical = 370 / 16, 170 / 7, 20.0, 10.0  # nS

    def series(a, b):
        return a * b / (a + b)

    into_soma = soma + series(g_basal, dendrite) + series(g_apical, dendrite)
    into_basal = dendrite + series(g_basal, soma + series(g_apical, dendrite))
    into_apical = dendrite + series(g_apical, soma + series(g_basal, dendrite))
    resistance = [u[1, SOMA], u[2, BASAL], u[3, APICAL]]
    expected = [0.1 / g for g in (into_soma, into_basal, into_apical)]
    np.testing.assert_allclose(resistance, expected, rtol=1e-8)
    outwards = [u[1, BASAL] / u[1, SOMA], u[1, APICAL] / u[1, SOMA]]
    np.testing.assert_allclose(
        outwards, [g / (g + dendrite) for g in (g_basal, g_apical)], rtol=1e-8
    )
    inwards = u[3, SOMA] / u[3, APICAL]
    load = soma + series(g_basal, dendrite)
    assert inwards == pytest.approx(g_apical / (g_apical + load), rel=1e-8)
    assert u[3, BASAL] / u[3, SOMA] == pytest.approx(outwards[0], rel=1e-8)  # no matter from where


@pytest.mark.parametrize("changes", CELLS[1:])
def test_the_transient_is_the_matrix_exponential_to_first_order_in_the_time_step(changes):
    c, g, _ = system(changes)
    a, end = g / c[:, None], np.linalg.solve(g, CURRENTS.T).T
    errors = []
    for dt in (0.02e-3, 0.01e-3):
        every = round(0.5e-3 / dt)
        times, u = simulated(changes, 60 * every, dt, every)
        exact = np.stack([end - end @ expm(-a * t).T for t in times])
        errors.append(np.max(np.abs(u - exact)))
    assert errors[0] < 5e-3 * np.max(np.abs(end))
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("backend", PATIENT)
def test_every_step_is_one_of_forward_euler(backend):
    c, g, _ = system({})
    step, end = np.eye(3) - 1e-4 * g / c[:, None], np.linalg.solve(g, CURRENTS.T).T
    _, u = simulated({}, 300, 1e-4, backend=backend)
    exact = np.stack([end - end @ np.linalg.matrix_power(step, n).T for n in range(301)])
    assert np.max(np.abs(u - exact)) < 1e-10 * np.max(np.abs(end))


def test_each_mode_decays_with_its_own_time_constant():
    """One unit per eigenvector: its shape stays, its size falls by 1 - dt/tau in every step."""
    c, g, e_leak = system({})
    rates, modes = (x.real for x in np.linalg.eig(g / c[:, None]))
    _, u = simulated(
        {}, 100, 1e-4, backend="numpy", currents=np.zeros((3, 3)), initial=e_leak + 0.01 * modes.T
    )
    size = np.einsum("nuc,uc->nu", u, modes.T) / 0.01  # eigenvectors have length 1
    np.testing.assert_allclose(u, 0.01 * size[:, :, None] * modes.T, atol=1e-14)
    factor = (size[-1] / size[0]) ** (1 / 100)
    np.testing.assert_allclose(1e-4 / (1 - factor), 1 / rates, rtol=1e-9)
    # uniform depolarisation leaks away by itself only where all compartments leak alike
    alike = {f"tau_{name}": 12.0 for name in NAMES}
    c, g, _ = system(alike)
    assert np.max(1 / np.linalg.eigvals(g / c[:, None]).real) == pytest.approx(12e-3, rel=1e-12)


@settings(max_examples=5)
@given(
    st.fixed_dictionaries({
        "c_soma": st.floats(20, 800), "tau_soma": st.floats(5, 40), "c_basal": st.floats(20, 400),
        "tau_basal": st.floats(2, 40), "c_apical": st.floats(20, 400), "tau_apical": st.floats(2, 40),
        "g_basal": st.floats(0, 60), "g_apical": st.floats(0, 60), "e_leak": st.floats(-90, 0),
    })
)  # fmt: skip
def test_any_cell_takes_the_steps_of_its_matrix(changes):
    c, g, _ = system(changes)
    step, end = np.eye(3) - 1e-4 * g / c[:, None], np.linalg.solve(g, CURRENTS.T).T
    _, u = simulated(changes, 40, 1e-4, backend="numpy")
    exact = np.stack([end - end @ np.linalg.matrix_power(step, n).T for n in range(41)])
    # Voltages around E_L round at 1e-17 V, in every step anew.
    assert np.max(np.abs(u - exact)) < 1e-10 * np.max(np.abs(end)) + 40 * 3e-17


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"c_soma": "0 pF"}, ParameterError, "c_soma is 0"),
        ({"tau_apical": "-7 ms"}, ParameterError, "tau_apical is -7 ms"),
        ({"c_basal": "inf pF"}, ParameterError, "c_basal is inf"),
        ({"g_basal": "-1 nS"}, ParameterError, "g_basal is -1 nS; it must not be negative"),
        ({"g_apical": "inf nS"}, ParameterError, "g_apical is inf"),
        ({"g_apical": "10 pF"}, UnitError, "g_apical.*nS"),
        ({"g_tuft": "10 nS"}, UnknownNameError, "g_tuft"),
        ({"cells": 0}, ParameterError, "size is 0"),
    ],
)  # fmt: skip
def test_bad_values_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        ds.load_circuit("pyramidal_passive", **changes)


def test_there_are_three_compartments_to_drive_and_no_spikes():
    def protocol(**changes):
        return ds.Protocol(
            cell(1, {}),
            (ds.Block("run", (ds.Phase("on", "1 ms"),)),),
            **{"dt": "0.1 ms", **changes},
        )

    with pytest.raises(UnknownMemberError, match="current_tuft"):
        protocol(signals={"pyramidal.current_tuft": "1 pA"})
    with pytest.raises(UnknownMemberError, match="spike"):
        protocol(recordings=(ds.Recording("pyramidal.spike", every="spike"),))
