"""One plateau makes a place field: behavioural time-scale plasticity of a cell on a circular track.

An animal runs laps at a constant speed. The inputs are place cells, whose fields tile the track; all weights of
the cell are 1 at the beginning, so that its drive is the same everywhere. In each lap with a plateau, a plateau
begins at a given position, and synapses change by the weight-dependent rule (`ds.rules.btsp`): an input that was
active within seconds before or after the plateau gets stronger, unless it is strong already. A second plateau
elsewhere makes a new field, and weakens the old one where their times overlap.

    before      a lap without plateau
    induce      laps with a plateau each, in the order of `positions`
    after       a lap without plateau

The drive of the cell is the sum of the weighted rates over the sum of the rates, so that it is 1 before learning.

Measured, with positions in metres from the start of the track:

    drive_before       drive by position, before learning
    drive              the same after all plateaus, at `position`
    field_peak         position of the largest drive
    field_height       largest drive, less the drive before
    field_width        length of the track where the drive is above half of this height
    lead               how far before the last plateau the field peaks, over the speed, a time
    weights            weights at the end, by position of the field of their input
    expected_weights   the same by the closed form: at each moment the weight tends to w* at its rate
    weight_error       largest difference of the two; its reference is 0

Sources
-------
Bittner, Milstein, Grienberger, Romani & Magee (2017), Science 357:1033: that one plateau makes a field; plateaus
of 300 ms. Milstein et al. (2021), eLife 10:e73046: the rule and its numbers. The track and the inputs are choices.
"""

import numpy as np

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.mechanisms.time_constants import check_time_constants
from dendrosim.plot import style

INPUT = """
phase : 1   # input: position on the track over its length, from 0
place = i/N : 1   # centre of the field
x = exp((cos(2*pi*(phase - place)) - 1)/width**2) : 1   # rate over its largest
"""
CELL = """
plateau : 1   # input: 1 during a plateau
sum_of_weighted : 1
sum_of_rates : 1
drive = sum_of_weighted/sum_of_rates : 1
"""
SHOWN = 300  # recorded positions in a lap


