"""SST and PV interneurons against closed forms and a forward-Euler loop of their own.

The loop is written from the equations of the adaptive exponential cell and counts refractory steps. The
parameters of Payeur et al. (2021) are written down here again, thresholds included: -48 mV and -61.84 mV.
"""

from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar

import dendrosim as ds
from dendrosim.errors import ParameterError, UnitError

DT = 1e-4
SST = {
    "C": 100e-12, "tau": 20e-3, "E": -70e-3, "I": 25e-12, "D": 4e-3, "reset": -65e-3, "rest": 2e-3,
    "a": 0.5e-9, "b": 10e-12, "tau_w": 0.5,
}  # fmt: skip
PV = {
    "C": 100e-12, "tau": 10e-3, "E": -70e-3, "I": 200e-12, "D": 2e-3, "reset": -55e-3, "rest": 1e-3,
    "a": 0.0, "b": 0.0, "tau_w": 1.0,
}  # fmt: skip
CELLS = {"sst": SST, "pv": PV}
UNITS = 24


def leak(q):
    return q["C"] / q["tau"]


def threshold(q):
    g = leak(q)
    return q["I"] / (g + q["a"]) + q["E"] + q["D"] * (1 - np.log(1 + q["a"] / g))


def holding(q, v):
    """The current that holds a voltage."""
    e = np.exp((v - threshold(q)) / q["D"])
    return (leak(q) + q["a"]) * (v - q["E"]) - leak(q) * q["D"] * e


def loop(q, current, steps, exc=0.0, inh=0.0, peak=-20e-3):
    """Spikes (step, unit), by unit, and the voltages at the end."""
    v, w = np.full(current.shape, q["E"]), np.zeros(current.shape)
    since, spikes = np.full(current.shape, 10**9), []
    for step in range(steps):
        still = since < round(q["rest"] / DT)
        drift = q["E"] - v + q["D"] * np.exp((v - threshold(q)) / q["D"])
        drift = drift + exc * (0.0 - v) + inh * (-80e-3 - v)
        v, w = (
            np.where(still, v, v + DT * (drift / q["tau"] + (current - w) / q["C"])),
            w + DT * (q["a"] * (v - q["E"]) - w) / q["tau_w"],
        )
        fired = (v > peak) & ~still
        spikes += [(step, unit) for unit in np.flatnonzero(fired)]
        since = np.where(fired, 0, since) + 1
        v, w = np.where(fired, q["reset"], v), np.where(fired, w + q["b"], w)
    table = np.array(spikes, dtype=int).reshape(-1, 2)
    return table[np.lexsort((table[:, 0], table[:, 1]))], v


@cache
def ran(
    model,
    picoamperes,
    duration,
    dt="0.1 ms",
    backgrounds=(0.0, 0.0),
    backend="auto",
    precision="double",
    **changes,
):
    """A run with one unit per current; the same structure throughout, so that it is compiled once."""
    assert len(picoamperes) == UNITS
    return ds.run(
        ds.Protocol(
            ds.load_circuit(model, cells=UNITS, **changes),
            (ds.Block("run", (ds.Phase("on", duration),)),),
            dt=dt,
            signals={
                f"{model}.current": ds.Constant([f"{i!r} pA" for i in picoamperes]),
                f"{model}.background_exc": ds.Constant(backgrounds[0]),
                f"{model}.background_inh": ds.Constant(backgrounds[1]),
            },
            recordings=(ds.Recording("*.spike", every="spike"),),
        ),
        backend=backend,
        precision=precision,
    )  # fmt: skip


def grid(first, last):
    return tuple(np.linspace(first, last, UNITS).round(6).tolist())


def trains(result):
    """Steps of the spikes of every unit."""
    (spikes,) = result.spikes.values()
    steps = np.round(spikes.time / result.protocol.time_step).astype(int)
    return [np.sort(steps[spikes.unit == unit]) for unit in range(UNITS)]


