"""How much faster the error of a linear network falls if its feedback weights learn as well.

Feedback weights learn `eps` times as fast as forward weights. With `layers` = "2" or "3", each number of `eps` is
a network with one weight per layer, that is, one direction of a network with more units. Its initial feedback
weights are `lr`, its target is `target`, and its forward weights begin at 0. With `layers` = "figure12" it is a
network of 40, 100, 100 and 10 units with random feedback weights and a random target, and there is one more
network that learns by back-propagation. Time steps are those of Heun's method (`rk2`).

Measured, one number per `eps`:

    rate                 rate at which the error falls in the end, from the ratio of successive errors
    time_to_1_percent    time at which the error is a hundredth of its start
    invariant_error      largest change of what the flow keeps (see `linear_feedback`)
    weights              forward weights of each layer at the end (layers 2 or 3)
    correlation          of W_i with R_i^T at the end, per layer (figure12)
    first_above_middle   whether layer 1 is more correlated with its feedback than layer 2 (figure12)

and otherwise:

    ordered              part of the times at which a larger `eps` has a smaller error, up to rounding
    weights_increase     per layer, whether the weight at the end increases with `eps` (layers 2 or 3)
    middle_bound         largest correlation of layer 2 that fixed feedback allows (figure12)
    backprop_rate, backprop_time_to_1_percent (figure12)

What is not as printed:

- Theorem 2 says that l_1, l_2 and l_3 increase with eps. At the end their product is the target for every eps, so
  not all of them can, and the last one decreases: see `weights_increase`. The errors are ordered all the same.
- Section 5.1 says that the correlation of the input layer is above that of the middle layer. That holds only for
  eps near 1: see `first_above_middle`.
- With fixed feedback, the correlation of layer 2 is limited by geometry and not by the time of training: W_2 =
  R_3 B R_3^T R_2^T is in the range of R_3, so its correlation with R_2^T is at most the norm of the part of R_2^T
  in this range over that of R_2^T, `middle_bound`. For random weights that is sqrt(10/100), give or take 2 %.

Sources
-------
Amit, Deep learning with asymmetric connections and Hebbian updates, section 5, appendix 2 and Fig. 12.

Errata applied
--------------
T = W_1* W_2* W_3* must be transposed, to be 10 x 40. With entries of standard deviation 2, its largest singular
value is several thousand, which needs time steps below 1e-4: T is divided by it.
"""

import warnings
from itertools import pairwise
from typing import Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis import linear_feedback
from dendrosim.errors import DendrosimWarning, ParameterError
from dendrosim.plot import style

SIZES = (40, 100, 100, 10)
FEEDBACK = {"2": (0.1,), "3": (0.1, 0.05)}
TARGET = {"2": 0.9, "3": 0.8, "figure12": 1.0}
STEP, RESOLUTION = 0.02, 0.025  # longest time step in s; its largest product with a rate
COARSE = 0.2  # from this product on, times to 1 % of the error are about 0.3 % late, or more
ITERATION, SUBSTEPS = 0.1, 4  # time between two errors of the figure in s; its time steps
ITERATIONS = 1000  # their number
PARTS = 40  # times at which the weights of the figure are recorded
END = 1e-7  # error relative to its start at which only the slowest mode counts as left
HEUN = "error of Heun's method, which falls with the square of the time step"
ROUNDING = 1e-12  # error relative to its start that counts as a rounding error
BACKPROP = "backprop"


