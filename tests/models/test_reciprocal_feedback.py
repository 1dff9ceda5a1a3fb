"""`reciprocal_feedback` and `pseudo_inverse_flow` against loops and closed forms."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.analysis import vector_angles

TAU = 10e-3
RATE = 10.0


def white(samples, units, seed=0):
    """Inputs (samples, units) whose second moments over the samples are exactly those of white noise."""
    rng = np.random.default_rng(seed)
    return np.sqrt(samples) * np.linalg.qr(rng.normal(size=(samples, units)))[0]


def wake(x, y, **given):
    """One step of learning of settled circuits; return weights before and after."""
    circuit = ds.load_circuit("reciprocal_feedback", tau=f"{TAU} s", **given)
    last = len(given["sizes"]) - 1
    names = [f"w{i}" for i in range(1, last + 1)]
    closed = {"learn": 0.0, "sleep": 0.0, "teach": 1.0}
    phases = (
        ds.Phase("settle", f"{TAU * 3 * last} s", gates=closed),
        ds.Phase("learn", f"{TAU} s", gates={**closed, "learn": 1.0}),
    )
    protocol = ds.Protocol(
        circuit, (ds.Block("all", phases),), dt=f"{TAU} s", batch=len(x),
        signals={"layer0.h": ds.Samples("x"), f"layer{last}.target": ds.Samples("y")},
        data={"x": x, "y": y}, recordings=(ds.Recording(tuple(names), every="phase", phases="all/settle"),),
    )  # fmt: skip
    result = ds.run(protocol, backend="numpy", seed=3, progress=False)
    before, after = zip(
        *[(result[n].values[0], result.final[n].values) for n in names], strict=True
    )
    return list(before), list(after), result


def output(ws, x, s):
    for w in ws:
        x = s(w @ x)
    return x


def smooth_leaky(a):
    return 0.75 * a + 0.25 * (np.sqrt(a * a + 1) - 1)


@pytest.mark.parametrize("transfer", ["linear", "smooth_leaky"])
def test_a_step_of_any_single_layer_moves_the_output_against_its_error(transfer):
    """By -eta tau e; exactly in linear networks, and to first order in others."""
    sizes, s = (6, 5, 4, 3), {"linear": lambda a: a, "smooth_leaky": smooth_leaky}[transfer]
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(1, 6)), rng.normal(size=(1, 3))
    for eta, exact in ((1e-3, 2e-5), (1e-4, 2e-6)):
        before, after, _ = wake(
            x, y, sizes=sizes, transfer=transfer, start="pseudo_inverse", eta=f"{eta / TAU} Hz"
        )
        reached = output(before, x[0], s)
        for k in range(3):
            changed = [after[i] if i == k else w for i, w in enumerate(before)]
            moved = (output(changed, x[0], s) - reached) / eta
            tolerance = 1e-7 if transfer == "linear" else exact * 50
            assert moved == pytest.approx(y[0] - reached, abs=tolerance)


def test_without_division_the_output_moves_against_its_error_but_not_as_printed():
    """The step as printed lacks the inverse of slopes and takes voltages for activities: another direction."""
    rng = np.random.default_rng(1)
    x, y, eta = rng.normal(size=(1, 6)), rng.normal(size=(1, 3)), 1e-5
    angles = {}
    for rule in ("proportional", "printed"):
        before, after, result = wake(
            x, y, rule=rule, sizes=(6, 5, 4, 3), transfer="smooth_leaky", start="pseudo_inverse",
            eta=f"{eta / TAU} Hz",
        )  # fmt: skip
        reached = output(before, x[0], smooth_leaky)
        for k in range(3):
            changed = [after[i] if i == k else w for i, w in enumerate(before)]
            moved = (output(changed, x[0], smooth_leaky) - reached) / eta
            angles[rule, k] = vector_angles.angle(moved, y[0] - reached)
            if rule == "proportional":
                below = result.final[f"layer{k}.h"].values if k else x[0]
                assert moved == pytest.approx(below @ below * (y[0] - reached), rel=1e-3)
    assert max(angles["proportional", k] for k in range(3)) < 0.05
    assert min(angles["printed", k] for k in range(3)) > 1


def test_updates_are_those_of_a_loop_over_samples():
    sizes = (5, 4, 6, 3)
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(7, 5)), rng.normal(size=(7, 3))
    before, after, result = wake(x, y, sizes=sizes, transfer="smooth_leaky", eta="2 Hz")
    vs = [result.final[f"v{i}"].values for i in (1, 2, 3)]
    total = [np.zeros_like(w) for w in before]
    for a, b in zip(x, y, strict=True):
        h, slopes = [a], []
        for w in before:
            voltage = w @ h[-1]
            h.append(smooth_leaky(voltage))
            slopes.append(0.75 + 0.25 * voltage / np.sqrt(voltage**2 + 1))
        signal = (b - h[-1]) / slopes[-1]
        for i in (2, 1, 0):
            total[i] += np.outer(signal, h[i]) / (1e-9 + h[i] @ h[i]) / len(x)
            signal = vs[i] @ signal / slopes[i - 1] if i else signal
    for w0, w1, change in zip(before, after, total, strict=True):
        assert w1 - w0 == pytest.approx(2 * TAU * change, abs=1e-13)


def sleep(trials, sizes=(6, 4), **given):
    """Sleep with exactly white noise; return the weights at the beginning and at the end."""
    circuit = ds.load_circuit(
        "reciprocal_feedback", sizes=sizes, tau=f"{TAU} s", eta_r=f"{RATE} Hz", **given
    )
    noise = white(16, sizes[0])
    phases = (
        ds.Phase("settle", f"{4 * TAU} s", gates={"sleep": 0.0}),
        ds.Phase("learn", f"{TAU} s", gates={"sleep": 1.0}),
    )
    protocol = ds.Protocol(
        circuit, (ds.Block("all", phases, trials=trials),), dt=f"{TAU} s", batch=len(noise),
        signals={"layer0.noise": ds.Samples("z"), "layer0.h": 0.0, "layer1.target": 0.0},
        data={"z": noise}, recordings=(ds.Recording(("w1", "v1"), every="phase", phases="all/settle"),),
    )  # fmt: skip
    result = ds.run(protocol, backend="numpy", seed=5, progress=False)
    return [(result[n].values[0], result.final[n].values) for n in ("w1", "v1")]


@pytest.mark.parametrize(("regression", "decay"), [(0.75, 0.0), (0.5, 0.1), (0.0, 0.3)])
def test_with_fixed_forward_weights_feedback_follows_its_closed_form(regression, decay):
    """V* + (V0 - V*) (1 - rate ((1 - l) U U^T + decay))^n, with the regularised inverse V*."""
    trials = 40
    (u, same), (v0, v1) = sleep(trials, align="feedback", regression=regression, decay=decay)
    assert not (same - u).any()
    square = (1 - regression) * u @ u.T + decay * np.eye(4)
    fixed = (1 - regression) * np.linalg.solve(square, u).T
    left = np.linalg.matrix_power(np.eye(4) - RATE * TAU * square, trials)
    assert v1 == pytest.approx(fixed + (v0 - fixed) @ left, abs=1e-12)


def test_recirculation_is_that_of_a_loop_over_samples():
    trials, part, decay, rate = 5, 0.75, 0.2, RATE * TAU
    (u, u1), (v, v1) = sleep(trials, decay=decay)
    u, v = u.copy(), v.copy()
    for _ in range(trials):
        du, dv = np.zeros_like(u), np.zeros_like(v)
        for x in white(16, 6):
            h1 = u @ x
            x2 = part * x + (1 - part) * v @ h1
            h3 = part * h1 + (1 - part) * u @ x2
            dv += np.outer(x - x2, h1) / 16
            du += np.outer(h1 - h3, x2) / 16
        u, v = u + rate * (du - decay * u), v + rate * (dv - decay * v)
    assert u1 == pytest.approx(u, abs=1e-13)
    assert v1 == pytest.approx(v, abs=1e-13)


def test_recirculation_finds_the_pseudo_inverse_exponentially():
    distances = [
        np.linalg.norm(w - np.linalg.pinv(v))
        for w, v in [[p[1] for p in sleep(n, regression=0.5)] for n in (200, 400, 600)]
    ]
    assert distances[2] < 1e-4
    ratio = distances[1] / distances[2]
    assert distances[0] / distances[1] == pytest.approx(ratio, rel=0.05)


def flow(x0, a0, seconds=2.0, dt=0.01, **given):
    """Matrices of the flow at the end."""
    circuit = ds.load_circuit("pseudo_inverse_flow", **given)
    start = {"a": a0} | ({} if x0 is None else {"x": x0})
    circuit = circuit.replace(
        matrices=[
            m.replace(initial=start[m.name]) if m.name in start else m for m in circuit.matrices
        ]
    )
    signals = {"upper.y": ds.Samples("y")} | (
        {"lower.u": ds.Samples("u")} if given.get("concurrent") else {}
    )
    protocol = ds.Protocol(
        circuit, (ds.Block("all", (ds.Phase("flow", f"{seconds} s"),)),), dt=f"{dt} s", batch=8, signals=signals,
        data={"y": white(8, len(a0)), "u": white(8, len(a0[0]), 1)},
    )  # fmt: skip
    result = ds.run(protocol, backend="numpy", progress=False)
    return result.final["x"].values, result.final["a"].values


def matrix(shape=(6, 4), seed=0):
    return ds.WellConditioned(1.4, 2.0).sample(shape, np.random.default_rng(seed))


def test_one_step_of_the_flow_is_the_iteration():
    a = matrix()
    x = 0.3 * a.T
    for _ in range(3):
        x = 2 * x - x @ a @ x
    assert flow(None, a, seconds=3.0, dt=1.0)[0] == pytest.approx(x, abs=1e-13)


def test_from_the_transpose_singular_values_follow_the_logistic_course():
    """To first order in dt: half the time step, half the deviation."""
    a, t = matrix(), 2.0
    left, s, right = np.linalg.svd(a, full_matrices=False)
    x = 0.3 * s * np.exp(t) / (1 + 0.3 * s * s * (np.exp(t) - 1))
    expected = right.T * x @ left.T
    deviations = [np.abs(flow(None, a, t, dt)[0] - expected).max() for dt in (0.02, 0.01)]
    assert deviations[1] < 5e-3
    assert deviations[0] / deviations[1] == pytest.approx(2, rel=0.1)


def test_a_symmetric_product_is_not_sufficient_for_the_pseudo_inverse():
    a = matrix()
    outside = np.linalg.svd(a)[0][:, 4:].T  # rows that a maps to 0
    z = np.random.default_rng(1).normal(size=(4, 2)) @ outside
    x0 = 0.3 * a.T + z
    assert x0 @ a == pytest.approx((x0 @ a).T, abs=1e-14)
    x = flow(x0, a, seconds=25.0, dt=0.1)[0]
    assert x @ a == pytest.approx(np.eye(4), abs=1e-8)
    assert np.linalg.norm(x - np.linalg.pinv(a)) > 0.5


def test_from_the_wrong_sign_the_flow_diverges():
    a = matrix()
    with pytest.raises(ds.errors.NonFiniteError):
        flow(-0.1 * np.linalg.pinv(a), a, seconds=30.0, dt=0.05)


def test_concurrent_flows_from_random_values_do_not_find_the_pseudo_inverse():
    rng = np.random.default_rng(3)
    a = matrix()
    x0 = 0.5 * np.linalg.pinv(a) + 0.1 * rng.normal(size=(4, 6))
    x, a1 = flow(x0, a, seconds=20.0, dt=0.05, concurrent=True)
    assert x @ a1 @ x == pytest.approx(x, abs=1e-6)  # each is an inverse of the other ...
    assert a1 @ x @ a1 == pytest.approx(a1, abs=1e-6)
    assert np.linalg.norm(x - np.linalg.pinv(a1)) > 0.05 * np.linalg.norm(
        x
    )  # ... but not that of Moore and Penrose


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"sizes": (3,)}, ds.errors.ParameterError, "input and an output layer"),
        ({"transfer": "tanh"}, ds.errors.ParameterError, "transfer is tanh, which has no inverse"),
        ({"regression": 1.0}, ds.errors.ParameterError, "regression is 1.0; it must be"),
        ({"silence": 0.0}, ds.errors.ParameterError, "silence is 0.0; it must be positive"),
    ],
)
def test_what_cannot_be_is_refused(given, kind, said):
    with pytest.raises(kind, match=said):
        ds.load_circuit("reciprocal_feedback", **given)