def table(result):
    return np.array([(s, u) for u, steps in enumerate(trains(result)) for s in steps]).reshape(
        -1, 2
    )


# -- the rheobase ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "printed"), [("sst", -61.84), ("pv", -48.0)])
def test_the_threshold_follows_from_the_rheobase(model, printed):
    v = float(ds.load_circuit(model).parameters["v_threshold"].value)
    assert v == pytest.approx(threshold(CELLS[model]), rel=1e-12)
    assert 1e3 * v == pytest.approx(printed, abs=0.005)


@pytest.mark.parametrize("model", CELLS)
def test_the_rheobase_is_the_fold_of_the_fixed_points(model):
    """The largest current that can hold a voltage, found numerically."""
    q = CELLS[model]
    fold = minimize_scalar(
        lambda v: -holding(q, v),
        bounds=(q["E"], -40e-3),
        method="bounded",
        options={"xatol": 1e-12},
    )
    assert -fold.fun == pytest.approx(q["I"], rel=1e-10)
    assert np.exp((fold.x - threshold(q)) / q["D"]) == pytest.approx(1 + q["a"] / leak(q), rel=1e-5)


def test_the_fixed_point_of_sst_loses_stability_in_a_hopf_bifurcation_just_below_the_fold():
    """a/g_L = 0.1 exceeds tau/tau_w = 0.04: a pair of complex eigenvalues crosses at exp(..) = 1.04."""

    def spectrum(current):
        v = brentq(
            lambda v: holding(SST, v) - current, -70e-3, threshold(SST) + SST["D"] * np.log(1.1)
        )
        slope = np.exp((v - threshold(SST)) / SST["D"])
        jacobian = [
            [(slope - 1) / SST["tau"], -1 / SST["C"]],
            [SST["a"] / SST["tau_w"], -1 / SST["tau_w"]],
        ]
        return np.linalg.eigvals(jacobian)

    critical = holding(SST, threshold(SST) + SST["D"] * np.log(1.04))
    assert 1e12 * critical == pytest.approx(24.966, abs=5e-4)
    for shift, sign in ((-1e-14, -1), (1e-14, 1)):
        values = spectrum(critical + shift)
        assert np.all(np.sign(values.real) == sign)
        assert np.all(np.abs(values.imag) > 1)


def test_pv_fires_from_one_grid_step_above_its_rheobase():
    """Grid 1 pA (0.5 %). Closest to the fold the passage takes pi C sqrt(2 D/(g_L dI)) = 0.2 s: 1 s is long."""
    currents = grid(189, 212)
    fired = np.array([len(steps) for steps in trains(ran("pv", currents, "1 s"))])
    assert np.all(fired[np.array(currents) <= 200] == 0)
    assert np.all(fired[np.array(currents) >= 201] >= 3)


def test_pv_slows_towards_the_rheobase_as_a_saddle_node_does():
    """The interval tends to pi C sqrt(2 D/(g_L dI)); what is missing is the way from the reset."""
    excess = np.geomspace(0.05, 50, UNITS).round(6)
    result = ran("pv", tuple((200 + excess).tolist()), "3 s")
    interval = DT * np.array([np.diff(steps)[-1] for steps in trains(result)])
    passage = np.pi * PV["C"] * np.sqrt(2 * PV["D"] / (leak(PV) * 1e-12 * excess))
    ratio = interval / passage
    assert ratio[0] == pytest.approx(1, abs=0.01)
    assert np.all(np.abs(np.diff(ratio[:8])) < 0.01)


def test_sst_keeps_firing_from_one_grid_step_above_its_rheobase():
    """Grid 0.125 pA (0.5 %). A step makes it spike once at the onset; then it needs the full rheobase.

    The first interval above it is bounded by the adaptation, 10 pA that decay within 0.5 s, and the
    passage of the saddle: together 2.5 s at 25 pA, so that 6 s hold at least one more.
    """
    currents = np.array(grid(23.5, 26.375))
    assert currents[1] - currents[0] == pytest.approx(0.125)
    steps = trains(ran("sst", tuple(currents.tolist()), "6 s"))
    onset = np.array([np.sum(s <= 5000) for s in steps])
    later = np.array([np.sum(s > 5000) for s in steps])
    assert np.all(onset == 1)
    assert np.all(later[currents <= 24.875] == 0)
    assert np.all(later[currents >= 25.125] > 0)


