"""Dendritic predictive coding: self-predicting state, errors, spectrum and plasticity, against other code."""

from itertools import pairwise

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.analysis.vector_angles import angle
from dendrosim.circuit.start_values import draw_start_value

TAU = 10e-3
SIZES = (4, 5, 3, 4)
G_B, G_A = 2.0, 1.5
KAPPA = {"conductance": (2 / 4.5, 2 / 4.5, 2 / 3), "current": (1.0, 1.0, 1.0)}
PART = {
    "conductance": G_A / 4.5,
    "current": G_A,
}  # of the apical voltage in a soma of a hidden layer
OWN = {"sizes": SIZES, "g_apical": G_A}
BASAL = {"conductance": {"g_basal": G_B}, "current": {}}
"""Conductances of basal dendrites, which the current form does not have."""
AWAKE = {"teach": 1.0, "learn": 1.0}
CASES = {
    "published conductances": {},
    "current": {"form": "current", "g_apical": 0.5},
    "other sizes": {"sizes": (4, 6, 3, 5, 2), "g_apical": 3.0, "g_basal": 0.4, "transfer": "sigmoid"},
    "slopes, symmetric": {"slopes": True, "symmetric": True, "output": "linear"},
    "Dale": {"sizes": (5, 4, 6), "dale": True, "transfer": "softplus"},
    "in the filter": {"sizes": (3, 4, 2), "low_pass": True},
    "rates of linear units": {"feedback": "rate", "transfer": "linear", "sizes": (4, 3, 5, 2)},
}  # fmt: skip


def weights_of(circuit, seed=0):
    return {
        m.name: draw_start_value(circuit, m.name, circuit.shape(m), seed) for m in circuit.matrices
    }


def field_of(circuit, x, target=None, gates=None, **more):
    last = max(p.name for p in circuit.populations)
    inputs = {"layer0.h": x} | ({} if target is None else {f"{last}.target": target})
    return ds.vector_field(circuit, inputs=inputs, gates=gates or {}, **more)


def at_rest(circuit, *given, **more):
    """Every variable at the fixed point of the neurons."""
    field = field_of(circuit, *given, **more)
    return field.evaluate(field.pack(ds.fixed_point(field).state))


def flow_of(circuit, x, target, gates, values=None):
    """Weights, and their rates of change with neurons at their fixed point."""
    field = field_of(
        circuit, x, target, gates, values=values or {}, unfrozen="*", slaved="layer*.*"
    )
    return field.unpack(field.start), field.unpack(field.f(field.start))


# -- rest -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_apical_dendrites_are_silent_in_the_self_predicting_state(case):
    circuit = ds.load_circuit("dendritic_predictive", **CASES[case])
    sizes = [p.size for p in circuit.populations]
    x = 2 * np.random.default_rng(1).normal(size=(sizes[0], 3))
    found = at_rest(circuit, x, seed=2)
    for i in range(1, len(sizes) - 1):
        assert abs(found[f"layer{i}.apical"]).max() < 1e-12
        assert abs(found[f"layer{i}.top_down"]).max() > 1e-3


def test_with_feedback_of_rates_what_is_left_in_apical_dendrites_is_what_is_nonlinear_in_the_layer_above():
    circuit = ds.load_circuit("dendritic_predictive", feedback="rate", sizes=(4, 5, 3))
    x, w = 2 * np.random.default_rng(1).normal(size=(4, 3)), weights_of(circuit)
    found = at_rest(circuit, x)
    u = found["layer2.u"]
    assert u == pytest.approx(10 / 11 * w["w2"] @ found["layer1.h"], abs=1e-9)
    assert found["layer1.apical"] == pytest.approx(w["b1"] @ (np.tanh(u) - u), abs=1e-9)
    assert abs(found["layer1.apical"]).max() > 0.01


def test_two_linear_layers_have_the_modes_of_the_closed_form():
    """Each eigenvalue mu of b_1 w_2 gives the roots of x^2 + (2 + g mu) x + 1; all other modes decay with tau."""
    circuit = ds.load_circuit(
        "dendritic_predictive", sizes=(2, 4, 3), form="current", g_apical=1.7, transfer="linear"
    )
    w = weights_of(circuit)
    mu = np.linalg.eigvals(w["w2"] @ w["b1"])
    assert mu.real.min() < 0 < mu.real.max()
    expected = np.concatenate([np.roots([1, 2 + 1.7 * m, 1]) for m in mu] + [[-1]])
    field = field_of(circuit, np.zeros(2))
    found = np.linalg.eigvals(field.jacobian(field.start)) * TAU
    assert np.sort_complex(found) == pytest.approx(np.sort_complex(expected), abs=1e-6)
    for g in (0.99, 1.01):  # the strength at which a mode neither grows nor decays
        critical = g * -2 / mu.real.min()
        field = field_of(
            circuit.replace(parameters={**circuit.parameters, "g_apical": critical}), np.zeros(2)
        )
        slowest = np.linalg.eigvals(field.jacobian(field.start)).real.max()
        assert (slowest > 1e-3) == (g > 1)


