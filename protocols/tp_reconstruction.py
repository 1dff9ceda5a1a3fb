"""What inexact inverses do to the learning signal: reconstruction error and signal as the inverses get worse.

Linear circuits with apical weights Q_i = W_(i+1)^-1 (I + d N_i), where N_i is random with spectral norm 1, settle
without and with a nudge. Each d has its own copy of one circuit; the copies are blocks of the same matrices.

    single        learns from h_i - f_i. The part that is there without a target is reconstruction error, and the
                  part that the nudge adds is signal. With growing d, the error soon exceeds the signal by far.
    two_phase     learns from h_i^nudged - h_i^free, in which reconstruction errors cancel exactly; two errors are
                  left: inexact inverses distort the signal, and it goes up and comes down again (an echo)
    multiplexed   learns from hh_i^nudged - hh_i^free: as with two phases, but without the echo

Measured per d and layer, relative to the signal that exact inverses carry down from the error e_L to which
circuits settle. That signal is -r^(L+1-i) eta_hat C_i e_L with one phase, (1 - r^i)/(1 - r) times this with two
phases, and -eta_hat C_i e_L if multiplexed, where C_i = W_(i+1)^-1 ... W_L^-1 and r = mu/(1 - mu).

    single_signal          size of the signal, 1 with exact inverses
    single_reconstruction  size of the reconstruction error
    two_phase_error        distance of the signal from the signal of exact inverses
    multiplexed_error      the same distance in multiplexed circuits
    inverse_error          per d: largest |Q_i W_(i+1) - I|, spectral norm
    stable                 per d: whether circuits with one and two phases settle; if not, they do not run, and
                           their values are nan. In multiplexed circuits pathways do not interact: they settle.

Sources
-------
Thesis, chapter 6, eq. 6.22 (single phase), 6.31-6.36 (two phases), 6.53-6.57 (multiplexed).

Errata applied
--------------
Eq. 6.22, 6.31, 6.33: the products of Jacobians have other indices, see `dendrosim.analysis.target_propagation`,
which computes the closed forms. Eq. 6.36 leaves out that the nudge also changes the basal input.
"""

from functools import reduce
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag

import dendrosim as ds
from dendrosim.analysis.target_propagation import fixed_points, layer_signals
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.learning.settling import Settling, choose_time_step, count_settling_steps
from dendrosim.plot import style

