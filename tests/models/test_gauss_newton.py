"""Gauss-Newton targets equal those of a loop over samples that solves for them."""

import numpy as np
import pytest
from one_trial import S, drawn, learned, slope

import dendrosim as ds
from dendrosim.errors import ParameterError, ShapeError


def gauss_newton(ws, x, y, transfer, damping):
    """A loop over samples: Jacobians from each layer to the output, and one least-squares problem for each."""
    total, last = [np.zeros_like(w) for w in ws], len(ws)
    for k in range(x.shape[1]):
        h, slopes = [x[:, k]], []
        for i, w in enumerate(ws, 1):
            linear = i == last
            a = w @ h[-1]
            slopes.append(np.ones(len(a)) if linear else slope(transfer, a))
            h.append(a if linear else S[transfer](a))
        error = y[:, k] - h[-1]
        jacobian = np.eye(len(error))
        for i in range(last, 0, -1):
            # The change c of least |J c - e|^2 + damping |c|^2, or of least norm without damping.
            tall = np.vstack([jacobian, np.sqrt(damping) * np.eye(jacobian.shape[1])])
            wanted = np.concatenate([error, np.zeros(jacobian.shape[1])])
            change = np.linalg.lstsq(tall, wanted)[0]
            total[i - 1] += np.outer(slopes[i - 1] * change, h[i - 1])
            jacobian = jacobian @ (slopes[i - 1][:, None] * ws[i - 1])
    return [t / x.shape[1] for t in total]


@pytest.mark.parametrize(
    ("sizes", "given"),
    [
        ((5, 4, 4, 4), {"solution": "inverse"}),
        ((5, 3, 4, 2), {"solution": "flow", "damping": 0.3, "lag": 1.0}),
        ((3, 2), {"solution": "flow", "damping": 0.5}),
    ],
)
def test_updates_are_steps_towards_gauss_newton_targets(sizes, given):
    circuit = ds.load_circuit(
        "gauss_newton", sizes=sizes, transfer="smooth_leaky", eta="2 Hz", eta_hat=0.1, **given
    )
    ws, rng = drawn(sizes, 3), np.random.default_rng(4)
    x, y = rng.normal(size=(sizes[0], 3)), rng.normal(size=(sizes[-1], 3))
    start = {f"w{i}": w for i, w in enumerate(ws, 1)}
    found, _ = learned(circuit, start, x, y, eta=2.0, steps=300)
    wanted = gauss_newton(ws, x, y, "smooth_leaky", given.get("damping", 0.0))
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, rel=1e-8, abs=1e-8)


def test_weights_of_0_do_not_learn_although_the_loss_has_a_lower_minimum():
    """Theorem 6 of Meulemans et al. (2020) does not hold for every start."""
    sizes, x = (3, 1, 3), np.eye(3)
    circuit = ds.load_circuit("gauss_newton", sizes=sizes, solution="flow", damping=0.1, eta="2 Hz")
    still = {"w1": np.zeros((1, 3)), "w2": np.zeros((3, 1))}
    moved = {"w1": np.array([[0.1, 0.0, 0.0]]), "w2": np.array([[0.1], [0.0], [0.0]])}
    for start, learns in ((still, False), (moved, True)):
        changes, _ = learned(circuit, start, x, np.diag([3.0, 2.0, 1.0]), eta=2.0)
        assert all(np.any(change != 0) == learns for change in changes)


def test_targets_settle_with_the_rates_of_the_jacobian():
    """In a linear network, modes of u decay with (damping + sigma^2)/(lag tau), and rates with 1/tau."""
    sizes, lag, tau = (3, 4, 2), 2.0, 10e-3
    circuit = ds.load_circuit("gauss_newton", sizes=sizes, transfer="linear", damping=0.2, lag=lag)
    weights = {f"w{i}": w for i, w in enumerate(drawn(sizes, 1), 1)}
    field = ds.vector_field(circuit, values=weights, gates={"teach": 1.0})
    found = np.sort(ds.fixed_point(field).eigenvalues.real)
    singular = np.linalg.svd(weights["w2"], compute_uv=False)
    wanted = [-1 / tau] * 6 + [-(0.2 + s * s) / (lag * tau) for s in singular]
    assert found == pytest.approx(np.sort(wanted), rel=1e-9)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"solution": "inverse", "sizes": (3, 3, 2)}, ShapeError, "otherwise choose solution=flow"),
        (
            {"solution": "inverse", "sizes": (3, 3), "transfer": "tanh"},
            ParameterError,
            "transfer is tanh",
        ),
        (
            {"solution": "inverse", "sizes": (3, 3), "damping": 0.1},
            ParameterError,
            "only with solution=flow",
        ),
        ({"sizes": (3,)}, ParameterError, "an input and an output layer"),
    ],
)
def test_what_does_not_fit_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        ds.load_circuit("gauss_newton", **given)
