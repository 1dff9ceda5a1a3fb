"""`somatodendritic` against closed forms, a loop with the same spikes, and the expected drift of its weights."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.circuit.start_values import draw_start_value

DT, TAU, RISE, FILTER = 1e-4, 10e-3, 0.3, 0.1
C, LEAK, COUPLING, E_LEAK, E_EXC, E_INH = 300e-12, 30e-9, 600e-9, -70e-3, 0.0, -75e-3
RATE_MAX, K, THETA, SLOPE, RATE_UNIT = 150.0, 0.5, -55e-3, 3e-3, 10.0


def phi(u):
    return RATE_MAX / (1 + K * np.exp((THETA - u) / SLOPE))


def sensitivity(u):
    """H, (theta - e_leak) phi'/phi."""
    return (THETA - E_LEAK) / SLOPE * (1 - phi(u) / RATE_MAX)


def predicted(v):
    return (LEAK * E_LEAK + COUPLING * v) / (LEAK + COUPLING)


TEACHER = (0.4 * E_EXC + 1.6 * E_INH) / 2.0


def field(unfrozen=(), **given):
    """Return inputs and the vector field of a circuit that is nudged towards `TEACHER` by two leaks."""
    circuit = ds.load_circuit("somatodendritic", **given)
    h = np.random.default_rng(1).uniform(0.5, 1.5, size=(circuit.population("afferent").size, 1))
    inputs = {"afferent.h": h, "cell.g_exc": 0.4, "cell.g_inh": 1.6}
    return h, ds.vector_field(circuit, inputs=inputs, gates={"learn": 1.0}, unfrozen=unfrozen)


def test_the_sensitivity_is_the_derivative_of_the_logarithm_of_the_rate():
    u, step = np.linspace(-70e-3, -40e-3, 31), 1e-7
    slope = (np.log(phi(u + step)) - np.log(phi(u - step))) / (2 * step)
    assert sensitivity(u) == pytest.approx((THETA - E_LEAK) * slope, rel=1e-6)


def test_the_dendrite_is_attenuated_and_the_soma_is_between_prediction_and_teacher():
    h, flow = field(afferents=5, cells=3, weight_mean=0.8, weight_spread=0.5)
    at = ds.fixed_point(flow).state
    w = draw_start_value(flow.circuit, "w", (3, 5), 0)
    dendrite = E_LEAK + (THETA - E_LEAK) * (w @ h).ravel()
    part = COUPLING / (LEAK + COUPLING)
    assert predicted(dendrite) - E_LEAK == pytest.approx(part * (dendrite - E_LEAK), rel=1e-12)
    nudge = 2 * LEAK / (3 * LEAK + COUPLING)
    soma = (1 - nudge) * predicted(dendrite) + nudge * TEACHER
    assert np.ravel(at["cell.soma"]) == pytest.approx(soma, abs=1e-12)


@pytest.mark.parametrize(("refractory", "low_pass"), [(0.0, True), (0.0, False), (3e-3, True)])
def test_learning_ends_where_the_dendrite_predicts_the_soma(refractory, low_pass):
    """At V* = U = U_M without a refractory period; with one, where the rates of spikes are equal."""
    h, flow = field(
        "*",
        afferents=5,
        cells=3,
        weight_mean=0.7,
        t_refractory=f"{refractory} s",
        low_pass=low_pass,
    )
    point = ds.fixed_point(flow)
    w, soma = np.asarray(point.state["w"]), np.ravel(point.state["cell.soma"])
    if low_pass:
        assert point.state["w_pending"] == pytest.approx(0, abs=1e-9)
    goal = predicted(E_LEAK + (THETA - E_LEAK) * (w @ h).ravel())
    nudge = 2 * LEAK / (3 * LEAK + COUPLING)
    assert soma == pytest.approx((1 - nudge) * goal + nudge * TEACHER, abs=1e-9)
    assert phi(goal) == pytest.approx(phi(soma) / (1 + refractory * phi(soma)), rel=1e-6)
    if not refractory:
        assert goal == pytest.approx(TEACHER, abs=1e-8)
        assert soma == pytest.approx(TEACHER, abs=1e-8)
    else:
        assert np.all(goal < TEACHER - 1e-4)


def trains(afferents, steps, chance, seed):
    """Return 0 and 1 by step and afferent, and the same as units and times."""
    shown = np.random.default_rng(seed).uniform(size=(steps, afferents)) < chance
    at, unit = np.nonzero(shown)
    return shown.astype(float), (unit, at * DT)