# -- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["conductance", "current"])
@pytest.mark.parametrize("slopes", [False, True])
def test_errors_come_down_as_products_under_a_target_of_any_strength(form, slopes):
    g = 1.5 if form == "conductance" else 0.5
    circuit = ds.load_circuit(
        "dendritic_predictive",
        **OWN | {"g_apical": g},
        **BASAL[form],
        form=form,
        slopes=slopes,
        nudging=5.0,
    )
    rng, w = np.random.default_rng(1), weights_of(circuit)
    found = at_rest(circuit, rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), {"teach": 1.0})
    error = found["layer3.u"] - KAPPA[form][2] * found["layer3.basal"]
    assert abs(error).max() > 0.3
    for i in (2, 1):
        apical, u = w[f"b{i}"] @ error, found[f"layer{i}.u"]
        assert found[f"layer{i}.apical"] == pytest.approx(apical, abs=1e-8)
        part = g / (1 + G_B + g) if form == "conductance" else g
        kappa = G_B / (1 + G_B + g) if form == "conductance" else 1.0
        error = part * apical * (1 - np.tanh(u) ** 2 if slopes else 1.0)
        assert u - kappa * found[f"layer{i}.basal"] == pytest.approx(error, abs=1e-8)


def gradient(w, kappa, x, y, transfer, of_rates):
    """Descent of 1/2 |y - u_L|^2, or of 1/2 |y - h_L|^2, with slopes 1 in a linear network."""
    s = np.tanh if transfer == "tanh" else lambda v: v
    h, us = [x], []
    for k, m in zip(kappa, w, strict=True):
        us.append(k * m @ h[-1])
        h.append(s(us[-1]))
    slopes = [1 - np.tanh(u) ** 2 if transfer == "tanh" else np.ones_like(u) for u in us]
    delta, found = slopes[-1] * (y - h[-1]) if of_rates else y - us[-1], []
    for i in range(len(w) - 1, -1, -1):
        found.insert(0, kappa[i] * np.outer(delta, h[i]))
        if i:
            delta = slopes[i - 1] * kappa[i] * (w[i].T @ delta)
    return found


@pytest.mark.parametrize("form", ["conductance", "current"])
@pytest.mark.parametrize(("transfer", "teaching"), [("linear", "voltage"), ("tanh", "rate")])
def test_updates_are_those_of_gradient_descent_for_weak_nudging(form, transfer, teaching):
    """Of linear networks, and with slopes of nonlinear ones: angles fall with the nudging, sizes are the same."""
    angles = []
    for nudging in (1e-4, 1e-3):
        circuit = ds.load_circuit(
            "dendritic_predictive", **OWN, **BASAL[form], form=form, symmetric=True, nudging=nudging,
            transfer=transfer, teaching=teaching, slopes=transfer == "tanh",
        )  # fmt: skip
        rng, w = np.random.default_rng(3), weights_of(circuit)
        x, y = rng.normal(size=4), rng.uniform(-0.5, 0.5, size=4)
        _, change = flow_of(circuit, x, y, AWAKE)
        weights = [w[f"w{i}"] for i in (1, 2, 3)]
        ideal = gradient(weights, KAPPA[form], x, y, transfer, teaching == "rate")
        angles.append([angle(change[f"w{i}"], g) for i, g in enumerate(ideal, 1)])
        for i, g in enumerate(ideal, 1):  # the learning rate is 1 Hz
            assert np.linalg.norm(change[f"w{i}"]) == pytest.approx(
                np.linalg.norm(g), rel=100 * nudging
            )
    assert np.max(angles[0]) < 0.05
    moved = np.array(angles[0]) > 1e-6  # one sample of a linear chain: some angles are exactly zero
    assert np.divide(angles[1], angles[0])[moved] == pytest.approx(10, rel=0.1)


