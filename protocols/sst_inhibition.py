"""SST cells gate dendritic plateaus: the same dendritic input with more and more SST activity.

Pyramidal cells with a Poisson background receive one brief dendritic current in each trial, while a constant
current drives the SST cells that inhibit their apical dendrites. Each strength of the SST drive has a sample of
its own; all samples run at once, with the same synapses. A plateau counts if the apical voltage exceeds the middle
of the plateau's activation for at least 10 ms within 50 ms after the onset of the dendritic current; windows of
the same length in the first half of each trial, without the current, serve as a control. The event rate hardly
changes: SST cells suppress only bursts.

Sources
-------
Murayama et al. (2009), Nature 457:1137, and Larkum et al. (1999), Nature 398:338, for dendritic inhibition
that blocks calcium spikes; the models of the cells name their own sources. The circuit is a part of
`burst_microcircuit`.

Errata applied
--------------
None.
"""

import numpy as np

import dendrosim as ds
from dendrosim.analysis.bursts import burst_statistics
from dendrosim.plot import style

BACKGROUND = {  # jumps of excitation and inhibition at a Poisson rate of 500 Hz
    "pyramidal.background_{}_soma": (0.35, 0.35),
    "pyramidal.background_{}_apical": (0.05, 0.05),
    "sst.background_{}": (0.4, 0.5),
}
RATE, TAU = "500 Hz", {"exc": "5 ms", "inh": "10 ms"}
WINDOW = 0.05  # seconds after the onset of the dendritic current in which a plateau counts
SHORTEST = 0.01  # shortest time of a plateau, in seconds above the middle of its activation
EVERY = "1 ms"


