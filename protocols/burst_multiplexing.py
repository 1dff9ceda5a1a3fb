"""Two signals through one hierarchy: bottom-up in the event rate, top-down in the burst probability.

One sine is injected into somata of the lower area, another into dendrites of the upper area. Each is decoded in
the other area: the event rate of the upper area is compared with the bottom-up sine, and the burst probability
of the lower area with the top-down one. Every cell has a Poisson background of its own.

Correlations are taken over bins, at the best lag between -50 and 50 ms. At a negative lag the signal is ahead of
the sine; in event rates, spike-triggered adaptation can cause this. The `_causal` correlations use only lags from
0 on. Cross-talk is the correlation of each signal with the sine of the other signal, in the order event rate,
burst probability; `cross_talk_chance` is the correlation of the two sines with each other.

Sources
-------
Payeur et al. (2021), Nature Neuroscience 24:1010, Fig. 3, as in their published simulation code.

Errata applied
--------------
See the model `burst_microcircuit`: with its published weights burst probability does not follow the top-down
sine. The defaults of the dendritic currents depend on `weights`: those of `published` are from the source.
"""

import numpy as np

import dendrosim as ds
from dendrosim.analysis.bursts import burst_statistics

CURRENTS = {  # for each set of weights, the default dendritic currents and top-down amplitude
    "tuned": {"lower_dendrite": "100 pA", "upper_dendrite": "150 pA", "top_down": "150 pA"},
    "published": {"lower_dendrite": "50 pA", "upper_dendrite": "100 pA", "top_down": "100 pA"},
}
BACKGROUND = {  # jumps of excitation and inhibition at a Poisson rate of 500 Hz
    "lower_pyramidal.background_{}_soma": (0.35, 0.35),
    "upper_pyramidal.background_{}_soma": (0.35, 0.35),
    "lower_pyramidal.background_{}_apical": (0.05, 0.05),
    "upper_pyramidal.background_{}_apical": (0.05, 0.05),
    "sst.background_{}": (0.4, 0.5),
    "pv.background_{}": (0.75, 1.125),
}
RATE, TAU = "500 Hz", {"exc": "5 ms", "inh": "10 ms"}
LAGS = np.arange(-10, 11) * 5e-3


