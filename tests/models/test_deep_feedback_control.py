"""Deep feedback control: steady state, updates, stability and learned feedback against linear algebra."""

import re
from itertools import pairwise

import numpy as np
import pytest
from one_trial import DT, drawn, run
from scipy.optimize import brentq, root

import dendrosim as ds
from dendrosim.errors import DendrosimWarning
from dendrosim.learning.rules import find_rule
from dendrosim.mechanisms.controlled_loop import longest_step, warn_of_learned_loop

SIZES, ALPHA, K_P, ETA_HAT = (4, 5, 4, 3), 0.2, 0.5, 0.3
A = ALPHA / (1 + ALPHA * K_P)
RULES = ("deep_feedback_control", "strong_control")
SETTLE = 1000  # time steps; the slowest mode of these circuits has a time constant of about 20


def case(transfer, seed=0, **more):
    """A circuit with weights, and feedback weights that are J^T of the linear network, made inexact."""
    circuit = ds.load_circuit(
        "deep_feedback_control",
        sizes=SIZES,
        transfer=transfer,
        alpha=ALPHA,
        k_p=K_P,
        eta_hat=ETA_HAT,
        tau_u="50 ms",
        **more,
    )
    ws, rng = drawn(SIZES, seed), np.random.default_rng(seed)
    js = [ws[2] @ ws[1], ws[2], np.eye(3)]
    qs = [j.T + 0.2 * rng.normal(size=j.T.shape) for j in js]
    x, y = rng.normal(size=(4, 2)), rng.normal(size=(3, 2))
    return circuit, ws, js, qs, x, y


def controlled(circuit, ws, qs, x, y, steps=SETTLE, learn=0.0):
    start = {f"w{i}": w for i, w in enumerate(ws, 1)} | {f"q{i}": q for i, q in enumerate(qs, 1)}
    on = {"hold": 0.0, "teach": 1.0}
    phases = [("free", 200, {}, ()), ("control", steps, on, ())]
    phases += [("learn", 1, on | {"learn": learn}, ())] if learn else []
    signals = {"layer0.h": x, "layer3.target": y}
    names = ("layer*.apical", "layer3.u", "layer*.h")
    return run(
        circuit, phases, signals, start, batch=2,
        recordings=(ds.Recording(names, every="phase", phases="one/control"),),
    )  # fmt: skip


def feed_forward(ws, x):
    for w in ws:
        x = w @ x
    return x


def test_the_steady_state_of_a_linear_network_is_that_of_the_closed_form():
    """u = (J Q + a I)^-1 (r - h_L), a = alpha/(1 + alpha k_p), and apical inputs Q_i u."""
    circuit, ws, js, qs, x, y = case("linear")
    result = controlled(circuit, ws, qs, x, y)
    gap = -ETA_HAT * (feed_forward(ws, x) - y)
    jq = sum(j @ q for j, q in zip(js, qs, strict=True))
    u = np.linalg.solve(jq + A * np.eye(3), gap)
    assert result["layer3.u"].values[-1] == pytest.approx(u, abs=1e-9)
    for i, q in enumerate(qs, 1):
        assert result[f"layer{i}.apical"].values[-1] == pytest.approx(q @ u, abs=1e-9)


def test_the_steady_state_of_a_nonlinear_network_solves_its_equations():
    circuit, ws, _, qs, x, y = case("tanh", 3)
    result = controlled(circuit, ws, qs, x, y)

    def output(u, k):
        h = x[:, k]
        for i, (w, q) in enumerate(zip(ws, qs, strict=True), 1):
            v = w @ h + q @ u
            h = v if i == 3 else np.tanh(v)
        return h

    for k in range(2):
        free = output(np.zeros(3), k)
        goal = free - ETA_HAT * (free - y[:, k])
        found = root(
            lambda u, k=k, goal=goal: A * u - (goal - output(u, k)), np.zeros(3), tol=1e-13
        )
        assert result["layer3.u"].values[-1][:, k] == pytest.approx(found.x, abs=1e-9)


def test_with_transposed_jacobians_an_update_is_the_damped_gauss_newton_step():
    """dW_i = (J_i^T (J J^T + a I)^-1 (r - h_L)) h_(i-1)^T, with h_(i-1) under control."""
    circuit, ws, js, _, x, y = case("linear", 5, eta="2 Hz")
    qs, learn = [j.T for j in js], 100.0
    result = controlled(circuit, ws, qs, x, y, learn=learn)
    gap = -ETA_HAT * (feed_forward(ws, x) - y)
    curvature = sum(j @ j.T for j in js)
    step = np.linalg.solve(curvature + A * np.eye(3), gap)
    below = x
    for i, (w, j) in enumerate(zip(ws, js, strict=True), 1):
        expected = (j.T @ step) @ below.T / 2
        change = (result.final[f"w{i}"].values - w) / (2.0 / ETA_HAT * learn * DT)
        assert change == pytest.approx(expected, abs=1e-8)
        below = w @ below + j.T @ step


