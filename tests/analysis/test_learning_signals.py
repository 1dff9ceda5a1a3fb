"""Directions of learning against finite differences, loops over samples, and their definitions."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dendrosim.analysis import learning_signals as signals
from dendrosim.analysis import vector_angles
from dendrosim.equations.transfer.lookup import transfer_functions
from dendrosim.equations.transfer.numeric import numeric_transfer
from dendrosim.errors import ParameterError, ShapeError, UnknownMemberError

STEP = 1e-6

# Each transfer function again, from its definition.
CLOSED_FORMS = {
    "linear": lambda x: x,
    "smooth_leaky": lambda x: 0.75 * x + 0.25 * (np.hypot(x, 1.0) - 1.0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.1 * x),
    "relu": lambda x: np.maximum(x, 0.0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "saturating": lambda x: np.maximum(x, 0.0) / (1.0 + np.maximum(x, 0.0)),
    "saturated_linear": lambda x: np.clip(x, -1.0, 1.0),
}

NETWORKS = [
    ("linear", None),
    ("smooth_leaky", None),
    ("smooth_leaky", "linear"),
    ("leaky_relu", "sigmoid"),
    ("tanh", "leaky_relu"),
]


def network(sizes=(4, 5, 3, 2), samples=6, seed=0):
    """Weights, inputs and targets; sizes that narrow give Jacobians of full row rank."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(n, m)) / np.sqrt(m) for m, n in pairwise(sizes)]
    return weights, rng.normal(size=(sizes[0], samples)), rng.normal(size=(sizes[-1], samples))


def slope(function, array, index):
    """Central difference of `function` along one element of `array`."""
    ends = []
    for step in (STEP, -STEP):
        moved = array.copy()
        moved[index] += step
        ends.append(function(moved))
    return (ends[0] - ends[1]) / (2 * STEP)


# -- transfer functions as functions of arrays -----------------------------------------------------


def test_every_transfer_function_has_a_closed_form_to_compare_with():
    assert CLOSED_FORMS.keys() == transfer_functions().keys()


