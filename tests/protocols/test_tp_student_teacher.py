"""Networks learn what a teacher does: against independent loops, and to the losses known to be within reach."""

import numpy as np
import pytest
from smooth_leaky_units import inverse, outer, s, slope

import dendrosim as ds
from dendrosim.analysis import learning_signals, vector_angles
from dendrosim.errors import DendrosimWarning, NonFiniteError, ParameterError, UnknownNameError
from dendrosim.library.measuring import measure

TAU, DT, MU, HAT = 10e-3, 5e-3, 0.2, 0.5
MODELS = ("single", "two_phase", "multiplexed", "backprop")


def run(model, seed=0, data_seed=None, **parameters):
    data_seed = seed if data_seed is None else data_seed
    protocol = ds.load_protocol(
        "tp_student_teacher", model=model, data_seed=data_seed, **parameters
    )
    return ds.run(protocol, seed=seed)


# -- the simulation against loops of its equations --------------------------------------------------------


class Chain:
    """Single-phase and two-phase target propagation, stepped by the Euler method."""

    def __init__(self, ws, batch, *, exact, eta, eta_q=0.0, decay=1e-4):
        self.ws, self.exact = [w.copy() for w in ws], exact
        self.qs = [np.linalg.pinv(w) for w in ws[1:]]
        self.h = [np.zeros((len(w), batch)) for w in ws]
        self.held = [np.zeros((len(w), batch)) for w in ws]
        self.eta, self.eta_q, self.decay = eta, eta_q, decay

    def step(self, x, y, *, teach, hold=0.0, learn=0.0, sleep=0.0, phases=1):
        last = len(self.ws)
        below = [x, *self.h]
        u = [w @ b for w, b in zip(self.ws, below, strict=False)]
        f = [s(v) for v in u]
        pre = [inverse(h) for h in self.h]
        g = [q @ p for q, p in zip(self.qs, pre[1:], strict=True)]
        g.append(self.h[-1] - teach * HAT * (self.h[-1] - y))
        r = MU / (1 - MU)
        new = [
            h + DT / TAU * (-h + (1 - MU) * a + MU * b)
            for h, a, b in zip(self.h, f, g, strict=True)
        ]
        held = [m + DT / TAU * hold * (h - m) for m, h in zip(self.held, self.h, strict=True)]
        for i in range(last):
            fall = HAT * r ** (last - i)
            change = self.h[i] - (f[i] if phases == 1 else self.held[i])
            self.ws[i] = self.ws[i] + DT * learn * self.eta / fall * outer(
                slope(u[i]) * change, below[i]
            )
        for i, q in enumerate(self.qs):
            norm = 1 + np.sum(pre[i + 1] ** 2, axis=0)
            grown = outer((self.h[i] - g[i]), pre[i + 1] / norm)
            self.qs[i] = q + DT * sleep * self.eta_q * (grown - self.decay * q)
        if self.exact:
            self.qs = [np.linalg.inv(w) for w in self.ws[1:]]
        self.h, self.held = new, held


class Multiplexed:
    """Multiplexed target propagation, stepped by the Euler method; nothing saturates."""

    def __init__(self, ws, batch, *, eta, eta_q, decay=1e-4):
        self.ws, self.qs = [w.copy() for w in ws], [np.linalg.pinv(w) for w in ws[1:]]
        self.basal = [np.zeros((len(w), batch)) for w in ws]
        self.apical = [np.zeros((len(w), batch)) for w in ws[:-1]]
        self.held = [np.zeros((len(w), batch)) for w in ws]
        self.eta, self.eta_q, self.decay = eta, eta_q, decay

    def step(self, x, y, *, teach, hold=0.0, learn=0.0, sleep=0.0):
        h = [x, *(s(b) for b in self.basal)]
        goal = [*self.apical, h[-1] - teach * HAT * (h[-1] - y)]
        basal = [
            b + DT / TAU * (-b + w @ a) for b, w, a in zip(self.basal, self.ws, h, strict=False)
        ]
        apical = [
            a + DT / TAU * (-a + q @ inverse(t))
            for a, q, t in zip(self.apical, self.qs, goal[1:], strict=True)
        ]
        held = [m + DT / TAU * hold * (t - m) for m, t in zip(self.held, goal, strict=True)]
        for i, w in enumerate(self.ws):
            change = slope(self.basal[i]) * (goal[i] - self.held[i])
            self.ws[i] = w + DT * learn * self.eta / HAT * outer(change, h[i])
        for i, q in enumerate(self.qs):
            cause = inverse(h[i + 2])
            norm = 1 + np.sum(cause**2, axis=0)
            grown = outer(h[i + 1] - q @ cause, cause / norm)
            self.qs[i] = q + DT * sleep * self.eta_q * (grown - self.decay * q)
        self.basal, self.apical, self.held = basal, apical, held


