"""`random_feedback_linear`: errors fall as the closed forms say, and faster if feedback weights learn as well."""

from functools import cache

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import DendrosimWarning, ParameterError
from dendrosim.experiments.run import run_and_measure

EPS = (0.0, 0.25, 0.5, 1.0)
BOUND = np.sqrt(10 / 100)


@cache
def measured(**parameters):
    protocol = ds.load_protocol("random_feedback_linear", **parameters)
    return run_and_measure(protocol, RunSettings("numpy"))


def scalar_loop(feedback, target, eps, dt=2e-3):
    """Classical Runge-Kutta steps of the weights and feedback weights of one direction.

    Returns
    -------
    float, float
        Rate at which the error falls at the end, and the time at which it is a hundredth of its start.
    """
    layers = len(feedback) + 1

    def flow(y):
        w, r = y[:layers], y[layers:]
        error = target - np.prod(w)
        dw = np.array([error * np.prod(r[i:]) * np.prod(w[:i]) for i in range(layers)])
        return np.concatenate([dw, eps * dw[1:]])

    y, now, errors = np.array([0.0] * layers + list(feedback)), 0.0, [target]
    time = None
    while errors[-1] > 1e-7 * target:
        a = flow(y)
        b = flow(y + dt / 2 * a)
        c = flow(y + dt / 2 * b)
        d = flow(y + dt * c)
        y, now = y + dt / 6 * (a + 2 * b + 2 * c + d), now + dt
        errors.append(target - np.prod(y[:layers]))
        if time is None and errors[-1] < 0.01 * target:
            part = np.log(errors[-2] / (0.01 * target)) / np.log(errors[-2] / errors[-1])
            time = now - dt + part * dt
    return np.log(errors[-21] / errors[-1]) / (20 * dt), time


def test_two_layers_fall_at_the_rates_of_the_closed_form():
    result, measurement = measured()
    metrics = measurement.metrics
    assert metrics["rate"] == pytest.approx([0.478196, 1.048227, 1.393680, 1.899262], abs=1e-5)
    assert metrics["time_to_1_percent"] == pytest.approx([14.96, 8.79, 7.17, 5.71], abs=0.01)
    assert np.all(metrics["invariant_error"] < 1e-6)
    assert metrics["ordered"] == 1.0
    assert result.protocol.method == "rk2"
    for name, expected in measurement.references.items():
        assert metrics[name] == pytest.approx(expected.value, abs=1e-3)


@pytest.mark.parametrize(
    ("layers", "lr", "target", "eps"),
    [
        ("2", (0.3,), 2.0, (0.0, 0.7)),
        ("2", (10.0,), 0.9, (0.0, 1.0)),
        ("3", (0.5, 0.3), 1.5, (0.2, 2.0)),
    ],
)
def test_other_parameters_fall_as_an_independent_loop(layers, lr, target, eps):
    metrics = measured(layers=layers, lr=lr, target=target, eps=eps)[1].metrics
    expected = np.array([scalar_loop(lr, target, e) for e in eps])
    assert metrics["rate"] == pytest.approx(expected[:, 0], abs=1e-5)
    assert metrics["time_to_1_percent"] == pytest.approx(expected[:, 1], abs=0.01)
    assert np.all(metrics["invariant_error"] < 1e-6)


@pytest.mark.slow
def test_three_layers_and_the_theorem_that_does_not_hold():
    metrics = measured(layers="3")[1].metrics
    assert metrics["time_to_1_percent"] == pytest.approx([142.2, 57.3, 46.3, 37.2], abs=0.06)
    assert np.all(metrics["invariant_error"] < 1e-6)
    assert metrics["ordered"] == 1.0
    assert metrics["weights"][2] == pytest.approx([3.74, 1.54, 1.17, 0.87], abs=5e-3)
    assert list(metrics["weights_increase"]) == [True, True, False]


# -- Fig. 12 ----------------------------------------------------------------------------------------------


def assert_as_in_the_figure(metrics):
    assert metrics["ordered"] == 1.0
    correlation = metrics["correlation"]
    assert abs(correlation[1, 0] - BOUND) < 0.03
    assert correlation[1, 0] <= metrics["middle_bound"] + 1e-3  # correlations subtract a mean
    assert abs(metrics["middle_bound"] - BOUND) < 0.03
    assert np.all(np.diff(correlation[2]) > 0)
    assert np.all(correlation[2] > 0.9)
    assert list(metrics["first_above_middle"]) == [False, False, False, True]