@pytest.mark.parametrize("name", transfer_functions())
def test_values_are_the_closed_forms(name):
    x = np.linspace(-6.0, 6.0, 48).reshape(6, 8)
    np.testing.assert_allclose(
        numeric_transfer(name).s(x), CLOSED_FORMS[name](x), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("name", transfer_functions())
def test_ds_is_the_slope_of_s(name):
    x = np.linspace(-6.0, 6.0, 48)  # none within STEP of the kinks at 0
    function = numeric_transfer(name)
    slopes = (function.s(x + STEP) - function.s(x - STEP)) / (2 * STEP)
    np.testing.assert_allclose(function.ds(x), slopes, atol=1e-8)


@pytest.mark.parametrize("name", transfer_functions())
def test_inverses_undo_on_the_whole_line(name):
    function = numeric_transfer(name)
    assert (function.inv_s is None) == (transfer_functions()[name].inv_s is None)
    if function.inv_s is not None:
        x = np.linspace(-50.0, 50.0, 101)
        np.testing.assert_allclose(function.inv_s(function.s(x)), x, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(function.s(function.inv_s(x)), x, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", transfer_functions())
def test_arrays_of_any_shape_give_new_arrays_of_floats(name):
    function = numeric_transfer(name)
    for x in (2, [1, -1], np.zeros((2, 0)), np.arange(6).reshape(1, 2, 3), np.ones((3, 2))):
        for value in (function.s(x), function.ds(x)):
            assert value.shape == np.shape(x)
            assert value.dtype == np.float64
            assert value.flags.writeable
            assert not np.shares_memory(value, x)


def test_unknown_transfer_functions_are_named():
    with pytest.raises(UnknownMemberError, match="unknown transfer function 'tanhh'"):
        numeric_transfer("tanhh")


# -- forward, loss, Jacobians ----------------------------------------------------------------------


def test_forward_keeps_every_layer():
    weights, x, _ = network()
    passed = signals.forward(weights, x, "tanh", "linear")
    h1 = np.tanh(weights[0] @ x)
    h2 = np.tanh(weights[1] @ h1)
    expected = (x, h1, h2, weights[2] @ h2)
    for found, h in zip(passed.activities, expected, strict=True):
        np.testing.assert_allclose(found, h, rtol=1e-12)
    for found, d in zip(passed.slopes, (1 - h1**2, 1 - h2**2, np.ones((2, 6))), strict=True):
        np.testing.assert_allclose(found, d, rtol=1e-12)


def test_loss_is_the_mean_over_samples():
    weights, x, y = network()
    reached = np.tanh(weights[2] @ np.tanh(weights[1] @ np.tanh(weights[0] @ x)))
    total = sum(0.5 * float(e @ e) for e in (reached - y).T)
    assert signals.loss(weights, x, y, "tanh") == pytest.approx(total / 6, rel=1e-12)


@pytest.mark.parametrize(("transfer", "output"), NETWORKS)
def test_jacobians_are_slopes_of_the_output(transfer, output):
    weights, x, _ = network()
    passed = signals.forward(weights, x, transfer, output)
    found = signals.jacobians(weights, passed)
    assert [j.shape for j in found] == [(6, 2, 5), (6, 2, 3), (6, 2, 2)]
    np.testing.assert_array_equal(found[-1], np.broadcast_to(np.eye(2), (6, 2, 2)))
    for i in (1, 2):
        h = passed.activities[i]

        def reached(h, i=i):
            return signals.forward(weights[i:], h, transfer, output).activities[-1]

        for sample in range(6):
            for unit in range(len(h)):
                expected = slope(reached, h, (unit, sample))[:, sample]
                np.testing.assert_allclose(found[i - 1][sample, :, unit], expected, atol=1e-8)


# -- updates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("transfer", "output"), NETWORKS)
def test_gradient_update_is_the_negative_slope_of_the_loss(transfer, output):
    weights, x, y = network()
    updates = signals.gradient_update(weights, x, y, transfer, output)
    for k, (update, w) in enumerate(zip(updates, weights, strict=True)):

        def height(w, k=k):
            return signals.loss([*weights[:k], w, *weights[k + 1 :]], x, y, transfer, output)

        assert update.shape == w.shape
        for index in np.ndindex(w.shape):
            assert update[index] == pytest.approx(-slope(height, w, index), abs=1e-8)


@pytest.mark.parametrize("damping", [0.0, 0.3])
@pytest.mark.parametrize("sizes", [(4, 5, 3, 2), (3, 2, 4, 6)])
@pytest.mark.parametrize(("transfer", "output"), NETWORKS)
def test_gauss_newton_update_is_the_mean_of_single_samples(transfer, output, sizes, damping):
    weights, x, y = network(sizes)
    first, last = numeric_transfer(transfer), numeric_transfer(output or transfer)
    functions = [first, first, last]
    expected = [np.zeros_like(w) for w in weights]
    for t in range(x.shape[1]):
        h, d = [x[:, t]], []
        for w, function in zip(weights, functions, strict=True):
            d.append(np.diag(function.ds(w @ h[-1])))
            h.append(function.s(w @ h[-1]))
        e = h[3] - y[:, t]
        j2 = d[2] @ weights[2]
        for i, j in enumerate((j2 @ d[1] @ weights[1], j2, np.eye(len(e)))):
            if damping:  # eq. 5 of the paper, with the other of the two equal Gram matrices
                inverse = np.linalg.inv(j.T @ j + damping * np.eye(j.shape[1])) @ j.T
            else:
                inverse = np.linalg.pinv(j, rcond=1e-10)
            expected[i] += np.outer(d[i] @ (-inverse @ e), h[i]) / x.shape[1]
    found = signals.gauss_newton_update(weights, x, y, transfer, output, damping=damping)
    for update, value in zip(found, expected, strict=True):
        np.testing.assert_allclose(update, value, rtol=1e-9, atol=1e-11)


def test_gauss_newton_targets_remove_the_error_of_a_linear_network():
    weights, x, y = network(samples=1)
    passed = signals.forward(weights, x, "linear")
    error = passed.activities[-1] - y
    updates = signals.gauss_newton_update(weights, x, y, "linear")
    for k, jacobian in enumerate(signals.jacobians(weights, passed)):
        below = passed.activities[k]
        change = updates[k] @ below / np.sum(below**2)  # the update is dh h^T
        np.testing.assert_allclose(jacobian[0] @ change, -error, rtol=1e-10)


def test_layers_through_which_nothing_passes_stay_as_they_are():
    weights, x, y = network()
    weights[2][:] = 0.0
    updates = signals.gauss_newton_update(weights, x, y, "tanh", "linear")
    assert [bool(update.any()) for update in updates] == [False, False, True]


@pytest.mark.parametrize(("transfer", "output"), NETWORKS)
def test_recorded_trials_are_computed_side_by_side(transfer, output):
    trials = [network(seed=seed) for seed in range(4)]
    weights = [np.stack(layer) for layer in zip(*(t[0] for t in trials), strict=True)]
    x, y = (np.stack([t[k] for t in trials]) for k in (1, 2))
    for function in (signals.gradient_update, signals.gauss_newton_update):
        together = function(weights, x, y, transfer, output)
        for k, trial in enumerate(trials):
            for all_trials, one in zip(together, function(*trial, transfer, output), strict=True):
                np.testing.assert_allclose(all_trials[k], one, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("transfer", "output"), NETWORKS)
def test_strong_damping_gives_the_direction_of_the_gradient(transfer, output):
    weights, x, y = network()
    gradient = signals.gradient_update(weights, x, y, transfer, output)
    weak, strong = (
        signals.gauss_newton_update(weights, x, y, transfer, output, damping=damping)
        for damping in (0.0, 1e7)
    )
    for k, direction in enumerate(gradient):
        assert vector_angles.angle(strong[k], direction) < 1e-4
        np.testing.assert_allclose(1e7 * strong[k], direction, rtol=1e-4, atol=1e-6)
    assert all(vector_angles.angle(weak[k], gradient[k]) > 1.0 for k in (0, 1))


@pytest.mark.parametrize("samples", [1, 7])
def test_gauss_newton_lies_within_90_degrees_of_the_gradient_in_linear_networks(samples):
    """Theorem 6 of the paper, at any batch size."""
    for seed in range(10):
        weights, x, y = network((6, 5, 4, 3), samples, seed)
        gradient = signals.gradient_update(weights, x, y, "linear")
        updates = signals.gauss_newton_update(weights, x, y, "linear")
        assert all(vector_angles.angle(a, b) < 90.0 for a, b in zip(updates, gradient, strict=True))


# -- angles ----------------------------------------------------------------------------------------

vectors = st.lists(
    st.floats(-1e6, 1e6).filter(lambda v: v == 0.0 or abs(v) > 1e-6), min_size=2, max_size=8
).map(np.array)
pairs = st.integers(2, 8).flatmap(
    lambda n: st.tuples(*[st.lists(st.floats(-9.0, 9.0), min_size=n, max_size=n)] * 2)
)
factors = st.floats(1e-150, 1e150)


@given(pairs, factors)
def test_angles_are_symmetric_and_blind_to_length(pair, factor):
    a, b = (np.round(v, 3) for v in pair)
    found = vector_angles.angle(a, b)
    if not (a.any() and b.any()):
        assert np.isnan(found)
        return
    assert 0.0 <= found <= 180.0
    assert vector_angles.angle(b, a) == found
    assert vector_angles.angle(factor * a, b) == pytest.approx(found, abs=1e-10)
    assert vector_angles.angle(a, -b) == pytest.approx(180.0 - found, abs=1e-10)
    cosine = np.clip(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)), -1.0, 1.0)
    assert found == pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-5)


