"""Whether the Jacobian of target propagation is always negative definite: 100,000 random circuits.

Section 6.7 of the thesis draws random Jacobians of circuits with exact inverses and a clamped target, finds all of
them "negative definite (only strictly negative eigenvalues)", and concludes that fixed points are stable.
Definiteness and stability are two properties, and both are examined here. The `spectral` abscissa is the largest
real part of an eigenvalue, negative if a fixed point is stable; the `numerical` abscissa is the largest eigenvalue
of the symmetric part, negative if the Jacobian is negative definite. The unit is 1/tau. Two kinds of circuits are
drawn from the same blocks:

    linear   the thesis' matrices: blocks above the diagonal are the inverses of those below. All eigenvalues are
             -1 + 2 sqrt(mu (1 - mu)) cos(k pi/(L + 1)), below zero for every mu; yet most symmetric parts are
             indefinite, so that perturbations grow before they decay
    nudged   units with the function `transfer`, held away from the feed-forward activity by a target drawn
             independently of the output. Derivatives below and above the diagonal are then taken at different
             points, blocks are no longer inverses of each other, and some fixed points are unstable

A few linear circuits run side by side: among the circuits of the largest size, the first whose Jacobian has an
indefinite symmetric part, each started with the perturbation of its fixed point that grows most. A nudged circuit
of that size with an unstable fixed point runs with them, pushed a little along its growing mode. It is the
unstable one with the smallest rates among the first thousand circuits, because the rounding errors of large rates
would themselves act as a push. Each circuit gets the input and the target of its fixed point.

Measured, for each kind of circuit unless stated otherwise:

    cases, stable, indefinite             numbers of all circuits, of circuits with all eigenvalues left of zero,
                                          and of circuits whose symmetric part is not negative definite
    stable_fraction, indefinite_fraction  these numbers as fractions of all circuits
    stable_but_indefinite                 number of circuits that are both stable and indefinite
    largest_real_part                     largest real part of all eigenvalues of all circuits
    numerical_abscissa                    quantiles of the numerical abscissa at 5, 25, 50, 75 and 95 %
    closed_form_error                     largest difference between spectral abscissas and their closed form in
                                          linear circuits, due to rounding
    growth, growth_time, final            for each linear circuit that runs, the largest deviation from the fixed
                                          point, its time (in tau), and the last deviation, relative to the first
                                          deviation; the reference of `growth` is max |exp(J t)|
    departure_rate                        measured growth rate of the leading mode of the nudged circuit that runs
                                          (nan if none runs); the reference is the spectral abscissa
    linearity_error                       largest relative difference between the deviations and those of the
                                          linearised circuit in Euler steps; for a nudged circuit, only while the
                                          deviations are so small that it is still linear

Sources
-------
Thesis, chapter 6, section 6.7, eq. 6.38-6.42; `dendrosim.analysis.random_stability` describes the choices that the
thesis leaves open. The fraction of indefinite symmetric parts depends on these choices: it is 79 % if blocks have
a variance up to 1, 87 % up to 4, and larger in wider layers. The fraction of unstable nudged fixed points depends
on `transfer`.

Errata applied
--------------
"Negative definite" has to read "all eigenvalues in the left half plane". Eq. 6.41: derivatives are taken at the
pre-activation. Eq. 6.42: the block above the diagonal is the inverse of the one below only where
h_(i+1) = f_(i+1), as in linear circuits. The errata of `dynamical_tp` apply as well.
"""

from dataclasses import dataclass
from math import ceil
from typing import Literal, NamedTuple

import numpy as np

import dendrosim as ds
from dendrosim.analysis import random_stability
from dendrosim.equations.transfer.numeric import numeric_transfer
from dendrosim.errors import ParameterError
from dendrosim.plot import style

KINDS = ("linear", "nudged")
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
SEARCHED = 1000  # number of circuits of the largest size from which those that run are chosen
SMALL = 1e-3  # push of the nudged circuit, relative to the largest deviation at which it is linear
FALLEN = 5.0  # e-folds by which the slowest mode ends below the first deviation
KEPT = 600  # approximate number of times at which rates are recorded


