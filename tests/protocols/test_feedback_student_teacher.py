"""`feedback_student_teacher`: each rule learns end to end, and what is measured is what a loop computes."""

from functools import cache

import numpy as np
import pytest
from feedback_loops import increments, loss_of

import dendrosim as ds
from dendrosim.analysis.output_losses import loss_gradient_update, mean_loss, output_errors
from dendrosim.errors import ParameterError, ShapeError, UnknownMemberError

SMALL = {"sizes": (6, 12, 12, 3), "dt": "10 ms"}


@cache
def measured(**given):
    result = ds.run(ds.load_protocol("feedback_student_teacher", **SMALL, **given), progress=False)
    return result.metrics


@pytest.mark.slow
def test_every_rule_learns_a_regression():
    rules = ("bp", "urfb", "frfb", "kolen_pollack", "dfa", "weight_mirror", "bdfa")
    metrics = measured(rules=rules, presentations=400)
    for rule in rules:
        found = metrics[rule]
        assert not found["diverged"]
        assert found["final_loss"] < 0.3 * found["initial_loss"], rule
    assert np.max(metrics["bp"]["angle_gradient"]) < 1e-5
    assert np.isnan(metrics["dfa"]["angle_transpose"]).all()
    for rule in ("kolen_pollack", "weight_mirror"):
        before, after = np.asarray(metrics[rule]["angle_transpose"])
        assert (after < 0.6 * before).all(), rule


def test_classes_are_learned_by_local_errors():
    given = {"task": "classes", "rules": ("urfb",), "presentations": 80, "eta": "20 Hz"}
    protocol = ds.load_protocol("feedback_student_teacher", **SMALL, **given)
    found = ds.run(protocol, backend="numpy", progress=False).metrics["urfb"]
    assert found["final_accuracy"] > 0.8
    assert found["final_loss"] < 0.7 * found["initial_loss"]


@pytest.mark.slow
def test_classes_are_learned_by_softmax():
    given = {"task": "classes", "loss": "softmax", "rules": ("urfb",), "eta": "10 Hz"}
    found = measured(presentations=300, **given)["urfb"]
    assert found["final_accuracy"] > 0.85
    assert found["final_loss"] < 0.6 * found["initial_loss"]


@pytest.mark.parametrize("loss", ["squared", "softmax", "hinge"])
def test_losses_and_gradients_of_arrays_are_those_of_the_loop(loss):
    rng = np.random.default_rng(2)
    ws = [rng.normal(size=s) for s in ((5, 4), (6, 5), (3, 6))]
    x, y = rng.normal(size=(4, 9)), np.eye(3)[:, rng.integers(3, size=9)]
    back = [w.T for w in ws[1:]]
    expected = increments(ws, back, x.T, y.T, "tanh", loss)
    for found, wanted in zip(loss_gradient_update(ws, x, y, "tanh", loss), expected, strict=True):
        assert found == pytest.approx(wanted, abs=1e-14)
    h = rng.normal(size=(3, 9))
    each = [loss_of(loss, a, b) for a, b in zip(h.T, y.T, strict=True)]
    assert mean_loss(h, y, loss) == pytest.approx(np.mean(each), rel=1e-14)


def test_softmax_of_large_outputs_is_finite():
    assert output_errors([[1e4], [-1e4]], [[0.0], [1.0]], "softmax").tolist() == [[-1.0], [1.0]]


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (lambda: mean_loss([[1.0]], [[1.0], [2.0]], "squared"), ShapeError, "must both be"),
        (lambda: mean_loss([[1.0]], [[0.5]], "hinge"), ParameterError, "needs targets of classes"),
        (lambda: mean_loss([[1.0]], [[1.0]], "hinged"), UnknownMemberError, "did you mean 'hinge'"),
        (
            lambda: ds.load_protocol("feedback_student_teacher", loss="softmax"),
            ParameterError,
            "loss is softmax, which needs targets of classes",
        ),
        (
            lambda: ds.load_protocol("feedback_student_teacher", rules=("bp", "bp")),
            ParameterError,
            "each of them once",
        ),
        (
            lambda: ds.load_protocol("feedback_student_teacher", rules=("bp",), eps=0.5),
            ParameterError,
            r"eps is 0.5, but rules is \['bp'\]; eps is for urfb",
        ),
        (
            lambda: ds.load_protocol("feedback_forms", couplings=(0.1,)),
            ParameterError,
            "give at least two, in ascending order",
        ),
        (
            lambda: ds.load_protocol("feedback_forms", sizes=(4, 3)),
            ParameterError,
            "at least one layer between input and output",
        ),
        (
            lambda: ds.load_protocol("feedback_student_teacher", task="classes", sizes=(4, 3, 1)),
            ParameterError,
            "with one output all samples are of one class",
        ),
        (
            lambda: ds.load_protocol("feedback_student_teacher", rules=("bp",), sigma=0.3),
            ParameterError,
            r"sigma is 0.3, but rules is \['bp'\]; sigma is for weight_mirror",
        ),
    ],
)
def test_what_cannot_be_is_refused(call, kind, said):
    with pytest.raises(kind, match=said):
        call()


def test_the_two_forms_differ_in_proportion_to_the_coupling():
    given = {"couplings": (0.001, 0.002, 0.1), "sizes": (5, 4, 4, 3), "dt": "10 ms"}
    metrics = ds.run(ds.load_protocol("feedback_forms", **given), backend="numpy").metrics
    assert metrics["order"] == pytest.approx(np.ones(3), abs=0.02)
    difference = np.asarray(metrics["difference"])
    assert (difference[2] > 0.02).all()
    assert (difference[2] < 0.5).all()
    # a change of x by y has at least the angle that its size allows
    assert (np.sin(np.radians(metrics["angle"])) <= difference + 1e-12).all()
