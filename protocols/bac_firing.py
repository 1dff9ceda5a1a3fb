"""Back-propagation activated calcium spikes: how a somatic spike lowers the threshold of the dendrite.

A bi-exponential current into the apical dendrite is given alone, and at many delays relative to a
short somatic pulse that makes one spike. Each pair of amplitude and delay has a unit of its own in a single run.
The threshold of the dendrite alone is the smallest amplitude that makes a plateau (pyramidal_ca: a burst). With a
somatic spike, the threshold is the smallest amplitude that makes a burst.

The first figure shows the classical panels: dendrite alone, soma alone, both together, strong dendrite alone. The
second figure shows the threshold against the delay. If the somatic pulse makes no spike at any delay, there are no
figures, and a warning says so.

Sources
-------
Larkum, Zhu & Sakmann (1999), Nature 398:338, for the experiment; Ledergerber & Larkum (2012), PLoS ONE
7:e29980, for the threshold current as a function of the delay. The models name their own sources.

Errata applied
--------------
None.
"""

import warnings
from typing import Literal

import numpy as np

import dendrosim as ds
from dendrosim.mechanisms.bursting_cell import refuse_undriven_basal
from dendrosim.units import TIME, UNITS

MODELS = ("pyramidal_burst", "pyramidal_ca")

# The default of each parameter for the first and the second of MODELS. The first `pulse` is 1.2 times the rheobase
# for a pulse of 5 ms, and the second equals the rheobase for such a pulse.
DEFAULTS = {
    "pulse": ("2040 pA", "1100 pA"),
    "largest": ("1100 pA", "1200 pA"),
    "step": ("20 pA", "50 pA"),
    "plateau": ("-38 mV", "-30 mV"),
    "burst": (2, 3),
}
DELAYS = ((-30, -20, -15, -10, -5, 0, 2.5, 5, 7.5, 10, 15, 20), (-20, -10, -5, 0, 5, 10, 20, 40))
PULSE, RISE, DECAY, EVERY = "5 ms", "2 ms", "10 ms", "0.2 ms"
ONSET, LENGTH = 0.06, 0.2  # onset of the somatic pulse, and length of the run, in seconds


