"""Apical weights learn to invert basal weights while there is no target: how close they come, and how fast.

Basal weights do not change. Apical weights start from wrong values and learn one step in every trial, after
circuits have settled without a target.

`rule = reconstruction`: the layer below is reconstructed from the layer above,

    Q_i <- Q_i - eta_q tau (<(Q_i t_i - h_i) t_i^T/(1 + |t_i|^2)> + decay_q Q_i),   t_i = s^-1(h_(i+1))

The fixed point Q* is a weighted regression of h_i on t_i; without decay it is W_(i+1)^-1, if that exists.
Multiplexed activity does not depend on apical weights, so the deviation from Q* is known at all times: after n
steps it is (Q_0 - Q*) (I - eta_q tau (M + decay_q))^n, where M = <t_i t_i^T/(1 + |t_i|^2)>.

`rule = drl`, multiplexed: layers are perturbed in turn, and apical weights learn to reconstruct the perturbation
(difference reconstruction loss). With direct feedback, weights tend on average to Q*, and the deviation from Q* is
multiplied by K in n steps, where J_i is the Jacobian from layer i to the output:

    Q* = J_i^T (J_i J_i^T + decay_q)^-1,   K = (I - eta_q tau (J_i J_i^T + decay_q))^n

With layer-wise feedback, V_i J_i replaces J_i, where V_i = Q_(i+1) ... Q_(L-1). For the highest apical weights V_i
is I; lower ones converge after those above them, and their Q* is known when V_i no longer changes. If Q* is not an
exact inverse, due to decay or fewer units above, each draw of perturbations moves weights a little away from Q*.

Measured per hidden layer (`reconstruction_error`, `distance` and `expected_distance` before and after learning):

    reconstruction_error            |Q F - F^+ F|, spectral norm; F is W_(i+1), or J_i with direct feedback
    angle_inverse, angle_pseudo_inverse, angle_transpose, angle_fixed_point
                                    degrees between Q after learning and the matrix in the name
    distance, expected_distance     |Q - Q*| relative to |Q*|, in the Frobenius norm
    rate_ratio                      ratio of measured to expected rate of approach, over the first e-fold

Unknown values are nan. Q* is unknown for `drl` with a nonlinear transfer, and for nonlinear circuits with one or
two phases unless decay_q is 0 and W_(i+1) is square. The approach to Q* is known only if a formula above gives it.

Sources
-------
Thesis, chapter 6, eq. 6.26 and 6.37. Difference reconstruction loss: Meulemans et al. (2020), A theoretical
framework for target propagation, eq. 10-12. The formulas of the approach follow from the rules.

Errata applied
--------------
The errata of the models apply.
"""

from functools import reduce
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

import dendrosim as ds
from dendrosim.analysis.learning_signals import forward
from dendrosim.analysis.target_propagation import fixed_points
from dendrosim.analysis.vector_angles import angle, feedback_alignment
from dendrosim.errors import ParameterError
from dendrosim.learning.cycle import recall_phase, sleep_cycle
from dendrosim.learning.networks import load_network
from dendrosim.learning.settling import choose_time_step, count_settling_steps
from dendrosim.plot import style

BATCH = 64  # largest number of samples in a batch
KEPT = 200  # approximate number of times at which apical weights are recorded
START = 0.3  # standard deviation of random initial weights
INVERSES = {"inverse": "inverse", "pseudo_inverse": "pseudo-inverse", "transpose": "transpose"}


