"""The gain constraint of BMVR as an inequality: hidden units without a target of their own keep slack."""

import numpy as np
import pytest
from comparisons import eigenvalue_distance

import dendrosim as ds
from dendrosim.analysis import bmvr_flow, bmvr_slack, regression
from dendrosim.errors import ParameterError


def white(samples=12, inputs=4, outputs=3, canonical=(0.9, 0.5), seed=1):
    """Inputs with Cxx = 1 and targets of the given canonical values, (units, samples)."""
    rng = np.random.default_rng(seed)
    exact = np.linalg.qr(rng.normal(size=(samples, inputs)))[0] * np.sqrt(samples)
    left = np.linalg.qr(rng.normal(size=(inputs, inputs)))[0][:, : len(canonical)]
    right = np.linalg.qr(rng.normal(size=(outputs, outputs)))[0][:, : len(canonical)]
    return exact.T, right * np.asarray(canonical) @ left.T @ exact.T


@pytest.mark.parametrize(
    ("variance", "q", "tau"), [(0.4, 1.0, 0.5), (1.8, 0.6, 2.0), (1.0, 0.3, 1.0)]
)
def test_a_cell_without_targets_ends_with_the_variance_of_the_closed_form(variance, q, tau):
    """tau q^2 + c - log c (c = w^2, white input) does not change, and there is rest at q = 0, c < 1 only."""
    flow = ds.vector_field(
        ds.load_circuit("bmvr", inputs=1, outputs=1, hidden=1, tau_ratio=tau),
        inputs={"input.x": np.ones((1, 1)), "target.y": np.zeros((1, 1))},
        unfrozen="*",
        slaved="*.*",
    )

    def rates(w, q):
        state = {"w1": np.array([[w]]), "b": np.zeros((1, 1)), "q": np.array([[q]])}
        found = flow.unpack(flow.f(flow.pack(state)))
        return found["w1"][0, 0], found["q"][0, 0]

    w = variance**0.5
    dw, dq = rates(w, q)
    assert dw < 0
    assert 2 * tau * q * dq + (1 - 1 / variance) * 2 * w * dw == pytest.approx(0, abs=1e-12)
    end = bmvr_slack.final_variance(variance, q**2, tau)
    assert end < 1
    level = tau * q**2 + variance - np.log(variance)
    assert end - np.log(end) == pytest.approx(level, rel=1e-12)
    assert rates(end**0.5, 0.0) == pytest.approx((0, 0), abs=1e-12)


def test_the_optimum_with_slack_is_a_fixed_point_with_the_modes_of_the_closed_form():
    """Two canonical values and three cells, one of which has the variance 0.36 along no target."""
    canonical, c, rho, tau = np.array([0.9, 0.5]), 0.36, 0.7, 1.5
    x, y = white(canonical=canonical)
    cov = regression.covariances(x, y)
    w1, b, q = bmvr_slack.feasible_weights(cov, 3)
    silent = np.linalg.svd(cov.xy)[0][:, 3]  # a direction without targets
    w1[2] = c**0.5 * silent
    flow = ds.vector_field(
        ds.load_circuit("bmvr", inputs=4, outputs=3, hidden=3, rho=rho, tau_ratio=tau),
        inputs={"input.x": x, "target.y": y},
        unfrozen="*",
        slaved="*.*",
    )
    state = flow.pack({"w1": w1, "b": b, "q": q})
    assert np.max(np.abs(flow.f(state))) < 1e-12
    assert bmvr_slack.constraint_eigenvalues(cov, w1) == pytest.approx([1, 1, c], abs=1e-12)
    assert bmvr_slack.slackness_error(cov, w1, q) < 1e-12
    assert regression.relative_excess(cov, w1, b) == pytest.approx(0, abs=1e-12)
    found = np.linalg.eigvals(flow.jacobian(state))
    assert np.max(found.real) < 1e-7  # stable, but for zero modes
    added = bmvr_slack.slack_modes(canonical, np.array([c]), rho=rho, tau_ratio=tau)
    assert len(added) == 7
    assert (c - 1) / tau == added[0]
    for value in added:
        assert np.min(np.abs(found - value)) < 1e-8
    # All others are the modes of two cells, but for those along the slack, the decay of the third cell's apical
    # weights, and zeros.
    rest = list(bmvr_flow.flow_modes(cov, 2, rho=rho, tau_ratio=tau).eigenvalues)
    for s in canonical:
        rest.pop(int(np.argmin(np.abs(np.array(rest) + s**2))))
    moving = found[np.abs(found) > 1e-6]
    assert eigenvalue_distance(moving, np.array([*added, *rest, -rho])) < 1e-7


def test_more_cells_than_targets_reach_the_optimum_and_keep_the_inequality():
    taus = dict.fromkeys(("tau_basal", "tau_apical", "tau_soma", "tau_interneuron", "dt"), "10 ms")
    protocol = ds.load_protocol(
        "bmvr_gaussian", inputs=4, outputs=2, hidden=3, canonical=(0.9, 0.7), samples=20, duration="110 s",
        rho=0.3, tau_ratio=2.0, **taus,
    )  # fmt: skip
    result = ds.run(protocol, backend="numpy", seed=3, progress=False)
    metrics = result.metrics
    assert metrics["converged"] is True
    assert metrics["loss"] == pytest.approx(2 - 0.81 - 0.49, abs=1e-5)
    constraint = np.asarray(metrics["constraint"])
    assert constraint[:2] == pytest.approx([1, 1], abs=1e-4)
    assert 0 < constraint[2] < 1 - 1e-3
    assert np.asarray(metrics["gains"]) == pytest.approx([0.81, 0.49, 0], abs=1e-4)
    w1 = result.final["w1"].values
    x = protocol.data["x"]
    assert constraint == pytest.approx(np.linalg.eigvalsh(w1 @ (x.T @ x / 20) @ w1.T)[::-1])


def test_numbers_out_of_range_and_targets_without_inputs_are_refused():
    with pytest.raises(ParameterError, match="must be positive"):
        bmvr_slack.final_variance(0.0, 1.0)
    cov = regression.Covariances(np.eye(2), np.zeros((2, 1)), np.eye(1))
    assert bmvr_slack.target_rank(cov) == 0
    with pytest.raises(ParameterError, match="nothing to learn"):
        bmvr_slack.feasible_weights(cov, 1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"perturbation": 0.1},
            "perturbation is 0.1, but start is random.*start=optimum; leave it out",
        ),
        (
            {"presentations": 100},
            "presentations is 100, but mode is batch.*mode=online; leave it out",
        ),
        ({"mode": "online", "duration": "1 s"}, "duration is 1 s, but mode is online"),
    ],
)
def test_parameters_without_effect_are_refused(given, message):
    with pytest.raises(ParameterError, match=message):
        ds.load_protocol("bmvr_gaussian", **given)