@given(vectors.filter(np.any), factors)
def test_multiples_are_at_0_or_180_degrees(vector, factor):
    assert vector_angles.angle(vector, factor * vector) == pytest.approx(0.0, abs=1e-10)
    assert vector_angles.angle(vector, -factor * vector) == pytest.approx(180.0, abs=1e-10)


@given(vectors.filter(np.any))
def test_orthogonal_arrays_are_at_90_degrees(vector):
    zero = np.zeros_like(vector)
    first, second = np.stack([vector, zero]), np.stack([zero, 3.0 * vector])
    assert vector_angles.angle(first, second) == pytest.approx(90.0, abs=1e-10)


@given(st.floats(1e-13, 1.0), st.integers(0, 2**32 - 1))
def test_tiny_angles_are_accurate(degrees, seed):
    a, b = np.linalg.qr(np.random.default_rng(seed).normal(size=(50, 2)))[0].T
    turned = np.cos(np.radians(degrees)) * a + np.sin(np.radians(degrees)) * b
    for sign, expected in ((1.0, degrees), (-1.0, 180.0 - degrees)):
        assert vector_angles.angle(a, sign * turned) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("nothing", [np.zeros(3), np.array([1.0, np.nan, 0.0]), np.full(3, np.inf)])
def test_there_is_no_angle_to_nothing(nothing):
    assert np.isnan(vector_angles.angle(nothing, np.ones(3)))
    assert np.isnan(vector_angles.angle(np.ones(3), nothing))


