"""Pairing protocols of burst-dependent plasticity: how fast weights grow or shrink, and where the change is zero.

Pairs of cells repeat given spike trains. Many independent pairs share each setting, with one synapse for each
pair, whose weight has no bounds (see `ds.rules.burst_dependent`):

    poisson         both cells fire Poisson trains of the same rate, which is varied
    burst_poisson   both cells fire events at random, 20 ms apart at least; an event becomes a burst with a given
                    probability, and its second spike follows after 5 to 15 ms. Rate and probability of the
                    postsynaptic cell are varied; those of the presynaptic cell are 5 Hz and 0.2
    periodic        trains of five spikes every 10 s, whose frequency is varied; the postsynaptic cell fires 10 ms
                    after the presynaptic one

With a constant expected burst probability P0, the mean drift is eta <x_pre> R (P - P0), where R is the rate of
postsynaptic events and P their burst probability. So it is zero at P = P0, and its slope is proportional to R. A
Poisson train of rate r has P = 1 - exp(-r T), T = 16 ms; hence depression turns into potentiation at

    r* = -ln(1 - P0)/T

Intervals are whole numbers of time steps. The longest one below T is T - dt (at steps of 0.3 ms, which do not
divide T, 15.9 ms), so r* is -ln(1 - P0) over this interval: `switch_rate_in_steps`. Periodic trains have five
events below 1/T = 62.5 Hz, and one burst above it. With `tau_average`, P0 is only the start of a moving average,
so the drift has the sign of the first mismatch and fades.

`switch_rate` is estimated from the drift over <x_pre> R, which is close to linear in r: a parabola (a line, if the
rates span less than a factor of 1.3) is fitted to the rates within a factor of 1.5 of the change of sign, with
weights from the standard errors of the pairs. With periodic trains it is the middle of the interval of frequencies
in which the sign changes. Burst probabilities are those of the trains that were fired; with a dead time of 20 ms,
a spike after a burst may belong to it. A long `tau_trace` averages more presynaptic spikes and halves the noise of
`switch_rate`, which does not depend on it.

Sources
-------
Payeur, Guerguiev, Zenke, Richards & Naud (2021), Nature Neuroscience 24:1010, Fig. 2, for the protocols. Choices
made here: spikes per train, the pause between trains, the 10 ms, and rate and probability of the presynaptic cell.

Errata applied
--------------
None.
"""

from typing import Literal

import numpy as np

import dendrosim as ds
from dendrosim.mechanisms.burst_events import BURST_INTERVAL, burst_relay, longest_interval

RATES = {  # hertz
    "poisson": (2, 5, 10, 15, 20, 25, 30, 40, 50),
    "burst_poisson": (5, 10),
    "periodic": (10, 20, 30, 40, 50, 60, 65, 70, 80, 100),
}
PROBABILITIES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
TRAIN = 5  # spikes of a periodic train
PAUSE, LAG = (
    10.0,
    10e-3,
)  # seconds between such trains, and from a presynaptic to a postsynaptic spike
DEAD = 20e-3  # seconds between events at least
SECOND = (5e-3, 15e-3)  # seconds from an event to its second spike
PRE = 5.0, 0.2  # event rate and burst probability of presynaptic cells with burst_poisson
NEAR = 1.5  # rates within this factor of the change of sign are fitted
NARROW = 1.3  # a line is fitted to rates within this factor: its error is less than 0.1 %
SYNAPSE, NAMES = "plastic", ("pre", "post")
CHANCE = "four standard errors over pairs"


