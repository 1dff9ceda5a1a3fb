"""Pairs of matrices that learn to be pseudo-inverses of each other, and iterations that fail to.

Circuits side by side, all with white noise (figure 1 of the paper shows the first):

    both          recirculation (`reciprocal_feedback` in sleep): forward weights U and feedback weights V learn
    feedback      the same with fixed U
    flow          X <- X + step (X - X A X) (`pseudo_inverse_flow`), from X0 = alpha A^T
    symmetric     the same from X0 = alpha A^T + Z with Z A = 0: X0 A is symmetric
    concurrent    A <- A + step (A - A X A) as well, from a random X0

U has more columns than rows, A more rows than columns, so that A has further left inverses. Measured per circuit:

    distance          |V - U^+|/|U^+| or |X - A^+|/|A^+| (Frobenius norms) before and after learning
    inverse_error     |U V - 1| or |X A - 1|, spectral norm, after learning
    found             whether the pseudo-inverse was found, to 1e-6
    rate              decay of the distance per step and unit of the step, when 1e-3 to 1e-6 of it is left; nan if
                      it does not decay that far. `expected_rate` is that of the closed forms: (1 - l) s^2 with the
                      smallest singular value s of U (feedback, without decay) and 1 (flow)

Sources
-------
"A biologically-plausible learning rule using reciprocal feedback connections" (workshop abstract), figure 1.

Statements that fail
--------------------
The property that X0 A is symmetric is not sufficient (symmetric), and the concurrent iteration does not align two
random matrices (concurrent), whereas recirculation does.
"""

import numpy as np

import dendrosim as ds
from dendrosim.errors import ParameterError

FOUND = 1e-6
KEPT = 400  # approximate number of times at which weights are recorded
NAMES = {name: ("w1", "v1") for name in ("both", "feedback")} | {
    name: ("a", "x") for name in ("flow", "symmetric", "concurrent")
}


