"""`tp_speed_limit`: learning all the time is no faster than the limit; steps from settled circuits are."""

from functools import cache

import numpy as np
import pytest
from scipy.linalg import expm

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError
from dendrosim.experiments.run import run_and_measure

SHORT = {"kappas": (0.01, 0.3, 10.0), "duration": "1.2 s"}


@cache
def measured(backend="numpy", **parameters):
    return run_and_measure(ds.load_protocol("tp_speed_limit", **parameters), RunSettings(backend))


def slowest(mu, layers, eta_hat, kappa):
    """Slowest decay of W_1 and h_1 .. h_L, each one number, from the matrix of their equations."""
    chain = np.diag(np.full(layers + 1, -1.0))
    chain += np.diag(np.full(layers, 1 - mu), -1) + np.diag(np.full(layers, mu), 1)
    chain[0, :2] = -kappa, kappa  # W_1 follows the response of layer 1
    chain[-1, -1] = -1 + mu * (1 - eta_hat)
    return -np.linalg.eigvals(chain).real.max()


@pytest.mark.parametrize(
    ("mu", "layers", "eta_hat", "duration"),
    [(0.2, 3, 0.5, "1.2 s"), (0.3, 2, 1.0, "1.2 s"), (0.1, 1, 0.2, "1 s")],
)
def test_errors_fall_at_the_rate_of_the_slowest_mode(mu, layers, eta_hat, duration):
    given = {"mu": mu, "layers": layers, "eta_hat": eta_hat}
    metrics = measured(kappas=SHORT["kappas"], duration=duration, **given)[1].metrics
    expected = [slowest(mu, layers, eta_hat, k) for k in SHORT["kappas"]]
    assert metrics["rate"] == pytest.approx(expected, rel=1e-7)
    assert metrics["expected_rate"] == pytest.approx(expected, rel=1e-9)
    r = mu / (1 - mu)
    total = sum(r**k for k in range(1, layers + 1))
    slow = r**layers * eta_hat / (1 + eta_hat * total)
    assert metrics["adiabatic_rate"] == pytest.approx(slow * metrics["kappa"], rel=1e-12)


def test_the_limit_is_as_printed_and_holds():
    """0.00421 per tau at mu = 0.2, three layers, eta_hat = 0.5; approached from below as weights get faster."""
    metrics = measured(**SHORT)[1].metrics
    assert metrics["speed_limit"] == pytest.approx(0.00421, abs=5e-6)
    assert np.all(np.diff(metrics["rate"]) > 0)
    assert metrics["rate"][-1] < metrics["speed_limit"]
    assert metrics["fraction_of_limit"] == metrics["rate"][-1] / metrics["speed_limit"] > 0.9
    assert metrics["rate"][0] == pytest.approx(metrics["adiabatic_rate"][0], rel=0.02)


def test_steps_from_settled_circuits_are_not_bound():
    """Each takes a part p off: the error falls at -ln(1 - p) per time between two steps."""
    metrics = measured(settle="1 s", duration="5 s", part=0.8, kappas=(1.0,))[1].metrics
    per_tau = -np.log(0.2) / (100 + 0.2)
    assert metrics["event_rate"] == pytest.approx(per_tau, rel=1e-6)
    assert metrics["event_advantage"] == pytest.approx(per_tau / metrics["speed_limit"], rel=1e-6)
    assert measured(**SHORT)[1].metrics["event_advantage"] > 6


def test_white_inputs_learn_alike_from_the_beginning():
    """With one power for all, responses follow one chain of equations: exact solution, to first order in dt."""
    given = {"kappas": (1.0, 1.0), "duration": "1.2 s", "width": 2}
    away = []
    for dt in ("0.2 ms", "0.1 ms"):
        protocol = ds.load_protocol("tp_speed_limit", dt=dt, **given)
        kept = ds.Recording(("continuous_w1", "continuous_layer3.h"), every="20 ms")
        result = ds.run(protocol.replace(recordings=(kept,), name=""), backend="numpy")
        x, y = protocol.data["x"].T, protocol.data["y"].T
        each = x.T @ np.linalg.inv(x @ x.T)
        w2, w3 = (result.final[f"continuous_w{i}"].values for i in (2, 3))
        # W_1 and the responses of layers 1 to 3, all carried up to the output; times in tau
        chain = (
            np.diag(np.full(4, -1.0)) + np.diag(np.full(3, 0.8), -1) + np.diag(np.full(3, 0.2), 1)
        )
        chain[0, :2], chain[-1, -1] = (-1.0, 1.0), -1 + 0.2 * (1 - 0.5)
        target = np.stack([y @ each] * 4)  # where all end
        state = np.zeros((4, 2, 2))
        state[0] = w3 @ w2 @ result.traces["continuous_w1"].values[0]
        response = result.traces["continuous_layer3.h"]
        found, exact = (
            response.values[1:6] @ each,
            [
                (target + np.einsum("ij,jkl->ikl", expm(chain * t), state - target))[-1]
                for t in response.time[1:6] / 10e-3
            ],
        )
        away.append(np.abs(found - exact).max())
    assert away[1] < 0.01
    assert away[0] / away[1] == pytest.approx(2.0, rel=0.1)


def test_compiled_rates_are_the_same():
    compiled = measured(backend="cpp", **SHORT)[1].metrics
    assert compiled["rate"] == pytest.approx(measured(**SHORT)[1].metrics["rate"], rel=1e-8)


def test_figures_can_be_drawn():
    result, measurement = measured(**SHORT)
    assert list(measurement.figures) == ["rate", "error"]
    for draw in ds.measure(result).figures.values():
        draw().canvas.draw()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mu": 0.0}, "mu is 0; it must lie between 0 and 1"),
        ({"mu": 1.2}, "mu is 1.2"),
        ({"kappas": ()}, "kappas is empty"),
        ({"kappas": (1.0, 0.0)}, "kappas is"),
        ({"layers": 0}, "layers is 0"),
        ({"part": 1.0}, "part is 1.0; it must lie between 0 and 1"),
        ({"eta_hat": -1.0}, "eta_hat is -1"),
        ({"dt": "1 ms"}, "must be below .* or weights overshoot"),
        ({"duration": "100 ms"}, "the slowest mode is left alone only after"),
        ({"data_seed": -1}, "data_seed is -1"),
    ],
)
def test_what_makes_no_sense_is_refused(given, said):
    with pytest.raises(ParameterError, match=said):
        ds.load_protocol("tp_speed_limit", **given)
