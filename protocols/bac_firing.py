"""Back-propagation activated calcium spikes: how a somatic spike lowers the threshold of the dendrite.

A bi-exponential current into the apical dendrite is given alone, and at many delays relative to a
short somatic pulse that makes one spike. One unit stands for each amplitude and delay, all in one run. Alone, the
dendritic threshold is the smallest amplitude with a plateau; with a spike, the smallest with a burst.

The first figure is the classical one: dendrite alone, soma alone, both together, strong dendrite alone; the
second is the threshold against the delay.

Sources
-------
Larkum, Zhu & Sakmann (1999), Nature 398:338, for the experiment; Ledergerber & Larkum (2012), PLoS ONE
7:e29980, for threshold current against delay as its read-out. The models' own sources stand with them.

Errata applied
--------------
None.
"""

from typing import Annotated, Literal

import numpy as np

import dendrosim as ds

# What of each model: the somatic pulse, the amplitudes tried, the apical voltage of a plateau, the spikes of a
# burst, which of the two says that the dendrite alone is above threshold, and the delays.
SETUPS = {
    "pyramidal_burst": {
        "pulse": "2040 pA",
        "largest": "1100 pA",
        "step": "20 pA",
        "plateau": "-38 mV",
        "burst": 2,
        "alone": "plateau",
        "delays": (-30, -20, -15, -10, -5, 0, 2.5, 5, 7.5, 10, 15, 20),
    },
    "pyramidal_ca": {
        "pulse": "1100 pA",
        "largest": "1200 pA",
        "step": "50 pA",
        "plateau": "-30 mV",
        "burst": 3,
        "alone": "burst",
        "delays": (-20, -10, -5, 0, 5, 10, 20, 40),
    },
}
PULSE, RISE, DECAY, EVERY = "5 ms", "2 ms", "10 ms", "0.2 ms"
ONSET, LENGTH = 0.06, 0.2  # of the somatic pulse, and of the whole, in seconds


