"""Pulses into NDNF cells switch dendrites between two states: inhibition by SST cells, and by NDNF cells.

NDNF cells inhibit the terminals of SST cells, also those at NDNF cells, and so disinhibit themselves. If this
presynaptic inhibition is weak, the circuit forgets a pulse. If it is strong enough, there are two states
(`cell_types`), and a pulse selects one of them, if it is long and strong enough. Circuits with several strengths
b are side by side. Each amplitude is a sample of its own, and is shown twice: first as excitation of NDNF cells,
which are nearly silent before, then as inhibition.

    prepare   NDNF cells are inhibited, so that all samples begin in the same state
    before    without drive, like all further phases in which circuits settle
    on        excitation of NDNF cells by the amplitude
    after_on
    off       inhibition of NDNF cells by the amplitude
    after_off

Measured for each strength; rates are means over all cells of a class, at the ends of phases:

    ndnf_before, ndnf_after_on, ndnf_after_off      rate of NDNF cells, by amplitude
    switched_on      whether a pulse has switched, by amplitude: NDNF cells are nearer to their rate after the
                     strongest excitation than to that before, and the two differ
    switched_off     whether the opposite pulse has then switched back
    sst_share_low    part of the inhibition of dendrites that comes from SST cells, before
    sst_share_high   the same after the strongest excitation
    unsettled        largest change of the NDNF rate in the last tenth of a phase without drive

References are the closed forms for the mean field, which holds also for a network with `connect=in_degree`.

Sources
-------
Naumann, Hertaeg, Mueller, Letzkus & Sprekeler (2025), on NDNF interneurons and presynaptic inhibition: that
presynaptic inhibition turns their circuit into a switch. The protocol and its numbers are choices made here.
"""

import numpy as np

import dendrosim as ds
from dendrosim.analysis.presynaptic_inhibition import CLASSES, steady_states
from dendrosim.errors import ParameterError
from dendrosim.mechanisms.time_constants import check_time_constants
from dendrosim.plot import style

EVERY = 10e-3  # seconds between recorded rates, rounded to whole time steps
SILENCED = -5.0  # drive of NDNF cells in `prepare`
APART = 0.05  # NDNF rates that differ by less are one state
SETTLED = ("before", "after_on", "after_off")
SLOW = 0.01  # how far a rate may be from its steady state at the end of a phase


