"""Errors in apical dendrites: self-predicting state, its spectrum, updates, and plasticity, against other code."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import root

import dendrosim as ds
from dendrosim.analysis.vector_angles import angle
from dendrosim.circuit.start_values import draw_start_value

TAU = 10e-3
S = {"tanh": np.tanh, "sigmoid": lambda v: 1 / (1 + np.exp(-v)), "linear": lambda v: v}
SLOPE = {
    "tanh": lambda v: 1 - np.tanh(v) ** 2,
    "sigmoid": lambda v: 0.25 / np.cosh(v / 2) ** 2,
    "linear": np.ones_like,
}
CASES = {
    "published conductances": {},
    "current": {"form": "current", "g_apical": 1.5, "g_teaching": 0.5},
    "other sizes": {"sizes": (4, 6, 3, 5, 2), "g_apical": 3.0, "g_teaching": 0.7, "g_dendrite": 2.5,
                    "g_basal": 0.4, "transfer": "sigmoid"},
    "Dale": {"sizes": (5, 4, 6), "dale": True, "transfer": "softplus"},
    "in the filter": {"sizes": (3, 4, 2), "low_pass": True, "output": "linear"},
}  # fmt: skip


def weights_of(circuit, seed=0):
    return {
        m.name: draw_start_value(circuit, m.name, circuit.shape(m), seed) for m in circuit.matrices
    }


def at_rest(circuit, x, seed=0, **more):
    """Every variable at the fixed point of the neurons."""
    field = ds.vector_field(circuit, inputs={"layer0.h": x}, seed=seed, **more)
    point = ds.fixed_point(field)
    return field.evaluate(field.pack(point.state))


@pytest.mark.parametrize("case", CASES)
def test_apical_dendrites_are_silent_in_the_self_predicting_state(case):
    circuit = ds.load_circuit("dendritic_error", **CASES[case])
    x = 2 * np.random.default_rng(1).normal(size=(circuit.population("layer0").size, 3))
    found = at_rest(circuit, x, seed=2)
    hidden = [p.name.removeprefix("inter") for p in circuit.populations if p.name[:5] == "inter"]
    for i in hidden:
        assert abs(found[f"layer{i}.apical"]).max() < 1e-12
        assert abs(found[f"inter{i}.u"] - found[f"layer{int(i) + 1}.u"]).max() < 1e-12
        assert abs(found[f"layer{i}.u"]).max() > 1e-3


def test_the_self_predicting_state_is_a_fixed_point_of_learning_with_one_zero_mode_for_each_basal_weight():
    """All other modes are those of p and n alone, eigenvalues of covariance matrices of the rates."""
    sizes, lateral = (4, 3, 3, 2), 7.0
    own = {"g_basal": 2.0, "g_apical": 1.5, "g_dendrite": 3.0, "g_teaching": 0.8}
    circuit = ds.load_circuit(
        "dendritic_error", sizes=sizes, eta_lateral=f"{lateral} Hz", gain=1.5, **own
    )
    x = np.random.default_rng(3).normal(size=(4, 20))
    field = ds.vector_field(
        circuit, inputs={"layer0.h": x}, gates={"learn": 1.0, "sleep": 1.0},
        unfrozen="*", slaved=("layer*.*", "inter*.*"),
    )  # fmt: skip
    assert abs(field.f(field.start)).max() < 1e-12
    found = np.linalg.eigvals(field.jacobian(field.start))

    w = weights_of(circuit)
    kappa, part = [2 / 4.5, 2 / 4.5, 2 / 3], 3 / 4
    taught, h, expected = 0.8 / (4 + 0.8), x, []
    rates, voltages = [x], [None]
    for i, k in enumerate(kappa, 1):
        voltages.append(k * w[f"w{i}"] @ h)
        h = np.tanh(voltages[-1])
        rates.append(h)
    factor = 2.0  # k_L = kappa_L G_L / nudging, and so on down
    factors = [factor]
    for _ in range(2):
        factor *= (2 / 4.5) * 4.5 / (1.5 * (1 - taught))
        factors.insert(0, factor)
    for i in (1, 2):
        m = kappa[i] * factors[i] / (part * taught)
        for slope in SLOPE["tanh"](voltages[i + 1]):
            covariance = (slope * rates[i]) @ rates[i].T / x.shape[1]
            expected += list(-(lateral + m) * taught * part * np.linalg.eigvalsh(covariance))
        predicted = rates[i + 1] @ rates[i + 1].T / x.shape[1]
        expected += sizes[i] * list(-lateral * np.linalg.eigvalsh(predicted))
    expected += [0.0] * sum(a * b for a, b in pairwise(sizes))
    assert np.sort(found.real) == pytest.approx(np.sort(expected), abs=1e-6)
    assert abs(found.imag).max() < 1e-6
    free = np.linalg.svd(field.jacobian(field.start), compute_uv=False)
    assert np.sum(free < 1e-9) == sum(a * b for a, b in pairwise(sizes))  # no Jordan blocks


# -- updates ----------------------------------------------------------------------------------------------

NETS, G_B, G_A, G_D, G_T = (30, 20, 15, 10), 10.0, 8.0, 10.0, 8.0


def rooted(w, b, p, x, target, nudging):
    """Steady states by an independent root-finder, and the terms (h - predicted) h^T of each layer."""
    kappa = [G_B / (1 + G_B + G_A)] * 2 + [G_B / (1 + G_B)]
    s, ends = S["sigmoid"], np.cumsum([20, 15, 10, 15, 10])

    def rates(z):
        u1, u2, u3, i1, i2 = np.split(z, ends[:-1])
        a1, a2 = b[0] @ (s(u2) - s(i1)), b[1] @ (s(u3) - s(i2))
        below = [x, s(u1), s(u2)]
        base = [m @ h for m, h in zip(w, below, strict=True)]
        return np.concatenate([
            -u1 + G_B * (base[0] - u1) + G_A * (a1 - u1), -u2 + G_B * (base[1] - u2) + G_A * (a2 - u2),
            -u3 + G_B * (base[2] - u3) + nudging * (target - u3),
            -i1 + G_D * (p[0] @ s(u1) - i1) + G_T * (u2 - i1), -i2 + G_D * (p[1] @ s(u2) - i2) + G_T * (u3 - i2),
        ])  # fmt: skip

    z = root(rates, np.zeros(ends[-1]), tol=1e-14).x
    u = np.split(z, ends[:-1])[:3]
    below = [x, s(u[0]), s(u[1])]
    return [np.outer(s(v) - s(k * m @ h), h) for v, k, m, h in zip(u, kappa, w, below, strict=True)]


def backpropagated(w, x, target):
    """delta_L = s'(u_L) (target - u_L) and delta_i = s'(u_i) W^T delta_(i+1) without nudging, times h^T."""
    kappa, h, us, hs = [G_B / (1 + G_B + G_A)] * 2 + [G_B / (1 + G_B)], x, [], [x]
    for k, m in zip(kappa, w, strict=True):
        us.append(k * m @ h)
        h = S["sigmoid"](us[-1])
        hs.append(h)
    delta = SLOPE["sigmoid"](us[-1]) * (target - us[-1])
    found = [np.outer(delta, hs[-2])]
    for i in (1, 0):
        delta = SLOPE["sigmoid"](us[i]) * (w[i + 1].T @ delta)
        found.insert(0, np.outer(delta, hs[i]))
    return found


def updated(nudging, seed, samples=1):
    """The change of basal weights in one step of learning after a net has settled under its target."""
    circuit = ds.load_circuit(
        "dendritic_error", sizes=NETS, transfer="sigmoid", symmetric=True, nudging=nudging, gain=2.0
    )
    rng = np.random.default_rng(seed)
    x, target = rng.normal(size=30), rng.uniform(-0.5, 0.5, size=10)
    field = ds.vector_field(
        circuit, inputs={"layer0.h": x, "layer3.target": target}, seed=seed,
        gates={"teach": 1.0, "learn": 1.0}, unfrozen="w*", slaved=("layer*.*", "inter*.*"),
    )  # fmt: skip
    changes = field.f(field.start)
    shapes = list(pairwise(NETS))
    parts = np.split(changes, np.cumsum([a * b for a, b in shapes])[:-1])
    return circuit, x, target, [c.reshape(b, a) for c, (a, b) in zip(parts, shapes, strict=True)]


@pytest.mark.parametrize("nudging", [1e-3, 8.0])
def test_angles_of_updates_to_back_propagation_are_those_of_a_root_finder(nudging):
    circuit, x, target, changes = updated(nudging, 0)
    m = weights_of(circuit)
    w, b, p = ([m[f"{n}{i}"] for i in range(1, 4) if f"{n}{i}" in m] for n in "wbp")
    other, gradient = rooted(w, b, p, x, target, nudging), backpropagated(w, x, target)
    for mine, its, ideal in zip(changes, other, gradient, strict=True):
        assert angle(mine, ideal) == pytest.approx(angle(its, ideal), abs=1e-3)


def test_updates_are_those_of_back_propagation_for_weak_nudging():
    """Ten random nets: below 0.01 degree at a nudging of 1e-4, in proportion to it up to 0.01, and as large."""
    for seed in range(10):
        angles = []
        for nudging in (1e-4, 1e-3, 1e-2):
            circuit, x, target, changes = updated(nudging, seed)
            m = weights_of(circuit, seed)
            gradient = backpropagated([m[f"w{i}"] for i in (1, 2, 3)], x, target)
            angles.append([angle(c, g) for c, g in zip(changes, gradient, strict=True)])
            if nudging == 1e-4:  # the learning rate is 1 Hz
                parts = np.cumprod([10 / 11, 10 / 19, 10 / 19])[::-1]  # kappa_i .. kappa_L
                for c, k, g in zip(changes, parts, gradient, strict=True):
                    assert np.linalg.norm(c) == pytest.approx(k * np.linalg.norm(g), rel=1e-3)
        assert np.max(angles[0]) < 0.01
        assert np.divide(angles[1], angles[0]) == pytest.approx([10] * 3, rel=0.05)
        assert np.divide(angles[2], angles[1]) == pytest.approx([10] * 3, rel=0.05)


# -- plasticity in time -----------------------------------------------------------------------------------


def loop(m, x, y, steps, dt, low_pass, tau_low_pass=30e-3):
    """Forward Euler steps of a current circuit 3-4-2, all weights plastic, written without the program's texts."""
    g_a, g_t, nudging, eta, eta_l, eta_t = 1.2, 0.5, 0.3, 3.0, 5.0, 2.0
    taught = g_t / (1 + g_t)
    k = [1 / nudging / (g_a * (1 - taught)), 1 / nudging]
    names = ("w1", "w2", "p1", "n1", "b1")
    w = {n: m[n].copy() for n in names}
    delta = {n: np.zeros_like(v) for n, v in w.items()}
    u1, u2, i1 = np.zeros((4, x.shape[1])), np.zeros((2, x.shape[1])), np.zeros((2, x.shape[1]))
    for _ in range(steps):
        h1, h2, hi = np.tanh(u1), np.tanh(u2), np.tanh(i1)
        down, basal1, basal2, dendrite = w["b1"] @ h2, w["w1"] @ x, w["w2"] @ h1, w["p1"] @ h1
        apical = down + w["n1"] @ hi
        rate = {
            "w1": eta * k[0] * (h1 - np.tanh(basal1)) @ x.T,
            "w2": eta * k[1] * (h2 - np.tanh(basal2)) @ h1.T,
            "p1": (eta * k[1] / taught + eta_l) * (hi - np.tanh(dendrite)) @ h1.T,
            "n1": -eta_l * apical @ hi.T,
            "b1": eta_t * (h1 - np.tanh(down)) @ h2.T,
        }
        u1, u2, i1 = (
            u1 + dt / TAU * (-u1 + basal1 + g_a * apical),
            u2 + dt / TAU * (-u2 + basal2 + nudging * (y - h2)),
            i1 + dt / TAU * (-i1 + dendrite + g_t * (u2 - i1)),
        )
        for n in names:
            x_n = rate[n] / x.shape[1]
            w[n], delta[n] = (
                w[n] + dt * (delta[n] if low_pass else x_n),
                delta[n] + dt / tau_low_pass * (x_n - delta[n]),
            )
    return w, delta, {"layer1.u": u1, "layer2.u": u2, "inter1.u": i1}


