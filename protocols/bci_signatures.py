"""Signatures of instructive signals: two groups of cells with opposite causal roles turn a cursor towards a goal.

A decoder, which is the fixed last layer of each network, adds the rates of the cells of P+ and subtracts those of
P-, divided by the number of cells in a group. Its output turns a cursor. In every trial the cursor is at one of
`contexts` angles, which the inputs of the cells report with noise, and the target is the rotation that leads to
the goal. The weights of the cells, layer 1, learn by the rule under study, with the feedback that the rule has.

Any rule takes part whose model declares its dendritic signal (`apical` of `ds.learning.Network`), by name or by
the path of its model, and so does `scalar`: the rule `dfa` with equal feedback weights, so that all dendrites get
the same error. With `node_perturbation` they get the same reward.

Let h be the rate of a cell while it is taught, f = s(W x) its rate without feedback, computed from its weights, d
its dendritic signal, and e the error of the decoder without feedback. Measured, by rule and network:

    initial_error, error    root mean square of e over angles, for inputs without noise, before and after learning
    diverged                fraction of networks whose error exceeds three times the initial one, or is NaN
    correlation_plus, correlation_minus, correlation_other
                            partial correlation of d and e given h over the first `window` trials, mean over P+, P-
                            and the other cells; null where dendrites carry nothing but somatic activity
    sign_difference         correlation_plus - correlation_minus: 2 if each dendrite has the sign of its cell's
                            role, 0 with one signal for all cells
    sign_probability        that of a difference as large if roles are shuffled among the cells of P+ and P-
                            (exact; at least 2/252 with 5 cells in a group)
    other_gain              slope of d against e given h, root mean square over the other cells, relative to that
                            over P+ and P-
    alignment               cosine of the angle between these slopes and the weights of the decoder, over all cells
    change_over_trials      correlation over the first trials of the residual of d on h with the change of f by the
                            learning of that trial, mean over P+ and P-
    change_over_cells       correlation over cells of the mean residual in the first trials with the change of f
                            after these trials, for inputs without noise, mean over angles
    feedback_early, feedback_late
                            root mean square of h - f over the first and the last `window` trials, relative to f,
                            of P+ and P-
    output_moved            part of e that h - f removes at once, at the decoder, in the first trials
    target_correlation      correlation over cells of h - f in the first trials with the change of f by all of
                            learning, mean over angles; null without effect of feedback on rates

Network k of `seeds` has the weights and samples of seed + k. Rules have the same weights of the cells, inputs,
learning rate `eta` and decoder; sizes of their learning signals are their own, so they learn at different speeds.

Choices that no source fixes: all sizes and time constants; targets are rotations from -1 to 1; inputs of an angle
are a random pattern; cursors do not move within a trial; decoders are linear, whatever the transfer function of
the cells; feedback weights that learn and would begin as a function of the decoder begin at random; they learn in
`pretraining` trials without a target, and in each trial of learning; weights that follow the last layer while it
learns (lateral ones of `dendritic_error` and `dendritic_predictive`, by their `factor`) do not follow the decoder,
which stays, or they would learn to predict the taught decoder, and so cancel what is to teach the cells. There is
no noise of measurement.

What follows for linear cells whose dendrites get B_j e: a step of learning moves the decoder by eta |x|^2 (sum of
role_j B_j) e. So such a rule learns only if its feedback weights agree with the decoder, and as the decoder does
not change, fixed weights cannot come to agree with it. With random ones the error falls in half of the networks
and grows in the others; with equal ones it stays as it is. Yet a scalar signal is enough if each cell compares it
with a perturbation of its own (`node_perturbation`).

Weights are bounded, so that most networks that diverge stay finite. With feedback that acts on rates and disagrees
with the decoder (`dendritic_error`, `dendritic_error_learned`, `dendritic_predictive`: of seeds 100 to 109, one or
two networks), voltages can become infinite nevertheless; the run then ends with an error that names the network,
and other seeds or rules have to be chosen. Rules whose lateral weights would overshoot in steps of one trial
(`dendritic_predictive_learned`) are refused.

Sources
-------
Francioni ... Harnett (2026), Vectorized instructive signals, Nature, doi 10.1038/s41586-026-10190-7, for the
experiment, residuals, signs by causal role, and prediction of changes. Aceituno ... Grewe, talks (2024, 2025) on
target learning against error back-propagation: activity with and without feedback over learning, and early change
by feedback against the final change.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis.instructive_signals import MOVED, Course, Task, effects, signatures
from dendrosim.errors import ParameterError, SpecError, prefix_errors
from dendrosim.learning.members import (
    Member,
    join_cycles,
    member_signals,
    phase_name,
    shared_values,
)
from dendrosim.learning.progress import DIVERGED
from dendrosim.learning.recorded_steps import recorded_samples
from dendrosim.learning.recorded_weights import dense_final, dense_trace
from dendrosim.learning.rules import find_rule
from dendrosim.learning.same_start import with_drawn_weights
from dendrosim.learning.settling import choose_time_step
from dendrosim.learning.targets import evaluate_target, target_variables
from dendrosim.mechanisms.lateral_overshoot import check_lateral_steps
from dendrosim.plot import style

SCALAR, BROADCAST = "scalar", "dfa"  # name of the control, and the rule from which it is made
LIMIT = 1e3  # largest weight: networks that diverge stay finite
RULES = (
    "backprop", "weight_mirror", "burst_ccn_tied", "dendritic_error_symmetric", "multiplexed_dtp",
    "deep_feedback_control", "strong_control", "frfb", "node_perturbation", SCALAR,
)  # fmt: skip


class Parameters(ds.Parameters):
    rules: tuple[str, ...] = ds.parameter(RULES, "names of rules, paths of models, or scalar")
    trials: int = ds.parameter(400, "trials in which the networks learn", least=8)
    pretraining: int = ds.parameter(400, "trials beforehand in which feedback learns", least=0)
    window: int = ds.parameter(60, "number of first, and of last, trials that count", least=4)
    inputs: int = ds.parameter(20, "inputs of the cells", least=1)
    cells: int = ds.parameter(20, "cells, those of P+ and P- among them", least=4)
    group: int = ds.parameter(5, "cells of P+, and of P-, at most 6", least=2, most=6)
    contexts: int = ds.parameter(4, "angles of the cursor", least=2)
    noise: float = ds.parameter(0.3, "standard deviation of the noise of inputs", least=0)
    seeds: int = ds.parameter(3, "number of networks per rule", least=1)
    seed: int = ds.parameter(0, "seed of the run", least=0)
    transfer: Literal["linear", "smooth_leaky"] = ds.parameter(
        "smooth_leaky", "transfer function of the cells"
    )
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate of the cells", above=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant, and scale of learning steps", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    _check(p)
    members = _members(p)
    step = choose_time_step(None, p.tau)
    learn, sleep, _ = join_cycles(members, step, float(p.tau.value))
    blocks = [ds.Block("train", learn, trials=p.trials)]
    if p.pretraining and sleep:
        blocks.insert(0, ds.Block("pretrain", sleep, trials=p.pretraining))
    recordings, data, patterns = [], {}, {}
    for m in members:
        recordings += _recordings(m)
    for k in range(p.seeds):
        patterns[f"patterns{k}"], data[f"x{k}"], data[f"y{k}"] = _task(p, p.seed + k)
    for m in members:
        with prefix_errors(f"rule {m.rule}"):
            first = data[f"x{m.number}"][: p.window].T
            check_lateral_steps(m.circuit, first, float(p.tau.value), p.seed, batch=1)
    return ds.Protocol(
        ds.Circuit.join(**{m.key: m.circuit for m in members}),
        tuple(blocks),
        dt=f"{step!r} s",
        signals=member_signals(members),
        data=data,
        recordings=tuple(recordings),
        references=patterns,
    )


def _check(p):
    """Refuse parameters that do not fit together."""
    if 2 * p.group > p.cells:
        raise ParameterError(
            f"group is {p.group}, so P+ and P- have {2 * p.group} cells, but there are {p.cells} cells; choose "
            "more cells or smaller groups"
        )
    if 2 * p.window > p.trials:
        raise ParameterError(
            f"window is {p.window}, but there are {p.trials} trials; the first and the last window must not "
            f"overlap, so choose at most {p.trials // 2}"
        )
    stems = [Path(n).stem for n in p.rules]
    if not stems or len(set(stems)) < len(stems):
        raise ParameterError(f"rules is {p.rules}; give at least one rule, and none twice")


def _roles(p):
    """Return the weights of the decoder, shape (cells,)."""
    return np.repeat([1.0, -1.0, 0.0], [p.group, p.group, p.cells - 2 * p.group]) / p.group


def _members(p: Parameters) -> list[Member]:
    """Return all networks; those with the same number have the same initial weights of cells."""
    found = []
    for name in p.rules:
        rule = find_rule(BROADCAST if name == SCALAR else name)
        common = shared_values(
            rule.model,
            sizes=(p.inputs, p.cells, 1),
            transfer=p.transfer,
            output="linear",
            eta=p.eta,
            tau=p.tau,
        )
        with prefix_errors(f"rule {name}"):
            circuit = ds.load_circuit(rule.model, **{**common, **rule.parameters})
            network = rule.network.of(circuit)
            if not network.apical:
                raise SpecError(
                    f"the model {rule.model} does not name its dendritic signal; choose another rule, or add it "
                    'to LEARNING of the model file, as in ds.learning.Network(..., apical=("layer{i}.apical",))'
                )
            circuit = _with_decoder(circuit, network, p)
        for k in range(p.seeds):
            drawn = with_drawn_weights(circuit, p.seed + k)
            drawn = _with_equal_feedback(drawn, network) if name == SCALAR else drawn
            found.append(Member(name, rule.model, k, drawn, network))
    return found


def _with_decoder(circuit, network, p):
    """Return a circuit whose last layer is the decoder, and whose feedback does not know it beforehand."""
    matrices = []
    for m in circuit.matrices:
        if m.name == network.weights[0]:
            m = m.replace(initial=ds.Normal(p.inputs**-0.5))
        elif m.name == network.weights[1]:
            # It never changes, but the variables that a rule needs for its changes are still used.
            still = f"dw/dt = 0*({m.rate}) : 1" if m.plasticity else None
            m = m.replace(initial=_roles(p)[None], plasticity=still)
        elif m.name in network.feedback and m.plasticity and hasattr(m.initial, "matrix"):
            m = m.replace(initial=ds.Normal(p.cells**-0.5))
        elif "factor" in m.parameters:
            # Weights that follow the last layer while it learns: the decoder stays, and so do they.
            m = m.replace(parameters={**m.parameters, "factor": 0.0})
        if m.plasticity and not m.bounded:
            m = m.replace(bounds=(-LIMIT, LIMIT))
        matrices.append(m)
    last = network.layers[-1].partition(".")[0]
    populations = [
        q.replace(transfer="linear") if q.name == last and q.transfer else q
        for q in circuit.populations
    ]
    return circuit.replace(matrices=matrices, populations=populations)


def _with_equal_feedback(circuit, network):
    """Return a circuit whose feedback weights all have the root mean square of those that were drawn."""

    def equal(m):
        drawn = np.asarray(m.initial.value.value)
        return m.replace(initial=np.full(drawn.shape, np.sqrt(np.mean(drawn**2))))

    return circuit.replace(
        matrices=[equal(m) if m.name in network.feedback else m for m in circuit.matrices]
    )


def _task(p, seed):
    """Return the inputs of each angle without noise, and inputs and targets of all trials, each (rows, units)."""
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(p.contexts, p.inputs))
    passes = -(-p.trials // p.contexts)
    shown = np.concatenate([rng.permutation(p.contexts) for _ in range(passes)])[: p.trials]
    noise = p.noise * rng.normal(size=(p.trials, p.inputs))
    return patterns, patterns[shown] + noise, _rotations(p)[shown, None]


def _rotations(p):
    return np.linspace(-1.0, 1.0, p.contexts)


def _recordings(m):
    network, learned = m.network, phase_name(m, m.network.learning_phase)
    states = (network.input, network.target, network.layers[0], network.weights[0])
    dendrite = target_variables(network.apical[0])
    phase = phase_name(m, network.apical_phase or network.learning_phase)
    return (
        ds.Recording(tuple(m.prefix + n for n in states), every="phase", phases=learned),
        ds.Recording(
            tuple(m.prefix + n for n in dendrite),
            every="phase",
            phases=phase,
            name=f"dendrites_{m.key}",
        ),
    )


def _read(result, m):
    def recorded(name, start=""):
        return recorded_samples(result, start + m.prefix + name)[:, :, 0]

    network = m.network
    expression = network.apical[0]
    start = f"dendrites_{m.key}/"
    dendrite = {n: recorded(n, start) for n in target_variables(expression)}
    w = m.prefix + network.weights[0]
    return Course(
        weights=np.concatenate([dense_trace(result, w), dense_final(result, w)[None]]),
        x=recorded(network.input),
        target=recorded(network.target)[:, 0],
        soma=recorded(network.layers[0]),
        dendrite=evaluate_target(expression, dendrite),
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the signatures of the rules."""
    p = Parameters(**result.protocol.parameters)
    found: dict[str, list[dict[str, float]]] = {}
    courses: dict[str, list[Any]] = {}
    for m in _members(p):
        patterns = np.asarray(result.protocol.references[f"patterns{m.number}"])
        task = Task(_roles(p), patterns, _rotations(p), p.transfer, p.window)
        course, rule = _read(result, m), Path(m.rule).stem
        with np.errstate(all="ignore"):  # of networks that diverge
            found.setdefault(rule, []).append(signatures(course, task))
            _, added, error = effects(course, task)
            size = np.sqrt(np.mean(added[:, task.roles != 0] ** 2, axis=1))
            courses.setdefault(rule, []).append((abs(error), size))
    metrics: dict[str, dict[str, Any]] = {
        name: {rule: np.array([one[name] for one in own]) for rule, own in found.items()}
        for name in next(iter(found.values()))[0]
    }
    metrics["diverged"] = {
        rule: float(np.mean(~(metrics["error"][rule] <= DIVERGED * metrics["initial_error"][rule])))
        for rule in found
    }
    figures = {
        "signatures": lambda: _draw(metrics),
        "courses": lambda: _draw_courses(courses, metrics["feedback_early"], p.window),
    }
    return ds.Measurement(metrics, figures)


