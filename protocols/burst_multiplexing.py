"""Two signals through one hierarchy: bottom-up in the event rate, top-down in the burst probability.

A sine is injected into the somata of the lower area, another into the dendrites of the upper one. Both are
decoded at the other end: the event rate of the upper area is compared with the bottom-up sine, the
burst probability of the lower area with the top-down one. Every cell has a Poisson background of its own.

Correlations are taken over bins, at the best lag of at most 50 ms; a negative lag means that the signal leads
the sine, as spike-triggered adaptation lets event rates do, and the `_causal` ones are the best at lags from 0
on. Cross-talk is the correlation with the sine that each should not follow, in the order event rate, burst
probability; two sines of these periods have a correlation of their own, given as `cross_talk_chance`.

Sources
-------
Payeur et al. (2021), Nature Neuroscience 24:1010, Fig. 3, as in their published simulation code.

Errata applied
--------------
See the model `burst_microcircuit`: with its published weights burst probability does not follow the top-down
sine. The defaults of the dendritic currents belong to the tuned weights; `weights=published` takes those of the
source.
"""

from typing import Annotated, Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis.bursts import burst_statistics

CURRENTS = {  # mean of the dendritic currents and amplitude of the top-down sine
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


def protocol(
    *,
    duration: ds.Quantity = "3 s",
    burn_in: ds.Quantity = "1 s",
    bottom_up: ds.Quantity = "200 pA",
    bottom_up_period: ds.Quantity = "500 ms",
    top_down: Annotated[ds.Quantity | None, "A"] = None,
    top_down_period: ds.Quantity = "1118.034 ms",
    lower_soma: ds.Quantity = "0 pA",
    upper_soma: ds.Quantity = "-100 pA",
    lower_dendrite: Annotated[ds.Quantity | None, "A"] = None,
    upper_dendrite: Annotated[ds.Quantity | None, "A"] = None,
    pv_current: ds.Quantity = "205 pA",
    bin_width: ds.Quantity = "50 ms",
    weights: Literal["tuned", "published"] = "tuned",
    dt: ds.Quantity = "0.1 ms",
    **circuit: ds.parameters_of("burst_microcircuit", without=("weights",)),
) -> ds.Protocol:
    """Return the protocol.

    Parameters
    ----------
    duration
        Time over which both signals are sent.
    burn_in
        Time before it, without them.
    bottom_up
        Amplitude of the sine into lower somata.
    bottom_up_period
        Its period.
    top_down
        Amplitude of the sine into upper dendrites (default: 150 pA, with published weights 100 pA).
    top_down_period
        Its period; by default sqrt(5) times the other one.
    lower_soma
        Constant current into lower somata.
    upper_soma
        Constant current into upper somata.
    lower_dendrite
        Constant current into lower dendrites (default: 100 pA, with published weights 50 pA).
    upper_dendrite
        Constant current into upper dendrites (default: 150 pA, with published weights 100 pA).
    pv_current
        Constant current into PV cells.
    bin_width
        Of the bins in which rates are counted.
    weights
        Which set of weights the circuit has.
    dt
        Time step.
    """
    ds.positive(duration=duration, burn_in=burn_in, bin_width=bin_width, dt=dt)
    ds.positive(bottom_up_period=bottom_up_period, top_down_period=top_down_period)
    given = {
        "lower_dendrite": lower_dendrite,
        "upper_dendrite": upper_dendrite,
        "top_down": top_down,
    }
    chosen = {n: CURRENTS[weights][n] if v is None else v for n, v in given.items()}
    longest = max(float(bottom_up_period.value), float(top_down_period.value))
    if float(duration.value) < max(longest, 4 * float(bin_width.value)):
        raise ds.errors.ParameterError(
            f"duration is {duration}; it must hold a period of each sine ({1e3 * longest:g} ms) and four bins"
        )
    constant = {
        "lower_pyramidal.current_soma": lower_soma,
        "upper_pyramidal.current_soma": upper_soma,
        "lower_pyramidal.current_apical": chosen["lower_dendrite"],
        "upper_pyramidal.current_apical": chosen["upper_dendrite"],
        "pv.current": pv_current,
    }
    backgrounds = {
        path.format(kind): ds.ShotNoise(RATE, jump, TAU[kind])
        for path, jumps in BACKGROUND.items()
        for kind, jump in zip(("exc", "inh"), jumps, strict=True)
    }
    sines = {
        "lower_pyramidal.current_soma": (bottom_up, bottom_up_period),
        "upper_pyramidal.current_apical": (chosen["top_down"], top_down_period),
    }
    sent = {
        path: (ds.Constant(constant[path]), ds.Sine(amplitude, _frequency(period)))
        for path, (amplitude, period) in sines.items()
    }
    return ds.Protocol(
        ds.load_circuit("burst_microcircuit", weights=weights, **circuit),
        (
            ds.Block(
                "trial",
                (ds.Phase("burn_in", burn_in), ds.Phase("sending", duration, signals=sent)),
            ),
        ),
        dt=dt,
        signals={**constant, **backgrounds},
        recordings=(ds.Recording("*.spike", every="spike"),),
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Count events and bursts of both areas in bins, and compare them with the sines."""
    given = result.protocol.parameters
    start, width = _seconds(given["burn_in"]), _seconds(given["bin_width"])
    stop = result.protocol.total_steps * result.protocol.time_step
    sizes = {p.name: p.size for p in result.protocol.circuit.populations}
    lower, upper = (
        burst_statistics(
            result.spikes[f"{area}_pyramidal"], start, stop,
            cells=sizes[f"{area}_pyramidal"], window=width,
        )
        for area in ("lower", "upper")
    )  # fmt: skip
    time = lower.time - start
    periods = [_seconds(given[f"{name}_period"]) for name in ("bottom_up", "top_down")]
    rate, probability = upper.event_rate, lower.burst_probability
    (right_rate, rate_lag), (right_probability, probability_lag) = (
        _best(rate, time, periods[0]), _best(probability, time, periods[1]),
    )  # fmt: skip
    causal = [
        _best(v, time, p, LAGS[LAGS >= 0])[0]
        for v, p in zip((rate, probability), periods, strict=True)
    ]
    wrong = [
        _best(v, time, p, size=np.abs)[0]
        for v, p in ((rate, periods[1]), (probability, periods[0]))
    ]
    chance = _best(np.sin(2 * np.pi * time / periods[0]), time, periods[1], size=np.abs)[0]
    spikes = {n: len(s.time[s.time >= start]) for n, s in result.spikes.items()}
    metrics = {
        "event_rate_correlation": right_rate,
        "event_rate_lag": rate_lag,
        "event_rate_correlation_causal": causal[0],
        "burst_probability_correlation": right_probability,
        "burst_probability_lag": probability_lag,
        "burst_probability_correlation_causal": causal[1],
        "cross_talk": wrong,
        "cross_talk_chance": chance,
        **{f"{n}_rate": count / sizes[n] / (stop - start) for n, count in spikes.items()},
    }
    means = {"lower": lower, "upper": upper}
    metrics |= {f"{n}_event_rate": float(np.mean(s.event_rate)) for n, s in means.items()}
    metrics |= {f"{n}_burst_probability": _probability(s) for n, s in means.items()}
    units = dict.fromkeys((n for n in metrics if n.endswith("_rate")), "Hz")
    units |= {"event_rate_lag": "s", "burst_probability_lag": "s"}

    def signals():
        sines = [np.sin(2 * np.pi * time / period) for period in periods]
        rows = {
            "upper event rate\n(Hz)": (rate, sines[0], upper.event_rate_interval),
            "lower burst\nprobability": (
                probability, sines[1], lower.burst_probability_interval,
            ),
        }  # fmt: skip
        return ds.plot.decoded(time, rows)[0].figure

    def raster(population):
        return lambda: ds.plot.raster(result, population, start=start).figure

    figures = {"signals": signals, **{f"raster_{n}": raster(n) for n in sizes}}
    return ds.Measurement(metrics, figures, units=units)


def _probability(statistics):
    """Return bursts over events of all bins together, nan without events."""
    events = np.sum(statistics.event_rate)
    return float(np.sum(statistics.burst_rate) / events) if events else float("nan")


def _best(values, time, period, lags=LAGS, size=lambda r: r):
    """Return the largest correlation with a sine at one of the lags, and that lag; nan without variation."""
    known = np.isfinite(values)
    if known.sum() < 3 or np.ptp(values[known]) == 0:
        return float("nan"), float("nan")
    found = [
        np.corrcoef(values[known], np.sin(2 * np.pi * (time[known] - lag) / period))[0, 1]
        for lag in lags
    ]
    best = int(np.argmax(size(np.array(found))))
    return float(found[best]), float(lags[best])


def _seconds(value):
    return float(ds.quantity(value).value)


def _frequency(period):
    return f"{1 / float(period.value)!r} Hz"