MODELS = {"single": "dynamical_tp", "two_phase": "two_phase_dtp", "multiplexed": "multiplexed_dtp"}
SERIES = {
    "single_reconstruction": "single phase:\nreconstruction error",
    "two_phase_error": "two phases:\nerror of the signal",
    "multiplexed_error": "multiplexed:\nerror of the signal",
}
SPAN = 1000.0  # largest signal that multiplexed circuits can send, so large that nothing is cut off
E_FOLDS = 25.0  # e-folds by which the slowest mode falls below the smallest signal
SLOWEST = 0.02  # decay rate per tau; a circuit with a slower mode counts as unstable


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((4, 4, 4, 4), "units per layer, input first", least=1)
    degradations: tuple[float, ...] = ds.parameter(
        (0.003, 0.01, 0.03, 0.1, 0.3, 1.0), "degradations d of the apical weights", least=0
    )
    mu: float = ds.parameter(0.15, "weight of apical dendrites", above=0, below=1)
    eta_hat: float = ds.parameter(0.5, "size of the nudge towards the target", above=0)
    samples: int = ds.parameter(8, "number of normally distributed inputs and targets", least=1)
    settle: ds.Quantity | None = ds.parameter(None, "time to settle (from the spectrum)", unit="s")
    dt: ds.Quantity | None = ds.parameter(None, "time step (default: 0.5 tau)", unit="s")
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of all layers", above=0)
    gain: float = ds.parameter(1.4, "largest singular value of basal weights")
    condition: float = ds.parameter(2.0, "condition number of basal weights")
    data_seed: int = ds.parameter(0, "seed of weights and data; nothing else is random", least=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    _check(p)
    tau, step = float(p.tau.value), choose_time_step(p.dt, p.tau)
    rng = np.random.default_rng(p.data_seed)
    start = ds.WellConditioned(p.gain, p.condition)
    basal = [start.sample(shape[::-1], rng) for shape in pairwise(p.sizes)]
    noise = [rng.normal(size=w.shape) for w in basal[1:]]
    noise = [n / np.linalg.norm(n, 2) for n in noise]
    above = list(zip(basal[1:], noise, strict=True))
    apical = [
        [np.linalg.solve(w, np.eye(len(w)) + d * n) for w, n in above] for d in p.degradations
    ]
    modes = [_modes(basal, qs, p.mu, p.eta_hat, step / tau) for qs in apical]
    slowest, factor = np.array(modes).T
    kept = np.flatnonzero(slowest >= SLOWEST)
    if not len(kept):
        raise ParameterError(
            f"with mu = {p.mu} no circuit is stable at any of the degradations "
            f"{p.degradations}; lower mu or the degradations"
        )
    if np.any(factor[kept] >= 1):
        raise ParameterError(
            f"dt is {step * 1e3:g} ms; with tau = {tau * 1e3:g} ms activities overshoot; choose a smaller dt"
        )
    slow = step / -np.log(factor[kept].max())
    last = len(basal)
    # The fall of the signal from the top to layer 1, in e-folds.
    fall = last * max(np.log(1 / p.mu - 1), 0.0)
    settling = {"the least stable copy": Settling((fall + E_FOLDS) * slow, slow)}
    duration = f"{count_settling_steps(settling, step, p.settle) * step!r} s"
    settled = [apical[k] for k in kept]
    copies = {"single": settled, "two_phase": settled, "multiplexed": apical}
    circuits = {name: _circuit(name, basal, qs, p) for name, qs in copies.items()}
    x, y = (rng.normal(size=(p.samples, p.sizes[i])) for i in (0, -1))
    gates = {f"{name}_{gate}": 0.0 for name, c in circuits.items() for gate in c.gates}
    phases = [
        ds.Phase(phase, duration, gates={g: float(g.endswith(f"_{opened}")) for g in gates})
        for phase, opened in (("free", "hold"), ("nudged", "teach"))
    ]
    errors = [
        max(np.linalg.norm(q @ w - np.eye(len(w)), 2) for q, w in zip(qs, basal[1:], strict=True))
        for qs in apical
    ]
    return ds.Protocol(
        ds.Circuit.join(**circuits),
        (ds.Block("settle", phases),),
        dt=f"{step!r} s",
        signals={f"{name}_layer0.h": ds.Samples("x") for name in MODELS}
        | {f"{name}_layer{last}.target": ds.Samples(f"y_{name}") for name in MODELS},
        data={"x": x} | {f"y_{name}": np.tile(y, len(qs)) for name, qs in copies.items()},
        recordings=(ds.Recording(("*.h", "*_layer*.f", "*.goal"), every="phase"),),
        batch=p.samples,
        batch_fixed=True,
        references={"kept": kept, "inverse_error": np.array(errors)},
    )


def _check(p):
    if len(p.sizes) < 3:
        raise ShapeError(
            f"sizes is {p.sizes}; there must be an input and at least two layers above it"
        )
    if len(set(p.sizes[1:])) > 1:
        raise ShapeError(
            f"sizes is {p.sizes}; for inverses, layers 1 to {len(p.sizes) - 1} must have one size (not layer 0)"
        )
    if not p.degradations:
        raise ParameterError("degradations is empty; give at least one, and none below 0")


def _modes(basal, apical, mu, eta_hat, step):
    """Return the slowest decay rate per tau and the largest factor per time step of all modes of both phases."""
    units, layers = len(basal[-1]), len(basal)
    found = []
    for gain in (1.0, 1.0 - eta_hat):
        jacobian = -np.eye(units * layers)
        jacobian[-units:, -units:] *= 1 - mu * gain
        for i, (w, q) in enumerate(zip(basal[1:], apical, strict=True)):
            low, high = (slice(k * units, (k + 1) * units) for k in (i, i + 1))
            jacobian[high, low], jacobian[low, high] = (1 - mu) * w, mu * q
        found.append(np.linalg.eigvals(jacobian))
    modes = np.concatenate(found)
    return -modes.real.max(), np.abs(1 + step * modes).max()


def _circuit(name, basal, apical, p):
    """Return a circuit whose matrices have one block per copy; the copies share their input."""
    copies = len(apical)
    sizes = (basal[0].shape[1], *(copies * len(w) for w in basal))
    own = {"mu": p.mu, "tau": p.tau}
    if name == "multiplexed":
        own = {"tau_basal": p.tau, "tau_apical": p.tau, "span": SPAN}
    options = {"sizes": sizes, "eta_hat": p.eta_hat, "inverse": "fixed", **own}
    circuit = ds.load_circuit(MODELS[name], **options)
    given = {"w1": np.tile(basal[0], (copies, 1))}
    given |= {f"w{i}": block_diag(*[w] * copies) for i, w in enumerate(basal[1:], 2)}
    given |= {f"q{i}": block_diag(*blocks) for i, blocks in enumerate(zip(*apical, strict=True), 1)}
    return circuit.replace(matrices=[m.replace(initial=given[m.name]) for m in circuit.matrices])


def measure(result: ds.Result) -> ds.Measurement:
    """Separate signal and reconstruction error, and compare both with their closed forms."""
    p, known = Parameters(**result.protocol.parameters), result.protocol.references
    kept, copies, last = np.asarray(known["kept"]), len(p.degradations), len(p.sizes) - 1
    names = ("single_signal", "single_reconstruction", "two_phase_error", "multiplexed_error")
    found, expected = ({n: np.full((copies, last), np.nan) for n in names} for _ in range(2))
    for k in range(copies):
        basal, apical, y = _copy(result, k, copies, last)
        place = {"multiplexed": k}
        if k in kept:
            place |= dict.fromkeys(("single", "two_phase"), int(np.searchsorted(kept, k)))
        simulated = {
            name: _simulated(result, name, slice(copy * len(y), (copy + 1) * len(y)), last, y)
            for name, copy in place.items()
        }
        exact = _closed_forms(basal, apical, result.protocol.data["x"].T, y, p.mu, p.eta_hat)
        for into, courses in ((found, simulated), (expected, {n: exact[n] for n in place})):
            for name, values in _relative(basal, courses, p.mu, p.eta_hat).items():
                into[name][k] = values
    metrics = {
        "degradation": np.array(p.degradations),
        "inverse_error": np.asarray(known["inverse_error"]),
        "stable": np.isin(np.arange(copies), kept),
        **found,
    }
    figures = {"reconstruction": lambda: _draw(metrics["degradation"], found, expected)}
    # Signals and errors are relative to the ideal signal; circuits settle until less than this is left.
    references = {
        name: ds.Reference(values, 1e-8, relative=1e-6, reason="settling")
        for name, values in expected.items()
    }
    return ds.Measurement(metrics, figures, references=references)


class Course(NamedTuple):
    """Response of a circuit to a nudge, layer by layer, and the error e_L to which it settles."""

    signal: list[np.ndarray]
    error: np.ndarray
    reconstruction: list[np.ndarray] | None = None  # local error without a nudge


def _copy(result, copy, copies, last):
    """Return basal weights, apical weights and target of a copy."""

    def block(name):
        values = np.split(result.final[f"multiplexed_{name}"].values, copies)[copy]
        return values if name == "w1" else np.split(values, copies, axis=1)[copy]

    basal = [block(f"w{i}") for i in range(1, last + 1)]
    apical = [block(f"q{i}") for i in range(1, last)]
    return basal, apical, result.protocol.data["y_multiplexed"].T[: len(basal[-1])]


def _simulated(result, name, rows, last, y):
    """Return the `Course` of the copy whose units are the `rows` of every layer."""

    def phases(variable):
        """Return the values to which a variable of each layer settled, without and with a nudge."""
        names = [f"{name}_layer{i}.{variable}" for i in range(1, last + 1)]
        return [result.traces[n].values[:, rows] for n in names]

    error = phases("h")[-1][1] - y
    if name == "single":
        local = [h - f for h, f in zip(phases("h"), phases("f"), strict=True)]
        return Course([b - a for a, b in local], error, [a for a, _ in local])
    carrier = "goal" if name == "multiplexed" else "h"
    return Course([b - a for a, b in phases(carrier)], error)


def _closed_forms(basal, apical, x, y, mu, eta_hat):
    """Return the closed forms of the three circuits."""
    free, nudged = (
        fixed_points.linear_fixed_point(basal, apical, x, y, mu, top=top, eta_hat=eta_hat)
        for top in ("free", "nudged")
    )
    local = [
        [h - w @ below for w, below, h in zip(basal, settled[:-1], settled[1:], strict=True)]
        for settled in (free, nudged)
    ]
    error = nudged[-1] - y
    output_error = reduce(np.matmul, reversed(basal)) @ x - y
    apart = fixed_points.two_phase_difference(basal, apical, error, mu, eta_hat)
    return {
        "single": Course([b - a for a, b in zip(*local, strict=True)], error, local[0]),
        "two_phase": Course(apart, error),
        "multiplexed": Course(_carried(apical, -eta_hat * output_error), output_error),
    }


def _carried(apical, top):
    """Return the signals that apical weights carry down from the top, layer 1 first."""
    return list(accumulate(reversed(apical), lambda above, q: q @ above, initial=top))[::-1]


def _relative(basal, courses, mu, eta_hat):
    """Return, per layer, sizes and distances relative to the signals that exact inverses carry down."""
    inverses = [np.linalg.inv(w) for w in basal[1:]]
    factors = {
        "single": layer_signals.local_error_factors(mu, len(basal)),
        "two_phase": layer_signals.two_phase_factors(mu, len(basal)),
        "multiplexed": np.ones(len(basal)),
    }
    found = {}
    for name, (signal, error, reconstruction) in courses.items():
        carried = _carried(inverses, -eta_hat * error)
        ideal = [f * c for f, c in zip(factors[name], carried, strict=True)]
        sizes = np.array([np.linalg.norm(c) for c in ideal])
        if name == "single":
            found["single_signal"] = [np.linalg.norm(s) for s in signal] / sizes
            found["single_reconstruction"] = [np.linalg.norm(s) for s in reconstruction] / sizes
        else:
            away = [np.linalg.norm(s - c) for s, c in zip(signal, ideal, strict=True)]
            found[f"{name}_error"] = away / sizes
    return found


@style.styled
def _draw(degradations, found, expected):
    """Draw one panel per layer, with simulated values as dots and closed forms as lines; omit values of 0."""
    layers = next(iter(found.values())).shape[1]
    panels = style.row(layers, (1.9 + 1.9 * layers, 3.0), sharex=True)
    order = np.argsort(degradations)
    order = order[degradations[order] > 0]
    for i, ax in enumerate(panels):
        for colour, (name, label) in zip(style.PALETTE, SERIES.items(), strict=False):
            series = (a[name][order, i] for a in (found, expected))
            values, exact = (np.where(a > 1e-9, a, np.nan) for a in series)
            ax.plot(degradations[order], exact, color=colour, lw=1.0)
            ax.plot(degradations[order], values, "o", color=colour, markersize=4, label=label)
        ax.axhline(1.0, color=style.QUIET, lw=0.6, zorder=1, label="the signal itself")
        ax.set(xscale="log", yscale="log", xlabel="degradation d")
        ax.set_title(f"layer {i + 1}" + (" (top)" if i == layers - 1 else ""))
    panels[0].set_ylabel("relative to the signal\nwith exact inverses")
    style.legend_right(panels[-1], title="lines: closed form")
    return panels[0].figure