def test_angles_of_recorded_feedback_are_those_of_each_trial():
    rng = np.random.default_rng(3)
    q, w = rng.normal(size=(5, 3, 4)), rng.normal(size=(5, 4, 3))
    q[1, 0, 0], w[2, 1, 1] = np.nan, np.inf
    found = vector_angles.feedback_angles(q, w)
    each = [vector_angles.feedback_alignment(*pair) for pair in zip(q, w, strict=True)]
    assert np.isnan(found["transpose"]).tolist() == [False, True, True, False, False]
    for name, expected in (("transpose", "transpose"), ("pseudo-inverse", "pseudo_inverse")):
        values = [getattr(alignment, expected) for alignment in each]
        np.testing.assert_allclose(found[name], values, rtol=1e-10)


def test_there_is_no_angle_between_empty_arrays():
    assert np.isnan(vector_angles.angle(np.zeros(0), np.zeros(0)))


# -- feedback --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 4), (2, 5), (5, 2)])
def test_feedback_is_aligned_with_what_it_is(shape):
    w = np.random.default_rng(1).normal(size=shape)
    found = vector_angles.feedback_alignment(3.0 * w.T, w)
    assert found.transpose == pytest.approx(0.0, abs=1e-10)
    assert found.pseudo_inverse > 1.0
    assert found.reconstruction_error > 0.1
    found = vector_angles.feedback_alignment(np.linalg.pinv(w), w)
    assert found.pseudo_inverse == pytest.approx(0.0, abs=1e-10)
    assert found.transpose > 1.0
    assert found.reconstruction_error == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(found.inverse) == (shape != (4, 4))


def test_feedback_through_square_weights_is_compared_with_their_inverse():
    w = np.random.default_rng(2).normal(size=(4, 4))
    found = vector_angles.feedback_alignment(np.linalg.inv(w), w)
    assert found.inverse == pytest.approx(0.0, abs=1e-10)
    q = np.random.default_rng(3).normal(size=(4, 4))
    found = vector_angles.feedback_alignment(q, w)
    assert found.inverse == pytest.approx(vector_angles.angle(q, np.linalg.inv(w)), rel=1e-9)
    error = np.linalg.norm(q @ w - np.eye(4), 2)
    assert found.reconstruction_error == pytest.approx(error, rel=1e-9)


