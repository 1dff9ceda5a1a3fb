"""SST cells gate dendritic plateaus: the same dendritic input with more and more SST activity.

Pyramidal cells with a Poisson background receive brief dendritic currents, one a trial, while SST cells that
inhibit their apical dendrites are driven by a constant current. Every strength of that drive is a sample of its
own, side by side on the same synapses. A plateau is a time of at least 10 ms for which the apical voltage exceeds
the middle of the plateau's activation; the windows before each current serve as a control. Event rate hardly
changes: the gate is closed for bursts only.

Sources
-------
Murayama et al. (2009), Nature 457:1137, and Larkum et al. (1999), Nature 398:338, for dendritic inhibition
that blocks calcium spikes; the cells' own sources stand with them. The circuit is a part of
`burst_microcircuit`.

Errata applied
--------------
None.
"""

import numpy as np

import dendrosim as ds
from dendrosim.analysis.bursts import burst_statistics

BACKGROUND = {  # jumps of excitation and inhibition at a Poisson rate of 500 Hz
    "pyramidal.background_{}_soma": (0.35, 0.35),
    "pyramidal.background_{}_apical": (0.05, 0.05),
    "sst.background_{}": (0.4, 0.5),
}
RATE, TAU = "500 Hz", {"exc": "5 ms", "inh": "10 ms"}
WINDOW = 0.05  # after the onset of the dendritic current, in which a plateau counts
SHORTEST = 0.01  # time above the middle of the plateau's activation that makes a plateau
EVERY = "1 ms"


def protocol(
    *,
    cells: int = 200,
    interneurons: int = 50,
    sst_current: tuple[ds.Quantity, ...] = (
        "-100 pA",
        "-50 pA",
        "0 pA",
        "50 pA",
        "100 pA",
        "200 pA",
    ),
    dendrite_current: ds.Quantity = "1200 pA",
    rise: ds.Quantity = "2 ms",
    decay: ds.Quantity = "10 ms",
    trials: int = 10,
    interval: ds.Quantity = "250 ms",
    weight: float = 3.0,
    synapses: int = 20,
    delay: ds.Quantity = "0.8 ms",
    burn_in: ds.Quantity = "500 ms",
    dt: ds.Quantity = "0.1 ms",
) -> ds.Protocol:
    """Return the protocol.

    Parameters
    ----------
    cells
        Pyramidal cells.
    interneurons
        SST cells.
    sst_current
        Constant currents into SST cells, each a sample of its own.
    dendrite_current
        Peak of the bi-exponential current into apical dendrites.
    rise
        Its rise.
    decay
        Its decay.
    trials
        Number of dendritic currents, one every `interval`.
    interval
        Length of a trial; the current begins in its middle.
    weight
        Of all SST synapses of a pyramidal cell together, in units of the leak.
    synapses
        SST synapses of a pyramidal cell.
    delay
        From an SST spike to its effect.
    burn_in
        Time before the first trial.
    dt
        Time step.
    """
    ds.positive(cells=cells, interneurons=interneurons, trials=trials, dt=dt, burn_in=burn_in)
    if not sst_current:
        raise ds.errors.ParameterError("sst_current is empty; give at least one current")
    if weight < 0 or synapses < 1:
        raise ds.errors.ParameterError(
            f"weight is {weight} and synapses {synapses}; they must be at least 0 and at least 1"
        )
    if float(interval.value) < 4 * WINDOW:
        raise ds.errors.ParameterError(
            f"interval is {interval}; it must be at least {4e3 * WINDOW:g} ms, so that a plateau ends before "
            "the next begins"
        )
    gate = ds.Pathway(
        "gate", "sst", "pyramidal", "g_inh_apical_post += weight", ds.InDegree(synapses),
        weight=weight / synapses, delay=delay,
    )  # fmt: skip
    built = ds.Circuit.join(
        (),
        (gate,),
        pyramidal=ds.load_circuit("pyramidal_burst_conductance", cells=cells),
        sst=ds.load_circuit("sst", cells=interneurons),
    )
    drives = np.array([float(c.value) for c in sst_current])
    backgrounds = {
        path.format(kind): ds.ShotNoise(RATE, jump, TAU[kind])
        for path, jumps in BACKGROUND.items()
        for kind, jump in zip(("exc", "inh"), jumps, strict=True)
    }
    half = f"{float(interval.value) / 2!r} s"
    pulse = {"pyramidal.current_apical": ds.BiExponential(dendrite_current, "0 s", rise, decay)}
    return ds.Protocol(
        built,
        (
            ds.Block("burn_in", (ds.Phase("burn_in", burn_in),)),
            ds.Block(
                "trials",
                (ds.Phase("control", half), ds.Phase("stimulus", half, signals=pulse)),
                trials=trials,
            ),
        ),
        dt=dt,
        signals={**backgrounds, "sst.current": ds.Samples("drive")},
        data={"drive": np.repeat(drives[:, None], interneurons, axis=1)},
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
    above = trace.values > float(circuit.parameters["pyramidal_e_plateau"].value)
    spans = [p for p in result.phases() if p.block == "trials"]
    chances = {}
    for name in ("stimulus", "control"):
        starts = [p.start for p in spans if p.phase == name]
        counts = [
            above[(trace.time >= t - 1e-9) & (trace.time < t + WINDOW - 1e-9)].sum(axis=0)
            for t in starts
        ]
        plateau = np.array(counts) * float(ds.quantity(EVERY).value) >= SHORTEST - 1e-9
        chances[name] = plateau.mean(axis=(0, 1))  # over trials and cells, for each drive
    begin, end = spans[0].start, spans[-1].stop
    bursts = burst_statistics(
        result.spikes["pyramidal"], begin, end, cells=cells, samples=levels,
        groups=np.tile(np.arange(levels), (cells, 1)),
    )  # fmt: skip
    sst = result.spikes["sst"]
    count = np.bincount(sst.sample[sst.time >= begin], minlength=levels)
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

    def gating():
        ax = ds.plot.curve(
            sst_rate,
            {
                "plateau after dendritic current": chances["stimulus"],
                "plateau without it": chances["control"],
                "burst probability": bursts.burst_probability,
            },
            xlabel="SST rate (Hz)", ylabel="probability", log=False,
        )  # fmt: skip
        for drawn in ax.lines:
            drawn.set(marker="o", markersize=3.5)
        return ax.figure

    def raster(sample):
        return lambda: (
            ds.plot.raster(
                result, "pyramidal", sample=sample, start=begin, stop=min(end, begin + 1.0)
            ).figure
        )

    figures = {
        "gating": gating,
        "raster_weakest": raster(0),
        "raster_strongest": raster(levels - 1),
    }
    return ds.Measurement(metrics, figures, units=units)
