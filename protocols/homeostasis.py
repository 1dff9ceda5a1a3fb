"""Homeostasis by synaptic scaling: rates return after deprivation, and the ratios of weights are kept.

Linear cells get constant inputs through weights of different sizes. When a part of the inputs falls silent,
rates fall; scaling (`ds.rules.synaptic_scaling`) multiplies all weights of a cell by one factor until its
average rate is at the target again. When the inputs come back, rates are too high, and return again.

    before      all inputs
    deprived    without a part of the inputs
    restored    all inputs

Measured, rates as means over cells:

    rate_before, rate_deprived, rate_restored   rates at the ends of the phases
    lowest, highest       smallest rate when deprived, largest when restored
    ratio_error           largest relative change of the ratio of two weights of a cell in the whole run
    recovery_rate         rate at which the error of the rate decays in the last part of `deprived`
    expected_rate         slowest eigenvalue of d(ln w)/dt = (1 - a/target)/tau, da/dt = (y - a)/tau_average

Sources
-------
Turrigiano, Leslie, Desai, Rutherford & Nelson (1998), Nature 391:892: that rates return, and that weights scale by
one factor. The protocol is a choice.
"""

import numpy as np

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.mechanisms.time_constants import check_time_constants
from dendrosim.plot import style


class Parameters(ds.Parameters):
    cells: int = ds.parameter(10, "number of cells", least=1)
    inputs: int = ds.parameter(40, "number of inputs", least=2)
    deprived: float = ds.parameter(0.5, "part of the inputs that falls silent", above=0, below=1)
    target: float = ds.parameter(1.0, "target rate", above=0)
    tau: ds.Quantity = ds.parameter("30 s", "time constant of scaling", above=0)
    tau_average: ds.Quantity = ds.parameter("5 s", "time constant of the average rate", above=0)
    duration: ds.Quantity = ds.parameter("400 s", "duration of each phase", above=0)
    dt: ds.Quantity = ds.parameter("100 ms", "time step", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if p.tau.value <= 4 * p.tau_average.value:
        raise ParameterError(
            f"tau is {p.tau} and tau_average {p.tau_average}; tau must be above 4 tau_average, or rates oscillate "
            "around the target"
        )
    silent = max(1, min(p.inputs - 1, round(p.deprived * p.inputs)))
    rule = ds.rules.synaptic_scaling(target=p.target, tau=p.tau, tau_average=p.tau_average)
    mean = p.target / p.inputs
    cells = ds.Population("cell", p.cells, "y : 1", initial={})
    cells = rule.add_to(cells).replace(initial={"average": p.target})
    circuit = ds.Circuit(
        (ds.Population("input", p.inputs, "x : 1", inputs="x"), cells),
        [ds.Matrix("w", "cell", "input", ds.Uniform(0.2 * mean, 1.8 * mean), rule=rule)],
        [ds.Projection("input.x", "w", "cell.y")],
    )
    check_time_constants(circuit, float(p.dt.value))
    some = [float(k >= silent) for k in range(p.inputs)]
    kept = max(1, round(p.duration.value / p.dt.value / 20)) * float(p.dt.value)
    phases = tuple(
        ds.Phase(name, p.duration, signals={"input.x": x})
        for name, x in (("before", 1.0), ("deprived", some), ("restored", 1.0))
    )
    return ds.Protocol(
        circuit,
        (ds.Block("run", phases),),
        dt=p.dt,
        method="rk2",
        recordings=(
            ds.Recording("cell.y", every=f"{10 * float(p.dt.value)!r} s"),
            ds.Recording("w", every=f"{kept!r} s"),
        ),
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Compare rates with the target, and ratios of weights with those at the beginning."""
    p = Parameters(**result.protocol.parameters)
    trace, weights = result.traces["cell.y"], result.traces["w"].values
    rates = trace.values.mean(axis=(1, 2))
    courses = {}
    for span in result.phases():
        inside = (trace.time >= span.start - 1e-9) & (trace.time < span.stop - 1e-9)
        courses[span.phase] = trace.time[inside], rates[inside]
    shares = weights / weights.sum(axis=2, keepdims=True)
    slow = (1 - np.sqrt(1 - 4 * p.tau_average.value / p.tau.value)) / (2 * p.tau_average.value)
    metrics = {
        **{f"rate_{name}": float(y[-1]) for name, (_, y) in courses.items()},
        "lowest": float(courses["deprived"][1].min()),
        "highest": float(courses["restored"][1].max()),
        "ratio_error": float(np.abs(shares / shares[0] - 1).max()),
        "recovery_rate": _decay(*courses["deprived"], p.target),
        "expected_rate": float(slow),
    }
    references = {
        f"rate_{name}": ds.Reference(p.target, relative=1e-3, reason="the time of a phase")
        for name in courses
    }
    references |= {
        "ratio_error": ds.Reference(0.0, 1e-10, reason="rounding"),
        "recovery_rate": ds.Reference(
            "expected_rate", relative=0.01, reason="the faster mode, and time steps"
        ),
    }
    figures = {
        "rates": lambda: _draw(result, p),
        "weights": lambda: ds.plot.weight_change(result, "w").figure,
    }
    return ds.Measurement(
        metrics,
        figures,
        units={"recovery_rate": "Hz", "expected_rate": "Hz"},
        references=references,
    )


def _decay(time, rates, target):
    """Return the rate at which the error of the rate decays when 1 % to 0.01 % of the target is left."""
    error = np.abs(rates - target) / target
    used = (error < 1e-2) & (error > 1e-4)
    if np.count_nonzero(used) < 3:
        return float("nan")
    return float(-np.polyfit(time[used], np.log(error[used]), 1)[0])


@style.styled
def _draw(result, p):
    trace = result.traces["cell.y"]
    ax = style.axes(None, (6.0, 3.0))
    ax.plot(trace.time, trace.values[:, :, 0], color=style.PALETTE[0], lw=0.6, alpha=0.6)
    ax.axhline(p.target, color=style.INK, ls="--", lw=1)
    for span, tint in zip(result.phases(), style.TINTS, strict=False):
        ax.axvspan(span.start, span.stop, color=tint, lw=0, zorder=0)
        ax.text(span.start, ax.get_ylim()[1], f" {span.phase}", va="top", fontsize=8)
    ax.set(xlabel="time (s)", ylabel="rate of each cell")
    return ax.figure