def test_the_loop_is_stable_where_its_spectrum_says():
    """The eigenvalues of the vector field against those of the loop written as a matrix, stable and unstable."""
    tau, tau_u, last = 10e-3, 50e-3, 3
    for sign in (1.0, -1.0):
        circuit, ws, js, _, *_ = case("linear", 7)
        qs = [sign * j.T for j in js]
        values = {f"w{i}": w for i, w in enumerate(ws, 1)} | {
            f"q{i}": q for i, q in enumerate(qs, 1)
        }
        field = ds.vector_field(circuit, gates={"hold": 0.0}, values=values)
        found = ds.fixed_point(field, method="newton").spectrum.eigenvalues
        ends = np.cumsum([0, *SIZES[1:], 3])
        place = [slice(a, b) for a, b in pairwise(ends)]
        matrix = np.zeros((ends[-1], ends[-1]))
        v, c = place[:last], place[last]
        for i in range(last):
            matrix[v[i], v[i]] -= np.eye(SIZES[i + 1]) / tau
            if i:
                matrix[v[i], v[i - 1]] += ws[i] / tau
            matrix[v[i], c] += qs[i] / tau
            matrix[v[i], v[2]] -= K_P * qs[i] / tau
        matrix[c, v[2]] -= np.eye(3) / tau_u
        matrix[c, c] -= ALPHA * np.eye(3) / tau_u
        expected = np.linalg.eigvals(matrix)
        moving = found[np.abs(found) > 1e-9]  # held values do not move
        assert len(moving) == len(expected)
        assert np.sort_complex(np.round(moving, 6)) == pytest.approx(
            np.sort_complex(np.round(expected, 6)), abs=1e-4
        )
        assert (expected.real.max() < 0) == (sign > 0)


def changes_of_feedback(ws, qs, perturbed, *, sigma, decay, gate=50.0):
    """Changes of Q_i per second, on average over noise in layers `perturbed`, whose covariance is exact."""
    circuit = ds.load_circuit(
        "deep_feedback_control", sizes=SIZES, transfer="linear", alpha=ALPHA, k_p=K_P, eta_hat=ETA_HAT,
        tau_u="50 ms", sigma=sigma, decay_q=decay, eta_q="1 Hz",
    )  # fmt: skip
    total = sum(SIZES[1:])
    noise = sigma * (total**0.5) * np.hstack([np.eye(total), -np.eye(total)])
    samples = noise.shape[1]
    parts = np.split(noise, np.cumsum(SIZES[1:])[:-1])
    signals = {"layer0.h": np.zeros((4, samples)), "layer3.target": np.zeros((3, samples))}
    shown = tuple(f"layer{i}.noise" for i in (1, 2, 3))
    signals |= {f"layer{i}.noise": part * (i in perturbed) for i, part in enumerate(parts, 1)}
    start = {f"w{i}": w for i, w in enumerate(ws, 1)} | {f"q{i}": q for i, q in enumerate(qs, 1)}
    on = {"hold": 0.0}
    learn = on | {f"sleep{i}": gate for i in perturbed}
    phases = [("free", 20, {}, ()), ("noise", SETTLE, on, shown), ("learn", 1, learn, shown)]
    result = run(circuit, phases, signals, start, batch=samples)
    return [(result.final[f"q{i}"].values - q) / (gate * DT) for i, q in enumerate(qs, 1)]


def test_feedback_weights_turn_towards_the_transposed_jacobians():
    """The step of Q_i: <(J_i^T - Q_i M J J^T) M^T> - decay Q_i, M = (J Q + a)^-1."""
    sigma, decay = 0.2, 0.1
    _, ws, js, qs, *_ = case("linear", 9)
    found = changes_of_feedback(ws, qs, (1, 2, 3), sigma=sigma, decay=decay)
    jj, jq = sum(j @ j.T for j in js), sum(j @ q for j, q in zip(js, qs, strict=True))
    m = np.linalg.inv(jq + A * np.eye(3))
    for q, j, change in zip(qs, js, found, strict=True):
        assert change == pytest.approx((j.T - q @ m @ jj) @ m.T - decay * q, abs=1e-8)


def loop_gains(jj, decay):
    """Gains g at which feedback weights rest: decay g (g + a)^2 = a s^2, for the eigenvalues s^2 of J J^T."""
    return [
        brentq(lambda g, s=s: decay * g * (g + A) ** 2 - A * s, 0, 100)
        for s in np.linalg.eigvalsh(jj)
    ]


