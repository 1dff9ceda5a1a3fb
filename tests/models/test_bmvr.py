"""BMVR against its closed forms: the optimum, its stability, the decay of Q^T - R, real digits.

The optimum: loss tr Cyy - (sum of the k largest squared canonical values), W1 Cxx W1^T = I, eigenvalues of
Q Q^T equal to these squares. Its stability for Cxx = I: stable if and only if, for all pairs i < j <= k,
tau_ratio < S (S + 2 rho)/(rho D^2) with S, D the sum and difference of the squared canonical values.
"""

import numpy as np
import pytest

import dendrosim as ds

SHAPES = [
    # inputs, outputs, hidden, canonical, coloured
    (4, 2, 2, (0.9, 0.5), False),
    (6, 4, 3, (0.9, 0.7, 0.5, 0.2), False),
    (5, 3, 2, (0.8, 0.6, 0.3), True),
    (3, 1, 1, (0.8,), True),
]


@pytest.mark.parametrize(("inputs", "outputs", "hidden", "canonical", "coloured"), SHAPES)
def test_the_batch_flow_reaches_the_closed_form_optimum(
    inputs, outputs, hidden, canonical, coloured
):
    protocol = ds.load_protocol(
        "bmvr_gaussian",
        inputs=inputs,
        outputs=outputs,
        hidden=hidden,
        canonical=canonical,
        coloured=coloured,
        samples=40,
    )
    result = ds.run(protocol, seed=1)
    x, y = protocol.data["x"], protocol.data["y"]
    cxx, cxy, cyy = (a.T @ b / len(x) for a, b in ((x, x), (x, y), (y, y)))
    w1, b, q = (result.final[n].values for n in ("w1", "b", "q"))
    gains = np.sort(np.square(canonical))[::-1][:hidden]
    optimum = np.trace(cyy) - gains.sum()
    loss = np.trace(cyy) - 2 * np.trace(w1 @ cxy @ b.T) + np.trace(b.T @ w1 @ cxx @ w1.T @ b)
    assert (loss - optimum) / gains.sum() <= 1e-6
    assert np.linalg.norm(w1 @ cxx @ w1.T - np.eye(hidden)) <= 1e-4
    found = np.sort(np.linalg.eigvalsh(q @ q.T))[::-1]
    assert np.max(np.abs(found - gains)) <= 1e-4
    assert result.metrics["converged"] is True
    assert result.metrics["relative_excess"] <= 1e-6
    assert result.metrics["whitening_error"] <= 1e-4
    assert result.metrics["gain_error"] <= 1e-4


def gaussian(**parameters):
    protocol = ds.load_protocol(
        "bmvr_gaussian",
        inputs=4,
        outputs=2,
        hidden=2,
        canonical=(0.9, 0.5),
        samples=20,
        **parameters,
    )
    return ds.run(protocol).metrics


