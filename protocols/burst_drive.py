"""Weights follow the current into the dendrites of a population that learns by its bursts.

Cells of the output population receive the events of input cells through plastic synapses, and a current into their
dendrites that changes from block to block. A larger current makes more of the events bursts; weights then grow
until the moving average of the burst probability has caught up, and with a smaller current they shrink. While the
current is constant, weights stay. With a constant expected burst probability (`tau_average=0 s`) they do not.
Before the first block, weights are fixed, and averages settle.

The rate form of the rule has the rates of the populations, R_E and R_B for output events and bursts, in windows:

    dW/dt = eta tau_trace R_pre (R_B - p R_E),  p = r_B/r_E,  dr/dt = (R - r)/tau_average

It is integrated with the measured rates and compared with the mean weight of the synapses. Differences come from
correlations of pre- and postsynaptic events, and from averages of single cells, whose ratio is not that of means.
Standard errors are over output cells.

Homeostasis (`rate_low`, `rate_high`) acts on the average rate of each cell and is not part of the rate form, so
with it changes of weights have no reference. Each limit acts from one side: with `rate_high`, weights shrink until
the averages of single cells, which fluctuate, are seldom above the limit, so the mean rate ends below it.

Sources
-------
Payeur, Guerguiev, Zenke, Richards & Naud (2021), Nature Neuroscience 24:1010, Fig. 2: the experiment, with drives
of 1, 1.5, 1, 0.55 and 1 in blocks of 25 s. Choices made here: the currents of the cells, with noise as in
`burst_coding`.

Errata applied
--------------
None.
"""

import numpy as np

import dendrosim as ds
from dendrosim.analysis.bursts import burst_statistics
from dendrosim.mechanisms.burst_events import longest_interval
from dendrosim.mechanisms.time_constants import check_time_constants
from dendrosim.protocol.time_steps import whole_steps

BURN_IN, DRIVEN = "burn_in", "drive{}"
POPULATIONS = ("input", "output")


class Parameters(ds.Parameters):
    factors: tuple[float, ...] = ds.parameter(
        (1.0, 1.5, 1.0, 0.55, 1.0), "current of each block over `drive`"
    )
    drive: ds.Quantity = ds.parameter("200 pA", "extra current into output dendrites")
    block: ds.Quantity = ds.parameter("25 s", "duration of a block", above=0)
    burn_in: ds.Quantity = ds.parameter("15 s", "time before weights learn", above=0)
    input_soma: ds.Quantity = ds.parameter("0 pA", "extra current into input somata")
    input_dendrite: ds.Quantity = ds.parameter("0 pA", "extra current into input dendrites")
    output_soma: ds.Quantity = ds.parameter("-150 pA", "extra current into output somata")
    soma_mean: ds.Quantity = ds.parameter("400 pA", "mean of the somatic noise current")
    dendrite_mean: ds.Quantity = ds.parameter("-300 pA", "mean of the dendritic noise current")
    sigma: ds.Quantity = ds.parameter("450 pA", "sd of both noise currents", least=0)
    tau_noise: ds.Quantity = ds.parameter("2 ms", "correlation time of the noise", above=0)
    window: ds.Quantity = ds.parameter("1 s", "width of windows for rates", above=0)
    dt: ds.Quantity = ds.parameter("0.1 ms", "time step", above=0)
    circuit = ds.parameters_of("burst_teaching")


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if not p.factors:
        raise ds.errors.ParameterError("factors is empty; give at least one")
    steps = whole_steps(p.window.value, p.dt.value, "window")
    for name in ("block", "burn_in"):
        if whole_steps(getattr(p, name).value, p.dt.value, name) % steps:
            raise ds.errors.ParameterError(
                f"{name} is {getattr(p, name)}; it must be a whole number of windows of {p.window} (window)"
            )
    noise = {"sigma": p.sigma, "tau": p.tau_noise}
    extra = {
        "input_pyramidal": (p.input_soma, p.input_dendrite), "output_pyramidal": (p.output_soma, p.drive)
    }  # fmt: skip
    signals = {}
    for name, (soma, dendrite) in extra.items():
        signals[f"{name}.current_soma"] = (
            ds.OrnsteinUhlenbeck(p.soma_mean, **noise), ds.Constant(soma)
        )  # fmt: skip
        signals[f"{name}.current_apical"] = (
            ds.OrnsteinUhlenbeck(p.dendrite_mean, **noise), ds.Constant(dendrite)
        )  # fmt: skip
    target = "output_pyramidal.current_apical"
    phases = [
        ds.Phase(BURN_IN, p.burn_in, signals={target: _driven(p, signals[target], p.factors[0])})
    ]
    for k, factor in enumerate(p.factors):
        driven = {target: _driven(p, signals[target], factor)}
        phases.append(ds.Phase(DRIVEN.format(k), p.block, signals=driven, gates={"learn": 1.0}))
    circuit = ds.load_circuit("burst_teaching", **p.circuit)
    check_time_constants(circuit, p.dt.value)
    return ds.Protocol(
        circuit,
        (ds.Block("run", tuple(phases)),),
        dt=p.dt,
        signals=signals,
        recordings=(
            ds.Recording(tuple(f"{n}_pyramidal.spike" for n in POPULATIONS), every="spike"),
            ds.Recording("plastic.weight", every=p.window),
        ),
        batch_fixed=True,
    )