class Parameters(ds.Parameters):
    large: int = ds.parameter(6, "columns of U, rows of A", least=2)
    small: int = ds.parameter(4, "rows of U, columns of A; below large", least=1)
    trials: int = ds.parameter(2000, "number of steps", least=2)
    rate: float = ds.parameter(0.1, "size of a step, relative to the right-hand sides", above=0)
    regression: float = ds.parameter(0.75, "part of activity that is kept, l", least=0, below=1)
    decay: float = ds.parameter(0.0, "decay of U and V, relative to their learning rate", least=0)
    alpha: float = ds.parameter(0.3, "X0 over the transpose of A", above=0)
    outside: float = ds.parameter(1.0, "sd of Z, the part of X0 that A does not see", above=0)
    gain: float = ds.parameter(1.4, "largest singular value of U and A", above=0)
    condition: float = ds.parameter(2.0, "condition number of U and A", least=1)
    data_seed: int = ds.parameter(0, "seed of all matrices and of noise", least=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if p.small >= p.large:
        raise ParameterError(
            f"small is {p.small} and large is {p.large}; small must be below large, so that A has further left "
            "inverses"
        )
    if p.alpha >= 2 / p.gain**2:
        raise ParameterError(
            f"alpha is {p.alpha}; it must be below 2/gain^2 = {2 / p.gain**2:.4g}, or the flow diverges"
        )
    step, rng = 10e-3, np.random.default_rng(p.data_seed)
    rate = f"{p.rate / step!r} Hz"
    pair = {
        "sizes": (p.large, p.small), "eta_r": rate, "regression": p.regression, "decay": p.decay,
        "tau": f"{step} s",
    }  # fmt: skip
    shapes = {"upper": p.large, "lower": p.small, "eta": rate}
    circuits = {
        "both": ds.load_circuit("reciprocal_feedback", **pair),
        "feedback": ds.load_circuit("reciprocal_feedback", align="feedback", **pair),
        "flow": ds.load_circuit("pseudo_inverse_flow", **shapes),
        "symmetric": ds.load_circuit("pseudo_inverse_flow", **shapes),
        "concurrent": ds.load_circuit("pseudo_inverse_flow", concurrent=True, **shapes),
    }
    start = _start(p, rng)
    joined = ds.Circuit.join(**circuits)
    joined = joined.replace(
        matrices=[m.replace(initial=start.get(m.name, m.initial)) for m in joined.matrices]
    )
    rest = {gate: 0.0 for gate in joined.gates}
    learn = {g: 1.0 for g in joined.gates if g.endswith("_sleep") or g.split("_")[0] not in pairs()}
    phases = (
        ds.Phase("settle", f"{4 * step} s", gates=rest),
        ds.Phase("learn", f"{step} s", gates=rest | learn),
    )
    batch, signals = 2 * p.large, {"concurrent_lower.u": ds.Samples("small")}
    for name in pairs():
        signals |= {f"{name}_layer0.noise": ds.Samples("large")}
        signals |= {f"{name}_layer0.h": 0.0, f"{name}_layer1.target": 0.0}
    signals |= {f"{name}_upper.y": ds.Samples("large") for name in circuits if name not in pairs()}
    kept = tuple(f"{name}_{m}" for name, own in NAMES.items() for m in own)
    return ds.Protocol(
        joined,
        (ds.Block("learn", phases, trials=p.trials),),
        dt=f"{step} s",
        signals=signals,
        data={name: _white(batch, getattr(p, name), rng) for name in ("large", "small")},
        recordings=(
            ds.Recording(kept, every="phase", phases="learn/settle", thin=max(1, p.trials // KEPT)),
        ),
        batch=batch,
        batch_fixed=True,
    )


def pairs():
    """Return the names of the circuits that learn by recirculation."""
    return [name for name, own in NAMES.items() if own[0] == "w1"]


def _white(samples, units, rng):
    """Return inputs (samples, units) whose second moments are exactly those of white noise."""
    return np.sqrt(samples) * np.linalg.qr(rng.normal(size=(samples, units)))[0]


def _start(p, rng):
    """Return the initial matrices of all circuits."""
    drawn = ds.WellConditioned(p.gain, p.condition)
    u, v = (drawn.sample(shape, rng) for shape in ((p.small, p.large), (p.large, p.small)))
    a, x = (drawn.sample(shape, rng) for shape in ((p.large, p.small), (p.small, p.large)))
    unseen = np.linalg.svd(a)[0][:, p.small :].T  # rows that A maps to zero
    z = p.outside * rng.normal(size=(p.small, len(unseen))) @ unseen
    x = x if np.trace(x @ a) > 0 else -x
    # Random, but near an inverse: a direction that begins with the wrong sign diverges.
    near = np.linalg.pinv(a) + 0.2 * x
    begin = {"flow": p.alpha * a.T, "symmetric": p.alpha * a.T + z, "concurrent": near}
    found = {f"{name}_{m}": w for name in pairs() for m, w in (("w1", u), ("v1", v))}
    return found | {f"{n}_a": a for n in begin} | {f"{n}_x": x0 for n, x0 in begin.items()}


def measure(result: ds.Result) -> ds.Measurement:
    """Compare with pseudo-inverses and closed forms."""
    p = Parameters(**result.protocol.parameters)
    trials = max(1, p.trials // KEPT) * np.arange(len(result["flow_x"]))
    metrics, courses = {}, {}
    for name, own in NAMES.items():
        ahead, back = (result[f"{name}_{m}"].values for m in own)
        ends = [result.final[f"{name}_{m}"].values for m in own]
        distances = np.array([_distance(*pair) for pair in zip(ahead, back, strict=True)])
        product = ends[0] @ ends[1] if name in pairs() else ends[1] @ ends[0]
        found = [distances[0], _distance(*ends)]
        metrics[name] = {
            "distance": np.array(found),
            "inverse_error": float(np.linalg.norm(product - np.eye(p.small), 2)),
            "found": bool(found[1] <= FOUND),
            "rate": _rate(trials, distances, p.rate),
            "expected_rate": _expected(name, ahead[0], p),
        }
        courses[name] = distances

    def distance():
        title = "Distance from the pseudo-inverse"
        axes = {"xlabel": "step", "ylabel": "relative distance", "log": True}
        return ds.plot.curve(trials, courses, title=title, **axes).figure

    # Errors fall as (1 - step rate)^n while the mode of the slowest rate alone is left, which takes its time.
    references = {
        f"{name}.rate": ds.Reference(
            f"{name}.expected_rate", relative=0.02, reason="modes that are a little faster"
        )
        for name in NAMES
        if np.isfinite(metrics[name]["expected_rate"])
    }
    return ds.Measurement(metrics, {"distance": distance}, references=references)


def _distance(ahead, back):
    inverse = np.linalg.pinv(ahead)
    return float(np.linalg.norm(back - inverse) / np.linalg.norm(inverse))


def _rate(trials, distances, step):
    """Return the decay per step and unit of the step while 1e-3 to 1e-6 of the distance is left, or nan."""
    left = distances / distances[0]
    seen = np.flatnonzero((left < 1e-3) & (left > 1e-6))
    if len(seen) < 2:
        return np.nan
    first, last = seen[0], seen[-1]
    factor = (distances[last] / distances[first]) ** (1 / (trials[last] - trials[first]))
    return float((1 - factor) / step)


def _expected(name, ahead, p):
    """Return the rate of the closed form, or nan where there is none."""
    if name == "flow":
        return 1.0
    smallest = np.linalg.svd(ahead, compute_uv=False).min()
    # With decay, V does not tend to the pseudo-inverse.
    known = name == "feedback" and not p.decay
    return float((1 - p.regression) * smallest**2) if known else np.nan