def protocol(
    *,
    model: Literal["pyramidal_burst", "pyramidal_ca"] = "pyramidal_burst",
    delays: Annotated[tuple[ds.Quantity, ...] | None, "s"] = None,
    pulse: Annotated[ds.Quantity | None, "A"] = None,
    largest: Annotated[ds.Quantity | None, "A"] = None,
    step: Annotated[ds.Quantity | None, "A"] = None,
    plateau: Annotated[ds.Quantity | None, "V"] = None,
    burst: int | None = None,
    dt: ds.Quantity = "0.02 ms",
    **circuit: ds.parameters_of(
        "pyramidal_burst", "pyramidal_ca", without=("cells",), optional=True
    ),
) -> ds.Protocol:
    """Return the protocol.

    Parameters
    ----------
    model
        Which cell; every parameter of it may be given as well.
    delays
        Onset of the dendritic current after that of the somatic pulse, from -50 to 100 ms (default: the
        model's own list).
    pulse
        Somatic pulse of 5 ms (default: 1.2 times the rheobase for it; pyramidal_ca: the rheobase).
    largest
        Largest dendritic amplitude (default: 1.1 nA; pyramidal_ca 1.2 nA).
    step
        Amplitudes lie this far apart (default: 20 pA; pyramidal_ca 50 pA).
    plateau
        Apical voltage beyond which there is a plateau (default: -38 mV; pyramidal_ca -30 mV).
    burst
        Number of spikes that make a burst (default: 2; pyramidal_ca 3).
    dt
        Time step.
    """
    setup = SETUPS[model]
    given = {"pulse": pulse, "largest": largest, "step": step, "plateau": plateau, "burst": burst}
    chosen = {n: ds.quantity(setup[n] if v is None else v) for n, v in given.items()}
    times = _delays(setup, delays)
    ds.positive(dt=dt, pulse=chosen["pulse"], largest=chosen["largest"], step=chosen["step"])
    ds.positive(burst=chosen["burst"])
    count = int(float(chosen["largest"].value) / float(chosen["step"].value) + 1e-9) + 1
    if count < 2:
        raise ds.errors.ParameterError(
            f"step is {chosen['step']}, larger than the largest amplitude {chosen['largest']}; make it smaller"
        )
    amplitudes = np.arange(count) * float(chosen["step"].value)
    # Rows of units: the dendrite alone, then each delay; within a row every amplitude.
    onsets = np.repeat([ONSET, *(ONSET + times)], count)
    with_pulse = np.repeat([0.0, *np.ones(len(times))], count)
    own = {name: value for name, value in circuit.items() if value is not None}
    built = ds.load_circuit(model, cells=len(onsets), **own)
    return ds.Protocol(
        built,
        (ds.Block("trial", (ds.Phase("stimulus", f"{LENGTH} s"),)),),
        dt=dt,
        signals={
            "pyramidal.current_soma": ds.Pulse(
                ds.Quantity(with_pulse * float(chosen["pulse"].value), chosen["pulse"].dimension),
                f"{ONSET} s",
                PULSE,
            ),
            "pyramidal.current_apical": ds.BiExponential(
                ds.Quantity(np.tile(amplitudes, 1 + len(times)), chosen["step"].dimension),
                ds.Quantity(onsets, ds.quantity(dt).dimension),
                RISE,
                DECAY,
            ),
        },
        recordings=(
            ds.Recording("pyramidal.spike", every="spike"),
            ds.Recording(("pyramidal.soma", "pyramidal.apical"), every=EVERY),
        ),
        references={
            "amplitudes": amplitudes,
            "delays": times,
            "plateau": float(chosen["plateau"].value),
            "burst": float(chosen["burst"].value),
            "pulse": float(chosen["pulse"].value),
        },
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Read thresholds off the units, and draw the classical panels and the window."""
    given, name = result.protocol.references, result.protocol.parameters["model"]
    amplitudes, delays = np.asarray(given["amplitudes"]), np.asarray(given["delays"])
    shape = (1 + len(delays), len(amplitudes))
    spikes, apical = result.spikes["pyramidal"], result["pyramidal.apical"]
    count = np.bincount(spikes.unit, minlength=np.prod(shape)).reshape(shape)
    above = (apical.values > given["plateau"]).reshape(-1, *shape)
    peak = apical.values.max(axis=0).reshape(shape)
    bursts, plateaus = count >= given["burst"], peak > given["plateau"]
    alone = (plateaus if SETUPS[name]["alone"] == "plateau" else bursts)[0]
    threshold_alone = _smallest(amplitudes, alone)
    # Without a somatic spike there is nothing whose effect a threshold could show.
    fired = count[1:, 0] > 0
    with_spike = np.array([_smallest(amplitudes, row) for row in bursts[1:]])
    with_spike = np.where(fired, with_spike, np.nan)
    lowest = min(with_spike[np.isfinite(with_spike)].tolist(), default=float("nan"))
    durations = above[:, 0].sum(axis=0) * float(ds.quantity(EVERY).value)
    strong = float(durations[-1])
    nearest = 1 + int(np.argmin(np.abs(delays)))
    metrics = {
        "threshold_alone": threshold_alone,
        "delays": delays,
        "threshold_with_spike": with_spike,
        "largest_reduction": 1 - lowest / threshold_alone,
        "pulse_spikes": int(count[nearest, 0]),
        "pulse_apical_peak": float(peak[nearest, 0]),
        "plateau_duration": strong,
        "plateau_spikes": int(count[0, -1]),
    }
    units = {
        "threshold_alone": "A",
        "delays": "s",
        "threshold_with_spike": "A",
        "pulse_apical_peak": "V",
        "plateau_duration": "s",
    }

    def window():
        return ds.plot.window(
            delays, with_spike, threshold_alone, tried=float(amplitudes[-1]),
            xlabel="dendritic current after the somatic pulse",
        ).figure  # fmt: skip

    figures = {"window": window}
    if np.isfinite(threshold_alone) and np.any(with_spike < threshold_alone):
        best = int(np.nanargmin(with_spike))
        weak = (
            np.searchsorted(amplitudes, with_spike[best])
            + np.searchsorted(amplitudes, threshold_alone)
        ) // 2
        shown = {
            "dendrite alone": (0, weak),
            "soma alone": (1 + best, 0),
            "both": (1 + best, weak),
            "strong dendrite alone": (0, len(amplitudes) - 1),
        }
        figures = {"panels": lambda: _panels(result, shown), **figures}
    return ds.Measurement(metrics, figures, units=units)


def _delays(setup, delays):
    """Return the delays in seconds; all of them must lie inside of the run."""
    times = np.array([float(d.value) for d in delays] if delays is not None else setup["delays"])
    times = times if delays is not None else times * 1e-3
    if not len(times) or np.any(times < -0.05) or np.any(times > 0.1):
        raise ds.errors.ParameterError(
            f"delays are {[f'{1e3 * t:g} ms' for t in times]}; give at least one, each from -50 to 100 ms"
        )
    return times


def _smallest(amplitudes, above):
    """Return the smallest amplitude above threshold, nan if none is."""
    return float(amplitudes[np.argmax(above)]) if np.any(above) else float("nan")


def _panels(result, shown):
    """Draw the voltages and currents of some units, titles to (row, amplitude)."""
    given = result.protocol.references
    amplitudes, delays = np.asarray(given["amplitudes"]), np.asarray(given["delays"])
    soma, apical, spikes = (
        result["pyramidal.soma"], result["pyramidal.apical"], result.spikes["pyramidal"],
    )  # fmt: skip
    time = soma.time.values - ONSET
    seen = (time >= -0.03) & (time <= 0.11)
    pulse, rise, decay = (float(ds.quantity(x).value) for x in (PULSE, RISE, DECAY))
    peak = (rise / decay) ** (rise / (decay - rise)) - (rise / decay) ** (decay / (decay - rise))
    voltages, currents, marks = {}, {}, {}
    for title, (row, column) in shown.items():
        unit = row * len(amplitudes) + column
        since = np.clip(time - (delays[row - 1] if row else 0.0), 0, None)
        injected = amplitudes[column] * (np.exp(-since / decay) - np.exp(-since / rise)) / peak
        step = given["pulse"] * (row > 0) * ((time >= 0) & (time < pulse))
        title = f"{title}\n{1e12 * amplitudes[column]:.0f} pA" if column else title
        voltages[title] = {
            "apical": (time[seen], apical.values[seen, unit]),
            "soma": (time[seen], soma.values[seen, unit]),
        }
        currents[title] = {"apical": (time[seen], injected[seen]), "soma": (time[seen], step[seen])}
        times = spikes.time[spikes.unit == unit] - ONSET
        marks[title] = {"soma": times[(times >= time[seen][0]) & (times <= time[seen][-1])]}
    return ds.plot.panels(voltages, currents, marks)[0, 0].figure