@pytest.mark.parametrize("low_pass", [False, True])
def test_all_weights_learn_as_in_a_loop_with_and_without_a_low_pass_filter(low_pass):
    circuit = ds.load_circuit(
        "dendritic_error", sizes=(3, 4, 2), form="current", teaching="rate", top_down="learned",
        self_predicting=False, low_pass=low_pass, g_apical=1.2, g_teaching=0.5, nudging=0.3, eta="3 Hz",
        eta_lateral="5 Hz", eta_top_down="2 Hz",
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


# -- what is refused --------------------------------------------------------------------------------------


def test_weights_that_violate_dales_law_are_refused():
    """In a run that starts from given weights, and in the circuit."""
    circuit = ds.load_circuit("dendritic_error", sizes=(3, 4, 2), dale=True)
    phase = ds.Phase("rest", "1 ms")
    protocol = ds.Protocol(
        circuit, (ds.Block("one", (phase,)),), "0.1 ms", signals={"layer0.h": 0.1}
    )
    start = weights_of(circuit)
    start |= {f"{p.name}.u": np.zeros(p.size) for p in circuit.populations if p.states}
    wrong = {"w1": np.full((4, 3), 0.1) - 0.2 * np.eye(4, 3), "n1": np.full((4, 2), 0.3)}
    for name, said in (("w1", "-0.1.*excitatory"), ("n1", "0.3.*inhibitory")):
        with pytest.raises(ds.errors.ParameterError, match=f"{name}.*{said}"):
            ds.run(protocol, "numpy", initial=start | {name: wrong[name]}, progress=False)
        with pytest.raises(ds.errors.ParameterError, match=f"{name}.*{said}"):
            circuit.matrix(name).replace(initial=wrong[name])


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
        ds.load_circuit("dendritic_error", **given)
