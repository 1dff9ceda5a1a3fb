"""Signatures of networks that a loop trains: what they must be if feedback adds a part of role times error."""

import numpy as np
import pytest

from dendrosim.analysis.instructive_signals import Course, Task, effects, signatures

ROLES = np.repeat([0.5, -0.5, 0.0], [2, 2, 3])
CELLS, INPUTS, TRIALS, WINDOW = len(ROLES), 5, 60, 12


def trained(feedback, added=0.0, rate=0.02, transfer="linear"):
    """Train cells with the signal `feedback` times error; `added` of it reaches the rates at once."""
    rng = np.random.default_rng(3)
    patterns, goals = rng.normal(size=(3, INPUTS)), np.array([-1.0, 0.2, 1.0])
    w = rng.normal(size=(CELLS, INPUTS)) / INPUTS**0.5
    rows = [w]
    x, target, soma, dendrite = [], [], [], []
    for k in range(TRIALS):
        x.append(patterns[k % 3] + 0.3 * rng.normal(size=INPUTS))
        target.append(goals[k % 3])
        f = w @ x[-1] if transfer == "linear" else np.tanh(w @ x[-1])
        signal = feedback * (target[-1] - ROLES @ f)
        soma.append(f + added * signal)
        dendrite.append(0.3 * soma[-1] + signal)
        slope = 1.0 if transfer == "linear" else 1 - f**2
        w = w + rate * np.outer(slope * signal, x[-1])
        rows.append(w)
    arrays = (np.array(a) for a in (rows, x, target, soma, dendrite))
    return Course(*arrays), Task(ROLES, patterns, goals, transfer, WINDOW)


def test_errors_and_effects_of_feedback_are_those_of_the_loop():
    course, task = trained(ROLES, added=0.4, transfer="tanh")
    alone, added, error = effects(course, task)
    for k in (0, 7, TRIALS - 1):
        f = np.tanh(course.weights[k] @ course.x[k])
        assert alone[k] == pytest.approx(f)
        assert error[k] == pytest.approx(course.target[k] - (f[:2].sum() - f[2:4].sum()) / 2)
        assert added[k] == pytest.approx(0.4 * ROLES * error[k])
    f = np.tanh(task.patterns @ course.weights[-1].T)
    wrong = task.goals - (f[:, :2].sum(axis=1) - f[:, 2:4].sum(axis=1)) / 2
    assert signatures(course, task)["error"] == pytest.approx(np.sqrt(np.mean(wrong**2)))


def test_signals_with_the_sign_of_the_role_differ_by_two_and_other_cells_have_none():
    found = signatures(*trained(ROLES))
    assert found["sign_difference"] == pytest.approx(2.0)
    assert found["sign_probability"] == pytest.approx(2 / 6)
    assert (found["correlation_plus"], found["correlation_minus"]) == pytest.approx((1.0, -1.0))
    assert np.isnan(found["correlation_other"])
    assert found["other_gain"] == pytest.approx(0.0, abs=1e-12)
    assert found["alignment"] == pytest.approx(1.0)
    assert found["error"] < 0.7 * found["initial_error"]


def test_one_signal_for_all_cells_has_no_sign_and_turns_no_linear_decoder():
    found = signatures(*trained(np.full(CELLS, 0.5)))
    assert found["sign_difference"] == pytest.approx(0.0, abs=1e-12)
    assert found["sign_probability"] == 1.0
    assert found["other_gain"] == pytest.approx(1.0)
    assert found["alignment"] == pytest.approx(0.0, abs=1e-12)
    assert found["error"] == pytest.approx(found["initial_error"], rel=1e-12)
    assert np.isnan(found["change_over_cells"])  # all cells change by the same


def test_predictions_are_correlations_that_numpy_computes():
    course, task = trained(ROLES)
    found = signatures(course, task)
    residual = np.zeros((WINDOW, CELLS))
    for j in range(CELLS):
        design = np.column_stack([np.ones(WINDOW), course.soma[:WINDOW, j]])
        fitted = np.linalg.lstsq(design, course.dendrite[:WINDOW, j], rcond=None)[0]
        residual[:, j] = course.dendrite[:WINDOW, j] - design @ fitted
    changes = np.array(
        [(course.weights[k + 1] - course.weights[k]) @ course.x[k] for k in range(WINDOW)]
    )
    trials = [np.corrcoef(residual[:, j], changes[:, j])[0, 1] for j in range(4)]
    assert found["change_over_trials"] == pytest.approx(np.mean(trials))
    later = task.patterns @ (course.weights[-1] - course.weights[WINDOW]).T
    cells = [np.corrcoef(residual[c:WINDOW:3].mean(axis=0), later[c])[0, 1] for c in range(3)]
    assert found["change_over_cells"] == pytest.approx(np.mean(cells))


def test_feedback_that_moves_rates_removes_its_part_of_the_error_and_becomes_superfluous():
    """With h - f = a role e, the decoder moves by a |role|^2 e at once, and |h - f| falls as |e| does."""
    course, task = trained(ROLES, added=0.8)
    found = signatures(course, task)
    assert found["output_moved"] == pytest.approx(0.8 * np.sum(ROLES**2))
    alone, added, error = effects(course, task)
    for name, rows in (("early", slice(0, WINDOW)), ("late", slice(-WINDOW, None))):
        expected = 0.8 * 0.5 * np.sqrt(np.mean(error[rows] ** 2) / np.mean(alone[rows, :4] ** 2))
        assert found[f"feedback_{name}"] == pytest.approx(expected)
    assert found["feedback_late"] < 0.8 * found["feedback_early"]
    # Both changes are proportional to roles in each context, so they are correlated perfectly.
    change = task.rates(course.weights[-1]) - task.rates(course.weights[0])
    signs = [np.sign(added[c:WINDOW:3, 0].mean() * change[c, 0]) for c in range(3)]
    assert found["target_correlation"] == pytest.approx(np.mean(signs))


def test_feedback_that_does_not_move_rates_has_no_target_signature():
    found = signatures(*trained(ROLES, added=1e-4))
    assert found["feedback_early"] < 1e-3
    assert np.isnan(found["target_correlation"])