# -- plasticity -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["conductance", "current"])
def test_lateral_weights_follow_basal_ones_exactly_and_return_to_the_self_predicting_state(form):
    """Under a strong target, D = n + kappa b w has the flow -eta m D <h h^T>, which is 0 at D = 0."""
    circuit = ds.load_circuit(
        "dendritic_predictive",
        **OWN | {"g_apical": 0.5},
        **BASAL[form],
        form=form,
        nudging=3.0,
        eta="2 Hz",
    )
    kappa = [G_B / 3.5, G_B / 3.5, G_B / 3] if form == "conductance" else [1.0] * 3
    total = [3.5, 3.5, 3.0] if form == "conductance" else [1.0] * 3
    k3 = kappa[2] * total[2] / 3.0
    k2 = kappa[1] * total[1] * k3 / 0.5
    m = [kappa[1] * k2, kappa[2] * k3]
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(4, 6)), rng.normal(size=(4, 6))
    for spread in (0.0, 0.1):
        values = weights_of(circuit)
        off = {i: spread * rng.normal(size=values[f"n{i}"].shape) for i in (1, 2)}
        values |= {f"n{i}": values[f"n{i}"] + off[i] for i in (1, 2)}
        found = at_rest(circuit, x, y, AWAKE, values=values)
        _, change = flow_of(circuit, x, y, AWAKE, values)
        for i in (1, 2):
            drift = change[f"n{i}"] + kappa[i] * values[f"b{i}"] @ change[f"w{i + 1}"]
            h = found[f"layer{i}.h"]
            expected = -2.0 * m[i - 1] * off[i] @ h @ h.T / 6
            size = abs(change[f"n{i}"]).max()
            assert drift == pytest.approx(expected, abs=1e-8 * size)
            assert size > 1e-3


def test_the_self_predicting_state_is_a_fixed_point_of_learning_with_one_zero_mode_for_each_basal_weight():
    """All other modes are those of n alone, eigenvalues of covariance matrices of the rates."""
    lateral = 7.0
    circuit = ds.load_circuit(
        "dendritic_predictive", **OWN, **BASAL["conductance"], eta_lateral=f"{lateral} Hz", gain=1.5
    )
    x, w = np.random.default_rng(3).normal(size=(4, 20)), weights_of(circuit)
    field = field_of(
        circuit, x, None, {"learn": 1.0, "sleep": 1.0}, unfrozen="*", slaved="layer*.*"
    )
    assert abs(field.f(field.start)).max() < 1e-12
    jacobian = field.jacobian(field.start)
    found = np.linalg.eigvals(jacobian)
    kappa, h, expected = KAPPA["conductance"], x, []
    k3 = kappa[2] * 3.0  # nudging is 1
    k2 = kappa[1] * 4.5 * k3 / G_A
    for i, m in ((1, kappa[1] * k2), (2, kappa[2] * k3)):
        h = np.tanh(kappa[i - 1] * w[f"w{i}"] @ h)
        expected += SIZES[i] * list(-(lateral + m) * np.linalg.eigvalsh(h @ h.T / 20))
    free = sum(a * b for a, b in pairwise(SIZES))
    assert np.sort(found.real) == pytest.approx(np.sort(expected + [0.0] * free), abs=1e-6)
    assert abs(found.imag).max() < 1e-6
    assert np.sum(np.linalg.svd(jacobian, compute_uv=False) < 1e-9) == free  # no Jordan blocks


def test_learned_top_down_weights_are_at_rest_where_they_predict_a_layer_from_the_one_above():
    """No weight changes there; there is one zero mode for each basal weight, and all other modes decay."""
    sizes = (4, 5, 3, 3)  # no more outputs than units below: b has no directions without voltages
    own = OWN | BASAL["conductance"] | {"sizes": sizes}
    circuit = ds.load_circuit("dendritic_predictive", **own, gain=1.5, top_down="learned")
    x, w = np.random.default_rng(3).normal(size=(4, 20)), weights_of(circuit)
    u, h, values = [], x, {}
    for i, kappa in enumerate(KAPPA["conductance"], 1):
        u.append(kappa * w[f"w{i}"] @ h)
        h = np.tanh(u[-1])
    for i in (1, 2):
        values[f"b{i}"] = np.linalg.lstsq(u[i].T, u[i - 1].T, rcond=None)[0].T
        values[f"n{i}"] = -KAPPA["conductance"][i] * values[f"b{i}"] @ w[f"w{i + 1}"]
    field = field_of(
        circuit, x, None, {"learn": 1.0, "sleep": 1.0}, values=values, unfrozen="*", slaved="layer*.*"
    )  # fmt: skip
    assert abs(field.f(field.start)).max() < 1e-12
    jacobian = field.jacobian(field.start)
    free = sum(a * b for a, b in pairwise(sizes))
    assert np.sum(np.linalg.svd(jacobian, compute_uv=False) < 1e-9) == free
    assert np.sort(np.linalg.eigvals(jacobian).real)[-free - 1] < -1e-6