# -- firing ------------------------------------------------------------------------------------------------

SWEEP = {"sst": grid(0, 230), "pv": grid(40, 960)}


@pytest.mark.parametrize("model", CELLS)
@pytest.mark.parametrize("backgrounds", [(0.0, 0.0), (0.3, 0.7)])
def test_spikes_are_those_of_the_loop(model, backgrounds):
    result = ran(model, SWEEP[model], "500 ms", backgrounds=backgrounds)
    current = 1e-12 * np.array(SWEEP[model])
    spikes, v = loop(CELLS[model], current, 5000, *backgrounds)
    assert len(spikes) > 100
    assert np.array_equal(table(result), spikes)
    np.testing.assert_allclose(result.final[f"{model}.soma"].values, v, rtol=1e-9)


def test_pv_fires_at_the_rate_of_its_closed_form():
    """1/f = t_ref + the integral of dV/(dV/dt) from reset to infinity, to first order in the time step."""

    def period(current):
        def inverse(v):
            e = PV["D"] * np.exp(min((v - threshold(PV)) / PV["D"], 600))
            return PV["tau"] / (PV["E"] - v + e + current / leak(PV))

        return PV["rest"] + quad(inverse, PV["reset"], 1.0, points=[-48e-3, -40e-3], limit=200)[0]

    currents = grid(220, 680)
    exact = np.array([period(1e-12 * i) for i in currents])
    errors = []
    for dt in (0.05, 0.0125):
        steps = trains(ran("pv", currents, "500 ms", dt=f"{dt} ms"))
        mean = 1e-3 * dt * np.array([np.mean(np.diff(s)) for s in steps])
        # Euler lags behind the upstroke by two to four steps: its last step alone is worth an infinite voltage.
        assert np.all(np.abs(mean - exact) < 4e-3 * dt)
        errors.append(np.mean(mean - exact))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.3)


def test_sst_adapts_and_pv_does_not():
    for steps in trains(ran("sst", grid(60, 175), "3 s")):
        intervals = np.diff(steps)
        assert intervals[0] < intervals[1] < intervals[2]
        assert intervals[-1] > 2 * intervals[0]
        assert intervals[-1] == pytest.approx(intervals[-2], abs=1)  # it has come to an end
    for steps in trains(ran("pv", grid(240, 700), "1 s")):
        intervals = DT * np.diff(steps)
        assert len(intervals) > 30
        assert np.max(np.abs(intervals - intervals[0])) < 1e-9


@pytest.mark.parametrize("model", CELLS)
def test_where_a_spike_is_cut_off_hardly_matters(model):
    """An interval changes by a time step or two, so with a short one the rate does not change either."""

    def intervals(dt, peak):
        steps = trains(ran(model, SWEEP[model], "500 ms", dt=dt, v_peak=peak))
        return np.array([np.mean(np.diff(s)[:4]) for s in steps if len(s) > 4])

    for dt in ("0.1 ms", "0.0125 ms"):
        usual = intervals(dt, "-20 mV")
        assert len(usual) > 15
        for peak in ("-30 mV", "-10 mV", "0 mV"):
            moved = intervals(dt, peak)
            assert np.max(np.abs(moved - usual)) <= 2
            if dt == "0.0125 ms":
                np.testing.assert_allclose(moved, usual, rtol=0.005)


@pytest.mark.parametrize("model", CELLS)
def test_the_upstroke_does_not_overflow_in_single_precision(model):
    result = ran(model, grid(0, 5000), "200 ms", precision="single", backend="numpy")
    assert result.status == "done"
    v = result.final[f"{model}.soma"].values
    assert np.all(np.isfinite(v))
    assert v.max() <= -20e-3
    assert len(trains(result)[-1]) > 40