class Parameters(ds.Parameters):
    model: Literal["single", "two_phase", "multiplexed"] = ds.parameter("multiplexed", "circuit")
    rule: Literal["reconstruction", "drl"] = ds.parameter("reconstruction", "apical learning rule")
    feedback: Literal["layerwise", "direct"] = ds.parameter(
        "layerwise", "source of apical input: the layer above or, with rule=drl, the output"
    )
    sizes: tuple[int, ...] = ds.parameter((4, 4, 4, 4), "units per layer, input first", least=1)
    transfer: str = ds.parameter("linear", "a bijection: linear, smooth_leaky or leaky_relu")
    start: Literal["zero", "random", "scaled"] = ds.parameter(
        "random", "initial weights: 0, normal (sd 0.3), or pseudo-inverse times 1 + inverse_error"
    )
    inverse_error: float = ds.parameter(
        0.5, "relative error with start=scaled", only={"start": "scaled"}
    )
    trials: int = ds.parameter(600, "number of steps of learning", least=1)
    samples: int = ds.parameter(64, "number of normally distributed inputs, 64 in a batch", least=1)
    eta_q: ds.Quantity | None = ds.parameter(None, "learning rate (20 Hz; drl 5 Hz)", unit="Hz")
    decay_q: float = ds.parameter(1e-4, "decay of apical weights, relative to eta_q", least=0)
    sigma: float = ds.parameter(
        0.1, "sd of perturbations with rule=drl", above=0, only={"rule": "drl"}
    )
    mu: float = ds.parameter(0.2, "weight of apical dendrites (not multiplexed)")
    settle: ds.Quantity | None = ds.parameter(None, "time to settle (from the spectrum)", unit="s")
    dt: ds.Quantity | None = ds.parameter(None, "time step (default: 0.5 tau)", unit="s")
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of all layers", above=0)
    gain: float = ds.parameter(1.4, "largest singular value of basal weights")
    condition: float = ds.parameter(2.0, "condition number of basal weights")
    data_seed: int = ds.parameter(0, "seed of inputs and weights, not of perturbations", least=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    _check(p)
    learned, step = p.rule == "reconstruction", choose_time_step(p.dt, p.tau)
    eta_q = ds.quantity("20 Hz" if learned else "5 Hz") if p.eta_q is None else p.eta_q
    common = {"sizes": p.sizes, "transfer": p.transfer}
    own = {"eta_q": eta_q, "decay_q": p.decay_q, "inverse": "learned" if learned else "drl"}
    if p.model == "multiplexed":
        own |= {"feedback": p.feedback, "sigma": p.sigma}
    others = {"mu": p.mu, "gain": p.gain, "condition": p.condition}
    own |= {"rule": "difference"}  # so that apical weights invert s^-1 of rates, as in the thesis
    network = load_network(p.model, tau=p.tau, common=common, own=own, others=others)
    rng = np.random.default_rng(p.data_seed)
    basal, apical = _weights(p, rng)
    given = {f"w{i}": w for i, w in enumerate(basal, 1)}
    given |= {f"q{i}": q for i, q in enumerate(apical, 1)}
    matrices = [m.replace(initial=given.get(m.name, m.initial)) for m in network.circuit.matrices]
    circuit = network.circuit.replace(matrices=matrices)
    steps = count_settling_steps({p.model: network.find_settling()}, step, p.settle)
    settle = recall_phase({"": circuit}, dt=step, steps=steps)
    sleep = sleep_cycle({"": circuit}, dt=step, tau=float(p.tau.value), steps=steps)
    thin = max(1, p.trials // KEPT)
    return ds.Protocol(
        circuit,
        (ds.Block("settle", (settle,)), ds.Block("sleep", sleep, trials=p.trials)),
        dt=f"{step!r} s",
        signals={"layer0.h": ds.Samples("x"), f"layer{network.layers}.target": 0.0},
        data={"x": rng.normal(size=(p.samples, p.sizes[0]))},
        recordings=(ds.Recording("q*", every="phase", phases="sleep/sleep", thin=thin),),
        batch=min(p.samples, BATCH),
        batch_fixed=True,
        references={"step": float(eta_q.value) * float(p.tau.value)},
    )


def _check(p):
    if len(p.sizes) < 3:
        raise ds.errors.ShapeError(
            f"sizes is {p.sizes}; there must be an input and at least two layers above it"
        )
    if p.rule == "drl" and p.model != "multiplexed":
        raise ParameterError(f"rule is drl and model is {p.model}; only multiplexed learns by it")
    if p.feedback == "direct" and p.rule != "drl":
        raise ParameterError(
            f"feedback is direct and rule is {p.rule}; only rule=drl learns direct feedback"
        )


def _weights(p, rng):
    """Return basal and initial apical weights."""
    initial = ds.WellConditioned(p.gain, p.condition)
    basal = [initial.sample(shape[::-1], rng) for shape in pairwise(p.sizes)]
    undone = [_forward(basal, i, p.feedback) for i in range(1, len(basal))]
    if p.start == "scaled":
        return basal, [(1 + p.inverse_error) * np.linalg.pinv(f) for f in undone]
    scale = START if p.start == "random" else 0.0
    return basal, [scale * rng.normal(size=f.T.shape) for f in undone]


def _forward(basal, i, feedback):
    """Return what apical weights of layer i invert: W_(i+1) or, for direct feedback, the product W_L...W_(i+1)."""
    if feedback == "layerwise":
        return basal[i]
    return reduce(np.matmul, basal[:i:-1], np.eye(len(basal[-1]))) @ basal[i]


class Course(NamedTuple):
    """Apical weights of a layer during the run, and what is expected of them; an unknown value is nan."""

    apical: np.ndarray  # (times, post, pre)
    forward: np.ndarray
    fixed_point: np.ndarray
    expected: np.ndarray  # expected distance from the fixed point, (times,)

    @property
    def distance(self) -> np.ndarray:
        """Distance of the weights from the fixed point, relative to its norm, shape (times,)."""
        away = np.linalg.norm(self.apical - self.fixed_point, axis=(1, 2))
        return away / np.linalg.norm(self.fixed_point)


def measure(result: ds.Result) -> ds.Measurement:
    """Compare apical weights with inverses, and their approach to the fixed point with its closed form."""
    trials, courses = _courses(result)
    found = [[feedback_alignment(c.apical[k], c.forward) for c in courses] for k in (0, -1)]
    expected = np.array([c.expected[[0, -1]] for c in courses]).T
    metrics = {
        "reconstruction_error": np.array([[x.reconstruction_error for x in row] for row in found]),
        **{f"angle_{kind}": np.array([getattr(x, kind) for x in found[1]]) for kind in INVERSES},
        "angle_fixed_point": np.array([angle(c.apical[-1], c.fixed_point) for c in courses]),
        "distance": np.array([c.distance[[0, -1]] for c in courses]).T,
        "expected_distance": expected,
        "rate_ratio": np.array([_ratio(c.distance, c.expected) for c in courses]),
    }
    references = {}
    if np.isfinite(expected).any():
        p = Parameters(**result.protocol.parameters)
        kind, ratio, reason = "statistical", 0.1, "steps follow random perturbations"
        if p.rule == "reconstruction":
            kind, ratio, reason = "closed form", 1e-6, "settling"
            references["distance"] = ds.Reference(
                "expected_distance", 1e-9, relative=1e-6, reason=reason
            )
            if len(result.protocol.data["x"]) > BATCH:
                # Batches in turn make steps that differ from the mean step.
                kind, ratio, reason, references = "statistical", 0.1, "batches in turn", {}
        ratios = np.where(np.isfinite(expected).all(axis=0), 1.0, np.nan)
        references["rate_ratio"] = ds.Reference(ratios, ratio, kind, reason=reason)
    figures = {"angles": lambda: _draw_angles(trials, courses)}
    if np.isfinite(metrics["distance"]).all():
        figures["distance"] = lambda: _draw_distance(trials, courses)
    return ds.Measurement(metrics, figures, references=references)


def _ratio(distance, expected):
    """Return the ratio of the logarithmic falls of `distance` and `expected` while `expected` falls by e."""
    if not np.isfinite(expected[0]) or not expected[0] or len(expected) < 2:
        return np.nan
    below = np.flatnonzero(expected <= expected[0] / np.e)
    k = below[0] if len(below) else -1
    return float(np.log(distance[0] / distance[k]) / np.log(expected[0] / expected[k]))


def _courses(result):
    """Return the trials at which weights are known, and the course of every hidden layer."""
    p = Parameters(**result.protocol.parameters)
    last, rate = len(p.sizes) - 1, result.protocol.references["step"]
    basal = [result.final[f"w{i}"].values for i in range(1, last + 1)]
    ends = {f"q{i}": result.final[f"q{i}"].values[None] for i in range(1, last)}
    apical = [np.concatenate([result.traces[q].values, end]) for q, end in ends.items()]
    steps = max(1, p.trials // KEPT)
    trials = np.append(steps * np.arange(len(apical[0]) - 1), p.trials)
    known = _differences(p, basal, apical)
    if p.rule == "reconstruction":
        known = _reconstruction(p, result.protocol.data["x"].T, basal)
    courses = []
    for i, (q, (fixed, curvature)) in enumerate(zip(apical, known, strict=True), 1):
        expected = np.full(len(trials), np.nan)
        if curvature is not None:
            values, vectors = np.linalg.eigh(curvature)
            left = (1 - rate * (values + p.decay_q)) ** trials[:, None]
            away = ((q[0] - fixed) @ vectors)[None] * left[:, None]
            expected = np.linalg.norm(away, axis=(1, 2)) / np.linalg.norm(fixed)
        courses.append(Course(q, _forward(basal, i, p.feedback), fixed, expected))
    return trials, courses


def _reconstruction(p, x, basal):
    """Yield fixed point and curvature M of every hidden layer; M is None where the approach is not known."""
    activities = forward(basal, x, p.transfer).activities
    if p.model == "multiplexed":
        for i, w in enumerate(basal[1:], 1):
            yield _regression(activities[i], w @ activities[i], p.decay_q)
        return
    if p.transfer != "linear":
        for w in basal[1:]:
            known = not p.decay_q and w.shape[0] == w.shape[1]
            yield (np.linalg.inv(w) if known else np.full(w.T.shape, np.nan)), None
        return
    # Activity depends on the apical weights, so the fixed point is found iteratively.
    fixed, none = [np.linalg.pinv(w) for w in basal[1:]], np.zeros((len(basal[-1]), x.shape[1]))
    for _ in range(200):
        h = fixed_points.linear_fixed_point(basal, fixed, x, none, p.mu, top="free")
        fixed = [_regression(h[i], h[i + 1], p.decay_q)[0] for i in range(1, len(basal))]
    yield from ((q, None) for q in fixed)


def _regression(h, t, decay):
    """Return the regression of h on t with the weights 1/(1 + |t|^2), and the weighted moments of t."""
    weighted = t / (1 + np.sum(t**2, axis=0))
    moments = weighted @ t.T / t.shape[1]
    across = h @ weighted.T / t.shape[1]
    return np.linalg.solve(moments + decay * np.eye(len(t)), across.T).T, moments


def _differences(p, basal, apical):
    """Yield fixed point and curvature of every hidden layer, the highest last."""
    for i, q in enumerate(apical, 1):
        jacobian, known = _forward(basal, i, "direct"), True
        if p.feedback == "layerwise" and i < len(apical):
            # V_i, with the values that the apical weights above have at the end.
            back = reduce(np.matmul, [weights[-1] for weights in apical[i:]])
            jacobian, known = back @ jacobian, False
        square = jacobian @ jacobian.T
        if p.transfer != "linear":
            yield np.full(q[0].shape, np.nan), None
            continue
        damped = square + p.decay_q * np.eye(len(square))
        yield np.linalg.solve(damped, jacobian).T, square if known else None


@style.styled
def _draw_distance(trials, courses):
    """Draw distances as dots and closed forms as lines; distances without closed form are dashed lines."""
    from matplotlib import colormaps

    ax = style.axes(None)
    shades = colormaps["viridis"](np.linspace(0.0, 0.85, len(courses)))
    for i, (colour, course) in enumerate(zip(shades, courses, strict=True), 1):
        known = np.isfinite(course.expected).all()
        options = {"color": colour, "label": f"layer {i}" + ("" if known else "\n(no closed form)")}
        if known:
            seen = slice(None, None, -(-len(trials) // 25))
            ax.plot(trials[seen], course.distance[seen], "o", markersize=3.5, **options)
            style.line(ax, trials, course.expected, color=colour, lw=1.0)
        else:
            style.line(ax, trials, course.distance, ls=(0, (5, 1.5)), **options)
    ax.set(xlabel="trial", ylabel="distance from the fixed point,\nrelative to its size")
    ax.set(yscale="log", ylim=(0.5 * min(np.min(c.distance) for c in courses), None))
    ax.set_title("Apical weights approach their fixed point (lines: closed form)")
    ax.margins(x=0.02)
    style.legend_right(ax)
    return ax.figure


def _draw_angles(trials, courses):
    found = [[feedback_alignment(q, c.forward) for q in c.apical] for c in courses]
    angles = {label: [[getattr(x, n) for x in f] for f in found] for n, label in INVERSES.items()}
    angles["fixed point"] = [[angle(q, c.fixed_point) for q in c.apical] for c in courses]
    if np.isfinite(angles["inverse"]).all():
        del angles["pseudo-inverse"]  # equals the inverse
    angles = {n: np.transpose(rows) for n, rows in angles.items() if np.isfinite(rows).any()}
    return ds.plot.angles(trials, angles, title="Angle of apical weights to")[0].figure
