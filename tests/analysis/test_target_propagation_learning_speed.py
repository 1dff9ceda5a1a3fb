"""The closed rate at which a target propagation circuit loses its error while its first layer learns."""

import numpy as np
import pytest
from chain_examples import depths, mus, network
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from dendrosim.analysis.target_propagation import learning_speed


def learning_chain(mu, layers, eta_hat, kappa):
    """Jacobian of W_1 (in place of W_1 x) and h_1 .. h_L, with all other weights 1."""
    chain = np.diag(np.full(layers + 1, -1.0))
    chain += (1 - mu) * np.eye(layers + 1, k=-1) + mu * np.eye(layers + 1, k=1)
    chain[0, :2] = -kappa, kappa
    chain[-1, -1] += mu * (1 - eta_hat)
    return chain


def instant_chain(mu, layers, eta_hat):
    """The same with h_1 in place of W_1 x."""
    chain = learning_chain(mu, layers, eta_hat, 1.0)[1:, 1:]
    chain[0, 0] += 1 - mu
    return chain


@pytest.mark.parametrize(
    ("mu", "layers", "eta_hat", "limit"),
    [
        (0.2, 3, 0.5, 0.00421),
        (0.3, 3, 0.5, 0.01414),
        (0.1, 2, 1.0, 0.00917),
        (0.4, 4, 0.5, 0.01747),
    ],
)
def test_the_speed_of_learning_is_limited(mu, layers, eta_hat, limit):
    found = learning_speed.speed_limit(mu, layers, eta_hat)
    assert found == pytest.approx(limit, abs=5.1e-6)
    chain = instant_chain(mu, layers, eta_hat)
    assert found == pytest.approx(-np.linalg.eigvals(chain).real.max(), rel=1e-10)
    assert abs(np.linalg.det(chain)) == pytest.approx(mu**layers * eta_hat, rel=1e-10)
    for kappa in np.logspace(-3, 4, 30):
        rate = learning_speed.learning_rate_of_error(mu, layers, eta_hat, kappa)
        both = 1 / (1 / learning_speed.adiabatic_rate(mu, layers, eta_hat, kappa) + 1 / found)
        assert 1.0 <= rate / both < 1.025


@given(mus, depths, st.floats(0.05, 2.0), st.floats(-6, 6))
def test_learning_is_slower_than_either_limit_and_faster_than_both_in_a_row(
    mu, layers, eta_hat, exponent
):
    case = (mu, layers, eta_hat)
    kappa = 10.0**exponent
    rate, limit = (
        learning_speed.learning_rate_of_error(*case, kappa),
        learning_speed.speed_limit(*case),
    )
    slow = learning_speed.adiabatic_rate(*case, kappa)
    assert 1 / (1 / slow + 1 / limit) * (1 - 1e-9) <= rate <= min(slow, limit) * (1 + 1e-9)
    chain = learning_chain(*case, kappa)
    assert rate == pytest.approx(
        -np.linalg.eigvals(chain).real.max(), rel=1e-6, abs=1e-12 + 1e-12 * kappa
    )


@pytest.mark.parametrize("case", [(0.2, 3, 0.5), (0.4, 1, 1.0), (0.6, 4, 0.3), (0.02, 8, 0.5)])
def test_slow_and_fast_plasticity_have_their_limits(case):
    slow = learning_speed.adiabatic_rate(*case, 1e-9)
    assert learning_speed.learning_rate_of_error(*case, 1e-9) == pytest.approx(slow, rel=1e-6)
    limit = learning_speed.speed_limit(*case)
    assert learning_speed.learning_rate_of_error(*case, 1e12) == pytest.approx(limit, rel=1e-3)
    assert learning_speed.learning_rate_of_error(*case, np.inf) == limit


def test_one_layer_learns_instantly_at_the_rate_of_its_nudge():
    assert learning_speed.speed_limit(0.3, 1, 0.5) == pytest.approx(0.3 * 0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("mu", "kappa", "eta_hat"), [(0.4, 0.5, 1.0), (0.4, 20.0, 1.0), (0.3, 2.0, 0.5)]
)
def test_a_network_that_learns_from_white_data_loses_its_error_at_the_rate(mu, kappa, eta_hat):
    """Every sample with its own layers, W_1 following eq. 6.17 averaged over them; tau = 1."""
    layers, n, samples = 2, 2, 6
    ws, _, rng = network((n,) * (layers + 1), 11)
    x = np.linalg.qr(rng.normal(size=(samples, n)))[0].T * np.sqrt(2.0 * samples)  # <x x^T> = 2 I
    y = rng.normal(size=(n, n)) @ x
    q = np.linalg.inv(ws[1])
    size = n * samples

    def flow(_, state):
        first, second = state[: 2 * size].reshape(2, n, samples)
        w = state[2 * size :].reshape(n, n)
        top = second - eta_hat * (second - y)
        signal = -kappa / 2.0 * (w @ x - first) @ x.T / samples
        return np.concatenate(
            [
                (-first + (1 - mu) * w @ x + mu * q @ second).ravel(),
                (-second + (1 - mu) * ws[1] @ first + mu * top).ravel(),
                signal.ravel(),
            ]
        )

    rate = learning_speed.learning_rate_of_error(mu, layers, eta_hat, kappa)
    times = np.array([0.0, 6.0, 8.0]) / rate
    start = np.concatenate([np.zeros(2 * size), ws[0].ravel()])
    run = solve_ivp(
        flow, (0, times[-1]), start, t_eval=times, method="LSODA", rtol=1e-10, atol=1e-13
    )
    error = [np.linalg.norm(h[size : 2 * size].reshape(n, samples) - y) for h in run.y.T]
    assert error[2] < 0.01 * error[0]
    assert np.log(error[1] / error[2]) / (times[2] - times[1]) == pytest.approx(rate, rel=1e-3)