class Parameters(ds.Parameters):
    layers: Literal["2", "3", "figure12"] = ds.parameter(
        "2", "layers of weights, or the network of Fig. 12"
    )
    eps: tuple[float, ...] = ds.parameter(
        (0.0, 0.25, 0.5, 1.0), "learning rates of feedback weights over that of others", least=0
    )  # fmt: skip
    lr: tuple[float, ...] | None = ds.parameter(
        None, "initial feedback weights, R_2 first ((0.1,) or (0.1, 0.05)); not for figure12", above=0
    )  # fmt: skip
    target: float | None = ds.parameter(
        None, "target, in figure12 its largest singular value (0.9, 0.8 or 1)", above=0
    )
    spread: float | None = ds.parameter(
        None, "standard deviation of random weights, with layers=figure12 (default: 0.05)", above=0
    )
    duration: ds.Quantity | None = ds.parameter(
        None, "simulated time (until the error is 1e-7 of its start; figure12: 1000 steps)", unit="s", above=0
    )  # fmt: skip
    dt: ds.Quantity | None = ds.parameter(
        None, "time step (20 ms or less; figure12: 25 ms)", unit="s", above=0
    )
    data_seed: int | None = ds.parameter(
        None, "seed of the target and of random weights, with layers=figure12 (default: 0)", least=0
    )


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol; the learning rate is 1 Hz, so that a second is the unit of time."""
    if not p.eps:
        raise ParameterError("eps is empty; give at least one number")
    if len(set(p.eps)) < len(p.eps):
        raise ParameterError(f"eps is {list(p.eps)}; its numbers must differ")
    return _figure12(p) if p.layers == "figure12" else _directions(p)


# -- one direction: a weight per layer --------------------------------------------------------------------


def _directions(p):
    for name in ("spread", "data_seed"):
        if (value := getattr(p, name)) is not None:
            raise ParameterError(
                f"{name} is {value}, but layers is {p.layers}, which has no random weights; leave it out, or "
                "choose layers=figure12"
            )
    feedback, target = _feedback(p), _target(p)
    dt = _step(p, feedback, target)
    if p.duration is None:
        slowest = max(linear_feedback.time_to_error(END, feedback, target, eps) for eps in p.eps)
        steps = int(slowest / dt) + 10
    else:
        steps = max(2, round(p.duration.value / dt))
    count, last = len(p.eps), len(feedback) + 1
    circuit = ds.load_circuit(
        "linear_feedback", sizes=(count,) * (last + 1), eps=p.eps, one_to_one=True
    )
    starts = {f"r{i}": value for i, value in enumerate(feedback, start=2)}
    every = f"{dt!r} s"
    return ds.Protocol(
        _with_starts(circuit, starts),
        (ds.Block("run", (ds.Phase("learn", f"{steps * dt!r} s"),)),),
        dt=every,
        signals={"layer0.h": 1.0, f"layer{last}.target": target},
        recordings=(ds.Recording((f"layer{last}.d", "w*", "r*"), every=every),),
        batch_fixed=True,
        method="rk2",
    )


def _feedback(p):
    """Return the initial feedback weights R_2 .. R_k."""
    feedback = FEEDBACK[p.layers] if p.lr is None else p.lr
    if len(feedback) != int(p.layers) - 1:
        raise ParameterError(
            f"lr is {list(feedback)}; layers = {p.layers!r} needs one number for each feedback weight, so "
            f"{int(p.layers) - 1}"
        )
    return feedback


def _target(p):
    return TARGET[p.layers] if p.target is None else p.target


def _step(p, feedback, target):
    """Return the time step in seconds, by default short enough for the fastest network.

    The rate r is computed from the factor of a step, 1 - z + z^2/2 with z = r dt, which grows again above z = 1.
    """
    fastest = max(linear_feedback.error_rate(feedback, target, eps) for eps in p.eps)
    if p.dt is None:
        return min(STEP, RESOLUTION / fastest)
    dt = float(p.dt.value)
    said = f"dt is {p.dt}, but the error of the fastest network falls at {fastest:.3g} per second"
    if fastest * dt >= 1:
        raise ParameterError(
            f"{said}; steps show rates up to 1/dt only, so choose less than {1 / fastest:.3g} s"
        )
    if fastest * dt > COARSE:
        warnings.warn(
            f"{said}, so times are those of coarse steps; choose at most {COARSE / fastest:.3g} s",
            DendrosimWarning,
            stacklevel=2,
        )
    return dt


def _with_starts(circuit, starts):
    matrices = [
        m.replace(initial=starts[m.name]) if m.name in starts else m for m in circuit.matrices
    ]
    return circuit.replace(matrices=matrices)


# -- Fig. 12 ----------------------------------------------------------------------------------------------


def _figure12(p):
    if p.lr is not None:
        raise ParameterError(
            f"lr is {list(p.lr)}; the feedback weights of figure12 are random, so give `spread` and `data_seed`"
        )
    rng = np.random.default_rng(p.data_seed or 0)
    spread = 0.05 if p.spread is None else p.spread
    dt = ITERATION / SUBSTEPS if p.dt is None else float(p.dt.value)
    hidden = [rng.normal(0.0, 2.0, shape) for shape in pairwise(SIZES)]
    wanted = (hidden[0] @ hidden[1] @ hidden[2]).T
    wanted *= _target(p) / np.linalg.norm(wanted, 2)
    feedback, forward = (
        [rng.normal(0.0, spread, (below, above)) for below, above in pairwise(SIZES)]
        for _ in range(2)
    )
    total = ITERATIONS * ITERATION if p.duration is None else float(p.duration.value)
    substeps = max(1, round(ITERATION / dt))
    steps = max(2, round(total / dt / substeps)) * substeps
    options = {"sizes": SIZES, "samples": SIZES[0], "first_feedback": True}
    parts = {}
    for k, eps in enumerate(p.eps):
        circuit = ds.load_circuit("linear_feedback", eps=(eps,), **options)
        parts[_name(k)] = _with_starts(circuit, {f"r{i}": r for i, r in enumerate(feedback, 1)})
    # With R = W^T at the beginning and eps = 1, feedback weights stay the transposed weights.
    backprop = ds.load_circuit("linear_feedback", eps=(1.0,), **options)
    starts = {f"r{i}": w for i, w in enumerate(forward, 1)} | {
        f"w{i}": w.T for i, w in enumerate(forward, 1)
    }
    parts[BACKPROP] = _with_starts(backprop, starts)
    inputs, last = np.eye(SIZES[0]), len(SIZES) - 1
    return ds.Protocol(
        ds.Circuit.join(**parts),
        (ds.Block("run", (ds.Phase("learn", f"{steps * dt!r} s"),)),),
        dt=f"{dt!r} s",
        signals={
            **{f"{name}_layer0.h": ds.Samples("x") for name in parts},
            **{f"{name}_layer{last}.target": ds.Samples("y") for name in parts},
        },
        data={"x": inputs, "y": wanted.T},
        recordings=(
            ds.Recording(f"*_layer{last}.d", every=f"{substeps * dt!r} s"),
            ds.Recording(("*_w*", "*_r*"), every=f"{max(1, steps // PARTS) * dt!r} s"),
        ),
        batch=SIZES[0],
        batch_fixed=True,
        method="rk2",
    )


def _name(k):
    return f"eps{k}"


# -- measures ---------------------------------------------------------------------------------------------


def measure(result: ds.Result) -> ds.Measurement:
    """Compare how fast the error falls with closed forms, and what the paper says with what happens."""
    p = Parameters(**result.protocol.parameters)
    return (
        _measure_figure12(result, p) if p.layers == "figure12" else _measure_directions(result, p)
    )


def _measure_directions(result, p):
    feedback, target = _feedback(p), _target(p)
    last = len(feedback) + 1
    trace = result[f"layer{last}.d"]
    errors = trace.values
    w = np.stack([result[f"w{i}"].values for i in range(1, last + 1)], axis=1)
    r = np.stack([result[f"r{i}"].values for i in range(2, last + 1)], axis=1)
    eps = np.array(p.eps)
    kept = r * w[:, 1:] - eps * w[:, 1:] ** 2 / 2 - w[:, :-1] ** 2 / 2
    drift = np.maximum(abs(kept).max(axis=(0, 1)), abs(r - eps * w[:, 1:] - r[0]).max(axis=(0, 1)))
    final = np.stack([result.final[f"w{i}"].values for i in range(1, last + 1)])
    forms = [(feedback, target, e) for e in p.eps]
    metrics = {
        **_fall(trace.time, errors, result.protocol.time_step),
        "invariant_error": drift,
        "ordered": _ordered(errors, eps),
        "weights": final,
        "weights_increase": np.all(np.diff(final[:, np.argsort(eps)]) > 0, axis=1),
    }
    references = {
        "rate": np.array([linear_feedback.error_rate(*f) for f in forms]),
        "time_to_1_percent": np.array([linear_feedback.time_to_error(0.01, *f) for f in forms]),
        "weights": np.array([linear_feedback.final_weights(*f) for f in forms]).T,
    }
    allowed = {"rate": 1e-5, "time_to_1_percent": 0.01, "weights": 1e-3}
    references = {n: ds.Reference(v, allowed[n], reason=HEUN) for n, v in references.items()}
    references["invariant_error"] = ds.Reference(0.0, 1e-6, reason=HEUN)
    named = {f"ε = {e:g}": errors[:, k] / target for k, e in enumerate(p.eps)}
    weights = {f"ε = {e:g}": w[:, :, k].T for k, e in enumerate(p.eps)}

    def fall():
        return _draw(trace.time, named, weights, "Weight of layer {}")

    return ds.Measurement(metrics, {"error": fall}, references=references)


def _measure_figure12(result, p):
    last, names = len(SIZES) - 1, [*map(_name, range(len(p.eps))), BACKPROP]
    traces = {n: result[f"{n}_layer{last}.d"] for n in names}
    time = traces[BACKPROP].time
    errors = np.stack([np.linalg.norm(traces[n].values, axis=(1, 2)) for n in names], axis=1)
    eps = np.array(p.eps)
    fall = _fall(time, errors, result.protocol.time_step)
    matrices = {n: _matrices(result, n) for n in names}
    courses = {n: np.array([_correlation(*pair) for pair in m]) for n, m in matrices.items()}
    final = np.stack([courses[n][:, -1] for n in names[:-1]], axis=1)
    metrics = {
        **{n: values[:-1] for n, values in fall.items()},
        **{f"backprop_{n}": float(values[-1]) for n, values in fall.items()},
        "invariant_error": np.array(
            [_drift(matrices[n], e) for n, e in zip(names[:-1], eps, strict=True)]
        ),
        "ordered": _ordered(errors[:, :-1], eps),
        "correlation": final,
        "first_above_middle": final[0] > final[1],
        "middle_bound": _middle_bound(*(matrices[names[0]][i][1][0] for i in (1, 2))),
    }
    labels = [*(f"ε = {e:g}" for e in p.eps), "back-propagation"]
    named = {label: errors[:, k] / errors[0, k] for k, label in enumerate(labels)}
    shown = {label: courses[n] for label, n in zip(labels[:-1], names[:-1], strict=True)}
    moments = result[f"{BACKPROP}_w1"].time

    def draw():
        return _draw(time, named, shown, "Correlation of W and R$^T$, layer {}", moments)

    references = {"invariant_error": ds.Reference(0.0, 1e-6, reason=HEUN)}
    return ds.Measurement(metrics, {"error": draw}, references=references)


def _matrices(result, name):
    """Return W_i and R_i of each layer over time."""
    return [
        (result[f"{name}_w{i}"].values, result[f"{name}_r{i}"].values) for i in range(1, len(SIZES))
    ]


def _correlation(w, r):
    """Return the correlation of W with R^T at each time; it is 0 while W is 0."""
    pairs = zip(w, r.swapaxes(1, 2), strict=True)
    return [float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) if np.any(a) else 0.0 for a, b in pairs]


def _middle_bound(r2, r3):
    """Return the norm of the part of R_2^T in the range of R_3, over that of R_2^T."""
    basis = np.linalg.qr(r3)[0]
    return float(np.linalg.norm(basis.T @ r2.T) / np.linalg.norm(r2))


def _drift(matrices, eps):
    """Return the largest change of what the flow keeps."""
    largest = 0.0
    for (below, _), (w, r) in pairwise(matrices):
        offset = r - eps * w.swapaxes(1, 2)
        product = offset[0] @ w
        kept = product + product.swapaxes(1, 2) + eps * w.swapaxes(1, 2) @ w
        kept -= below @ below.swapaxes(1, 2)
        largest = max(largest, abs(kept - kept[0]).max(), abs(offset - offset[0]).max())
    return largest


def _fall(time, errors, dt):
    """Return rates and times of the fall of errors, shape (times, networks); nan if it is not reached."""
    parts = abs(errors) / abs(errors[0])
    rates, times = [], []
    steps = round(float(time[1] - time[0]) / dt)
    for part in parts.T:
        rates.append(_rate(part, steps) / dt)
        below = np.flatnonzero(part <= 0.01)
        k = below[0] if len(below) else 0
        inside = np.log(part[k - 1] / 0.01) / np.log(part[k - 1] / part[k]) if k else np.nan
        times.append(float(time[k - 1] + inside * (time[k] - time[k - 1])))
    return {"rate": np.array(rates), "time_to_1_percent": np.array(times)}


def _rate(part, steps):
    """Return rate z per step from the ratio of late errors; a step of Heun's method makes 1 - z + z^2/2 of one."""
    late = np.flatnonzero(part <= END)
    if not len(late) or late[0] < 1:
        return np.nan
    ratio = (part[late[0]] / part[late[0] - 1]) ** (1 / steps)
    return 1 - np.sqrt(max(2 * ratio - 1, 0.0))