STEPS = 8
ONE = TAU / DT


def single_trial(net, x, y):
    for _ in range(STEPS):
        net.step(x, y, teach=1)
    net.step(x, y, teach=1, learn=ONE)
    net.step(x, y, teach=1)


def two_phase_trial(net, x, y):
    for _ in range(STEPS):
        net.step(x, y, teach=0, hold=1, phases=2)
    for _ in range(STEPS):
        net.step(x, y, teach=1, phases=2)
    net.step(x, y, teach=1, learn=ONE, phases=2)
    net.step(x, y, teach=1, phases=2)
    for k in range(STEPS):
        net.step(x, y, teach=0, hold=1, sleep=ONE * (k == STEPS - 1), phases=2)


def multiplexed_trial(net, x, y):
    for _ in range(STEPS):
        net.step(x, y, teach=0, hold=1)
    for _ in range(STEPS):
        net.step(x, y, teach=1)
    net.step(x, y, teach=1, learn=ONE, sleep=ONE)
    net.step(x, y, teach=1)


@pytest.mark.parametrize("model", ["single", "two_phase", "multiplexed"])
def test_training_equals_an_independent_loop(model):
    sizes = (3, 3, 3, 3) if model == "single" else (4, 3, 3, 2)
    result = run(
        model, seed=2, sizes=sizes, transfer="smooth_leaky", presentations=4, samples=100, settle="40 ms",
        eta="1 Hz", rule="difference", **({} if model == "single" else {"eta_q": "3 Hz"}),
    )  # fmt: skip
    start = [result[f"w{i}"].values[0] for i in (1, 2, 3)]
    if model == "multiplexed":
        net, trial = Multiplexed(start, 64, eta=1.0, eta_q=3.0), multiplexed_trial
    else:
        exact = model == "single"
        net = Chain(start, 64, exact=exact, eta=1.0, eta_q=0.0 if exact else 3.0)
        trial = single_trial if exact else two_phase_trial
    x, y = result.protocol.data["x"].T, result.protocol.data["y"].T
    for k in range(4):
        rows = np.arange(64 * k, 64 * (k + 1)) % 100
        trial(net, x[:, rows], y[:, rows])
    for i in (1, 2, 3):
        moved = np.abs(net.ws[i - 1] - start[i - 1]).max()
        assert moved > 1e-3
        assert result.final[f"w{i}"].values == pytest.approx(net.ws[i - 1], abs=1e-10)
    for i in (1, 2):
        assert result.final[f"q{i}"].values == pytest.approx(net.qs[i - 1], abs=1e-10)


# -- what is learned ---------------------------------------------------------------------------------------

LISTED = {  # losses listed as within reach by the rule of the thesis; twice as much is allowed
    ("single", "linear", "batch"): 3e-6,
    ("single", "smooth_leaky", "batch"): 0.06,
    ("two_phase", "linear", "batch"): 9e-5,
    ("two_phase", "smooth_leaky", "batch"): 0.11,
    ("multiplexed", "linear", "batch"): 1e-25,
    ("multiplexed", "smooth_leaky", "batch"): 0.06,
    ("single", "linear", "online"): 5e-5,
    ("single", "smooth_leaky", "online"): 0.034,
    ("two_phase", "linear", "online"): 7e-4,
    ("two_phase", "smooth_leaky", "online"): 0.023,
    ("multiplexed", "linear", "online"): 2e-7,
    ("multiplexed", "smooth_leaky", "online"): 0.023,
}


@pytest.mark.slow
@pytest.mark.parametrize(("model", "transfer", "mode"), LISTED)
def test_losses_fall_to_what_is_within_reach(model, transfer, mode):
    found = [
        run(model, seed, transfer=transfer, mode=mode, rule="difference").metrics["final_loss"]
        for seed in range(5)
    ]
    assert np.mean(found) <= 2 * LISTED[model, transfer, mode], found