class Parameters(ds.Parameters):
    strengths: tuple[float, ...] = ds.parameter(
        (0.5, 0.8), "strengths b of presynaptic inhibition, a circuit for each", least=0, below=1
    )
    amplitudes: tuple[float, ...] = ds.parameter(
        (0.1, 0.2, 0.4, 0.8, 1.6), "drives of NDNF cells, each in a sample of its own", above=0
    )
    pulse: ds.Quantity = ds.parameter("500 ms", "duration of a pulse", above=0)
    settle: ds.Quantity = ds.parameter("4 s", "time to settle after each pulse", above=0)
    dt: ds.Quantity = ds.parameter("1 ms", "time step", above=0)
    circuit = ds.parameters_of("cell_types", without=("b",))


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    for name in ("strengths", "amplitudes"):
        values = getattr(p, name)
        if not values or len(set(values)) < len(values):
            raise ParameterError(
                f"{name} is {list(values)}; give at least one value, and none twice"
            )
    circuits = {
        f"strength{k}": ds.load_circuit("cell_types", b=b, **p.circuit)
        for k, b in enumerate(p.strengths)
    }

    def phase(name, duration, drive=0.0):
        signals = {f"{circuit}_ndnf.drive": drive for circuit in circuits}
        return ds.Phase(name, duration, signals=signals)

    phases = (
        phase("prepare", p.settle, SILENCED),
        phase("before", p.settle),
        phase("on", p.pulse, ds.Samples("amplitude")),
        phase("after_on", p.settle),
        phase("off", p.pulse, ds.Samples("opposite")),
        phase("after_off", p.settle),
    )
    drive = np.array(p.amplitudes)[:, None] * np.ones(circuits["strength0"].population("ndnf").size)
    for circuit in circuits.values():
        check_time_constants(circuit, float(p.dt.value))
    every = max(1, round(EVERY / p.dt.value)) * p.dt.value
    shown = ("ndnf.r", "ndnf.spilled", "sst.r", "sst.release", "pyramidal.dendrite")
    return ds.Protocol(
        ds.Circuit.join(**circuits),
        (ds.Block("run", phases),),
        dt=p.dt,
        data={"amplitude": drive, "opposite": -drive},
        recordings=(ds.Recording(tuple(f"*{path}" for path in shown), every=f"{every!r} s"),),
        batch=len(drive),
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the states after pulses with each other and with closed forms."""
    p = Parameters(**result.protocol.parameters)
    names = {b: f"strength{k}" for k, b in enumerate(p.strengths)}
    found = {b: _read(result, name, b, p) for b, name in names.items()}
    metrics = {k: {name: found[b][k] for b, name in names.items()} for k in found[p.strengths[0]]}
    metrics = {"strength": dict(zip(names.values(), names, strict=True)), **metrics}
    exact = {name: _expected(p, b) for b, name in names.items()}
    low, high = ({name: ends[k] for name, ends in exact.items()} for k in (0, 1))
    on, off = metrics["switched_on"], metrics["switched_off"]
    states = {
        "ndnf_before": {n: np.full(len(p.amplitudes), low[n]) for n in exact},
        "ndnf_after_on": {n: np.where(on[n], high[n], low[n]) for n in exact},
        "ndnf_after_off": {n: np.where(on[n] & ~off[n], high[n], low[n]) for n in exact},
    }
    references = {k: ds.Reference(v, SLOW, reason="the slowest mode") for k, v in states.items()}
    figures = {
        "ndnf": lambda: _draw(result, names, p, "ndnf.r", "rate of NDNF cells"),
        "dendrite": lambda: _draw(result, names, p, "pyramidal.dendrite", "rate of dendrites"),
    }
    return ds.Measurement(metrics, figures, references=references)


def _mean(result, path):
    """Return times, and the mean of a variable over its units, shape (times, samples)."""
    trace = result.traces[path]
    return trace.time, trace.values.mean(axis=1)


def _read(result, name, b, p):
    spans = {span.phase: span for span in result.phases()}
    courses = {}
    for path in ("ndnf.r", "ndnf.spilled", "sst.r", "sst.release"):
        time, courses[path] = _mean(result, f"{name}_{path}")
    last = {k: np.flatnonzero(time <= spans[k].stop + 1e-9)[-1] for k in SETTLED}
    rates = {k: courses["ndnf.r"][last[k]] for k in SETTLED}
    low, high = rates["before"], rates["after_on"].max()
    two = high - low.max() > APART
    middle = (low + high) / 2
    late = max(1, round(p.settle.value / 10 / (time[1] - time[0])))
    drift = [
        np.abs(courses["ndnf.r"][i] - courses["ndnf.r"][i - late]).max() for i in last.values()
    ]
    strongest = int(np.argmax(p.amplitudes))
    shares = {}
    for end, moment in (("low", "before"), ("high", "after_on")):
        at = {path: course[last[moment], strongest] for path, course in courses.items()}
        sst = p.circuit["dendrite_from_sst"] * at["sst.release"] * at["sst.r"] / (1 - b)
        shares[end] = sst / (sst + p.circuit["dendrite_from_ndnf"] * at["ndnf.spilled"])
    return {
        **{f"ndnf_{k}": v for k, v in rates.items()},
        "switched_on": two & (rates["after_on"] > middle),
        "switched_off": two & (rates["after_on"] > middle) & (rates["after_off"] < middle),
        "sst_share_low": float(shares["low"]),
        "sst_share_high": float(shares["high"]),
        "unsettled": float(np.max(drift)),
    }


def _expected(p, b):
    """Return the least and the largest NDNF rate of a steady state."""
    weights = {k: v for k, v in p.circuit.items() if "_from_" in k}
    (states,) = steady_states(weights, np.zeros(6), b, p.circuit["p_low"])
    ndnf = states[:, CLASSES.index("ndnf")]
    return float(ndnf.min()), float(ndnf.max())


@style.styled
def _draw(result, names, p, path, label):
    """Draw the course of a variable after the preparation, one panel per strength and one shade per amplitude."""
    from matplotlib import colormaps

    spans = {span.phase: span for span in result.phases()}
    begin = spans["before"].start
    shades = colormaps["viridis"](np.linspace(0.85, 0.0, len(p.amplitudes)))
    axes = style.row(len(names), (3.2 * len(names) + 1.2, 2.8), sharex=True)
    for ax, (b, name) in zip(axes, names.items(), strict=True):
        time, rates = _mean(result, f"{name}_{path}")
        kept = time >= begin
        for shade, k in zip(shades, np.argsort(p.amplitudes), strict=True):
            amplitude = f"{p.amplitudes[k]:g}"
            style.line(ax, time[kept] - begin, rates[kept, k], color=shade, label=amplitude)
        for phase in ("on", "off"):
            edges = np.array([spans[phase].start, spans[phase].stop]) - begin
            ax.axvspan(*edges, color=style.QUIET, alpha=0.2, lw=0)
        ax.set(title=f"b = {b:g}", xlabel="time (s)")
    axes[0].set_ylabel(label)
    style.legend_right(axes[-1], title="amplitude")
    return axes[0].figure
