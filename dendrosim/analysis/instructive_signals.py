"""Signatures of the instructive signals of a network whose cells turn a decoder, from what it did in its trials.

Let h be the rate of a cell while it is taught, f = s(W x) its rate without feedback, computed from its weights, d
its dendritic signal, and e = target - decoder(f) the error without feedback. `dendrosim.analysis.causal_roles`
defines residuals, partial correlations and slopes.

Sources
-------
As in the protocol `bci_signatures`, which measures these signatures for learning rules.
"""

from dataclasses import dataclass

import numpy as np

from dendrosim.analysis import causal_roles
from dendrosim.arrays import Array
from dendrosim.display.short import ShortRepr
from dendrosim.equations.transfer.numeric import numeric_transfer

MOVED = 1e-3
"""Part of rates by which feedback must change them to count: less is what incomplete settling leaves."""


@dataclass(frozen=True)
class Course(ShortRepr):
    """What one network did in its trials.

    Attributes
    ----------
    weights : ndarray, shape (trials + 1, cells, inputs)
        Weights of the cells before each trial, and at the end.
    x : ndarray, shape (trials, inputs)
        Inputs of the cells.
    target : ndarray, shape (trials,)
        What the decoder should say.
    soma, dendrite : ndarray, shape (trials, cells)
        Rate and dendritic signal of cells while they are taught.
    """

    weights: Array
    x: Array
    target: Array
    soma: Array
    dendrite: Array


@dataclass(frozen=True)
class Task(ShortRepr):
    """What the cells are for.

    Attributes
    ----------
    roles : ndarray, shape (cells,)
        Weights of the decoder: positive for cells of P+, negative for those of P-, 0 for others.
    patterns : ndarray, shape (contexts, inputs)
        Inputs of each context without noise.
    goals : ndarray, shape (contexts,)
        Target of each context.
    transfer : str
        Name of the transfer function of the cells.
    window : int
        Number of first, and of last, trials that count.
    """

    roles: Array
    patterns: Array
    goals: Array
    transfer: str
    window: int

    def rates(self, weights: Array) -> Array:
        """Return the rates of the cells in each context, without noise and feedback, shape (contexts, cells)."""
        return numeric_transfer(self.transfer).s(self.patterns @ weights.T)

    def decoder_error(self, weights: Array) -> float:
        """Return the root mean square of the error over contexts, without noise and feedback."""
        return _size(self.goals - self.rates(weights) @ self.roles)


def effects(course: Course, task: Task) -> tuple[Array, Array, Array]:
    """Return f, the effect h - f of feedback on rates, both (trials, cells), and the error e, (trials,)."""
    alone = _alone(course.weights[:-1], course, task)
    return alone, course.soma - alone, course.target - alone @ task.roles


def signatures(course: Course, task: Task) -> dict[str, float]:
    """Return the signatures of one network, with the names that the protocol `bci_signatures` gives them."""
    return {
        "initial_error": task.decoder_error(course.weights[0]),
        "error": task.decoder_error(course.weights[-1]),
        **_signs(course, task),
        **_predictions(course, task),
        **_feedback(course, task),
    }


def _signs(course: Course, task: Task) -> dict[str, float]:
    """Return how dendrites are related to the error, by causal role, in the first trials."""
    early, roles = slice(0, task.window), task.roles
    given = course.dendrite[early], course.soma[early], effects(course, task)[2][early]
    correlations, gains = causal_roles.error_correlation(*given), causal_roles.error_gain(*given)
    difference = causal_roles.role_difference(correlations, roles)
    null = causal_roles.role_differences(correlations, roles)
    acting, other = _size(gains[roles != 0]), _size(gains[roles == 0])
    return {
        "correlation_plus": _mean(correlations[roles > 0]),
        "correlation_minus": _mean(correlations[roles < 0]),
        "correlation_other": _mean(correlations[roles == 0]),
        "sign_difference": difference,
        "sign_probability": causal_roles.probability(difference, null),
        "other_gain": other / acting if acting > 0 else float("nan"),
        "alignment": float(gains @ roles / np.linalg.norm(gains) / np.linalg.norm(roles)),
    }


def _predictions(course: Course, task: Task) -> dict[str, float]:
    """Return how residuals of the first trials predict changes of the rate without feedback."""
    early = slice(0, task.window)
    residual = causal_roles.residuals(course.dendrite[early], course.soma[early])
    before, after = (
        _alone(w, course, task)[early] for w in (course.weights[:-1], course.weights[1:])
    )
    over_trials = causal_roles.correlation(residual, after - before)
    later = task.rates(course.weights[-1]) - task.rates(course.weights[task.window])
    return {
        "change_over_trials": _mean(over_trials[task.roles != 0]),
        "change_over_cells": _over_cells(_by_context(residual, course, task), later),
    }


def _feedback(course: Course, task: Task) -> dict[str, float]:
    """Return what feedback does to rates in the first and the last trials, and whether changes follow it."""
    alone, added, error = effects(course, task)
    acting, early = task.roles != 0, slice(0, task.window)
    late = slice(len(course.x) - task.window, None)
    first = added[early]
    change = task.rates(course.weights[-1]) - task.rates(course.weights[0])
    moves = _size(first[:, acting]) > MOVED * _size(alone[early, acting])
    power = float(np.sum(error[early] ** 2))
    return {
        "feedback_early": _size(first[:, acting]) / _size(alone[early, acting]),
        "feedback_late": _size(added[late, acting]) / _size(alone[late, acting]),
        "output_moved": float(np.sum(error[early] * (first @ task.roles))) / power,
        "target_correlation": (
            _over_cells(_by_context(first, course, task), change) if moves else float("nan")
        ),
    }


def _alone(weights: Array, course: Course, task: Task) -> Array:
    """Return the rates without feedback for the inputs of each trial, with weights (trials, cells, inputs)."""
    return numeric_transfer(task.transfer).s(np.einsum("kij,kj->ki", weights, course.x))


def _by_context(values: Array, course: Course, task: Task) -> Array:
    """Return the mean of values over the first trials of each context, (contexts, cells); NaN without trials."""
    shown = np.argmin(abs(course.target[: len(values), None] - task.goals), axis=1)
    rows = [values[shown == k] for k in range(len(task.goals))]
    return np.array([r.mean(axis=0) if len(r) else np.full(values.shape[1], np.nan) for r in rows])


def _over_cells(first: Array, second: Array) -> float:
    """Return the correlation over cells, mean over those contexts that have values."""
    known = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
    return _mean(causal_roles.correlation(first[known].T, second[known].T))


def _mean(values: Array) -> float:
    """Return the mean over finite values; NaN without any."""
    known = values[np.isfinite(values)]
    return float(np.mean(known)) if known.size else float("nan")


def _size(values: Array) -> float:
    """Return the root mean square; NaN without values."""
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")