class Parameters(ds.Parameters):
    cases: int = ds.parameter(100_000, "number of circuits of each kind", least=1)
    layers: tuple[int, ...] = ds.parameter((2, 6), "fewest and most layers above the input")
    units: tuple[int, ...] = ds.parameter((1, 5), "fewest and most units in a layer")
    variance: float = ds.parameter(4.0, "largest variance of a block; each block has its own")
    mu_max: float = ds.parameter(0.5, "largest weight of the apical dendrite")
    transfer: Literal["smooth_leaky", "leaky_relu"] = ds.parameter("leaky_relu", "nudged circuits")
    runs: int = ds.parameter(3, "number of linear circuits that run", least=1)
    duration: ds.Quantity | None = ds.parameter(None, "time (until all decays)", unit="s", above=0)
    dt: ds.Quantity | None = ds.parameter(None, "time step (0.02 tau)", unit="s", above=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of all layers", above=0)
    data_seed: int = ds.parameter(0, "seed of everything that is drawn")


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    tau = p.tau.value
    step = 0.02 * tau if p.dt is None else p.dt.value
    if step > tau * (1 + 1e-9):
        raise ParameterError(
            f"dt is {step * 1e3:g} ms; it must be at most tau, or circuits overshoot"
        )
    shown = _shown(p)
    linear = [case for case in shown if case.transfer == "linear"]
    tails = [(FALLEN + np.log(case.peak)) / -case.spectral for case in linear]
    total = max(tails, default=20.0) * tau if p.duration is None else p.duration.value
    steps = max(1, ceil(total / step - 1e-9))
    signals = {}
    for case in shown:
        signals[f"{case.name}_layer0.h"] = ds.Quantity(case.input)
        signals[f"{case.name}_layer{len(case.h)}.target"] = ds.Quantity(case.target)
    return ds.Protocol(
        ds.Circuit.join(**{case.name: _circuit(case, p) for case in shown}),
        (ds.Block("run", (ds.Phase("settle", f"{steps * step!r} s"),)),),
        dt=f"{step!r} s",
        signals=signals,
        recordings=(ds.Recording("*_layer*.h", every=f"{max(1, round(steps / KEPT)) * step!r} s"),),
    )


@dataclass(frozen=True, eq=False)
class _Case:
    """A circuit that runs; its input is s^-1(f_1), W_1 is I, and its fixed point h has shape (layers, units)."""

    name: str
    transfer: str
    mu: float
    weights: np.ndarray
    input: np.ndarray
    target: np.ndarray
    h: np.ndarray
    push: np.ndarray
    jacobian: np.ndarray
    spectral: float
    peak: float = np.inf
    peak_time: float = np.inf
    room: float = np.inf  # largest deviation at which the circuit is linear


def _draws(p):
    for name in ("layers", "units"):
        given = getattr(p, name)
        if len(given) != 2:
            raise ParameterError(f"{name} is {given}; give the smallest and the largest number")
    return random_stability.Draws(p.layers, p.units, p.variance, p.mu_max, p.data_seed)


def _shown(p):
    """Return the circuits that run."""
    draws, transfer = _draws(p), p.transfer
    networks = draws.networks(p.layers[1], p.units[1], SEARCHED)
    jacobians = networks.jacobians("linear")
    growing = np.flatnonzero(_numerical(jacobians) > 0)[: p.runs]
    cases = [_linear(networks, k, f"linear{i}", jacobians[k]) for i, k in enumerate(growing, 1)]
    jacobians = networks.jacobians(transfer)
    unstable = np.flatnonzero(np.linalg.eigvals(jacobians).real.max(axis=1) > 0)
    if len(unstable):
        rates = np.abs(networks.fixed_point(transfer)[1][unstable]).max(axis=(1, 2))
        k = unstable[np.argmin(rates)]
        cases.append(_nudged(networks, k, jacobians[k], transfer))
    if not cases:
        raise ParameterError(
            f"variance is {p.variance}, units {p.units}: none of the first {SEARCHED} circuits of the "
            "largest size grows; there is nothing to run"
        )
    return cases


def _numerical(jacobians):
    """Return the largest eigenvalue of the symmetric part of each Jacobian."""
    return np.linalg.eigvalsh((jacobians + np.swapaxes(jacobians, -1, -2)) / 2)[..., -1]


def _linear(networks, k, name, jacobian):
    mu, weights = networks.mu[k], networks.weights[k]
    peak, time = _growth(mu, weights)
    carried = random_stability.propagators(mu, weights, np.array([time]))[0]
    push = np.linalg.svd(carried)[2][0].reshape(networks.layers, -1)
    return _case(networks, k, name, "linear", push, jacobian=jacobian, peak=peak, peak_time=time)


def _growth(mu, weights):
    """Return the largest |exp(J t)| and its time, by ever finer grids; cheaper than `transient_growth`."""
    times = np.geomspace(1e-3, 100.0, 200)
    for _ in range(4):
        sizes = _norms(mu, weights, times)
        top = int(np.argmax(sizes))
        peak, time = float(sizes[top]), float(times[top])
        times = np.linspace(times[max(top - 1, 0)], times[min(top + 1, len(times) - 1)], 41)
    return peak, time


def _norms(mu, weights, times):
    return np.linalg.norm(random_stability.propagators(mu, weights, times), 2, axis=(1, 2))


def _nudged(networks, k, jacobian, transfer):
    f, h = (a[0] for a in networks[k : k + 1].fixed_point(transfer))
    sizes = np.linalg.norm(networks.weights[k], 2, axis=(1, 2))
    if transfer == "leaky_relu":
        basal = np.abs(numeric_transfer(transfer).inv_s(f[1:])).min(axis=1) / sizes
        room = min(np.abs(h[1:]).min(), basal.min())
    else:
        room = 1e-3 / max(1.0, sizes.max())
    values, vectors = np.linalg.eig(jacobian)
    mode = vectors[:, np.argmax(values.real)].real
    push = SMALL * room * (mode / np.linalg.norm(mode)).reshape(h.shape)
    return _case(networks, k, "nudged", transfer, push, jacobian=jacobian, room=room)


def _case(networks, k, name, transfer, push, **known):
    f, h = (a[0] for a in networks[k : k + 1].fixed_point(transfer))
    spectral = float(np.linalg.eigvals(known["jacobian"]).real.max())
    drawn = (float(networks.mu[k]), networks.weights[k], numeric_transfer(transfer).inv_s(f[0]))
    target = networks.target[k]
    return _Case(name, transfer, *drawn, target, h, push, spectral=spectral, **known)


def _circuit(case, p):
    """Return the circuit of a case, which starts close to its fixed point and does not learn."""
    layers, units = case.h.shape
    options = {"mu": case.mu, "tau": p.tau, "transfer": case.transfer, "target": "clamped"}
    circuit = ds.load_circuit("dynamical_tp", sizes=(units,) * (layers + 1), **options)
    weights = {f"w{i + 2}": w for i, w in enumerate(case.weights)} | {"w1": np.eye(units)}
    start = {f"layer{i + 1}": h for i, h in enumerate(case.h + case.push)}
    fixed = {n: {"initial": w, "plasticity": None, "parameters": {}} for n, w in weights.items()}
    begun = {n: {"initial": {"h": h}} for n, h in start.items()}
    return circuit.replace(
        gates={},
        matrices=[m.replace(**fixed.get(m.name, {})) for m in circuit.matrices],
        populations=[q.replace(**begun.get(q.name, {})) for q in circuit.populations],
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Count stable and definite Jacobians of all circuits, and compare the circuits that run with exp(J t)."""
    p = Parameters(**result.protocol.parameters)
    transfers = zip(KINDS, ("linear", p.transfer), strict=True)
    found = {k: random_stability.abscissas(_draws(p), p.cases, f) for k, f in transfers}
    stable = {k: a.spectral < 0 for k, a in found.items()}
    indefinite = {k: a.numerical >= 0 for k, a in found.items()}
    exact = random_stability.exact_abscissa(found["linear"].mu, found["linear"].layers)
    metrics = {
        "cases": dict.fromkeys(KINDS, p.cases),
        "stable": {k: int(stable[k].sum()) for k in KINDS},
        "indefinite": {k: int(indefinite[k].sum()) for k in KINDS},
        "stable_but_indefinite": {k: int(np.sum(stable[k] & indefinite[k])) for k in KINDS},
        "stable_fraction": {k: float(stable[k].mean()) for k in KINDS},
        "indefinite_fraction": {k: float(indefinite[k].mean()) for k in KINDS},
        "largest_real_part": {k: float(a.spectral.max()) for k, a in found.items()},
        "numerical_abscissa": {k: np.quantile(a.numerical, LEVELS) for k, a in found.items()},
        "closed_form_error": float(np.max(np.abs(found["linear"].spectral - exact))),
    }
    defective = "eigenvalues of matrices that are nearly defective"
    largest = {"linear": float(exact.max())}
    references = {
        "stable": ds.Reference({"linear": p.cases}, reason="a count"),
        "stable_fraction": ds.Reference({"linear": 1.0}, reason="a count"),
        "largest_real_part": ds.Reference(largest, 1e-3, reason=defective),
        "closed_form_error": ds.Reference(0.0, 1e-3, reason=defective),
        "linearity_error": ds.Reference(0.0, 1e-6, reason="the push is small"),
    }
    shown = _shown(p)
    tau = float(result.circuit.parameters[f"{shown[0].name}_tau"].value)
    step = result.protocol.time_step / tau
    courses = {case.name: _course(result, case, tau, step) for case in shown}
    linear = [case for case in shown if case.transfer == "linear"]
    if linear:
        runs = [courses[case.name] for case in linear]
        metrics["growth"] = np.array([run.sizes.max() for run in runs])
        metrics["growth_time"] = np.array([run.times[np.argmax(run.sizes)] for run in runs])
        metrics["final"] = np.array([run.sizes[-1] for run in runs])
        peaks, moments = np.array([(case.peak, case.peak_time) for case in linear]).T
        euler = "a step of forward Euler, relative to tau"
        references["growth"] = ds.Reference(peaks, relative=step, reason=euler)
        references["growth_time"] = ds.Reference(moments, 5 * step, "grid-limited", reason=euler)
    metrics["departure_rate"] = np.nan
    for case in shown[len(linear) :]:
        metrics["departure_rate"] = _departure(courses[case.name], case, step)
        references["departure_rate"] = ds.Reference(
            case.spectral, relative=1e-3, reason="faster modes"
        )
    errors = [_linearity_error(courses[case.name], case, step) for case in shown]
    metrics["linearity_error"] = max(errors)
    figures = {
        "abscissas": lambda: _draw_abscissas(found),
        "transient": lambda: _draw_transient(shown, courses),
    }
    return ds.Measurement(metrics, figures, references=references)


class _Course(NamedTuple):
    """Times in tau; deviations from the fixed point, shape (times, states); their norms relative to the first."""

    times: np.ndarray
    deviations: np.ndarray
    sizes: np.ndarray


def _course(result, case, tau, step):
    traces = [result.traces[f"{case.name}_layer{i + 1}.h"] for i in range(len(case.h))]
    times = np.round((traces[0].time - result.start) / tau / step) * step
    away = np.hstack([trace.values.reshape(len(times), -1) for trace in traces]) - case.h.ravel()
    return _Course(times, away, np.linalg.norm(away, axis=1) / np.linalg.norm(case.push))


def _within(course, case):
    """Return, for each time, whether the deviations up to it are so small that the circuit is linear."""
    return np.maximum.accumulate(np.linalg.norm(course.deviations, axis=1)) < case.room


def _linearity_error(course, case, step):
    """Return the largest difference of a deviation from (1 + dt J)^k times the first, relative to that product."""
    every = np.round(course.times / step).astype(int)
    euler = np.eye(len(case.jacobian)) + step * case.jacobian
    leap = np.linalg.matrix_power(euler, int(every[1] - every[0])) if len(every) > 1 else euler
    expected = np.linalg.matrix_power(euler, int(every[0])) @ case.push.ravel()
    worst, largest = 0.0, 0.0
    for found, within in zip(course.deviations, _within(course, case), strict=True):
        if not within:
            break
        largest = max(largest, np.linalg.norm(expected))
        worst = max(worst, np.linalg.norm(found - expected) / largest)
        expected = leap @ expected
    return float(worst)


def _departure(course, case, step):
    """Return the rate in 1/tau at which the leading mode grows, corrected for the forward Euler step."""
    values, left = np.linalg.eig(case.jacobian.T)
    leading = left[:, np.argmax(values.real)]
    within = _within(course, case)
    amplitudes = course.deviations[within] @ leading
    logs = np.log(np.abs(amplitudes)) + 1j * np.unwrap(np.angle(amplitudes))
    slope = np.polyfit(course.times[within], logs, 1)[0]
    return float(((np.exp(slope * step) - 1) / step).real)


@style.styled
def _draw_abscissas(found):
    """Draw one panel per kind of circuit: how abscissas are distributed, on an axis that is linear around zero."""
    panels = style.panels(len(found), (6.4, 4.4))
    everything = np.concatenate([np.r_[a.spectral, a.numerical] for a in found.values()])
    edges = np.sinh(np.linspace(np.arcsinh(-1.1), np.arcsinh(np.quantile(everything, 0.999)), 121))
    titles = {
        "linear": "Linear, as the thesis draws them: all stable, few negative definite",
        "nudged": "Nonlinear and nudged: not all stable",
    }
    for ax, (kind, abscissas) in zip(panels, found.items(), strict=True):
        for name, colour in zip(("spectral", "numerical"), style.PALETTE, strict=False):
            counts = np.histogram(getattr(abscissas, name), edges)[0] / len(abscissas.mu)
            ax.stairs(counts, edges, color=colour, fill=True, alpha=0.35)
            ax.stairs(counts, edges, color=colour, lw=1.0, label=f"{name} abscissa")
        ax.axvline(0.0, color=style.INK, lw=1.0)
        ax.set_xscale("asinh", linear_width=1.0)
        ax.set_xticks([-1, 0, 1, 10, 100], ["−1", "0", "1", "10", "100"])
        ax.set(xlim=edges[[0, -1]], ylim=0, ylabel="fraction of circuits", title=titles[kind])
    panels[-1].set_xlabel("abscissa (1/τ)")
    style.legend_right(panels[0])
    return panels[0].figure


@style.styled
def _draw_transient(shown, courses):
    ax, dots, largest = (
        style.axes(None),
        {"lw": 1.0, "ls": (0, (2, 2)), "color": style.INK, "zorder": 3},
        [],
    )
    for k, case in enumerate(shown):
        colour, course = style.PALETTE[k % len(style.PALETTE)], courses[case.name]
        linear, abscissa = case.transfer == "linear", _numerical(case.jacobian)
        label = f"linear, numerical abscissa {abscissa:.3g}/τ" if linear else "nonlinear, nudged"
        style.line(ax, course.times, course.sizes, color=colour, label=label)
        if linear:
            largest.append(course.sizes.max())
            norms = _norms(case.mu, case.weights, course.times)
            ax.plot(course.times, norms, **dots)
    ax.plot([], [], label="largest possible, |exp(Jt)|", **dots)
    ax.set(
        yscale="log", xlabel="time (τ)", title="Stable circuits may first amplify a perturbation"
    )
    ax.set_ylabel("distance to the fixed point,\nrelative to its first value")
    if largest:
        ax.set_ylim(1e-3, 3 * max(largest))
    ax.margins(x=0.01)
    style.legend_right(ax)
    return ax.figure