# -- synapses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", CELLS)
def test_conductances_decay_with_the_time_constants_of_ampa_and_gaba(model):
    circuit = ds.load_circuit(model)
    population = circuit.population(model)
    population = population.replace(initial={**population.initial, "g_exc": 0.2, "g_inh": 0.5})
    result = ds.run(
        ds.Protocol(
            circuit.replace(populations=(population,)),
            (ds.Block("run", (ds.Phase("on", "30 ms"),)),),
            dt="0.1 ms",
            recordings=(ds.Recording(f"{model}.g_*", every="0.1 ms"),),
        ),
        backend="numpy",
    )
    n = np.arange(300)
    for name, size, tau in (("g_exc", 0.2, 5), ("g_inh", 0.5, 10)):
        course = result[f"{model}.{name}"].values[:, 0]
        np.testing.assert_allclose(course, size * (1 - 0.1 / tau) ** n, rtol=1e-10)
        np.testing.assert_allclose(course, size * np.exp(-0.1 * n / tau), rtol=0.2 / tau * 3)


def test_pathways_and_noise_reach_the_conductances():
    """PV spikes inhibit SST through g_inh; shot noise on the background has its mean r jump tau."""
    joined = ds.Circuit.join(
        (),
        (ds.Pathway("inhibition", "pv", "sst", "g_inh_post += weight", weight=0.07),),
        pv=ds.load_circuit("pv"),
        sst=ds.load_circuit("sst", cells=200),
    )
    result = ds.run(
        ds.Protocol(
            joined,
            (ds.Block("run", (ds.Phase("on", "300 ms"),)),),
            dt="0.1 ms",
            signals={
                "pv.current": "300 pA",
                "sst.background_exc": ds.ShotNoise("500 Hz", 0.02, "5 ms"),
            },
            recordings=(
                ds.Recording("pv.spike", every="spike"),
                ds.Recording(("sst.exc", "sst.inh"), every="0.1 ms"),
            ),
        ),
        backend="numpy",
    )
    spikes = np.round(result.spikes["pv"].time / DT).astype(int)
    assert len(spikes) > 15
    jumps = np.bincount(spikes, minlength=3000) * 0.07
    expected = np.zeros(3000)
    for step in range(2999):
        expected[step + 1] = expected[step] * (1 - 0.1 / 10) + jumps[step]
    np.testing.assert_allclose(result["sst.inh"].values[:, 0], expected, atol=1e-12)
    # mean 500/s 0.02 5 ms = 0.05, standard deviation 0.02 sqrt(1.25): 200 cells x 30 independent values
    assert result["sst.exc"].values.mean() == pytest.approx(0.05, abs=4 * 0.0224 / np.sqrt(6000))


# -- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "changes", "error", "message"),
    [
        ("pv", {"d_spike": "0 mV"}, ParameterError, "d_spike is 0"),
        ("pv", {"tau_soma": "-1 ms"}, ParameterError, "tau_soma"),
        ("sst", {"tau_adaptation": "0 ms"}, ParameterError, "tau_adaptation"),
        ("sst", {"tau_inh": "0 ms"}, ParameterError, "tau_inh"),
        ("pv", {"rheobase": "900 pA"}, ParameterError, "above V_T.*0.022 V"),
        ("pv", {"v_reset": "-10 mV"}, ParameterError, "above v_reset"),
        ("sst", {"v_peak": "-62 mV"}, ParameterError, "v_peak is -0.062 V"),
        ("sst", {"a_adaptation": "-5 nS"}, ParameterError, "minus the leak conductance"),
        ("sst", {"rheobase": "25 mV"}, UnitError, "rheobase.*pA"),
    ],
)
def test_bad_values_are_refused(model, changes, error, message):
    with pytest.raises(error, match=message):
        ds.load_circuit(model, **changes)