PANELS: dict[str, tuple[str, dict[str, str]]] = {
    "error, after / before": ("ratio", {"": "error_ratio"}),
    "dendrite and error": (
        "correlation",
        {"P+": "correlation_plus", "P-": "correlation_minus", "others": "correlation_other"},
    ),
    "P+ against P-": ("difference of correlations", {"": "sign_difference"}),
    "residual and later change": (
        "correlation",
        {"over trials": "change_over_trials", "over cells": "change_over_cells"},
    ),
    "effect of feedback on rates": (
        "part of the rate",
        {"early": "feedback_early", "late": "feedback_late"},
    ),
    "this effect and final change": ("correlation over cells", {"": "target_correlation"}),
}
LEAST = {"error_ratio": None, "feedback_early": 3e-4}  # logarithmic axes, and where they begin


@style.styled
def _draw(metrics):
    """Draw the signatures of all rules, one row per rule: dots are networks, lines mean and standard error."""
    from matplotlib.lines import Line2D

    rules = list(metrics["error"])
    ratio = {r: metrics["error"][r] / metrics["initial_error"][r] for r in rules}
    shown = {**metrics, "error_ratio": ratio}
    panels = style.row(len(PANELS), (2.3 * len(PANELS) + 1.6, 1.6 + 0.36 * len(rules)))
    for ax, (title, (label, rows)) in zip(panels, PANELS.items(), strict=True):
        first = next(iter(rows.values()))
        for number, name in enumerate(rows.values()):
            colour = style.PALETTE[number] if len(rows) > 1 else style.INK
            shift = 0.22 * (number - (len(rows) - 1) / 2)
            for k, rule in enumerate(rules):
                values = np.asarray(shown[name][rule])
                if LEAST.get(first):
                    values = np.where(values > LEAST[first], values, np.nan)
                _dots(ax, k + shift, values, colour)
        if first in LEAST:
            ax.set(xscale="log", xlim=(LEAST[first], None))
        else:
            limit = 2.2 if first == "sign_difference" else 1.1
            ax.set(xlim=(-limit, limit))
            ax.axvline(0.0, color=style.QUIET, lw=0.6)
        ax.set(title=title, xlabel=label)
        ax.grid(axis="y", lw=0.4, color="0.85")
        marks = [Line2D([], [], marker="o", ls="", color=c) for c in style.PALETTE]
        if len(rows) > 1:
            ax.legend(marks[: len(rows)], list(rows), loc="upper center", ncols=len(rows),
                      bbox_to_anchor=(0.5, -0.17), columnspacing=0.8, handletextpad=0.0)  # fmt: skip
    panels[0].set(yticks=range(len(rules)), yticklabels=rules, ylim=(len(rules) - 0.5, -0.5))
    return panels[0].figure