def loop(m, x, y, steps, dt, low_pass, tau_low_pass=30e-3):
    """Forward Euler steps of a current circuit 3-4-2, all weights plastic, written without the program's texts."""
    g_a, nudging, eta, eta_l, eta_t = 0.6, 0.3, 3.0, 5.0, 2.0
    k2 = 1 / nudging
    k1 = k2 / g_a
    names = ("w1", "w2", "n1", "b1")
    w = {n: m[n].copy() for n in names}
    delta = {n: np.zeros_like(v) for n, v in w.items()}
    u1, u2 = np.zeros((4, x.shape[1])), np.zeros((2, x.shape[1]))
    for _ in range(steps):
        h1, h2 = np.tanh(u1), np.tanh(u2)
        basal1, basal2, down = w["w1"] @ x, w["w2"] @ h1, w["b1"] @ u2
        apical = down + w["n1"] @ h1
        rate = {
            "w1": eta * k1 * (u1 - basal1) @ x.T,
            "w2": eta * k2 * (u2 - basal2) @ h1.T,
            "n1": -(eta * k2 + eta_l) * apical @ h1.T,
            "b1": eta_t * (u1 - down) @ u2.T,
        }
        u1, u2 = (
            u1 + dt / TAU * (-u1 + basal1 + g_a * (1 - h1**2) * apical),
            u2 + dt / TAU * (-u2 + basal2 + nudging * (1 - h2**2) * (y - h2)),
        )
        for n in names:
            x_n = rate[n] / x.shape[1]
            w[n], delta[n] = (
                w[n] + dt * (delta[n] if low_pass else x_n),
                delta[n] + dt / tau_low_pass * (x_n - delta[n]),
            )
    return w, delta, {"layer1.u": u1, "layer2.u": u2}


@pytest.mark.parametrize("low_pass", [False, True])
def test_all_weights_learn_as_in_a_loop_with_and_without_a_low_pass_filter(low_pass):
    circuit = ds.load_circuit(
        "dendritic_predictive", sizes=(3, 4, 2), form="current", teaching="rate", slopes=True,
        self_predicting=False, low_pass=low_pass, g_apical=0.6, nudging=0.3, eta="3 Hz", eta_lateral="5 Hz",
        top_down="learned", eta_top_down="2 Hz",
    )  # fmt: skip
    rng, steps, dt = np.random.default_rng(5), 200, 1e-3
    x, y = rng.normal(size=(3, 2)), rng.uniform(-0.5, 0.5, size=(2, 2))
    gates = {"teach": 1.0, "learn": 1.0, "sleep": 1.0}
    protocol = ds.Protocol(
        circuit, (ds.Block("one", (ds.Phase("all", f"{steps * dt} s", gates=gates),)),), f"{dt} s",
        signals={"layer0.h": ds.Samples("x"), "layer2.target": ds.Samples("y")},
        data={"x": x.T, "y": y.T}, batch=2,
    )  # fmt: skip
    result = ds.run(protocol, "numpy", seed=0, progress=False)
    w, delta, states = loop(weights_of(circuit), x, y, steps, dt, low_pass)
    for name, expected in states.items():
        assert result.final[name].values == pytest.approx(expected, abs=1e-10)
    for name, expected in w.items():
        found = result.final[name].values
        if low_pass:  # what has been induced less what is still in the filter
            pending = result.final[f"{name}_pending"].values
            assert pending == pytest.approx(30e-3 * delta[name], abs=1e-10)
            found = found - pending
        assert found == pytest.approx(expected, abs=1e-10)
        assert abs(expected - weights_of(circuit)[name]).max() > 1e-3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sizes": (3,)}, "input and an output layer"),
        ({"dale": True, "low_pass": True}, "dale and low_pass"),
        ({"tau_low_pass": "5 ms"}, "low_pass is False"),
        ({"eta_top_down": "5 Hz"}, "top_down is fixed"),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(ds.errors.ParameterError, match=message):
        ds.load_circuit("dendritic_predictive", **given)