class Parameters(ds.Parameters):
    cells: int = ds.parameter(200, "number of pyramidal cells", least=1)
    interneurons: int = ds.parameter(50, "number of SST cells", least=1)
    sst_current: tuple[ds.Quantity, ...] = ds.parameter(
        ("-100 pA", "-50 pA", "0 pA", "50 pA", "100 pA", "200 pA"),
        "constant currents into SST cells, each in a sample of its own",
    )
    dendrite_current: ds.Quantity = ds.parameter("1200 pA", "peak of the current into dendrites")
    rise: ds.Quantity = ds.parameter("2 ms", "rise of this current", above=0)
    decay: ds.Quantity = ds.parameter("10 ms", "decay of this current", above=0)
    trials: int = ds.parameter(10, "number of dendritic currents, one every `interval`", least=1)
    interval: ds.Quantity = ds.parameter("250 ms", "length of a trial; current starts halfway")
    weight: float = ds.parameter(3.0, "sum of a cell's SST weights, relative to leak", least=0)
    synapses: int = ds.parameter(20, "number of SST synapses of a pyramidal cell", least=1)
    delay: ds.Quantity = ds.parameter("0.8 ms", "delay from an SST spike to its effect")
    burn_in: ds.Quantity = ds.parameter("500 ms", "time before the first trial", above=0)
    dt: ds.Quantity = ds.parameter("0.1 ms", "time step", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if not p.sst_current:
        raise ds.errors.ParameterError("sst_current is empty; give at least one current")
    if p.interval.value < 4 * WINDOW:
        raise ds.errors.ParameterError(
            f"interval is {p.interval}; it must be at least {4e3 * WINDOW:g} ms, so that a plateau ends before "
            "the next begins"
        )
    options = {"weight": p.weight / p.synapses, "delay": p.delay}
    effect, connect = "g_inh_apical_post += weight", ds.InDegree(p.synapses)
    gate = ds.Pathway("gate", "sst", "pyramidal", effect, connect, **options)
    drives = ds.quantity(p.sst_current).value
    backgrounds = {
        path.format(kind): ds.ShotNoise(RATE, jump, TAU[kind])
        for path, jumps in BACKGROUND.items()
        for kind, jump in zip(TAU, jumps, strict=True)
    }
    half = f"{p.interval.value / 2!r} s"
    current = ds.BiExponential(p.dendrite_current, "0 s", p.rise, p.decay)
    stimulus = ds.Phase("stimulus", half, signals={"pyramidal.current_apical": current})
    return ds.Protocol(
        ds.Circuit.join(
            (),
            (gate,),
            pyramidal=ds.load_circuit("pyramidal_burst_conductance", cells=p.cells),
            sst=ds.load_circuit("sst", cells=p.interneurons),
        ),
        (
            ds.Block("burn_in", (ds.Phase("burn_in", p.burn_in),)),
            ds.Block("trials", (ds.Phase("control", half), stimulus), trials=p.trials),
        ),
        dt=p.dt,
        signals={**backgrounds, "sst.current": ds.Samples("drive")},
        data={"drive": np.repeat(drives[:, None], p.interneurons, axis=1)},
        recordings=(
            ds.Recording("*.spike", every="spike"),
            ds.Recording("pyramidal.apical", every=EVERY, phases="trials/*"),
        ),
        batch=len(drives),
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Count plateaus, events and bursts after each dendritic current and before it."""
    circuit = result.protocol.circuit
    drives = result.protocol.data["drive"][:, 0]
    cells, levels = circuit.population("pyramidal").size, len(drives)
    trace = result.traces["pyramidal.apical"]
    voltages = trace.values.reshape(-1, cells, levels)  # a single drive has no axis of samples
    above = voltages > circuit.parameters["pyramidal_e_plateau"].value
    spans = [span for span in result.phases() if span.block == "trials"]
    chances = {}
    for name in ("stimulus", "control"):
        starts = np.array([span.start for span in spans if span.phase == name])[:, None] - 1e-9
        windows = (trace.time >= starts) & (trace.time < starts + WINDOW)
        counts = np.array([above[window].sum(axis=0) for window in windows])
        plateau = counts * ds.quantity(EVERY).value >= SHORTEST - 1e-9
        chances[name] = plateau.mean(axis=(0, 1))  # mean over trials and cells, for each drive
    begin, end = spans[0].start, spans[-1].stop
    groups = np.tile(np.arange(levels), (cells, 1))  # one group for each drive
    bursts = burst_statistics(
        result.spikes["pyramidal"], begin, end, cells=cells, samples=levels, groups=groups
    )
    sst = result.spikes["sst"]
    samples = np.zeros_like(sst.unit) if sst.sample is None else sst.sample
    count = np.bincount(samples[sst.time >= begin], minlength=levels)
    sst_rate = count / circuit.population("sst").size / (end - begin)
    metrics = {
        "sst_current": drives,
        "sst_rate": sst_rate,
        "plateau_probability": chances["stimulus"],
        "plateau_probability_control": chances["control"],
        "event_rate": bursts.event_rate,
        "burst_probability": bursts.burst_probability,
    }
    units = {"sst_current": "A", "sst_rate": "Hz", "event_rate": "Hz"}

    observed = len(spans) // 2 * cells  # windows of all cells
    figures = _figures(result, metrics, bursts, observed, (begin, end))
    return ds.Measurement(metrics, figures, units=units)


def _figures(result, metrics, bursts, observed, span):
    """Return functions that draw probabilities, event rates and spikes against the activity of SST cells."""
    drives, sst_rate = metrics["sst_current"], metrics["sst_rate"]
    begin, end = span
    shared = {
        "xlabel": "SST rate (Hz)",
        "log": False,
        "marked": True,
        "band_label": "95 % interval",
    }

    def gating():
        curves = {
            "plateau after dendritic current": metrics["plateau_probability"],
            "plateau without it": metrics["plateau_probability_control"],
            "burst probability": bursts.burst_probability,
        }
        bands = {name: _interval(curves[name], observed) for name in list(curves)[:2]}
        bands["burst probability"] = bursts.burst_probability_interval
        return ds.plot.curve(sst_rate, curves, bands=bands, ylabel="probability", **shared).figure

    def event_rate():
        rates, bands = {"pyramidal cells": bursts.event_rate}, bursts.event_rate_interval
        ax = ds.plot.curve(
            sst_rate, rates, bands={"pyramidal cells": bands}, ylabel="event rate (Hz)", **shared
        )
        ax.set_ylim(bottom=0)
        return ax.figure

    def raster(sample):
        shown = {"sample": sample, "start": begin, "stop": min(end, begin + 1.0), "origin": begin}

        @style.styled
        def draw():
            ax = ds.plot.raster(result, "pyramidal", **shown)
            current = f"{style.number_text(1e12 * drives[sample])} pA"
            ax.set_title(
                f"{current} into SST cells, which fire at {sst_rate[sample]:.3g} Hz", pad=18
            )
            return ax.figure

        return draw

    rasters = {"raster_weakest": raster(0), "raster_strongest": raster(len(drives) - 1)}
    if len(drives) == 1:
        rasters = {"raster": raster(0)}
    return {"gating": gating, "event_rate": event_rate, **rasters}


def _interval(chances, count):
    """Return Wilson's 95 % interval of probabilities, each of them a fraction of `count` observations."""
    z = 1.96
    centre = (chances + z**2 / (2 * count)) / (1 + z**2 / count)
    spread = (
        z * np.sqrt(chances * (1 - chances) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    )
    return centre - spread, centre + spread