class Parameters(ds.Parameters):
    model: Literal["pyramidal_burst", "pyramidal_ca"] = ds.parameter("pyramidal_burst", "the cell")
    delays: tuple[ds.Quantity, ...] | None = ds.parameter(
        None, "delays of dendritic onset (default: 12 or 8 of them)", unit="ms", least=-50, most=100
    )
    pulse: ds.Quantity | None = ds.parameter(None, "somatic (2.04 or 1.1 nA)", unit="pA", above=0)
    largest: ds.Quantity | None = ds.parameter(
        None, "largest dendritic amplitude (1.1 or 1.2 nA)", unit="pA", above=0
    )
    step: ds.Quantity | None = ds.parameter(None, "their step (20 or 50 pA)", unit="pA", above=0)
    plateau: ds.Quantity | None = ds.parameter(None, "plateau threshold (-38, -30 mV)", unit="mV")
    burst: int | None = ds.parameter(None, "spikes that make a burst (2 or 3)", least=1)
    dt: ds.Quantity = ds.parameter("0.02 ms", "time step", above=0)
    circuit = ds.parameters_of(*MODELS, without=("cells",), optional=True)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    refuse_undriven_basal(p.circuit.get("basal"))
    which = MODELS.index(p.model)
    given = {n: getattr(p, n) for n in DEFAULTS}
    chosen = {n: DEFAULTS[n][which] if v is None else v for n, v in given.items()}
    chosen = {name: float(ds.quantity(value).value) for name, value in chosen.items()}
    largest, step = chosen.pop("largest"), chosen.pop("step")
    count = int(largest / step + 1e-9) + 1
    if count < 2:
        raise ds.errors.ParameterError(
            f"step is {step:g} A, larger than the largest amplitude {largest:g} A; make it smaller"
        )
    if p.delays == ():
        raise ds.errors.ParameterError(
            "delays is empty; give at least one, each from -50 to 100 ms"
        )
    times = ds.quantity(p.delays or [f"{delay} ms" for delay in DELAYS[which]]).value
    amplitudes = np.arange(count) * step
    # Units are in rows: the dendrite alone, then one row per delay; each row has all amplitudes.
    onsets = np.repeat([ONSET, *(ONSET + times)], count)
    with_pulse = np.repeat([0.0, *np.ones(len(times))], count)
    ampere = UNITS["A"][0]
    return ds.Protocol(
        ds.load_circuit(p.model, cells=len(onsets), **p.circuit),
        (ds.Block("trial", (ds.Phase("stimulus", f"{LENGTH} s"),)),),
        dt=p.dt,
        signals={
            "pyramidal.current_soma": ds.Pulse(
                ds.Quantity(with_pulse * chosen["pulse"], ampere), f"{ONSET} s", PULSE
            ),
            "pyramidal.current_apical": ds.BiExponential(
                ds.Quantity(np.tile(amplitudes, 1 + len(times)), ampere),
                ds.Quantity(onsets, TIME),
                RISE,
                DECAY,
            ),
        },
        recordings=(
            ds.Recording("pyramidal.spike", every="spike"),
            ds.Recording(("pyramidal.soma", "pyramidal.apical"), every=EVERY),
        ),
        references={"amplitudes": amplitudes, "delays": times, **chosen},
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Find the thresholds, and draw the classical panels and the thresholds against the delay."""
    given, model = result.protocol.references, result.protocol.parameters["model"]
    amplitudes, delays = np.asarray(given["amplitudes"]), np.asarray(given["delays"])
    shape = (1 + len(delays), len(amplitudes))
    apical = result["pyramidal.apical"].values.reshape(-1, *shape)
    spikes = np.bincount(result.spikes["pyramidal"].unit, minlength=np.prod(shape)).reshape(shape)
    peak = apical.max(axis=0)
    bursts, plateaus = spikes >= given["burst"], peak > given["plateau"]
    alone = _smallest(amplitudes, (plateaus if model == "pyramidal_burst" else bursts)[0])
    # If the somatic pulse alone makes no spike, the threshold is nan: it would not show the effect of a spike.
    fired = spikes[1:, 0] > 0
    with_spike = np.array([_smallest(amplitudes, row) for row in bursts[1:]])
    with_spike = np.where(fired, with_spike, np.nan)
    lowest = min(with_spike[np.isfinite(with_spike)].tolist(), default=float("nan"))
    strong = np.sum(apical[:, 0, -1] > given["plateau"])
    nearest = 1 + int(np.argmin(np.abs(delays)))
    metrics = {
        "threshold_alone": alone,
        "delays": delays,
        "threshold_with_spike": with_spike,
        "largest_reduction": 1 - lowest / alone,
        "pulse_spikes": int(spikes[nearest, 0]),
        "pulse_apical_peak": float(peak[nearest, 0]),
        "plateau_duration": float(strong * ds.quantity(EVERY).value),
        "plateau_spikes": int(spikes[0, -1]),
    }
    units = {"delays": "s", "plateau_duration": "s", "pulse_apical_peak": "V"}
    units |= {"threshold_alone": "A", "threshold_with_spike": "A"}
    if not fired.any():
        warnings.warn(
            f"the somatic pulse of {1e12 * given['pulse']:g} pA makes no spike, so there are no thresholds with a "
            "spike to draw; choose a larger pulse",
            ds.errors.DendrosimWarning,
            stacklevel=2,
        )
        return ds.Measurement(metrics, units=units)
    labels = {"xlabel": "dendritic current after the somatic pulse"}
    drawn = (delays, with_spike, alone)
    figures = {
        "window": lambda: ds.plot.window(*drawn, tried=float(amplitudes[-1]), **labels).figure
    }
    if np.isfinite(alone) and np.any(with_spike < alone):
        best = int(np.nanargmin(with_spike))
        weak = np.searchsorted(amplitudes, [with_spike[best], alone]).sum() // 2
        shown = {
            "dendrite alone": (0, weak),
            "soma alone": (1 + best, 0),
            "both": (1 + best, weak),
            "strong dendrite alone": (0, len(amplitudes) - 1),
        }
        figures = {"panels": lambda: _panels(result, shown), **figures}
    return ds.Measurement(metrics, figures, units=units)


def _smallest(amplitudes, above):
    """Return the smallest amplitude that is above threshold, or nan if there is none."""
    return float(amplitudes[np.argmax(above)]) if np.any(above) else float("nan")


def _panels(result, shown):
    """Draw the voltages and currents of some units; `shown` gives row and column for each title."""
    given, spikes = result.protocol.references, result.spikes["pyramidal"]
    amplitudes, delays = np.asarray(given["amplitudes"]), np.asarray(given["delays"])
    recorded = {name: result[f"pyramidal.{name}"] for name in ("apical", "soma")}
    onset = result.start + ONSET
    time = recorded["soma"].time.values - onset
    seen = (time >= -0.03) & (time <= 0.11)
    time = time[seen]
    pulse, rise, decay = (float(ds.quantity(x).value) for x in (PULSE, RISE, DECAY))
    peak = (rise / decay) ** (rise / (decay - rise)) - (rise / decay) ** (decay / (decay - rise))
    voltages, currents, marks = {}, {}, {}
    for title, (row, column) in shown.items():
        unit = row * len(amplitudes) + column
        since = np.clip(time - (delays[row - 1] if row else 0.0), 0, None)
        injected = amplitudes[column] * (np.exp(-since / decay) - np.exp(-since / rise)) / peak
        step = given["pulse"] * (row > 0) * ((time >= 0) & (time < pulse))
        title = f"{title}\n{1e12 * amplitudes[column]:.0f} pA" if column else title
        voltages[title] = {n: (time, values.values[seen, unit]) for n, values in recorded.items()}
        currents[title] = {"apical": (time, injected), "soma": (time, step)}
        times = spikes.time[spikes.unit == unit] - onset
        marks[title] = {"soma": times[(times >= time[0]) & (times <= time[-1])]}
    return ds.plot.panels(voltages, currents, marks)[0, 0].figure
