"""VIP cells open a gate for input to dendrites by inhibiting SST cells; NDNF cells close a part of it again.

Dendrites are near or below the threshold at which they respond, and receive the same pulse twice while VIP cells
are driven: `early`, when the drive begins, and `late`, when the circuit has settled with it. Each VIP drive is a
sample of its own. Two circuits are side by side:

    intact    VIP cells inhibit SST cells, so their drive disinhibits dendrites
    cut       without the connection from VIP to SST cells, and with a background that keeps rates of 1 a fixed
              point

SST cells are fast, and also inhibit NDNF cells. So disinhibition comes at once, but NDNF cells fire more as well,
and the GABA that they spill reaches dendrites with a delay of about `tau_spilled`.

Measured for each circuit, by VIP drive; rates are means over all cells of a class:

    early, late      increase of the rate of dendrites by the pulse: largest rate in the pulse, minus the rate that
                     it would have without the pulse
    soma             the same for somata, early
    sst, ndnf        rates with the VIP drive, settled, before the late pulse
    deviation        largest distance of any rate, settled, from the closed form of the mean field

Sources
-------
Pfeffer et al. (2013), Nature Neuroscience 16:1068, and Pi et al. (2013), Nature 503:521, for disinhibition by way
of VIP and SST cells; the circuit is `cell_types`. The protocol and its numbers are choices made here.
"""

import numpy as np

import dendrosim as ds
from dendrosim.analysis.presynaptic_inhibition import CLASSES, steady_states
from dendrosim.errors import ParameterError
from dendrosim.mechanisms.time_constants import check_time_constants
from dendrosim.plot import style

EVERY = 5e-3  # seconds between recorded rates, rounded to whole time steps
SHOWN = {  # what is recorded of each class
    name: f"pyramidal.{name}" if name in ("soma", "dendrite") else f"{name}.r" for name in CLASSES
}


