"""Local circuits that are to compute the error of output units: they oscillate, and the mean is not the error.

Output units of several voltages h are shown as the right class (s = 1) and as a wrong one (s = -1), to five
circuits side by side (see `threshold_circuit`):

    sequential         output_filtered with a clock: in each tick error neurons change first, then control neurons
    synchronous        output_filtered with a clock: both change at the same time
    output_filtered, current_filtered, feed_forward
                       in continuous time

The first half of the units has s = 1, the second half s = -1, each with all `voltages`. An error should be 0
where s h > S. There the circuits with a control neuron that looks at the error oscillate, with the period 2
(sequential) or 4 (synchronous) ticks, or in continuous time

    tau_x ln(t_2 (1 - t_1)/(t_1 (1 - t_2))),   t_1 = (|h| - S)/(2 M),  t_2 = (|h| + M)/(2 M)

where tau_x is tau_control (output_filtered) or tau_error (current_filtered), whatever the other one is.

In time steps the circuits turn late, since an error that falls in one step needs up to 1/excess steps to make up
for it. Periods are those of the closed form if such a delay is short.

Measured per circuit, over whole periods in the second half of the run:

    period, expected_period     in ticks or seconds, nan where nothing oscillates
    mean, expected_mean         of the error; `required` is the error of eq. 6
    implements_eq_6             whether all errors are constant and those of eq. 6

Sources
-------
Amit (2021), Deep learning with asymmetric connections and Hebbian updates, appendix 1. The periods and means are
not in the paper.

Statements that fail
--------------------
"Ignoring the oscillation this circuit can be thought of as implementing the rule in (6)" (appendix 1): see the
model.
"""

import math
from typing import Any

import numpy as np

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.plot import style

TICKS = 24  # ticks of the sequential circuit, each of two time steps
CLOCKED = ("sequential", "synchronous")
FORMS = ("output_filtered", "current_filtered", "feed_forward")
EXACT = 1e-6  # largest deviation of an error that counts as that of eq. 6


class Parameters(ds.Parameters):
    voltages: tuple[float, ...] = ds.parameter(
        (-1.8, -1.5, -1.2, -0.8, -0.4, 0.4, 0.8, 1.2, 1.5, 1.8), "voltages h of output units"
    )
    duration: ds.Quantity | None = ds.parameter(
        None, "simulated time after the ticks (default: eight of the longest period)", unit="s", above=0
    )  # fmt: skip
    dt: ds.Quantity = ds.parameter("0.02 ms", "time step", above=0)
    circuit = ds.parameters_of("threshold_circuit", without=("units", "form"))


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    _check(p)
    duration = _duration(p)
    ticking = {**p.circuit, "tau_error": p.dt, "tau_control": p.dt}
    units = 2 * len(p.voltages)
    circuits = {
        name: ds.load_circuit("threshold_circuit", units=units, **ticking) for name in CLOCKED
    }
    circuits |= {
        form: ds.load_circuit(
            "threshold_circuit", units=units, form=form, **_parameters_of_form(p, form)
        )
        for form in FORMS
    }
    h, s = np.tile(p.voltages, 2), np.repeat([1.0, -1.0], len(p.voltages))
    tick = [
        ds.Phase(
            name,
            p.dt,
            gates={
                f"sequential_update_{other}": 0.0 for other in ("error", "control") if other != name
            },
        )
        for name in ("error", "control")
    ]
    return ds.Protocol(
        ds.Circuit.join(**circuits),
        (
            ds.Block("ticks", tuple(tick), trials=TICKS),
            ds.Block("run", (ds.Phase("run", duration),)),
        ),
        dt=p.dt,
        signals={f"{name}_output.h": h for name in circuits}
        | {f"{name}_output.supervision": s for name in circuits},
        recordings=(
            ds.Recording(
                tuple(
                    f"{name}_{path}" for name in CLOCKED for path in ("error.delta", "control.rate")
                ),
                every=p.dt,
                phases="ticks/*",
            ),
            ds.Recording(
                tuple(
                    f"{form}_{path}" for form in FORMS for path in ("error.delta", "error.total")
                ),
                every=p.dt,
                phases="run/*",
            ),
        ),
    )


def _parameters_of_form(p: Parameters, form: str) -> dict[str, Any]:
    """Return the parameters of a circuit; the feed-forward one has no `excess`."""
    own = dict(p.circuit)
    return {n: v for n, v in own.items() if (form, n) != ("feed_forward", "excess")}