@pytest.mark.parametrize("model", MODELS)
def test_every_model_learns_a_linear_teacher(model):
    result = run(model, presentations=800)
    found = result.metrics
    assert found["final_loss"] < 1e-3 * found["initial_loss"]
    assert found["final_loss_dynamic"] < 1e-3 * found["initial_loss"]
    assert found["diverged"] is False
    fresh = result.protocol.data["fresh"].T
    target = np.asarray(result.protocol.references["fresh_targets"])
    outputs = fresh
    for i in (1, 2, 3):
        outputs = result.final[f"w{i}"].values @ outputs
    loss = 0.5 * np.mean(np.sum((outputs - target) ** 2, axis=0))
    assert found["final_loss"] == pytest.approx(loss, rel=1e-9)


@pytest.mark.slow
def test_plasticity_all_along_learns_as_well():
    for model in ("single", "two_phase", "multiplexed"):
        found = run(model, plasticity="continuous", presentations=800).metrics
        assert found["final_loss_dynamic"] < 1e-2 * found["initial_loss"], model


def test_single_samples_can_teach_all_along():
    """A trial of two phases must not change weights by so much that they learn from this change."""
    found = run("two_phase", mode="online", plasticity="continuous", presentations=200).metrics
    assert found["final_loss"] < 0.3 * found["initial_loss"]
    assert found["diverged"] is False


def test_exact_inverses_make_gauss_newton_updates_and_back_propagation_gradient_descent():
    single = run("single", presentations=100, settle="800 ms", rule="difference").metrics
    assert single["angle_gauss_newton"][0] < 1e-6  # above, presynaptic activity is nudged as well
    assert max(single["angle_gauss_newton"]) < 5
    assert min(single["angle_gradient"][:2]) > 5
    backprop = run("backprop", presentations=100).metrics
    assert max(backprop["angle_gradient"]) < 0.01


@pytest.mark.parametrize("feedback", ["layerwise", "direct"])
def test_difference_reconstruction_makes_damped_gauss_newton_updates_in_linear_networks(feedback):
    result = run(
        "multiplexed", inverse="drl", feedback=feedback, presentations=500, rule="difference"
    )
    angles = update_angles(result)["damped Gauss-Newton"]
    assert angles[0].max() < 5
    assert np.median(angles, axis=0).max() < 5


@pytest.mark.slow
def test_difference_reconstruction_is_closer_to_gauss_newton_than_layerwise_reconstruction():
    """In nonlinear networks, after apical weights have learned by themselves; five networks."""
    angles = {
        inverse: np.array(
            [
                update_angles(
                    run(
                        "multiplexed", seed, inverse=inverse, transfer="smooth_leaky", presentations=1,
                        pretraining=1000, decay_q=0.01 if inverse == "drl" else 1e-4, rule="difference",
                    )
                )["damped Gauss-Newton"][0]
                for seed in range(5)
            ]
        )
        for inverse in ("drl", "learned")
    }  # fmt: skip
    assert angles["drl"].mean(axis=0)[0] < 0.5 * angles["learned"].mean(axis=0)[0]
    assert angles["drl"].mean() < 0.5 * angles["learned"].mean()


def update_angles(result):
    """Degrees (trials, layers) between recorded updates and ideal ones, computed here once more."""
    weights = [result[f"w{i}"].values for i in (1, 2, 3)]
    x, y = result["layer0.h"], result["layer3.target"]
    found = []
    for k in range(len(x.values)):
        before, after = ([w[2 * k + j] for w in weights] for j in (0, 1))
        ideal = learning_signals.gauss_newton_update(
            before, x.values[k], y.values[k], result.protocol.parameters["transfer"], damping=0.01
        )
        found.append(
            [vector_angles.angle(b - a, c) for a, b, c in zip(before, after, ideal, strict=True)]
        )
    return {"damped Gauss-Newton": np.array(found)}


@pytest.mark.parametrize(
    ("model", "transfer"),
    [
        ("multiplexed", "linear"),
        ("two_phase", "smooth_leaky"),
        pytest.param("two_phase", "linear", marks=pytest.mark.slow),
        pytest.param("multiplexed", "smooth_leaky", marks=pytest.mark.slow),
    ],
)
def test_the_printed_rules_blow_up_and_this_is_said(model, transfer):
    result = diverging(model, rule="printed", sizes=(5, 5, 5, 5), transfer=transfer)
    if result.status == "done":
        assert result.metrics["diverged"] is True
        assert result.metrics["final_loss"] > 3 * result.metrics["initial_loss"]


