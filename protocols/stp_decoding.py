"""Short-term plasticity separates bursts from single spikes: facilitation reads out bursts, depression events.

For each interval, one axon fires a burst with that interval, and its synapse releases less or more with each new
spike. Two reference synapses are simulated beside the tested one. The facilitating one hardly responds to a single
spike and strongly to a burst (it decodes bursts); the depressing one responds to the first spike of an event, and
little to those that follow (it decodes events). A further axon fires single spikes and bursts in turn.

    di/dt = -i/tau_synapse,  i <- i + weight*released       synaptic current
    dv/dt = -v/tau_membrane + i/c                           potential, relative to rest

Weights are such that a single spike has the same effect through every synapse.

Sources
-------
Naud & Sprekeler (2018), PNAS 115:E6329, on decoding events and bursts; the synapses are those of
`ds.ShortTerm`, which names their sources.

Errata applied
--------------
None.
"""

from math import gcd

import numpy as np

import dendrosim as ds
from dendrosim.protocol.time_steps import whole_steps

CELL = """
dv/dt = -v/tau_membrane + current/capacitance : volt   # relative to rest
dcurrent/dt = -current/tau_synapse            : amp    # fed by a pathway
defficacy/dt = 0*Hz                           : 1      # what the last spike released
"""
EFFECT = "current_post += weight*released; efficacy_post = released"
MEMBRANE = {"tau_membrane": "16 ms", "capacitance": "370 pF", "tau_synapse": "5 ms"}
SINGLE = 20e-12  # amperes by which a single spike raises the current, through every synapse

DECODERS = {"burst_decoder": "facilitating", "event_decoder": "depressing"}
ONSET, PAUSE, TAIL = 10e-3, 250e-3, 100e-3  # seconds before, between and after events
EVENTS = 6  # number of events: single spikes and bursts in turn
COLUMNS = 6  # largest number of columns in the figure of potentials