def test_reconstruction_leaves_out_what_the_weights_do_not_let_through():
    rng = np.random.default_rng(4)
    w, q = rng.normal(size=(2, 5)), rng.normal(size=(5, 2))
    basis = np.linalg.qr(w.T)[0]
    error = np.linalg.norm(q @ w - basis @ basis.T, 2)
    assert vector_angles.feedback_alignment(q, w).reconstruction_error == pytest.approx(
        error, rel=1e-10
    )


def test_singular_weights_have_no_inverse():
    w = np.diag([2.0, 1.0, 0.0])
    found = vector_angles.feedback_alignment(np.diag([0.5, 1.0, 0.0]), w)
    assert np.isnan(found.inverse)
    assert found.pseudo_inverse == pytest.approx(0.0, abs=1e-10)
    assert found.reconstruction_error == pytest.approx(0.0, abs=1e-12)


def test_diverged_weights_are_aligned_with_nothing():
    bad = np.array([[1.0, np.inf], [0.0, 1.0]])
    for q, w in ((bad, np.eye(2)), (np.eye(2), bad)):
        found = vector_angles.feedback_alignment(q, w)
        assert np.isnan(list(vars(found).values())).all()


# -- errors ----------------------------------------------------------------------------------------


def test_what_does_not_fit_is_named():
    weights, x, y = network()
    w1, w2, w3 = weights
    for bad, message in (
        ([], "at least one matrix"),
        ([w1, w3], r"W_2 \(2, 3\) must have as many columns as W_1 \(5, 4\) has rows"),
        ([w1, w2[0]], r"W_2 \(5,\) must be \(units, units below\)"),
        ([np.zeros((0, 4))], r"W_1 \(0, 4\)"),
    ):
        with pytest.raises(ShapeError, match=message):
            signals.forward(bad, x, "tanh")
    for bad in (x[:3], x[:, 0], x[:, :0]):
        with pytest.raises(ShapeError, match=r"x \(.*\) must be \(n_0, samples\) with n_0 = 4"):
            signals.forward(weights, bad, "tanh")
    for function in (signals.loss, signals.gradient_update, signals.gauss_newton_update):
        with pytest.raises(ShapeError, match=r"y \(1, 6\) must be \(n_L, samples\) with n_L = 2"):
            function(weights, x, y[:1], "tanh")
        with pytest.raises(ShapeError, match="y has 5 samples, but x 6"):
            function(weights, x, y[:, :5], "tanh")
        with pytest.raises(UnknownMemberError, match="tanhh"):
            function(weights, x, y, "tanh", "tanhh")
        with pytest.raises(ParameterError, match="y has values that are not finite"):
            function(weights, x, y * np.nan, "tanh")
    with pytest.raises(ParameterError, match="W_2 has values that are not finite"):
        signals.forward([w1, w2 * np.inf, w3], x, "tanh")
    with pytest.raises(ShapeError, match=r"layers of \[5, 3, 2\] units, but the weights lead to"):
        signals.jacobians(weights[:2], signals.forward(weights, x, "tanh"))
    with pytest.raises(ShapeError, match=r"a has shape \(2,\), but b \(1, 2\)"):
        vector_angles.angle(np.ones(2), np.ones((1, 2)))
    with pytest.raises(ShapeError, match=r"q \(2, 3\) must be \(n, m\) if w \(2, 3\) is"):
        vector_angles.feedback_alignment(np.ones((2, 3)), np.ones((2, 3)))


@pytest.mark.parametrize("damping", [-1.0, np.inf, np.nan])
def test_damping_is_a_number_from_0_up(damping):
    with pytest.raises(ParameterError, match="damping must be a number from 0 up"):
        signals.gauss_newton_update(*network(), "tanh", damping=damping)