def _driven(p, signals, factor):
    """Return the current into output dendrites in a block."""
    current = ds.Quantity(factor * p.drive.value, p.drive.dimension)
    return (signals[0], ds.Constant(current))


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the weights of each block with the rate form of the rule."""
    p = Parameters(**result.protocol.parameters)
    window, cells = p.window.value, p.circuit["cells"]
    threshold = longest_interval(p.dt.value)
    found = {
        name: burst_statistics(
            result.spikes[f"{name}_pyramidal"], result.start, result.stop, cells=cells, window=window,
            threshold=threshold, burst_at="event",
        )
        for name in POPULATIONS
    }  # fmt: skip
    first, length = (round(x.value / window) for x in (p.burn_in, p.block))
    edges = first + length * np.arange(len(p.factors) + 1)
    weights, post = _weights(result, cells)  # (windows + 1, output cells)
    mean = weights.mean(axis=1)
    predicted = _rate_form(p, result, found, first, mean[0])
    change, expected = np.diff(mean[edges]), np.diff(predicted[edges])
    spread = np.diff(weights[edges], axis=0).std(axis=1, ddof=1) / np.sqrt(len(post))
    output = found["output"]

    def per_block(values):
        return values[first:].reshape(-1, length).mean(axis=1)

    metrics = {
        "factor": np.array(p.factors),
        "weight": mean[edges[1:]],
        "weight_start": float(mean[0]),
        "weight_change": change,
        "weight_change_error": spread,
        "expected_change": expected,
        "input_event_rate": float(np.mean(found["input"].event_rate)),
        "event_rate": per_block(output.event_rate),
        "burst_probability": per_block(output.burst_rate) / per_block(output.event_rate),
        "synaptic_current": per_block(_current(p, result, found["input"], mean)),
        "correlation": _correlation(mean[first:], predicted[first:]),
    }
    amperes = ("weight", "weight_start", "weight_change", "weight_change_error", "expected_change")
    units = dict.fromkeys((*amperes, "synaptic_current"), "A")
    units |= dict.fromkeys(("event_rate", "input_event_rate"), "Hz")
    time = window * (np.arange(len(mean)) - first)

    drive = np.repeat([p.factors[0], *p.factors], [first, *(length for _ in p.factors)])

    def draw_weights():
        curves = {"mean of all synapses": 1e12 * mean, "rate form": 1e12 * predicted}
        labels = {"xlabel": "time after the burn-in (s)", "ylabel": "weight (pA)"}
        return ds.plot.curve(time, curves, **labels, log=False).figure

    def draw_rates():
        rows = {
            name: (values, drive, (interval.lower, interval.upper))
            for name, values, interval in (
                ("event rate (Hz)", output.event_rate, output.event_rate_interval),
                ("burst probability", output.burst_probability, output.burst_probability_interval),
            )
        }
        middle = (time[:-1] + time[1:]) / 2
        return ds.plot.decoded(middle, rows, sent_label="dendritic current, scaled")[0].figure

    figures = {"weights": draw_weights, "rates": draw_rates}
    return ds.Measurement(metrics, figures, units, _references(p, change, spread))


def _references(p, change, spread):
    """Return the reference of changes of weights, whose standard errors are `spread`."""
    if p.circuit["rate_low"] is not None or p.circuit["rate_high"] is not None:
        return {}
    # Correlations of single cells, which the rate form leaves out, make up to a tenth of the largest change.
    allowed = 4 * spread + 0.1 * np.abs(change).max()
    reason = "four standard errors, and a tenth for correlations of single cells"
    return {"weight_change": ds.Reference("expected_change", allowed, "statistical", reason=reason)}


def _weights(result, cells):
    """Return the mean weight of each output cell at the edges of all windows, and the cells that have synapses."""
    recorded = result["plastic.weight"]
    final = result.final["plastic.weight"]
    every = np.concatenate(
        [recorded.values.reshape(len(recorded.time), -1), final.values.reshape(1, -1)]
    )
    post = final.post.values
    count = np.bincount(post, minlength=cells)
    kept = np.flatnonzero(count)
    sums = np.stack([np.bincount(post, row, minlength=cells) for row in every])
    return sums[:, kept] / count[kept], kept


def _rate_form(p, result, found, first, start):
    """Return the mean weight at the edges of windows by the rule for rates."""
    rule = result.circuit.pathway("plastic").parameters
    eta, tau = rule["eta"].value, rule["tau_trace"].value
    average = rule["tau_average"].value if "tau_average" in rule else np.inf
    window, output = p.window.value, found["output"]
    kept = np.exp(-window / average)
    rates = np.stack([output.event_rate, output.burst_rate])
    r = np.array([5.0, 5.0 * p.circuit["p_start"]])
    weights = [start]
    for k, pre in enumerate(found["input"].event_rate):
        # The mean of the exponential within the window
        mean = rates[:, k] + (r - rates[:, k]) * (
            (1 - kept) * average / window if average < np.inf else 1
        )
        r = rates[:, k] + (r - rates[:, k]) * kept
        expected = min(mean[1] / mean[0], 1.0) if mean[0] > 0 else 0.0
        change = eta * tau * pre * (rates[1, k] - expected * rates[0, k]) * window
        weights.append(weights[-1] + (change if k >= first else 0.0))
    return np.array(weights)


def _current(p, result, found, weights):
    """Return the mean synaptic current of an output cell in each window."""
    cells = p.circuit["cells"]
    synapses = len(result.final["plastic.weight"].post) / cells
    utilisation = ds.ShortTerm.named("depressing").utilisation
    return synapses * weights[:-1] * utilisation * found.event_rate * p.circuit["tau_synapse"].value


def _correlation(first, second):
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