class Parameters(ds.Parameters):
    vip_drives: tuple[float, ...] = ds.parameter(
        (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5), "drives of VIP cells, each in a sample of its own"
    )
    bias: float = ds.parameter(-1.5, "constant drive of dendrites")
    pulse: float = ds.parameter(0.5, "drive of dendrites by the pulse, in addition", above=0)
    duration: ds.Quantity = ds.parameter("100 ms", "duration of the pulse", above=0)
    settle: ds.Quantity = ds.parameter("3 s", "time to settle, with and without VIP drive", above=0)
    dt: ds.Quantity = ds.parameter("1 ms", "time step", above=0)
    circuit = ds.parameters_of("cell_types")


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol; samples in its second half get no pulse."""
    if not p.vip_drives:
        raise ParameterError("vip_drives is empty; give at least one drive")
    circuits = {name: ds.load_circuit("cell_types", **given) for name, given in _given(p).items()}
    pyramidal, vip = (circuits["intact"].population(k).size for k in ("pyramidal", "vip"))
    count = len(p.vip_drives)
    for circuit in circuits.values():
        check_time_constants(circuit, float(p.dt.value))
    every = max(1, round(EVERY / p.dt.value)) * p.dt.value
    pulse = np.repeat([p.pulse, 0.0], count)

    def phase(name, duration, driven=True, pulsed=False):
        signals = {}
        for circuit in circuits:
            signals[f"{circuit}_vip.drive"] = ds.Samples("vip") if driven else 0.0
            drive = (ds.Constant(p.bias), ds.Samples("pulse")) if pulsed else p.bias
            signals[f"{circuit}_pyramidal.dendrite_drive"] = drive
        return ds.Phase(name, duration, signals=signals)

    phases = (
        phase("before", p.settle, driven=False),
        phase("early", p.duration, pulsed=True),
        phase("between", p.settle),
        phase("late", p.duration, pulsed=True),
        phase("after", p.duration),
    )
    return ds.Protocol(
        ds.Circuit.join(**circuits),
        (ds.Block("run", phases),),
        dt=p.dt,
        data={
            "vip": np.tile(p.vip_drives, 2)[:, None] * np.ones(vip),
            "pulse": pulse[:, None] * np.ones(pyramidal),
        },
        recordings=(
            ds.Recording(tuple(f"*{path}" for path in SHOWN.values()), every=f"{every!r} s"),
        ),
        batch=2 * count,
        batch_fixed=True,
    )


def _given(p):
    """Return the parameters of both circuits."""
    return {"intact": p.circuit, "cut": {**p.circuit, "sst_from_vip": 0.0}}


def measure(result: ds.Result) -> ds.Measurement:
    """Compare responses to the pulse with and without the connection from VIP to SST cells."""
    p = Parameters(**result.protocol.parameters)
    found = {name: _read(result, name, given, p) for name, given in _given(p).items()}
    metrics = {"vip_drive": np.array(p.vip_drives)}
    metrics |= {k: {name: found[name][k] for name in found} for k in found["intact"]}
    zero = dict.fromkeys(found, 0.0)
    references = {"deviation": ds.Reference(zero, 5e-3, reason="what is left after settling")}
    order = np.argsort(p.vip_drives)
    rates = {f"{k.upper()} cells": metrics[k]["intact"][order] for k in ("sst", "ndnf")}
    axes = {"xlabel": "drive of VIP cells", "ylabel": "rate, settled", "log": False}
    figures = {
        "gating": lambda: _draw_responses(metrics),
        "courses": lambda: _draw_courses(result, p),
        "rates": lambda: ds.plot.curve(metrics["vip_drive"][order], rates, **axes).figure,
    }
    return ds.Measurement(metrics, figures, references=references)


def _course(result, name, kind):
    """Return times and mean rates of a class, shape (times, samples)."""
    trace = result.traces[f"{name}_{SHOWN[kind]}"]
    return trace.time, trace.values.mean(axis=1)


def _read(result, name, given, p):
    count = len(p.vip_drives)
    spans = {span.phase: span for span in result.phases()}
    courses = {kind: _course(result, name, kind)[1] for kind in CLASSES}
    time, _ = _course(result, name, "soma")

    def response(kind, phase):
        span = spans[phase]
        inside = (time > span.start + 1e-9) & (time <= span.stop + 1e-9)
        pulsed, without = np.split(courses[kind][inside], 2, axis=1)
        return np.max(pulsed - without, axis=0)

    settled = np.flatnonzero(time <= spans["between"].stop + 1e-9)[-1]
    rates = np.array(
        [courses[kind][settled, count:] for kind in CLASSES]
    ).T  # without a pulse before
    return {
        "early": response("dendrite", "early"),
        "late": response("dendrite", "late"),
        "soma": response("soma", "early"),
        "sst": rates[:, CLASSES.index("sst")],
        "ndnf": rates[:, CLASSES.index("ndnf")],
        "deviation": _deviation(rates, given, p),
    }


def _deviation(rates, given, p):
    drives = np.zeros((len(rates), len(CLASSES)))
    drives[:, CLASSES.index("vip")] = p.vip_drives
    drives[:, CLASSES.index("dendrite")] = p.bias
    weights = {k: v for k, v in given.items() if "_from_" in k}
    exact = steady_states(weights, drives, given["b"], given["p_low"])
    nearest = [np.min(np.max(np.abs(s - r), axis=1)) for s, r in zip(exact, rates, strict=True)]
    return float(np.max(nearest))


@style.styled
def _draw_responses(metrics):
    """Draw responses of dendrites against the VIP drive."""
    ax = style.axes(None, (5.4, 3.0))
    x = metrics["vip_drive"]
    order = np.argsort(x)
    for k, phase in enumerate(("early", "late")):
        for name, ls in (("intact", "-"), ("cut", (0, (5, 1.5)))):
            y = metrics[phase][name][order]
            label = f"{phase}, {name}"
            ax.plot(x[order], y, "o", ms=3.5, ls=ls, color=style.PALETTE[k], label=label)
    ax.set(xlabel="drive of VIP cells", ylabel="response of dendrites to a pulse")
    style.legend_right(ax)
    return ax.figure


@style.styled
def _draw_courses(result, p):
    """Draw rates of dendrites around both pulses in the intact circuit, one shade for each VIP drive."""
    from matplotlib import colormaps

    spans = {span.phase: span for span in result.phases()}
    shades = colormaps["viridis"](np.linspace(0.85, 0.0, len(p.vip_drives)))
    time, rates = _course(result, "intact", "dendrite")
    axes = style.row(2, (8.2, 2.9))
    for ax, phase in zip(axes, ("early", "late"), strict=True):
        start, stop = spans[phase].start, spans[phase].stop
        around = (time >= start - (stop - start) / 2) & (time <= stop + (stop - start))
        for shade, k in zip(shades, np.argsort(p.vip_drives), strict=True):
            style.line(
                ax, 1e3 * (time[around] - start), rates[around, k], color=shade,
                label=f"{p.vip_drives[k]:g}",
            )  # fmt: skip
        ax.axvspan(0, 1e3 * (stop - start), color=style.QUIET, alpha=0.2, lw=0)
        ax.set(title=f"{phase} pulse", xlabel="time (ms)")
    axes[0].set_ylabel("rate of dendrites")
    style.legend_right(axes[1], title="drive of VIP cells")
    return axes[0].figure