def test_the_optimum_is_stable_below_the_critical_ratio_and_a_wave_turns_above_it():
    # 0.81 and 0.25: S (S + 2)/D^2 = 10.343
    assert gaussian()["critical_tau_ratio"] == pytest.approx(1.06 * 3.06 / 0.56**2)
    assert gaussian(start="optimum", tau_ratio=8.0)["converged"] is True
    for ratio in (12.0, 15.0):
        for start in ("optimum", "random"):
            metrics = gaussian(start=start, tau_ratio=ratio, duration="600 s")
            assert metrics["converged"] is False
            # on the wave the constraint is broken for good: eigenvalues of Czz near (2, 0)
            assert metrics["whitening_error"] == pytest.approx(np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sample_by_sample_the_excess_falls_below_two_percent(seed):
    protocol = ds.load_protocol(
        "bmvr_gaussian", inputs=4, outputs=3, hidden=2, canonical=(0.9, 0.7, 0.5), mode="online"
    )
    assert protocol.batch == 1
    metrics = ds.run(protocol, seed=seed).metrics
    assert metrics["relative_excess"] <= 0.02
    assert metrics["converged"] is True


@pytest.mark.parametrize(("eta", "tau_ratio"), [("1 Hz", 0.5), ("3 Hz", 2.0)])
def test_synapses_of_both_directions_become_transposes(eta, tau_ratio):
    protocol = ds.load_protocol("bmvr_decoupled", eta=eta, tau_ratio=tau_ratio, samples=20)
    result = ds.run(protocol)
    rate = float(eta.split()[0]) / tau_ratio
    gap = np.array(
        [
            np.linalg.norm(q.T - r)
            for q, r in zip(result["q"].values, result["r"].values, strict=True)
        ]
    )
    steps = np.round(result["q"].time.values / 0.002)
    np.testing.assert_allclose(gap / gap[0], (1 - rate * 0.002) ** steps, rtol=1e-10)
    # exp(-rate t) at first order in dt: the relative error per e-fold is rate dt/2
    folds = rate * 4.0
    shrunk = result.metrics["transpose_gap"] / np.exp(-folds)
    assert shrunk == pytest.approx(1 - folds * rate * 0.002 / 2, abs=2e-3 * folds**2 * rate * 0.002)
    assert result.metrics["transpose_gap"] == pytest.approx((1 - rate * 0.002) ** 2000, rel=1e-10)


def test_the_linear_circuit_learns_digits_to_the_rank_k_optimum():
    protocol = ds.load_protocol("bmvr_digits")
    result = ds.run(protocol)
    metrics = result.metrics
    assert metrics["excess_of_label_variance"] <= 0.02
    assert abs(metrics["test_accuracy"] - metrics["optimum_accuracy"]) <= 0.015
    # the optimum again, by a route of its own: least squares, then the best rank-9 part of its predictions
    x, y = protocol.data["x"], protocol.data["y"]
    fitted = x @ np.linalg.lstsq(x, y, rcond=1e-10)[0]
    gains = np.linalg.svd(fitted / np.sqrt(len(x)), compute_uv=False)[:9] ** 2
    assert metrics["optimum"] == pytest.approx(np.sum(y**2) / len(x) - gains.sum(), rel=1e-6)


def test_more_cells_than_the_rank_of_digits_have_slack_without_inhibition():
    """12 cells and 9 directions of centred labels; the program is that of the test before but for sizes."""
    result = ds.run(ds.load_protocol("bmvr_digits", hidden=12, presentations=1000))
    metrics, q = result.metrics, result.final["bmvr_q"].values
    gains = np.sort(np.linalg.eigvalsh(q @ q.T))
    assert np.all(gains[:3] < 1e-3)
    assert gains[3] > 0.3
    assert metrics["excess_of_label_variance"] <= 0.03
    assert metrics["slackness_error"] < 0.2 < metrics["whitening_error"]
    assert metrics["constraint_excess"] < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["relu", "mean_subtracted_relu"])
def test_nonlinear_circuits_stay_within_two_points_of_backprop(transfer):
    # One split of 450 test digits has a standard error of 0.7 points, so three splits are averaged.
    ours, theirs = [], []
    for split in (0, 1, 2):
        protocol = ds.load_protocol("bmvr_digits", transfer=transfer, split=split)
        metrics = ds.run(protocol, seed=split).metrics
        ours.append(metrics["test_accuracy"])
        theirs.append(metrics["backprop_accuracy"])
    assert np.mean(theirs) >= 0.95
    assert np.mean(ours) >= np.mean(theirs) - 0.02


def test_the_corrected_derivative_is_the_gradient():
    # Eq. 9 with f' at the pre-activation: at Q = 0 the mean update of w1 is minus the gradient of
    # -<y^T W2 f(W1 x)> with respect to W1, here by finite differences.
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
    circuit = ds.load_circuit("bmvr", inputs=3, outputs=2, hidden=2, transfer="tanh")
    w1, b = rng.normal(size=(2, 3)), rng.normal(size=(2, 2))
    given = {"w1": w1, "b": b, "q": np.zeros((2, 2))}
    circuit = circuit.replace(
        matrices=tuple(m.replace(initial=given[m.name]) for m in circuit.matrices)
    )
    protocol = ds.Protocol(
        circuit,
        (
            ds.Block(
                "one",
                (
                    ds.Phase("settle", "100 ms", gates={"learn": 0.0}),
                    ds.Phase("learn", "2 ms", gates={"learn": 1.0}),
                ),
            ),
        ),
        dt="2 ms",
        signals={"input.x": ds.Samples("x"), "target.y": ds.Samples("y")},
        data={"x": x, "y": y},
        batch=30,
    )
    change = (ds.run(protocol, backend="numpy").final["w1"].values - w1) / 0.002

    def objective(w):
        return np.mean(np.sum((y @ b.T) * np.tanh(x @ w.T), axis=1))

    for i, j in np.ndindex(2, 3):
        nudge = np.zeros((2, 3))
        nudge[i, j] = 1e-6
        slope = (objective(w1 + nudge) - objective(w1 - nudge)) / 2e-6
        assert change[i, j] == pytest.approx(slope, abs=1e-7)


def test_the_critical_ratio_depends_on_the_relative_rate_of_the_tuft():
    # S (S + 2 rho)/(rho D^2) with S = 1.06, D = 0.56
    metrics = gaussian(rho=0.5, duration="2 ms")
    assert metrics["critical_tau_ratio"] == pytest.approx(1.06 * 2.06 / (0.5 * 0.56**2))