def _dots(ax, place, values, colour):
    known = np.asarray(values)[np.isfinite(values)]
    ax.plot(known, np.full(len(known), place), "o", ms=3, color=colour, alpha=0.45, mew=0)
    if len(known) > 1:
        error = known.std(ddof=1) / len(known) ** 0.5
        ax.errorbar(known.mean(), place, xerr=error, fmt="|", ms=8, color=colour, lw=1.0)


@style.styled
def _draw_courses(courses, effects_early, window):
    """Draw the error, and the effect of feedback where there is one, against the trial, mean over networks."""
    panels = style.panels(2, (6.4, 5.0))
    for k, (rule, found) in enumerate(courses.items()):
        colour, dash = style.PALETTE[k % len(style.PALETTE)], ("-", "--", ":")[k // 6 % 3]
        for ax, values in zip(panels, np.mean(found, axis=0), strict=True):
            if ax is panels[1] and not np.mean(effects_early[rule]) > MOVED:
                continue
            width = max(1, min(window, len(values)) // 4)
            smooth = np.convolve(values, np.full(width, 1 / width), mode="valid")
            ax.plot(np.arange(len(smooth)) + width / 2, smooth, dash, color=colour, label=rule)
    panels[0].set(ylabel="|error| without feedback")
    panels[1].set(ylabel="|rate with - without feedback|", xlabel="trial")
    for ax in panels:
        if ax.lines:
            style.logarithmic(ax, "y")
        else:
            style.note(ax, "feedback does not act on rates")
    style.legend_right(panels[0])
    return panels[0].figure