def test_fixed_feedback_is_limited_by_the_rank_of_the_output():
    # seed 0 for 300 steps of the figure, with its time step
    result, measurement = measured(layers="figure12", dt="100 ms", duration="30 s")
    metrics = measurement.metrics
    assert_as_in_the_figure(metrics)
    assert metrics["correlation"][:, 0] == pytest.approx([-0.01, 0.309, 0.949], abs=0.005)
    assert metrics["correlation"][:, 3] == pytest.approx([0.78, 0.66, 0.99], abs=0.005)
    assert np.all(metrics["invariant_error"] < 1e-5)
    assert np.linalg.norm(result.protocol.data["y"], 2) == pytest.approx(1.0, rel=1e-12)
    for i in (1, 2, 3):  # with R = W^T at the start, eps = 1 is back-propagation
        w, r = (result.final[f"backprop_{name}{i}"].values for name in "wr")
        assert np.max(abs(w - r.T)) < 1e-14


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_the_figure_on_ten_seeds(seed):
    protocol = ds.load_protocol("random_feedback_linear", layers="figure12", data_seed=seed)
    metrics = run_and_measure(protocol, RunSettings("cpp"))[1].metrics
    assert_as_in_the_figure(metrics)
    assert np.all(metrics["invariant_error"] < 1e-6)
    assert np.all(np.diff(metrics["rate"]) > 0)


def test_a_network_with_more_samples_than_inputs_follows_the_flow():
    sizes, eps, dt = (4, 5, 3), 0.4, 0.01
    rng = np.random.default_rng(1)
    x = np.linalg.qr(rng.normal(size=(9, sizes[0])))[0].T  # X X^T = I
    y = rng.normal(size=(sizes[-1], 9))
    circuit = ds.load_circuit(
        "linear_feedback", sizes=sizes, eps=(eps,), samples=9, spread=0.4, first_feedback=True
    )
    given = ds.Protocol(
        circuit, (ds.Block("run", (ds.Phase("learn", "6 s"),)),), f"{dt} s",
        signals={"layer0.h": ds.Samples("x"), "layer2.target": ds.Samples("y")},
        data={"x": x.T, "y": y.T}, recordings=(ds.Recording("*", every=f"{dt} s"),), batch=9,
        method="rk2",
    )  # fmt: skip
    result = ds.run(given, "numpy", seed=3)
    target = y @ x.T
    starts = [np.zeros((5, 4)), np.zeros((3, 5)), *(result[n].values[0] for n in ("r1", "r2"))]

    def flow(state):
        w1, w2, _, r2 = state
        error = target - w2 @ w1
        dw1, dw2 = r2 @ error, error @ w1.T
        return np.array([dw1, dw2, eps * dw1.T, eps * dw2.T], dtype=object)

    state = np.array(starts, dtype=object)
    for _ in range(600):
        a = flow(state)
        b = flow(state + dt / 2 * a)
        c = flow(state + dt / 2 * b)
        state = state + dt / 6 * (a + 2 * b + 2 * c + flow(state + dt * c))
    for name, expected in zip(("w1", "w2", "r1", "r2"), state, strict=True):
        assert np.max(abs(result.final[name].values - expected)) < 1e-4, name


# -- what it refuses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"eps": ()}, "eps is empty"),
        ({"eps": (0.5, 0.5)}, "must differ"),
        ({"eps": (-0.5,)}, "eps"),
        ({"lr": (0.1, 0.2)}, "layers = '2' needs one number for each .* so 1$"),
        ({"layers": "3", "lr": (0.1,)}, "layers = '3' needs one number .* so 2$"),
        ({"dt": "0.53 s"}, "dt is 0.53 s, but .* falls at 1.9 per second; .* less than 0.527 s"),
        ({"lr": (0.0,)}, "lr"),
        ({"target": 0.0}, "target"),
        (
            {"layers": 3, "spread": 0.1},
            "spread is 0.1, but layers is 3, which has no random weights",
        ),
        ({"data_seed": 1}, "data_seed is 1, but layers is 2"),
        ({"layers": "figure12", "lr": (0.1,)}, "feedback weights of figure12 are random"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(parameters, words):
    with pytest.raises(ParameterError, match=words):
        ds.load_protocol("random_feedback_linear", **parameters)


def test_rates_are_right_up_to_the_longest_step_and_late_times_are_announced():
    with pytest.warns(DendrosimWarning, match=r"dt is 0.5 s, .* choose at most 0.105 s"):
        protocol = ds.load_protocol("random_feedback_linear", eps=(1.0,), dt="0.5 s")
    found = run_and_measure(protocol, RunSettings("numpy"))[1].metrics
    assert found["rate"] == pytest.approx([1.899262], abs=1e-4)
    assert found["time_to_1_percent"] > 5.71 + 0.5


def test_layers_that_cannot_be_connected_unit_by_unit_are_refused():
    with pytest.raises(ParameterError, match="one_to_one is true, but sizes is"):
        ds.load_circuit("linear_feedback", sizes=(3, 2), one_to_one=True)