class Parameters(ds.Parameters):
    duration: ds.Quantity = ds.parameter("3 s", "time over which both signals are sent", above=0)
    burn_in: ds.Quantity = ds.parameter("1 s", "time before signals are sent", above=0)
    bottom_up: ds.Quantity = ds.parameter("200 pA", "amplitude of the sine into lower somata")
    bottom_up_period: ds.Quantity = ds.parameter("500 ms", "period of the bottom-up sine", above=0)
    top_down: ds.Quantity | None = ds.parameter(
        None, "amplitude of the sine into upper dendrites (150 pA, published 100 pA)", unit="pA"
    )
    top_down_period: ds.Quantity = ds.parameter(
        "1118.034 ms", "period of the top-down sine (default: sqrt(5) times 500 ms)", above=0
    )
    lower_soma: ds.Quantity = ds.parameter("0 pA", "constant current into lower somata")
    upper_soma: ds.Quantity = ds.parameter("-100 pA", "constant current into upper somata")
    lower_dendrite: ds.Quantity | None = ds.parameter(
        None, "constant current into lower dendrites (100 pA, published 50 pA)", unit="pA"
    )
    upper_dendrite: ds.Quantity | None = ds.parameter(
        None, "constant current into upper dendrites (150 pA, published 100 pA)", unit="pA"
    )
    pv_current: ds.Quantity = ds.parameter("205 pA", "constant current into PV cells")
    bin_width: ds.Quantity = ds.parameter("50 ms", "width of bins for spike counts", above=0)
    dt: ds.Quantity = ds.parameter("0.1 ms", "time step", above=0)
    circuit = ds.parameters_of("burst_microcircuit")


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    longest = max(p.bottom_up_period.value, p.top_down_period.value)
    if p.duration.value < max(longest, 4 * p.bin_width.value):
        raise ds.errors.ParameterError(
            f"duration is {p.duration}; it must hold a period of each sine ({1e3 * longest:g} ms) and four bins"
        )
    chosen = CURRENTS[p.circuit["weights"]]
    chosen = {n: v if getattr(p, n) is None else getattr(p, n) for n, v in chosen.items()}
    constant = {
        "lower_pyramidal.current_soma": p.lower_soma,
        "upper_pyramidal.current_soma": p.upper_soma,
        "lower_pyramidal.current_apical": chosen["lower_dendrite"],
        "upper_pyramidal.current_apical": chosen["upper_dendrite"],
        "pv.current": p.pv_current,
    }
    backgrounds = {
        path.format(kind): ds.ShotNoise(RATE, jump, TAU[kind])
        for path, jumps in BACKGROUND.items()
        for kind, jump in zip(TAU, jumps, strict=True)
    }
    sines = {
        "lower_pyramidal.current_soma": (p.bottom_up, p.bottom_up_period),
        "upper_pyramidal.current_apical": (chosen["top_down"], p.top_down_period),
    }
    # Signals of a phase replace those of the protocol, so the constant current is given again.
    sent = {
        path: (ds.Constant(constant[path]), ds.Sine(amplitude, f"{1 / period.value!r} Hz"))
        for path, (amplitude, period) in sines.items()
    }
    phases = (ds.Phase("burn_in", p.burn_in), ds.Phase("sending", p.duration, signals=sent))
    return ds.Protocol(
        ds.load_circuit("burst_microcircuit", **p.circuit),
        (ds.Block("trial", phases),),
        dt=p.dt,
        signals={**constant, **backgrounds},
        recordings=(ds.Recording("*.spike", every="spike"),),
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Count events and bursts of both areas in bins, and compare them with the sines."""
    p = Parameters(**result.protocol.parameters)
    start, stop = result.start + p.burn_in.value, result.stop
    sizes = {population.name: population.size for population in result.circuit.populations}
    areas, width = {}, p.bin_width.value
    for area in ("lower", "upper"):
        spikes, cells = result.spikes[f"{area}_pyramidal"], sizes[f"{area}_pyramidal"]
        areas[area] = burst_statistics(spikes, start, stop, cells=cells, window=width)
    lower, upper = areas["lower"], areas["upper"]
    time, up, down = lower.time - start, p.bottom_up_period.value, p.top_down_period.value
    # For each signal: its values, the period of the sine that it should follow, the period of the other sine.
    signals = {
        "event_rate": (upper.event_rate, up, down),
        "burst_probability": (lower.burst_probability, down, up),
    }
    metrics = {}
    for name, (values, right, _) in signals.items():
        metrics[f"{name}_correlation"], metrics[f"{name}_lag"] = _best(values, time, right)
        causal = _best(values, time, right, LAGS[LAGS >= 0])
        metrics[f"{name}_correlation_causal"] = causal[0]
    metrics["cross_talk"] = [
        _best(values, time, wrong, size=np.abs)[0] for values, _, wrong in signals.values()
    ]
    sine = np.sin(2 * np.pi * time / up)
    metrics["cross_talk_chance"] = _best(sine, time, down, size=np.abs)[0]
    for name, spikes in result.spikes.items():
        count = len(spikes.time[spikes.time >= start])
        metrics[f"{name}_rate"] = count / sizes[name] / (stop - start)
    for name, found in areas.items():
        metrics[f"{name}_event_rate"] = float(np.mean(found.event_rate))
        metrics[f"{name}_burst_probability"] = _probability(found)
    units = dict.fromkeys((n for n in metrics if n.endswith("_rate")), "Hz")
    units |= {"event_rate_lag": "s", "burst_probability_lag": "s"}

    def draw_signals():
        other = np.sin(2 * np.pi * time / down)
        bands = upper.event_rate_interval, lower.burst_probability_interval
        rows = {
            "upper event rate\n(Hz)": (upper.event_rate, sine, bands[0]),
            "lower burst\nprobability": (lower.burst_probability, other, bands[1]),
        }
        return ds.plot.decoded(time, rows, band_label="95 % interval")[0].figure

    def raster(population):
        return lambda: ds.plot.raster(result, population, start=start, origin=start).figure

    figures = {"signals": draw_signals, **{f"raster_{n}": raster(n) for n in sizes}}
    return ds.Measurement(metrics, figures, units=units)


def _probability(statistics):
    """Return the ratio of bursts to events in all bins together, or nan without events."""
    events = np.sum(statistics.event_rate)
    return float(np.sum(statistics.burst_rate) / events) if events else float("nan")


def _best(values, time, period, lags=LAGS, size=lambda r: r):
    """Return the largest correlation with a sine over the lags, and its lag; nan if the values are constant."""
    known = np.isfinite(values)
    if known.sum() < 3 or np.ptp(values[known]) == 0:
        return float("nan"), float("nan")
    values, time = values[known], time[known]
    found = [np.corrcoef(values, np.sin(2 * np.pi * (time - lag) / period))[0, 1] for lag in lags]
    best = int(np.argmax(size(np.array(found))))
    return float(found[best]), float(lags[best])