class Parameters(ds.Parameters):
    pairing: Literal["poisson", "burst_poisson", "periodic"] = ds.parameter(
        "poisson", "kind of train"
    )
    rates: tuple[ds.Quantity, ...] | None = ds.parameter(
        None, "rates of spikes, of events or in a train (default: see RATES)", unit="Hz", above=0
    )
    probabilities: tuple[float, ...] | None = ds.parameter(
        None,
        "burst probabilities with pairing=burst_poisson (default: see PROBABILITIES)",
        least=0,
        most=1,
    )
    p_start: float = ds.parameter(0.3, "expected burst probability P0", above=0, below=1)
    tau_average: ds.Quantity | None = ds.parameter(
        None,
        "time constant of a moving average (15 s in the source) in place of P0",
        unit="s",
        above=0,
    )
    eta: float = ds.parameter(0.1, "learning rate", above=0)
    tau_trace: ds.Quantity = ds.parameter("50 ms", "time constant of presynaptic traces", above=0)
    pairs: int = ds.parameter(
        100,
        "number of pairs of each setting; one if periodic",
        least=1,
        only={"pairing": ("poisson", "burst_poisson")},
    )
    duration: ds.Quantity = ds.parameter("100 s", "simulated time", above=0)
    seed: int = ds.parameter(0, "seed of the trains; periodic trains need none", least=0)
    dt: ds.Quantity = ds.parameter("0.1 ms", "time step", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    rates, probabilities = _settings(p)
    rate, probability = (x.ravel() for x in np.meshgrid(rates, probabilities, indexing="ij"))
    pairs = 1 if p.pairing == "periodic" else p.pairs
    step, end = p.dt.value, p.duration.value
    fire = {"poisson": _poisson, "burst_poisson": _burst_poisson, "periodic": _periodic}[p.pairing]
    rng = np.random.default_rng(p.seed)
    spikes = {}
    for name in NAMES:
        unit, time = fire(name, np.repeat(rate, pairs), np.repeat(probability, pairs), end, rng)
        spikes[f"{name}_spikes"] = _in_steps(unit, time, step, end)
    return ds.Protocol(
        _circuit(p, pairs * rate.size),
        (ds.Block("run", (ds.Phase("pairing", p.duration),)),),
        dt=p.dt,
        spikes=spikes,
        recordings=(ds.Recording(("pre.event", "post.event", "post.burst"), every="spike"),),
        references={"rate": rate, "probability": probability, "pairs": pairs},
        batch_fixed=True,
    )


def _settings(p):
    """Return the rates in hertz and the burst probabilities that are combined."""
    if p.probabilities is not None and p.pairing != "burst_poisson":
        raise ds.errors.ParameterError(
            f"probabilities is {list(p.probabilities)}, but pairing is {p.pairing}, whose trains have no such "
            "probability; leave it out, or choose pairing=burst_poisson"
        )
    if round(p.duration.value / p.dt.value) < 1:
        raise ds.errors.ParameterError(
            f"duration is {1e3 * p.duration.value:g} ms; it must be at least one time step of "
            f"{1e3 * p.dt.value:g} ms"
        )
    rates = RATES[p.pairing] if p.rates is None else ds.quantity(list(p.rates)).value
    given = PROBABILITIES if p.probabilities is None else p.probabilities
    probabilities = given if p.pairing == "burst_poisson" else (np.nan,)
    for name, values in (("rates", rates), ("probabilities", probabilities)):
        if not len(values):
            raise ds.errors.ParameterError(f"{name} is empty; give at least one")
    if p.pairing == "burst_poisson" and len(set(probabilities)) < 2:
        raise ds.errors.ParameterError(
            "probabilities must have at least two different numbers; a zero crossing needs a line"
        )
    most = {"poisson": 0.5 / p.dt.value, "burst_poisson": 0.9 / DEAD, "periodic": 1 / p.dt.value}
    if max(rates) > most[p.pairing]:
        raise ds.errors.ParameterError(
            f"rates has {max(rates):g} Hz; with pairing={p.pairing} and this time step, it must be at most "
            f"{most[p.pairing]:g} Hz"
        )
    return np.sort(rates), np.sort(probabilities)


def _circuit(p, pairs):
    """Return pairs of cells that repeat spikes, with a plastic synapse each."""
    feed = [
        ds.Pathway(f"feed_{n}", f"{n}_spikes", n, "fire_post += 1", connect=ds.OneToOne(), final=False)
        for n in NAMES
    ]  # fmt: skip
    rule = ds.rules.burst_dependent(
        eta=p.eta, p_start=p.p_start, tau_trace=p.tau_trace, tau_average=p.tau_average
    )
    learn = ds.Pathway(SYNAPSE, *NAMES, connect=ds.OneToOne(), weight=0.5, rule=rule)
    return ds.Circuit(
        tuple(burst_relay(name, pairs) for name in NAMES),
        pathways=(*feed, learn),
        sources=tuple(ds.SpikeTimes(f"{name}_spikes", pairs) for name in NAMES),
    )


# -- trains: units and times of spikes, in any order ----------------------------------------------


def _poisson(name, rate, probability, end, rng):
    count = rng.poisson(rate * end)
    return np.repeat(np.arange(rate.size), count), rng.uniform(0, end, count.sum())


def _burst_poisson(name, rate, probability, end, rng):
    if name == "pre":
        rate, probability = (np.full(rate.size, value) for value in PRE)
    mean = rate.max() * end
    shape = (rate.size, int(mean + 10 * np.sqrt(mean) + 20))
    event = np.cumsum(DEAD + rng.exponential(size=shape) * (1 / rate - DEAD)[:, None], axis=1)
    second = event + rng.uniform(*SECOND, shape)
    burst = rng.random(shape) < probability[:, None]
    unit = np.broadcast_to(np.arange(rate.size)[:, None], shape)
    time = np.concatenate([event.ravel(), second[burst]])
    unit = np.concatenate([unit.ravel(), unit[burst]])
    return unit[time < end], time[time < end]


def _periodic(name, rate, probability, end, rng):
    start = np.arange(0.0, end, PAUSE)
    time = start[:, None] + np.arange(TRAIN) / rate[:, None, None] + (LAG if name == "post" else 0)
    unit = np.broadcast_to(np.arange(rate.size)[:, None, None], time.shape)
    return unit[time < end], time[time < end]


def _in_steps(unit, time, step, end):
    """Return spikes in the order of their times, at most one of a unit in each time step."""
    number = round(end / step)
    at = np.minimum(np.floor(time / step + 0.5).astype(np.int64), number - 1)
    key = np.unique(at * (unit.max(initial=0) + 1) + unit)
    at, unit = np.divmod(key, unit.max(initial=0) + 1)
    return unit, at * step


# -- measurement ----------------------------------------------------------------------------------


def measure(result: ds.Result) -> ds.Measurement:
    """Measure drifts of weights, and where they change their sign."""
    p, known = Parameters(**result.protocol.parameters), result.protocol.references
    pairs, seconds = int(known["pairs"]), result.stop - result.start
    shape = (-1, pairs)
    drift = (result.final[f"{SYNAPSE}.weight"].values.reshape(shape) - 0.5) / seconds
    rate = {
        name: np.bincount(result.spikes[name].unit, minlength=drift.size).reshape(shape) / seconds
        for name in ("pre.event", "post.event", "post.burst")
    }
    events, bursts = rate["post.event"].mean(axis=1), rate["post.burst"].mean(axis=1)
    with np.errstate(invalid="ignore"):
        probability = bursts / events
        trace = p.eta * p.tau_trace.value * rate["pre.event"].mean(axis=1) * events
    mean, error = drift.mean(axis=1), _standard_error(drift)
    metrics = {
        "rates": known["rate"],
        "event_rate": events,
        "burst_probability": probability,
        "drift": mean,
        "drift_error": error,
    }
    references = {}
    if p.pairing != "periodic":  # whose trains depend on each other
        metrics["expected_drift"] = trace * (probability - p.p_start)
        references["drift"] = ds.Reference(
            "expected_drift", 4 * error, "statistical", reason=CHANCE
        )
    units = {n: "Hz" for n in metrics if n != "burst_probability"}
    if p.pairing == "burst_poisson":
        extra, expected = _crossings(known["rate"], probability, mean, error, p.p_start)
    else:
        extra, expected = _switch(p, known["rate"], mean, error, trace)
        units |= dict.fromkeys(extra, "Hz")
    # With a moving average, P0 is only its start.
    references = {**references, **expected} if p.tau_average is None else {}
    figures = {"drift": lambda: _draw(p, metrics, extra)}
    return ds.Measurement({**metrics, **extra}, figures, units, references)


def _standard_error(values):
    if values.shape[1] == 1:
        return np.zeros(len(values))
    return values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])