def diverging(model, **parameters):
    """The result of a run, or what there is of it where it ends at a number that is not finite."""
    try:
        return run(model, **parameters)
    except NonFiniteError as error:
        return error.partial


@pytest.mark.slow
def test_all_models_side_by_side_start_from_the_same_weights_and_are_measured_one_by_one():
    result = run("all", presentations=60, transfer="smooth_leaky", sizes=(4, 3, 3, 3))
    assert tuple(result.metrics) == MODELS
    assert len({m["initial_loss"] for m in result.metrics.values()}) == 1
    for name in MODELS[1:]:
        for i in (1, 2, 3):
            assert np.array_equal(
                result[f"{name}_w{i}"].values[0], result[f"single_w{i}"].values[0]
            )
    alone = run("backprop", presentations=60, transfer="smooth_leaky", sizes=(4, 3, 3, 3))
    assert set(alone.metrics) == set(result.metrics["backprop"])
    drawn = {name: draw() for name, draw in measure(result).figures.items()}
    assert {"loss", *(f"angles_{m}" for m in MODELS)} <= set(drawn)
    assert len(drawn["loss"].axes[0].lines) == 4


@pytest.mark.slow
def test_a_model_by_itself_learns_as_it_does_beside_others():
    """Same data, same initial weights: single is the first, so it draws its own."""
    beside = run("all", presentations=30, settle="300 ms")
    alone = run("single", presentations=30, settle="300 ms")
    start = {f"w{i}": beside[f"single_w{i}"].values[0] for i in (1, 2, 3)}
    again = ds.run(alone.protocol, seed=0, initial={**_zeros(alone), **start})
    for i in (1, 2, 3):
        expected = beside.final[f"single_w{i}"].values
        assert np.abs(again.final[f"w{i}"].values - expected).max() < 1e-2 * np.abs(expected).max()


def _zeros(result):
    return {f"{n}": np.zeros_like(a) for n, a in result.state.items() if "." in n}


# -- bad input ---------------------------------------------------------------------------------------------


def test_a_settling_time_below_the_slowest_mode_is_warned_of():
    with pytest.warns(DendrosimWarning, match="slowest mode of two_phase"):
        ds.load_protocol("tp_student_teacher", model="two_phase", settle="20 ms")


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"model": "multiplexed", "span": 1.0}, ParameterError, "targets reach .*raise span"),
        (
            {"model": "single", "sizes": (5, 4, 3), "inverse": "exact"},
            ds.errors.ShapeError,
            "must have one size",
        ),
        ({"model": "single", "mu": 1.2}, ParameterError, "mu is 1.2"),
        ({"model": "single", "transfer": "tanh"}, ds.errors.DendrosimError, "smooth_leaky"),
        ({"model": "single", "span": 3.0}, UnknownNameError, "span"),
        ({"model": "backprop", "mu": 0.1}, UnknownNameError, "mu"),
        ({"model": "single", "rule": "local"}, ParameterError, "'local' is not one of bounded"),
        ({"model": "two_phase", "inverse": "drl", "rule": "local"}, ParameterError, "rule=bounded"),
        ({"model": "single", "target": "free"}, UnknownNameError, "target"),
        ({"model": "backprop", "eta": "1 Hz"}, UnknownNameError, "backprop_eta"),
        (
            {"sizes": (6, 5, 4, 3), "rule": "difference"},
            ds.errors.ShapeError,
            "with model=all .* choose one model",
        ),
        (
            {"model": "single", "sizes": (3, 0, 3)},
            ParameterError,
            r"\[3, 0, 3\]; each must be at least 1",
        ),
        ({"dt": "20 ms"}, ParameterError, "dt is 20 ms, longer than tau = 10 ms"),
        ({"damping": -0.1}, ParameterError, "damping"),
        ({"data_seed": -1}, ParameterError, "data_seed"),
        ({"presentations": 0}, ParameterError, "presentations"),
        ({"samples": -5}, ParameterError, "samples"),
        ({"pretraining": -1}, ParameterError, "pretraining"),
        ({"model": "single", "inverse": "fixed", "inverse_error": 3.0}, ParameterError, "unstable"),
        (
            {"model": "multiplexed", "feedback": "direct", "inverse": "learned"},
            ParameterError,
            "only inverse=drl",
        ),
    ],
)
def test_bad_input_is_refused_by_name(given, kind, said):
    with pytest.raises(kind, match=said):
        ds.load_protocol("tp_student_teacher", **given)