def test_feedback_weights_come_to_rest_where_the_loop_has_the_gain_of_the_closed_form():
    decay = 0.1
    _, ws, js, *_ = case("linear", 11)
    jj = sum(j @ j.T for j in js)
    squares, vectors = np.linalg.eigh(jj)
    scale = vectors @ np.diag(np.array(loop_gains(jj, decay)) / squares) @ vectors.T
    qs = [j.T @ scale for j in js]
    for change in changes_of_feedback(ws, qs, (1, 2, 3), sigma=0.2, decay=decay):
        assert change == pytest.approx(0, abs=1e-8)
    # With noise in one layer after the other they do not: the gain of the loop goes on growing.
    apart = [changes_of_feedback(ws, qs, (i,), sigma=0.2, decay=decay)[i - 1] for i in (1, 2, 3)]
    growth = sum(j @ c for j, c in zip(js, apart, strict=True))
    assert np.all(np.linalg.eigvalsh(growth + growth.T) > 0.1)


def test_the_cycle_of_the_model_perturbs_all_layers_at_once():
    circuit = case("linear")[0]
    cycle = find_rule("strong_control").network.cycle(circuit, dt=5e-3, tau=10e-3)
    for noise in (cycle.learn[-1], cycle.sleep[-1]):
        assert set(noise.signals) == {f"layer{i}.noise" for i in (1, 2, 3)}
        assert {"hold", "sleep1", "sleep2", "sleep3"} == set(noise.gates)


@pytest.mark.parametrize(("transfer", "tau_u", "decay"), [("linear", 50, 0.1), ("tanh", 1, 0.001)])
def test_the_longest_step_is_that_of_the_spectrum_with_feedback_weights_at_rest(
    transfer, tau_u, decay
):
    circuit, ws, js, *_ = case(transfer, 11, decay_q=decay)
    circuit = circuit.replace(parameters={**circuit.parameters, "tau_u": f"{tau_u} ms"})
    ws = {f"w{i}": ds.Fixed(w) for i, w in enumerate(ws, 1)}
    circuit = circuit.replace(
        matrices=[m.replace(initial=ws.get(m.name, m.initial)) for m in circuit.matrices]
    )
    squares, vectors = np.linalg.eigh(sum(j @ j.T for j in js))
    gains = np.array(loop_gains(sum(j @ j.T for j in js), decay))
    qs = [j.T @ vectors @ np.diag(gains / squares) @ vectors.T for j in js]
    values = {f"q{i}": q for i, q in enumerate(qs, 1)}
    field = ds.vector_field(circuit, gates={"hold": 0.0}, values=values)
    found = ds.fixed_point(field).spectrum.eigenvalues
    found = found[np.abs(found) > 1e-9]  # held values do not move
    expected = np.min(-2 * found.real / np.abs(found) ** 2)
    assert longest_step(circuit) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("layers", "decay"), [(4, 0.3), (8, 0.3), (8, 0.0)])
def test_a_loop_that_learning_makes_unstable_is_announced_with_a_controller_that_is_slow_enough(
    layers, decay, recwarn
):
    """Without decay, gains have no limit, and nothing is known beforehand."""
    given = {"sizes": (6,) * (layers + 1), "transfer": "linear", "decay_q": decay}
    circuit = ds.load_circuit("deep_feedback_control", **given)
    warn_of_learned_loop(circuit, 5e-3)
    said = [str(w.message) for w in recwarn if w.category is DendrosimWarning]
    assert len(said) == (layers == 8 and decay > 0)
    if said:
        (slower,) = re.findall(r"8 layers .* unstable at dt = 5 ms .*tau_u = (\d+) ms", said[0])
        slow = ds.load_circuit("deep_feedback_control", **given, tau_u=f"{slower} ms")
        assert longest_step(slow) > 5e-3 > longest_step(circuit)


def test_the_control_signal_of_a_loop_that_grows_stays_within_its_limit():
    circuit, ws, js, _, x, y = case("linear", 7, limit=3.0)
    final = controlled(circuit, ws, [-j.T for j in js], x, y, steps=3000)
    assert np.abs(final["layer3.u"].values[-1]).max() == 3.0
    assert np.abs(final["layer3.apical"].values[-1]).max() <= 9.0  # q3 is -1, of three outputs


@pytest.mark.slow
def test_five_linear_layers_learn_at_the_default_time_step():
    """Here noise in one layer after the other makes the loop unstable within 200 trials."""
    found = ds.run(
        ds.load_protocol(
            "credit_assignment", rules=RULES, depth=5, transfer="linear", seeds=2, seed=100
        )
    ).metrics
    for rule in RULES:
        assert found["diverged"][rule] == 0
        assert np.all(found["loss"][rule] < 0.2 * found["initial_loss"][rule])


def test_a_network_without_an_output_is_refused():
    with pytest.raises(ds.errors.ParameterError, match="input and an output layer"):
        ds.load_circuit("deep_feedback_control", sizes=(3,))
