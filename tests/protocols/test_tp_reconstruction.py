"""`tp_reconstruction`: errors of inexact inverses, against activities that linear algebra settles here."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.experiments.run import run_and_measure

METRICS = ("single_signal", "single_reconstruction", "two_phase_error", "multiplexed_error")


@cache
def measured(backend="numpy", **parameters):
    return run_and_measure(
        ds.load_protocol("tp_reconstruction", **parameters), RunSettings(backend)
    )


def weights(sizes, degradation, data_seed=0):
    """W and Q = W^-1 (I + d N), in the order in which the protocol draws them."""
    rng = np.random.default_rng(data_seed)
    start = ds.WellConditioned(1.4, 2.0)
    w = [start.sample((b, a), rng) for a, b in pairwise(sizes)]
    q = []
    for matrix in w[1:]:
        n = rng.normal(size=matrix.shape)
        q.append(np.linalg.inv(matrix) @ (np.eye(len(n)) + degradation * n / np.linalg.norm(n, 2)))
    return w, q


def settled(w, q, x, y, mu, nudge):
    """The activities of all layers above the input, from one system of equations."""
    n, last = len(w[-1]), len(w)
    system, drive = np.zeros((n * last, n * last)), np.zeros((n * last, x.shape[1]))
    for i in range(last):
        at = slice(n * i, n * (i + 1))
        system[at, at] = np.eye(n)
        if i:
            system[at, n * (i - 1) : n * i] = -(1 - mu) * w[i]
        else:
            drive[at] = (1 - mu) * w[0] @ x
        if i < last - 1:
            system[at, n * (i + 1) : n * (i + 2)] = -mu * q[i]
        else:
            system[at, at] -= mu * (1 - nudge) * np.eye(n)
            drive[at] += mu * nudge * y
    return np.split(np.linalg.solve(system, drive), last)


def expected(w, q, x, y, mu, eta_hat):
    """All metrics by layer."""
    free, nudged = (settled(w, q, x, y, mu, nudge) for nudge in (0.0, eta_hat))
    last, r = len(w), mu / (1 - mu)
    carry = nudged[-1] - y
    output = x
    for matrix in w:
        output = matrix @ output
    apart = ideal_apart = output - y
    found = {name: np.zeros(last) for name in METRICS}
    for i in range(last, 0, -1):
        below = [x, x] if i == 1 else [free[i - 2], nudged[i - 2]]
        local = [h[i - 1] - w[i - 1] @ b for h, b in zip((free, nudged), below, strict=True)]
        ideal = r ** (last + 1 - i) * eta_hat * np.linalg.norm(carry)
        found["single_reconstruction"][i - 1] = np.linalg.norm(local[0]) / ideal
        found["single_signal"][i - 1] = np.linalg.norm(local[1] - local[0]) / ideal
        share = sum(r ** (last + 1 - j) for j in range(1, i + 1)) * eta_hat * carry
        away = nudged[i - 1] - free[i - 1] + share
        found["two_phase_error"][i - 1] = np.linalg.norm(away) / np.linalg.norm(share)
        found["multiplexed_error"][i - 1] = np.linalg.norm(apart - ideal_apart) / np.linalg.norm(
            ideal_apart
        )
        if i > 1:
            back = np.linalg.inv(w[i - 1])
            carry, ideal_apart, apart = back @ carry, back @ ideal_apart, q[i - 2] @ apart
    return found


@pytest.mark.parametrize(
    ("sizes", "mu", "eta_hat"),
    [((4, 4, 4, 4), 0.15, 0.5), ((5, 3, 3), 0.3, 1.0), ((2, 2, 2, 2, 2), 0.05, 0.2)],
)
def test_signals_and_errors_are_those_of_linear_algebra(sizes, mu, eta_hat):
    degradations = (0.01, 0.3, 0.6)
    given = {"sizes": sizes, "mu": mu, "eta_hat": eta_hat, "degradations": degradations}
    result, measurement = measured(**given)
    x = result.protocol.data["x"].T
    y = result.protocol.data["y_multiplexed"].T[: sizes[-1]]
    assert measurement.metrics["stable"].all()
    for k, d in enumerate(degradations):
        w, q = weights(sizes, d)
        for name, values in expected(w, q, x, y, mu, eta_hat).items():
            assert measurement.metrics[name][k] == pytest.approx(values, rel=1e-7, abs=1e-9), name
            assert measurement.references[name].value[k] == pytest.approx(
                values, rel=1e-9, abs=1e-11
            )


def test_exact_inverses_have_no_reconstruction_error_and_carry_the_signal():
    metrics = measured(degradations=(0.0,))[1].metrics
    assert metrics["single_signal"] == pytest.approx(np.ones((1, 3)), abs=1e-10)
    for name in METRICS[1:]:
        assert np.max(metrics[name]) < 1e-10
    assert metrics["inverse_error"][0] < 1e-14


def test_reconstruction_error_drowns_the_signal_of_one_phase_but_not_of_two():
    """All errors grow in proportion to d; that of one phase starts from 1/r^L of the others."""
    metrics = measured()[1].metrics
    d = metrics["degradation"]
    small = d < 0.05
    for name in METRICS[1:]:
        first = metrics[name][small, 0] / d[small]
        assert first == pytest.approx(first[0], rel=0.02)
    assert metrics["single_reconstruction"][d == 0.1, 0] > 1
    assert metrics["two_phase_error"][d == 0.1, 0] < 0.2
    assert metrics["multiplexed_error"][d == 0.1, 0] < 0.2


def test_circuits_that_cannot_settle_are_left_out():
    """Stable or not as the eigenvalues of the whole Jacobian say, here of every copy by itself."""
    degradations, mu, sizes = (0.2, 2.0, 6.0, 20.0), 0.4, (3, 3, 3, 3)
    result, measurement = measured(degradations=degradations, mu=mu, sizes=sizes)
    metrics, slow = measurement.metrics, []
    for d in degradations:
        w, q = weights(sizes, d)
        tops = []
        for nudge in (0.0, 0.5):
            columns = [  # tau dh/dt from each unit vector, with nothing to drive it
                np.concatenate(
                    [
                        -h[i]
                        + (0.6 * w[i] @ h[i - 1] if i else 0.0)
                        + 0.4 * (q[i] @ h[i + 1] if i < 2 else (1 - nudge) * h[i])
                        for i in range(3)
                    ]
                )
                for h in (np.split(unit, 3) for unit in np.eye(9))
            ]
            tops.append(np.linalg.eigvals(np.array(columns).T).real.max())
        slow.append(max(tops))
    assert metrics["stable"].tolist() == [s < -0.02 for s in slow]
    assert metrics["stable"][0]
    assert not metrics["stable"][-1]
    for name in METRICS:
        lost = np.isnan(metrics[name]).any(axis=1)
        assert lost.tolist() == (
            [False] * 4 if name == METRICS[3] else (~metrics["stable"]).tolist()
        )
    assert result.status == "done"


def test_compiled_circuits_and_stored_results_say_the_same(tmp_path):
    result, measurement = measured(backend="cpp")
    for name in METRICS:
        assert measurement.metrics[name] == pytest.approx(
            measured()[1].metrics[name], rel=1e-8, abs=1e-10
        )
    stored = ds.measure(ds.open_result(result.save(tmp_path / "r.nc")))
    for name in METRICS:
        assert np.array_equal(stored.metrics[name], measurement.metrics[name])


@pytest.mark.parametrize("given", [{}, {"degradations": (0.0, 1.0, 20.0), "mu": 0.3}])
def test_the_figure_can_be_drawn(given):
    result, _ = measured(**given)
    figures = ds.measure(result).figures
    assert list(figures) == ["reconstruction"]
    figures["reconstruction"]().canvas.draw()


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"mu": 0.0}, ParameterError, "mu is 0.0; it must lie between 0 and 1"),
        ({"mu": 1.0}, ParameterError, "mu is 1.0"),
        ({"sizes": (4, 4)}, ShapeError, "two layers above"),
        ({"sizes": (4, 4, 3)}, ShapeError, "layers 1 to 2 must have one size"),
        ({"sizes": (4, 0, 0)}, ParameterError, "sizes is"),
        ({"degradations": ()}, ParameterError, "give at least one"),
        ({"degradations": (0.1, -0.1)}, ParameterError, "must not be negative"),
        ({"degradations": (30.0,), "mu": 0.5}, ParameterError, "no circuit is stable"),
        ({"dt": "20 ms"}, ParameterError, "overshoot"),
        ({"settle": "7 ms"}, ParameterError, "whole number of time steps"),
        ({"eta_hat": 0.0}, ParameterError, "eta_hat is 0"),
        ({"data_seed": -1}, ParameterError, "data_seed is -1"),
    ],
)
def test_what_makes_no_sense_is_refused(given, kind, said):
    with pytest.raises(kind, match=said):
        ds.load_protocol("tp_reconstruction", **given)
