"""Target propagation: targets, updates and learned inverses equal loops and closed forms."""

import numpy as np
import pytest
from one_trial import INVERSE, S, drawn, learned, run, slope

import dendrosim as ds


def expected_updates(ws, qs, x, y, transfer, *, correction, step, eta_hat):
    """A loop, sample after sample: feed-forward pass, targets, updates divided by eta_hat."""
    s, inverse = S[transfer], INVERSE[transfer]
    total = [np.zeros_like(w) for w in ws]
    for k in range(x.shape[1]):
        h, a = [x[:, k]], [None]
        for w in ws:
            a.append(w @ h[-1])
            h.append(s(a[-1]))
        goal = h[-1] - eta_hat * (h[-1] - y[:, k])
        for i in range(len(ws), 0, -1):
            d = slope(transfer, a[i])
            change = (goal - h[i]) / eta_hat
            total[i - 1] += np.outer(change * d if step == "gradient" else change / d, h[i - 1])
            if i > 1:
                sent = inverse(goal) - (inverse(h[i]) if correction == "difference" else 0)
                goal = qs[i - 2] @ sent + (h[i - 1] if correction == "difference" else 0)
    return [t / x.shape[1] for t in total]


@pytest.mark.parametrize("backend", ["numpy", pytest.param("cpp", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("transfer", "correction", "step", "inverse"),
    [
        ("smooth_leaky", "none", "gradient", "exact"),
        ("smooth_leaky", "difference", "gradient", "fixed"),
        ("leaky_relu", "none", "modified", "fixed"),
        ("linear", "difference", "modified", "exact"),
    ],
)
def test_updates_equal_those_of_the_algorithm(transfer, correction, step, inverse, backend):
    sizes = (5, 4, 4, 4) if inverse == "exact" else (5, 4, 3, 2)
    own = {"inverse_error": 0.3} if inverse == "fixed" else {}
    circuit = ds.load_circuit(
        "target_propagation", sizes=sizes, transfer=transfer, correction=correction, step=step,
        inverse=inverse, eta_hat=0.1, eta="2 Hz", **own,
    )  # fmt: skip
    ws, rng = drawn(sizes, 3), np.random.default_rng(4)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(sizes[-1], 3))
    qs = [1.3 * np.linalg.pinv(w) if inverse == "fixed" else np.linalg.inv(w) for w in ws[1:]]
    start = {f"w{i}": w for i, w in enumerate(ws, 1)}
    start |= {f"q{i}": q for i, q in enumerate(qs, 1)} if inverse == "fixed" else {}
    found, _ = learned(circuit, start, x, y, eta=2.0, backend=backend)
    wanted = expected_updates(ws, qs, x, y, transfer, correction=correction, step=step, eta_hat=0.1)
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, rel=1e-7, abs=1e-7)


def test_with_exact_inverses_an_update_can_point_away_from_the_descent_direction():
    """The network for which theorem 4.1 of the thesis fails, and the modified step for which it holds."""
    ws = [np.array([[1.0], [-1.0]]), np.array([[1.0, 2.0], [0.0, 1.0]])]
    start = {f"w{i}": w for i, w in enumerate(ws, 1)}
    x, error, eta_hat = np.array([[1.0]]), np.array([[1.0], [1.0]]), 0.01
    h1 = S["leaky_relu"](ws[0] @ x)
    output = S["leaky_relu"](ws[1] @ h1)
    y = output - error
    changes = {}
    for step in ("gradient", "modified"):
        circuit = ds.load_circuit(
            "target_propagation", sizes=(1, 2, 2), transfer="leaky_relu", step=step, eta_hat=eta_hat
        )
        changes[step], _ = learned(circuit, start, x, y, eta=1.0)
    descent = ws[1].T @ (slope("leaky_relu", ws[1] @ h1) * -error)
    descent = slope("leaky_relu", ws[0] @ x) * descent @ x.T
    first = changes["gradient"][0]
    cosine = np.sum(first * descent) / np.linalg.norm(first) / np.linalg.norm(descent)
    assert cosine == pytest.approx(-0.9665, abs=5e-5)

    def loss(size):
        h = S["leaky_relu"]((ws[0] + size * first) @ x)
        return 0.5 * np.sum((S["leaky_relu"](ws[1] @ h) - y) ** 2)

    assert loss(1e-3) > loss(0) > loss(-1e-3)
    product = -np.sum(changes["modified"][0] * descent)
    assert product == pytest.approx(-np.sum(error**2) * np.sum(x**2), rel=1e-6)


def test_learned_inverses_tend_to_the_regression_on_what_they_see():
    """Q = C W^T (W C W^T + decay_q I)^-1, C the covariance of the layer below over the samples."""
    sizes, decay = (4, 3, 4), 0.05
    circuit = ds.load_circuit(
        "target_propagation", sizes=sizes, inverse="learned", decay_q=decay, eta_q="60 Hz"
    )
    ws, rng = drawn(sizes, 5), np.random.default_rng(6)
    start = {"w1": ws[0], "w2": ws[1], "q1": np.zeros((3, 4))}
    signals = {"layer0.h": rng.normal(size=(4, 8)), "layer2.target": np.zeros((4, 8))}
    result = run(circuit, [("sleep", 2500, {"sleep": 1.0}, ())], signals, start, batch=8)
    h = ws[0] @ signals["layer0.h"]
    c, w = h @ h.T / 8, ws[1]
    expected = c @ w.T @ np.linalg.inv(w @ c @ w.T + decay * np.eye(4))
    assert result.final["q1"].values == pytest.approx(expected, abs=1e-9)


def test_a_randomised_circuit_changes_one_layer_per_sample_and_each_equally_often():
    sizes, samples = (3, 3, 3, 3), 600
    circuit = ds.load_circuit("target_propagation", sizes=sizes, randomised=True)
    ws = drawn(sizes, 7)
    start = {f"w{i}": w for i, w in enumerate(ws, 1)}
    turn = np.random.default_rng(8).normal(size=(1, samples))
    signals = {
        "layer0.h": np.ones((3, samples)), "layer3.target": np.ones((3, samples)), "lottery.turn": turn,
    }  # fmt: skip
    names = tuple(f"layer{i}.chosen" for i in (1, 2, 3))
    result = run(
        circuit, [("one", 1, {}, ())], signals, start, batch=samples,
        recordings=(ds.Recording(names, every="phase"),),
    )  # fmt: skip
    chosen = np.array([result[n].values[0, 0] for n in names])
    assert (chosen.sum(axis=0) == 1).all()
    expected = samples / 3
    assert (
        np.sum((chosen.sum(axis=1) - expected) ** 2 / expected) < 13.8
    )  # chi-square, 2 degrees, 0.1 %


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sizes": (3,)}, "input and an output layer"),
        ({"sizes": (3, 4, 3)}, "one size"),
        ({"inverse_error": 0.1}, "inverse=fixed"),
        ({"transfer": "tanh"}, "no inverse"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(given, message):
    with pytest.raises(ds.errors.DendrosimError, match=message):
        ds.load_circuit("target_propagation", **given)