class Parameters(ds.Parameters):
    positions: tuple[ds.Quantity, ...] = ds.parameter(
        ("0.9 m",), "positions of plateaus, a lap for each", least=0
    )
    length: ds.Quantity = ds.parameter("1.87 m", "length of the circular track", above=0)
    speed: ds.Quantity = ds.parameter("0.25 m/s", "speed of the animal", above=0)
    plateau: ds.Quantity = ds.parameter("300 ms", "duration of a plateau", above=0)
    inputs: int = ds.parameter(100, "number of place cells", least=4)
    field: ds.Quantity = ds.parameter("0.15 m", "standard deviation of their fields", above=0)
    k_plus: ds.Quantity = ds.parameter("1.53 Hz", "largest rate of potentiation", least=0)
    k_minus: ds.Quantity = ds.parameter("0.103 Hz", "largest rate of depression", least=0)
    w_max: float = ds.parameter(4.1, "largest weight", above=0)
    tau_eligibility: ds.Quantity = ds.parameter("924 ms", "time constant of eligibility", above=0)
    tau_instructive: ds.Quantity = ds.parameter("502 ms", "the same after a plateau", above=0)
    dt: ds.Quantity = ds.parameter("5 ms", "time step", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if not p.positions:
        raise ParameterError("positions is empty; give at least one position of a plateau")
    if any(position.value >= p.length.value for position in p.positions):
        raise ParameterError(
            f"positions has {max(p.positions, key=lambda x: x.value)}; it must be below the length of the track, "
            f"{p.length}"
        )
    circuit = _circuit(p)
    check_time_constants(circuit, float(p.dt.value))
    steps = round(_lap(p) / p.dt.value)
    lap = f"{steps * float(p.dt.value)!r} s"
    run = ds.Ramp(1.0, "0 s", lap)
    phases = [ds.Phase("before", lap, signals={"input.phase": run})]
    for k, position in enumerate(p.positions):
        pulse = ds.Pulse(1.0, f"{position.value / p.speed.value!r} s", p.plateau)
        phases.append(
            ds.Phase(f"induce{k}", lap, signals={"input.phase": run, "cell.plateau": pulse})
        )
    phases.append(ds.Phase("after", lap, signals={"input.phase": run}))
    every = max(1, round(steps / SHOWN)) * float(p.dt.value)
    return ds.Protocol(
        circuit,
        (ds.Block("laps", tuple(phases)),),
        dt=p.dt,
        method="rk2",
        recordings=(
            ds.Recording(("cell.drive", "input.phase", "cell.instructive"), every=f"{every!r} s"),
            ds.Recording("w", every="phase"),
        ),
    )


def _lap(p):
    """Return the duration of a lap in seconds."""
    return float(p.length.value / p.speed.value)


def _circuit(p):
    eligibility, instructive = _peaks(p)
    rule = ds.rules.btsp(
        k_plus=p.k_plus, k_minus=p.k_minus, w_max=p.w_max, scale=1 / (eligibility * instructive),
        tau_eligibility=p.tau_eligibility, tau_instructive=p.tau_instructive,
    )  # fmt: skip
    width = 2 * np.pi * p.field.value / p.length.value
    inputs = ds.Population(
        "input", p.inputs, INPUT, inputs={"phase": 0.0}, parameters={"width": float(width)}
    )
    cell = ds.Population("cell", 1, CELL, inputs={"plateau": 0.0})
    return ds.Circuit(
        (rule.add_to(inputs, "pre"), rule.add_to(cell)),
        [ds.Matrix("w", "cell", "input", 1.0, rule=rule), ds.Matrix("ones", "cell", "input", 1.0)],
        [
            ds.Projection("input.x", "w", "cell.sum_of_weighted"),
            ds.Projection("input.x", "ones", "cell.sum_of_rates"),
        ],
    )


def _rates(p, phase, places):
    """Return rates of inputs by time and input."""
    width = 2 * np.pi * p.field.value / p.length.value
    return np.exp((np.cos(2 * np.pi * (phase[:, None] - places)) - 1) / width**2)


def _filter(given, tau, dt):
    """Return a filter of a course in time by the trapezoidal rule, from 0 on."""
    kept, found = np.exp(-dt / tau), np.zeros_like(given)
    for k in range(1, len(given)):
        found[k] = kept * found[k - 1] + (1 - kept) * (given[k - 1] + given[k]) / 2
    return found


def _course(p, laps=1):
    """Return times, rates of the inputs, and their eligibility, over laps that begin at rest."""
    lap, places = _lap(p), np.arange(p.inputs) / p.inputs
    time = np.arange(round(laps * lap / 1e-3) + 1) * 1e-3
    rates = _rates(p, time / lap, places)
    return time, rates, _filter(rates, float(p.tau_eligibility.value), 1e-3)


def _peaks(p):
    """Return the largest eligibility of an input, and the largest instructive signal."""
    eligibility = _course(p, 2)[2]
    return float(eligibility.max()), float(1 - np.exp(-p.plateau.value / p.tau_instructive.value))


def _expected(p):
    """Return the weights at the end by the closed form, moment by moment, in steps of 1 ms."""
    rule = {k: float(v.value) for k, v in _circuit(p).matrix("w").parameters.items()}
    lap = _lap(p)
    time, _, eligibility = _course(p, len(p.positions) + 2)
    plateau = np.zeros(len(time))
    for k, position in enumerate(p.positions):
        start = (k + 1) * lap + position.value / p.speed.value
        plateau[(time >= start) & (time < start + p.plateau.value)] = 1
    signal = _filter(plateau, float(p.tau_instructive.value), 1e-3)
    weights = np.ones(p.inputs)
    for e, i in zip(eligibility, signal, strict=True):
        if i < 1e-9:
            continue
        s = rule["scale"] * e * i
        plus, minus = (
            rule[f"k_{way}"]
            * (
                1 / (1 + np.exp(-2 * (s - rule[f"threshold_{way}"]) / rule[f"width_{way}"]))
                - rule[f"low_{way}"]
            )
            / rule[f"span_{way}"]
            for way in ("plus", "minus")
        )
        goal = np.divide(
            plus * rule["w_max"], plus + minus, out=weights.copy(), where=plus + minus > 0
        )
        weights = goal + (weights - goal) * np.exp(-(plus + minus) * 1e-3)
    return weights


def measure(result: ds.Result) -> ds.Measurement:
    """Describe the place field, and compare the weights with the closed form."""
    p = Parameters(**result.protocol.parameters)
    length = float(p.length.value)
    drive, phase = result.traces["cell.drive"], result.traces["input.phase"].values[:, 0, 0]
    laps = {}
    for span in result.phases():
        inside = (drive.time >= span.start - 1e-9) & (drive.time < span.stop - 1e-9)
        laps[span.phase] = length * phase[inside], drive.values[inside, 0, 0]
    (position, after), before = laps["after"], laps["before"][1]
    peak, height = int(np.argmax(after)), float(after.max() - before.mean())
    field = float(position[peak])
    marks = [float(x.value) for x in p.positions]
    lead = (marks[-1] - field + length / 2) % length - length / 2
    places = np.arange(p.inputs) * length / p.inputs
    weights, expected = result.state["w"][0], _expected(p)
    metrics = {
        "position": position,
        "drive_before": before,
        "drive": after,
        "field_peak": field,
        "field_height": height,
        "field_width": float(np.mean(after > before.mean() + height / 2) * length),
        "lead": float(lead / p.speed.value),
        "weights": weights,
        "expected_weights": expected,
        "weight_error": float(np.abs(weights - expected).max()),
    }
    units = {"position": "m", "field_peak": "m", "field_width": "m", "lead": "s"}
    named = {f"induce{k}": f"plateau {k + 1}" for k in range(len(p.positions))}
    figures = {
        "fields": lambda: (
            ds.plot.place_fields(
                {named.get(k, k): course for k, course in laps.items()},
                marks=marks,
                ylabel="drive",
            ).figure
        ),
        "weights": lambda: _draw_weights(places, weights, expected, marks),
    }
    small = ds.Reference(0.0, float(2.5 * p.dt.value), reason="time steps")
    return ds.Measurement(metrics, figures, units=units, references={"weight_error": small})


@style.styled
def _draw_weights(places, weights, expected, positions):
    ax = style.axes(None, (5.6, 3.0))
    ax.plot(100 * places, weights, ".", color=style.PALETTE[0], label="run")
    ax.plot(100 * places, expected, color=style.INK, lw=1, label="closed form")
    for k, position in enumerate(positions):
        name = None if k else "plateau"
        ax.axvline(100 * position, color=style.PALETTE[1], lw=1, ls="--", label=name)
    ax.set(xlabel="field of the input (cm)", ylabel="weight")
    style.legend_right(ax)
    return ax.figure