def _check(p):
    """Refuse voltages and time steps for which there are no closed forms."""
    bound = p.circuit["bound"]
    if not p.voltages or max(abs(h) for h in p.voltages) >= bound:
        raise ParameterError(
            f"voltages is {list(p.voltages)}; there must be at least one, and all between -bound and bound, "
            f"{-bound:g} and {bound:g}"
        )
    fastest = min(float(p.circuit[n].value) for n in ("tau_error", "tau_control"))
    # From half of a time constant on, an error that approaches 1 from above becomes 1 by rounding, and is then no
    # longer too large, so the circuit turns too early.
    if float(p.dt.value) >= 0.5 * fastest:
        raise ParameterError(
            f"dt is {float(p.dt.value) * 1e3:g} ms; it must be below half of the shorter time constant, "
            f"{fastest * 1e3:g} ms"
        )


def _duration(p):
    """Return the time after the ticks, whose second half must have two periods of every unit."""
    periods = [_expected_period(p, f"tau_{name}") for name in ("error", "control")]
    longest = max(float(np.max(each, initial=0.0, where=_sufficient(p))) for each in periods)
    if p.duration is None:
        slowest = max(float(p.circuit[n].value) for n in ("tau_error", "tau_control"))
        dt = float(p.dt.value)
        return f"{math.ceil(max(8 * longest, 20 * slowest) / dt) * dt!r} s"
    if float(p.duration.value) < 4 * longest:
        raise ParameterError(
            f"duration is {float(p.duration.value) * 1e3:g} ms; it must be at least {4e3 * longest:.4g} ms, four "
            "of the longest period, half of which are measured"
        )
    return p.duration


def _expected_period(p, name):
    """Return the periods in seconds of units that oscillate, with the time constant `name` of the slow filter."""
    h = np.abs(_units(p)[0])
    bound, threshold = p.circuit["bound"], p.circuit["threshold"]
    low, high = (h - threshold) / (2 * bound), (h + bound) / (2 * bound)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(p.circuit[name].value) * np.log(high * (1 - low) / (low * (1 - high)))


def measure(result: ds.Result) -> ds.Measurement:
    """Compare periods and means with closed forms, and errors with those of eq. 6."""
    p = Parameters(**result.protocol.parameters)
    metrics = {name: _clocked(result, p, name) for name in CLOCKED}
    metrics |= {form: _continuous(result, p, form) for form in FORMS}
    required = _required(p)
    for found in metrics.values():
        exact = np.max(np.abs(found["mean"] - required)) <= EXACT
        found |= {
            "required": required,
            "implements_eq_6": bool(exact and np.isnan(found["period"]).all()),
        }
    figures = {
        "oscillation": lambda: _draw_traces(result, p),
        "mean": lambda: _draw_means(metrics, p),
    }
    step = result.protocol.time_step
    references = {
        f"{name}.{key}": ds.Reference(f"{name}.expected_{key}", *rest, reason=reason)
        for name in metrics
        for key, (*rest, reason) in _tolerances(name, step).items()
        if np.isfinite(metrics[name][f"expected_{key}"]).any()
    }
    return ds.Measurement(metrics, figures, references=references)


def _tolerances(name, step):
    """Return tolerance, kind, relative tolerance and its reason for period and mean of a circuit."""
    if name in CLOCKED:
        exact = (1e-9, "closed form", 0.0, "rounding: ticks are whole steps")
        return {"period": exact, "mean": exact}
    mean = (1e-6 if name == "feed_forward" else 0.01, "grid-limited", 0.0, "edges are whole steps")
    return {
        "period": (4 * step, "grid-limited", 0.01, "each turn is late by some steps"),
        "mean": mean,
    }


def _units(p):
    """Return h and s of all units."""
    return np.tile(p.voltages, 2), np.repeat([1.0, -1.0], len(p.voltages))


def _sufficient(p):
    """Return which units have a sufficient voltage, so that their error should be 0."""
    h, s = _units(p)
    return s * h > p.circuit["threshold"]


def _required(p):
    """Return the errors of eq. 6."""
    return np.where(_sufficient(p), 0.0, _full(p, 0.0))


def _full(p, excess):
    """Return the errors that are not shut off, exceeded by `excess`."""
    return np.where(_units(p)[1] > 0, 1.0 + excess, -p.circuit["balance"] - excess)