def _ordered(errors, eps):
    """Return the part of the times at which errors fall with eps; rounding errors are equal."""
    sizes = np.maximum(abs(errors[1:]) / abs(errors[0]), ROUNDING)[:, np.argsort(eps)]
    return float(np.mean(np.all(np.diff(sizes) <= 0, axis=1)))


@style.styled
def _draw(time, errors, courses, title, moments=None):
    """Draw the errors, and below them one panel per layer."""
    rows = len(next(iter(courses.values())))
    panels = style.panels(rows + 1, (6.0, 1.5 * (rows + 1)))
    for k, (label, course) in enumerate(errors.items()):
        colour = style.PALETTE[k % len(style.PALETTE)]
        seen = course > ROUNDING
        style.line(panels[0], time[seen], course[seen], color=colour, label=label)
        if label not in courses:
            continue
        for ax, values in zip(panels[1:], courses[label], strict=True):
            style.line(ax, time if moments is None else moments, values, color=colour)
    panels[0].set(yscale="log", ylabel="relative error", title="Error")
    for i, ax in enumerate(panels[1:], 1):
        ax.set_title(title.format(i))
    panels[-1].set_xlabel("time (s)")
    panels[-1].margins(x=0.01)
    style.legend_right(panels[0])
    return panels[0].figure