def shown(steps, spikes, weights, nudges, **given):
    """Return the result of a run in which weights learn all the time, with all voltages and spikes recorded."""
    cells, afferents = weights.shape
    circuit = ds.load_circuit(
        "somatodendritic", form="spiking", afferents=afferents, cells=cells, **given
    )
    circuit = circuit.replace(
        matrices=[
            m.replace(initial=ds.Fixed(weights)) if m.name == "w" else m for m in circuit.matrices
        ]
    )
    phase = ds.Phase("learn", f"{steps * DT!r} s", gates={"learn": 1.0})
    protocol = ds.Protocol(
        circuit, (ds.Block("all", (phase,)),), dt=f"{DT} s", spikes={"train": spikes},
        signals={f"cell.g_{n}": v for n, v in zip(("exc", "inh"), nudges, strict=True)},
        recordings=(ds.Recording("cell.spike", "spike"),),
    )  # fmt: skip
    return ds.run(protocol, backend="numpy", seed=4, progress=False)


def loop(given, weights, nudges, eta, low_pass, somatic=None):
    """Compute a run; without somatic spikes (steps, cells), they are replaced by their expectation."""
    steps, afferents = given.shape
    w, pending = weights.copy(), np.zeros_like(weights)
    slow, fast = np.zeros(afferents), np.zeros(afferents)
    soma, last, gains = np.full(len(w), E_LEAK), np.zeros(len(w)), np.zeros_like(w)
    for n in range(steps):
        psp = (slow - RISE * fast) / (1 - RISE)
        v = E_LEAK + (THETA - E_LEAK) * ((w - pending) @ psp)
        goal = predicted(v)
        h = sensitivity(goal)
        change = eta * np.outer((last / DT - phi(goal)) * h, psp)
        gains += DT * eta * np.outer(phi(goal) * h, psp)
        if low_pass:
            pending = pending + DT * (change - pending / FILTER)
        w = w + DT * change
        current = -LEAK * (soma - E_LEAK) + COUPLING * (v - soma)
        current = current + LEAK * nudges[0] * (E_EXC - soma) + LEAK * nudges[1] * (E_INH - soma)
        soma = soma + DT * current / C
        slow = slow * (1 - DT / TAU) + given[n] / (RATE_UNIT * TAU)
        fast = fast * (1 - DT / (RISE * TAU)) + given[n] / (RATE_UNIT * RISE * TAU)
        last = phi(soma) * DT if somatic is None else somatic[n]
    return w, pending, soma, gains


@pytest.mark.parametrize("low_pass", [False, True])
def test_a_run_is_that_of_a_loop_with_the_same_spikes(low_pass):
    given, spikes = trains(6, 800, 0.01, seed=2)
    weights = np.random.default_rng(3).normal(0.015, 0.005, size=(3, 6))
    nudges = (0.5, 1.5)
    result = shown(800, spikes, weights, nudges, low_pass=low_pass, eta=1e-3)
    fired = result.spikes["cell"]
    somatic = np.zeros((800, 3))
    np.add.at(somatic, (np.rint(fired.time / DT).astype(int), fired.unit), 1.0)
    assert somatic.sum() > 5
    w, pending, soma, _ = loop(given, weights, nudges, 1e-3, low_pass, somatic)
    assert np.max(np.abs(w - weights)) > 1e-5
    assert result.final["w"].values == pytest.approx(w, rel=1e-12, abs=1e-15)
    if low_pass:
        assert result.final["w_pending"].values == pytest.approx(pending, rel=1e-12, abs=1e-15)
    assert result.final["cell.soma"].values.ravel() == pytest.approx(soma, rel=1e-12)


@pytest.mark.parametrize("nudges", [(0.0, 0.0), (1.5, 3.5)])
def test_weights_have_the_expected_drift_which_is_nearly_zero_if_the_dendrite_predicts_the_soma(
    nudges,
):
    """Mean of 2000 cells with one voltage and spikes of their own, within four standard errors."""
    cells, eta = 2000, 1e-9
    given, spikes = trains(6, 600, 0.01, seed=5)
    weights = np.full((cells, 6), 0.0145)
    result = shown(600, spikes, weights, nudges, low_pass=False, eta=eta)
    change = (result.final["w"].values - weights) / eta
    w, _, _, gains = loop(given, weights[:1].copy(), nudges, eta, False)
    expected, size = (w - weights[:1])[0] / eta, gains[0] / eta
    error = change.std(axis=0, ddof=1) / np.sqrt(cells)
    assert np.max(np.abs(change.mean(axis=0) - expected) / error) < 4
    if nudges[0]:
        assert np.all(expected > 0.15 * size)
    else:
        # What remains is the time for which the soma lags behind the dendrite.
        assert np.all(np.abs(expected) < 0.05 * size)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"v_theta": "-70 mV"}, "v_theta must be above e_leak"),
        ({"rate_unit": "5 Hz"}, "rate_unit is 5 Hz, but form is rate"),
        (
            {"tau_low_pass": "50 ms", "low_pass": False},
            r"tau_low_pass is 0\.05 s, but low_pass is False",
        ),
        ({"g_dendrite": "0 nS"}, "g_dendrite"),
    ],
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(ds.errors.ParameterError, match=said):
        ds.load_circuit("somatodendritic", **given)