def _clocked(result, p, name):
    """Return period and mean of a clocked circuit, in ticks."""
    delta = result[f"{name}_error.delta"].values
    rate = result[f"{name}_control.rate"].values
    if name == "sequential":  # a tick has two steps
        delta, rate = delta[::2], rate[::2]
    states = np.stack([delta, rate])[:, len(delta) // 2 :]
    expected = {"sequential": 2.0, "synchronous": 4.0}[name]
    periods = np.array([_cycle(states[:, :, unit]) for unit in range(states.shape[2])])
    whole = int(4 * (states.shape[1] // 4))
    swinging = _sufficient(p)
    return {
        "period": np.where(periods > 1, periods, np.nan),
        "expected_period": np.where(swinging, expected, np.nan),
        "mean": states[0, :whole].mean(axis=0),
        "expected_mean": np.where(swinging, _full(p, p.circuit["excess"]) / 2, _full(p, 0.0)),
    }


def _cycle(states):
    """Return the smallest number of ticks after which the states of a unit repeat, or nan."""
    count = states.shape[1]
    repeats = [k for k in range(1, count // 2 + 1) if np.array_equal(states[:, k:], states[:, :-k])]
    return float(repeats[0]) if repeats else np.nan


def _continuous(result, p, form):
    """Return period and mean of a circuit in continuous time, in seconds."""
    delta, total = (result[f"{form}_error.{n}"] for n in ("delta", "total"))
    half = len(delta) // 2
    time, delta, total = delta.time.values[half:], delta.values[half:], total.values[half:]
    found = [_oscillation(time, total[:, i], delta[:, i]) for i in range(delta.shape[1])]
    swinging = _sufficient(p) & (form != "feed_forward")
    expected = _expected_period(p, "tau_control" if form == "output_filtered" else "tau_error")
    return {
        "period": np.array([period for period, _ in found]),
        "expected_period": np.where(swinging, expected, np.nan),
        "mean": np.array([mean for _, mean in found]),
        "expected_mean": _required(p) if form == "feed_forward" else _full(p, 0.0),
    }


def _oscillation(time, total, delta):
    """Return the mean period of `total`, and the mean of `delta` over whole periods; the period may be nan."""
    low, high = total.min(), total.max()
    above = total > (low + high) / 2
    ups = np.flatnonzero(~above[:-1] & above[1:])
    if high - low < 1e-3 or len(ups) < 2:
        return np.nan, delta[-1]
    middle = (low + high) / 2
    part = (middle - total[ups]) / (total[ups + 1] - total[ups])
    crossings = time[ups] + part * (time[1] - time[0])
    return float(np.mean(np.diff(crossings))), float(delta[ups[0] : ups[-1]].mean())


@style.styled
def _draw_traces(result, p):
    """Draw error and control, or total input, of the unit with the most sufficient voltage."""
    h, s = _units(p)
    unit = int(np.argmax(np.where(_sufficient(p), s * h, -np.inf)))
    axes = style.row(3, (9.0, 2.8))
    for ax, name in zip(axes[:2], CLOCKED, strict=True):
        drawn = {"error": "error.delta", "control": "control.rate"}
        for k, (label, path) in enumerate(drawn.items()):
            values = result[f"{name}_{path}"].values[:20, unit]
            ticks = np.arange(len(values)) / (2.0 if name == "sequential" else 1.0)
            ax.step(ticks, values, where="post", color=style.PALETTE[k], label=label)
        ax.set(xlabel="time (ticks)", title=name)
    for k, path in enumerate(("error.delta", "error.total")):
        trace = result[f"output_filtered_{path}"][:, unit]
        kept = trace[: len(trace) // 4]
        times = 1e3 * (kept.time.values - kept.time.values[0])
        style.line(
            axes[2],
            times,
            kept.values,
            color=style.PALETTE[2 * k],
            label=("error", "total input")[k],
        )
    axes[2].set(xlabel="time (ms)", title="output filtered")
    axes[0].set_ylabel(f"rates at h = {h[unit]:g}, s = {s[unit]:g}")
    axes[1].legend(loc="upper right")
    style.legend_right(axes[2])
    return axes[0].figure


@style.styled
def _draw_means(metrics, p):
    """Draw the mean error against the voltage, for both classes."""
    axes = style.row(2, (7.2, 3.0))
    count = len(p.voltages)
    order = np.argsort(p.voltages)
    h = np.asarray(p.voltages)[order]
    for ax, part, title in zip(
        axes, (slice(0, count), slice(count, None)), ("right class", "wrong class"), strict=True
    ):
        for k, (name, found) in enumerate(metrics.items()):
            ax.plot(
                h, found["mean"][part][order], "os^vD"[k], ms=5, mfc="none",
                color=style.PALETTE[k], label=name.replace("_", " "),
            )  # fmt: skip
        required = next(iter(metrics.values()))["required"][part][order]
        ax.plot(h, required, ".", ms=4, color=style.INK, label="required (eq. 6)")
        ax.set(xlabel="voltage of the output", title=title)
    axes[0].set_ylabel("mean error")
    style.legend_right(axes[1])
    return axes[0].figure