def _switch(p, rates, drift, error, trace):
    """Return the rate at which depression turns into potentiation, its standard error, and closed forms."""
    interval = ds.quantity(BURST_INTERVAL).value
    closed = -np.log(1 - p.p_start)
    expected = closed / interval if p.pairing == "poisson" else 1 / interval
    longest = longest_interval(p.dt.value)
    in_steps = closed / longest if p.pairing == "poisson" else 1 / interval
    place = np.flatnonzero((drift[:-1] < 0) & (drift[1:] >= 0))
    found = {"switch_rate": np.nan, "switch_rate_error": np.nan}
    if place.size:
        low, high = rates[place[0]], rates[place[0] + 1]
        if p.pairing == "periodic":
            found = {"switch_rate": (low + high) / 2, "switch_rate_error": (high - low) / 2}
        else:
            near = (rates > low / NEAR) & (rates < high * NEAR) & (trace > 0)
            middle, relative = (low + high) / 2, drift[near] / trace[near]
            root, spread = _root(rates[near] / middle, relative, error[near] / trace[near], middle)
            found = {"switch_rate": root, "switch_rate_error": spread}
    found |= {"switch_rate_expected": expected, "switch_rate_in_steps": in_steps}
    found = {n: float(v) for n, v in found.items()}
    allowed = 4 * found["switch_rate_error"], "statistical", CHANCE
    if p.pairing == "periodic":
        allowed = found["switch_rate_error"], "grid-limited", "half of the distance of two rates"
    tolerance, kind, reason = allowed
    return found, {
        "switch_rate": ds.Reference("switch_rate_in_steps", tolerance, kind, reason=reason)
    }