class Parameters(ds.Parameters):
    synapse: str = ds.parameter("facilitating", "tested synapse, by name (see ds.ShortTerm)")
    interval: tuple[ds.Quantity, ...] = ds.parameter(
        ("5 ms", "10 ms", "100 ms"), "intervals between spikes, one burst for each", above=0
    )
    spikes: int = ds.parameter(5, "number of spikes in every burst", least=1)
    utilisation: float | None = ds.parameter(None, "replaces U, the release by a first spike")
    increment: float | None = ds.parameter(None, "replaces f, step of utilisation towards 1")
    tau_depression: ds.Quantity | None = ds.parameter(None, "replaces tau_D (recovery)", unit="ms")
    tau_facilitation: ds.Quantity | None = ds.parameter(None, "replaces tau_F (decay)", unit="ms")
    dt: ds.Quantity = ds.parameter("0.1 ms", "time step", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    names = ("utilisation", "increment", "tau_depression", "tau_facilitation")
    changes = {name: getattr(p, name) for name in names if getattr(p, name) is not None}
    tested = ds.ShortTerm.named(p.synapse, **changes)
    if not p.interval:
        raise ds.errors.ParameterError("interval is empty; give at least one")
    step, spikes = p.dt.value, p.spikes
    apart = [whole_steps(value.value, p.dt.value, "interval") for value in p.interval]
    shortest, every = min(apart), gcd(*apart)
    # Efficacies are read between two spikes; a grid of `every` steps has a point between any two spikes.
    onset = every * max(1, round(ONSET / step / every))
    event = (spikes - 1) * shortest + max(1, round(PAUSE / step))
    last = onset + max((spikes - 1) * max(apart), (EVENTS - 1) * event + (spikes - 1) * shortest)
    total = last + every + max(1, round(TAIL / step))
    kept = max(1, total // 8000)  # steps between samples of the courses, so that figures stay small
    synapses = {"tested": tested, **{k: ds.ShortTerm.named(v) for k, v in DECODERS.items()}}
    label = " ".join(p.synapse.replace("_", " ").split()) + (" (changed)" if changes else "")
    return ds.Protocol(
        _circuit(len(apart) + 1, synapses),
        (ds.Block("run", (ds.Phase("trains", _time(total * step)),)),),
        dt=p.dt,
        signals={"axon.x": _trains(apart, spikes, onset, event, step)},
        recordings=(
            ds.Recording(("*.efficacy",), every=_time(every * step)),
            ds.Recording(("*.v", "*.current"), every=_time(kept * step)),
            ds.Recording("axon.spike", every="spike"),
        ),
        references={
            "label": label,
            "interval": np.array(apart) * step,
            "exact": np.stack([tested.released(n * step * np.arange(spikes)) for n in apart]),
            # For spike k of a burst at interval i: the index of its efficacy in the recording.
            "rows": onset // every + 1 + np.outer(apart, np.arange(spikes)) // every,
            "onset": onset * step,
        },
        batch_fixed=True,
    )


def _circuit(axons: int, synapses: dict[str, ds.ShortTerm]) -> ds.Circuit:
    """Return the axons and, for each kind of synapse, a population with one cell per axon."""
    axon = ds.Population("axon", axons, "x : 1", inputs=["x"], threshold="x > 0.5")
    cells = [ds.Population(name, axons, CELL) for name in synapses]
    pathways = []
    for name, synapse in synapses.items():
        weight, rule = f"{SINGLE / synapse.utilisation!r} A", ds.rules.short_term(synapse)
        pathways.append(
            ds.Pathway(f"to_{name}", "axon", name, EFFECT, ds.OneToOne(), weight, rule=rule)
        )
    return ds.Circuit((axon, *cells), parameters=MEMBRANE, pathways=pathways)


def _trains(
    apart: list[int], spikes: int, onset: int, event: int, step: float
) -> tuple[ds.PulseTrain, ...]:
    """Return the pulses that drive axons: a burst at each interval; in the last axon, single spikes and bursts."""
    bursts = np.append(np.ones(len(apart)), 0.0)
    shortest = min(apart)

    def train(amplitude, start, interval, count):
        return ds.PulseTrain(amplitude, _time(start * step), interval, _time(step), count)

    further = [
        train(1 - bursts, onset + k * event + shortest, _time(shortest * step), spikes - 1)
        for k in range(1, EVENTS, 2)
    ]
    return (
        train(bursts, onset, [_time(n * step) for n in (*apart, shortest)], spikes),
        train(1 - bursts, onset, _time(event * step), EVENTS),
        *further,
    )


def _time(seconds: float) -> str:
    return f"{seconds!r} s"


def measure(result: ds.Result) -> ds.Measurement:
    """Read how much each spike released, and compare bursts with the same number of single spikes."""
    known = result.protocol.references
    interval, rows, label = known["interval"], known["rows"], known["label"]
    units, names = np.arange(len(interval))[:, None], ("tested", *DECODERS)
    absolute = {name: result[f"{name}.efficacy"].values[rows, units] for name in names}
    responses = {name: values / values[:, :1] for name, values in absolute.items()}
    tested, spikes = responses["tested"], rows.shape[1]
    metrics = {
        "interval": interval,
        "responses": tested,
        "absolute": absolute["tested"],
        "single_response": float(absolute["tested"][0, 0]),
        "paired_pulse_ratio": tested[:, 1] if spikes > 1 else np.full(len(tested), np.nan),
        "burst_gain": tested.mean(axis=1),
        **{f"burst_gain_{DECODERS[name]}": responses[name].mean(axis=1) for name in DECODERS},
        "largest_relative_error": float(np.max(np.abs(absolute["tested"] / known["exact"] - 1))),
    }
    # For each label, the synapse to draw; a tested synapse that equals a reference is not drawn twice.
    shown = {kind: name for name, kind in DECODERS.items()}
    if not any(np.array_equal(absolute["tested"], absolute[name]) for name in DECODERS):
        shown[label] = "tested"
    sizes = {label: responses[name] for label, name in shown.items()}
    figures = {
        "responses": lambda: _draw_responses(tested, interval, label),
        "traces": lambda: _draw_traces(result),
        "decoders": lambda: _draw_decoders(result, shown),
        "event_size": lambda: _draw_event_size(sizes, interval),
    }
    exact = ds.Reference(0.0, 1e-9, reason="rounding: jumps and decays are exact")
    return ds.Measurement(metrics, figures, {"interval": "s"}, {"largest_relative_error": exact})


def _draw_responses(responses, interval, label):
    number = np.arange(1, responses.shape[1] + 1)
    curves = dict(zip(1e3 * interval, responses, strict=True))
    labels = {"xlabel": "spike of the burst", "ylabel": "response over that to the first"}
    title = f"What each spike releases: {label}"
    ax = ds.plot.families(number, curves, **labels, parameter="interval (ms)", title=title)
    _whole_numbers(ax, number)
    ax.set_ylim(0)
    return ax.figure


def _draw_traces(result):
    """Draw potentials and currents of the tested synapse, one column per interval (up to COLUMNS)."""
    known = result.protocol.references
    label, onset, spikes = known["label"], result.start + known["onset"], known["rows"].shape[1]
    columns = {}, {}
    count = len(known["interval"])
    for unit in np.unique(np.linspace(0, count - 1, min(count, COLUMNS)).astype(int)):
        interval = known["interval"][unit]
        end = onset + (spikes - 1) * interval + 0.8 * TAIL
        title = f"every {1e3 * interval:g} ms"
        for drawn, name in zip(columns, ("tested.v", "tested.current"), strict=True):
            course = result[name].isel(unit=unit).sel(time=slice(onset - ONSET, end))
            drawn[title] = {label: (course.time.values - onset, course.values)}
    return ds.plot.panels(*columns, ylabel="potential above rest")[0, 0].figure


def _draw_decoders(result, shown):
    """Draw the potentials of cells whose axon fires single spikes and bursts in turn."""
    mixed = len(result.protocol.references["interval"])
    spikes = result.spikes["axon"]
    courses = {label: result[f"{name}.v"].sel(unit=mixed) for label, name in shown.items()}
    time = next(iter(courses.values())).time.values
    curves = {label: course.values / course.values.max() for label, course in courses.items()}
    title = "Single spikes and bursts on one axon"
    ax = ds.plot.curve(time, curves, ylabel="potential over its largest", title=title, log=False)
    ax.vlines(spikes.time[spikes.unit == mixed], -0.14, -0.05, color="k", lw=0.8)
    ax.set_ylim(-0.16, 1.05)
    return ax.figure


def _draw_event_size(responses, interval):
    """Draw the response to a whole event against the number of its spikes."""
    k = int(np.argmin(interval))
    number = np.arange(1, next(iter(responses.values())).shape[1] + 1)
    curves = {label: values[k].cumsum() for label, values in responses.items()}
    xlabel = f"spikes of the event, {1e3 * interval[k]:g} ms apart"
    labels = {"xlabel": xlabel, "ylabel": "response over that to a single spike"}
    ax = ds.plot.curve(number, curves, **labels, title="Response to a whole event", log=True)
    for line in ax.lines:
        line.set(marker="o", markersize=3.5)
    ax.plot(number, number, color="0.6", ls="--", lw=1.0, zorder=1)
    ax.annotate(
        "every spike alike", (number[-1], number[-1]), (0, 3), textcoords="offset points",
        ha="right", va="bottom", color="0.4", fontsize=8,
    )  # fmt: skip
    ax.yaxis.set_major_formatter("{x:g}")
    _whole_numbers(ax, number)
    return ax.figure


def _whole_numbers(ax, number):
    ax.set_xticks(number[:: -(-len(number) // 10)])