def _root(x, y, error, scale):
    """Return the zero nearest to 1 of a parabola, or a line, through weighted points, and its standard error."""
    degree = min(2 if x.max() > NARROW * x.min() else 1, len(x) - 1)
    powers = np.vander(x - 1, degree + 1)
    weight = 1 / np.where(error > 0, error, 1.0)
    covariance = np.linalg.inv(powers.T @ (powers * weight[:, None] ** 2))
    fit = covariance @ (powers.T @ (y * weight**2))
    roots = np.roots(fit)
    roots = roots[np.isreal(roots)].real
    if not roots.size:
        return np.nan, np.nan
    root = roots[np.argmin(np.abs(roots))]
    at = np.vander([root], degree + 1)[0]
    slope = np.polyval(np.polyder(fit), root)
    return scale * (1 + root), scale * np.sqrt(at @ covariance @ at) / abs(slope)


def _crossings(rate, probability, drift, error, p_start):
    """Return, for each event rate, where the drift is zero, and its slope, with standard errors."""
    found = {"zero_crossing": [], "zero_crossing_error": [], "slope": [], "slope_error": []}
    for value in np.unique(rate):
        at = (rate == value) & np.isfinite(probability)
        if at.sum() < 2:
            raise ds.errors.ParameterError(
                "probabilities has fewer than two values; a slope needs two"
            )
        x, y, weight = probability[at], drift[at], 1 / np.where(error[at] > 0, error[at], 1.0)
        powers = np.vander(x, 2)
        covariance = np.linalg.inv(powers.T @ (powers * weight[:, None] ** 2))
        slope, offset = covariance @ (powers.T @ (y * weight**2))
        root = -offset / slope
        spread = np.array([root, 1.0]) @ covariance @ np.array([root, 1.0])
        values = root, np.sqrt(spread) / abs(slope), slope, np.sqrt(covariance[0, 0])
        for name, number in zip(found, values, strict=True):
            found[name].append(number)
    found = {n: np.array(v) for n, v in found.items()}
    tolerance = 4 * found["zero_crossing_error"]
    level = np.full(len(tolerance), p_start)
    return found, {"zero_crossing": ds.Reference(level, tolerance, "statistical", reason=CHANCE)}


def _draw(p, metrics, known):
    """Draw the drift against rate or burst probability, with two standard errors."""
    rows = np.unique(metrics["rates"]).size if p.pairing == "burst_poisson" else 1
    rates, probability, drift, error = (
        metrics[n].reshape(rows, -1) for n in ("rates", "burst_probability", "drift", "drift_error")
    )
    if p.pairing == "burst_poisson":
        # The dead time makes probabilities at different rates slightly different; curves share their mean.
        x, zero, xlabel = probability.mean(axis=0), p.p_start, "burst probability"
        labels, parameter = rates[:, 0], "event rate (Hz)"
    else:
        x, zero, xlabel = rates[0], known["switch_rate_expected"], "rate of the spikes (Hz)"
        labels, parameter = [p.p_start], "expected burst probability"
    ax = ds.plot.families(
        x,
        dict(zip(labels, drift, strict=True)),
        bands={v: (d - 2 * e, d + 2 * e) for v, d, e in zip(labels, drift, error, strict=True)},
        xlabel=xlabel,
        ylabel="drift of the weight (1/s)",
        parameter=parameter,
    )
    ax.axhline(0, color="0.6", lw=0.8, zorder=0)
    ax.axvline(zero, color="0.6", ls="--", lw=0.8, zorder=0)
    return ax.figure
