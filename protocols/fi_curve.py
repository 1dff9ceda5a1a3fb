"""Firing rate against injected current (f-I curve) of a spiking cell, in one run with one unit per current.

Every current is switched on at the start and then held. Spikes during `burn_in` show how the cell responds to
the step; rates are counted afterwards.

The rheobase is the smallest tested current with a spike after the burn-in, so that the cell keeps firing. An
adapting cell may spike only at the onset of a step; `rheobase_onset` is the smallest tested current with a spike.
Near a saddle-node the interval between spikes diverges as one over the square root of the difference between the
current and the rheobase, so with a current just above the rheobase the cell may not spike in time.

The expected rheobase (without noise, exact) is:

- pyramidal_burst: the current that keeps the soma at V_T, 456.1 pA with the defaults. The leak of the soma takes
  C_s/tau_s (V_T - E_L), 462.5 pA. Of this, the plateau, which is slightly open in a dendrite at rest, supplies
  g_s f(V_d), 6.4 pA, where V_d solves (C_d/tau_d - a_wd)(V_d - E_L) = g_d f(V_d). With an ohmic basal dendrite,
  its coupling and its leak in series add to the leak of the soma.
- sst, pv: the current at which the fixed point loses stability, (g_L + a)(V - E_L) - g_L D e at V = V_T + D ln e,
  where e is the smaller of 1 + a/g_L (saddle-node) and 1 + tau/tau_w (Hopf bifurcation).
  The models choose V_T so that the saddle-node is at their `rheobase`: pv 200 pA; sst 25 pA, with the Hopf
  bifurcation at 24.97 pA.
- pyramidal_ca: nan, because there is no closed form.

Sources
-------
The models name their own sources; the rheobases follow from their equations. Touboul & Brette (2008), Biol Cybern
99:319: loss of stability of adaptive exponential cells.

Errata applied
--------------
None.
"""

from typing import Literal

import numpy as np

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.mechanisms.bursting_cell import refuse_undriven_basal
from dendrosim.plot import style

# For each model, the input that gets the currents, and the default currents in pA.
MODELS = {
    "pyramidal_burst": ("pyramidal.current_soma", np.linspace(0, 1000, 41)),
    "pyramidal_burst_conductance": ("pyramidal.current_soma", np.linspace(0, 1000, 41)),
    "pyramidal_ca": ("pyramidal.current_soma", np.linspace(0, 800, 33)),
    "sst": ("sst.current", np.linspace(0, 80, 41)),
    "pv": ("pv.current", np.linspace(0, 500, 41)),
}
Model = Literal["pyramidal_burst", "pyramidal_burst_conductance", "pyramidal_ca", "sst", "pv"]
NOISE_TAU = "2 ms"
INSTANT = 1e-9  # seconds by which sums of time steps may be off


class Parameters(ds.Parameters):
    model: Model = ds.parameter("pyramidal_burst", "model of the cell")
    currents: tuple[ds.Quantity, ...] | None = ds.parameter(
        None, "currents into the soma, one unit each, ascending (default: by model)", unit="pA"
    )
    burn_in: ds.Quantity = ds.parameter("1 s", "time before spikes are counted", above=0)
    duration: ds.Quantity = ds.parameter("5 s", "time over which spikes are counted", above=0)
    noise: ds.Quantity = ds.parameter("0 pA", "sd of added noise, correlated over 2 ms", least=0)
    dt: ds.Quantity = ds.parameter("0.1 ms", "time step", above=0)
    circuit = ds.parameters_of(*MODELS, without=("cells",), optional=True)
    variant = ds.removed(
        "for variant=conductance give --set model=pyramidal_burst_conductance; for variant=current leave it out"
    )


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    path, grid = MODELS[p.model]
    refuse_undriven_basal(p.circuit.get("basal"))
    given = ds.quantity([f"{x:g} pA" for x in grid] if p.currents is None else p.currents)
    values = np.asarray(given.value)
    if not values.size or np.any(np.diff(values) <= 0):
        raise ParameterError("currents: give at least one, in increasing order")
    circuit = ds.load_circuit(p.model, cells=len(values), **p.circuit)
    expected = EXPECTED[p.model](circuit)
    drive = [ds.Constant(given)]
    if p.noise.value:
        drive.append(ds.OrnsteinUhlenbeck("0 pA", p.noise, NOISE_TAU))
    population = path.partition(".")[0]
    voltage = ds.Recording(
        f"{population}.soma", every=p.dt, phases="step/burn-in", units=_shown(values, expected)
    )
    return ds.Protocol(
        circuit,
        (ds.Block("step", (ds.Phase("burn-in", p.burn_in), ds.Phase("counted", p.duration))),),
        dt=p.dt,
        signals={path: drive},
        recordings=(ds.Recording(f"{population}.spike", every="spike"), voltage),
        references={"currents": values, "rheobase": expected, "noise": p.noise.value},
        batch_fixed=True,
    )


def _shown(values: np.ndarray, expected: float) -> tuple[int, ...]:
    """Return the two units around the rheobase, the last unit, and the unit halfway from rheobase to last unit."""
    last = len(values) - 1
    above = min(int(np.searchsorted(values, expected, side="right")), last)
    above = above if np.isfinite(expected) else last // 3
    return tuple(sorted({max(above - 1, 0), above, (above + last) // 2, last}))


# -- the rheobase in closed form --------------------------------------------------------------------


def _rheobase_of_exponential_cell(circuit: ds.Circuit) -> float:
    p = {name: value.value for name, value in circuit.parameters.items()}
    leak, a = p["c_soma"] / p["tau_soma"], p.get("a_adaptation", 0.0)
    least = min(a / leak, p["tau_soma"] / p["tau_adaptation"]) if "a_adaptation" in p else 0.0
    v = p["v_threshold"] + p["d_spike"] * np.log1p(least)
    return (leak + a) * (v - p["e_leak"]) - leak * p["d_spike"] * (1 + least)


def _rheobase_of_bursting_cell(circuit: ds.Circuit) -> float:
    p = {name: value.value for name, value in circuit.parameters.items()}
    leak = p["c_soma"] / p["tau_soma"]
    if "soma - basal" in circuit.population("pyramidal").equations:  # coupled in both directions
        basal = p["c_basal"] / p["tau_basal"]
        leak += p["g_basal"] * basal / (p["g_basal"] + basal)
    rise, plateau = 0.0, 0.0
    for _ in range(1000):  # from below, to reach the lowest of several resting states
        plateau = 1 / (1 + np.exp(-(p["e_leak"] + rise - p["e_plateau"]) / p["d_plateau"]))
        rise = p["g_apical"] * plateau / (p["c_apical"] / p["tau_apical"] - p["a_recovery"])
    return leak * (p["v_threshold"] - p["e_leak"]) - p["g_soma"] * plateau


# For each model, the current at which rest loses stability without noise; nan if there is no closed form.
EXPECTED = {
    "pyramidal_burst": _rheobase_of_bursting_cell,
    "pyramidal_burst_conductance": _rheobase_of_bursting_cell,
    "pyramidal_ca": lambda circuit: float("nan"),
    "sst": _rheobase_of_exponential_cell,
    "pv": _rheobase_of_exponential_cell,
}


# -- metrics and figures ----------------------------------------------------------------------------


def measure(result: ds.Result) -> ds.Measurement:
    """Count spikes, and find the smallest current with which the cell fires."""
    given = result.protocol.references
    currents, expected = np.asarray(given["currents"]), float(given["rheobase"])
    population = result.circuit.populations[0].name
    spikes = result.spikes[population]
    trains = [np.sort(spikes.time[spikes.unit == unit]) for unit in range(len(currents))]
    counted = list(result.phases())[-1]
    late = np.array([np.sum(times >= counted.start - INSTANT) for times in trains])
    rate = late / (counted.stop - counted.start)
    ends = [np.diff(times)[[0, -1]] if len(times) > 1 else (np.nan, np.nan) for times in trains]
    first, last = np.array(ends, dtype=float).T
    metrics = {
        "currents": currents,
        "rate": rate,
        "rheobase": _smallest(currents, late),
        "rheobase_expected": expected,
        "rheobase_onset": _smallest(currents, np.array([len(times) for times in trains])),
        "first_interval": first,
        "last_interval": last,
    }
    units = {"rate": "Hz", "first_interval": "s", "last_interval": "s"}
    units = {name: units.get(name, "A") for name in metrics}
    figures = {
        "fi_curve": lambda: _curve(currents, rate, expected, given["noise"]),
        "voltages": lambda: _voltages(result, population, currents, trains),
        "raster": lambda: _raster(result, population, currents, trains),
    }
    references = {}
    # With noise cells fire below the rheobase; a rheobase below all currents cannot be found among them.
    if not given["noise"] and expected >= np.min(currents):
        step = np.max(np.diff(np.sort(currents)), initial=0.0)
        reason = "the largest distance of two currents"
        references["rheobase"] = ds.Reference(
            "rheobase_expected", 1.001 * step, "grid-limited", reason=reason
        )
    return ds.Measurement(metrics, figures, units, references)


def _smallest(currents: np.ndarray, counts: np.ndarray) -> float:
    return float(np.min(currents[counts > 0], initial=np.inf)) if counts.any() else np.nan


@style.styled
def _curve(currents, rate, expected, noise):
    labels = {"xlabel": "current (pA)", "ylabel": "rate (Hz)", "label": "simulated"}
    ax = ds.plot.curve(1e12 * currents, rate, **labels, log=False)
    ax.lines[0].set(marker="o", markersize=3.0)
    if np.isfinite(expected):
        condition = " without noise" if noise else ""
        label = f"rheobase{condition},\nclosed form: {1e12 * expected:.4g} pA"
        ax.axvline(1e12 * expected, color=style.INK, lw=1.0, ls="--", label=label, zorder=1)
    top = max(1.0, np.max(rate))
    ax.set_ylim(-0.03 * top, 1.05 * top)
    style.legend_right(ax)
    return ax.figure


def _end_shown(result: ds.Result, trains: list[np.ndarray], count: int) -> float:
    """Return the last time to draw: until then the train with most spikes has about `count` spikes or fewer."""
    busiest, end = max(trains, key=len), result.stop
    return min(end, max(result.start + 0.2, busiest[count - 1])) if len(busiest) >= count else end


def _voltages(result, population, currents, trains):
    voltage = result[f"{population}.soma"]
    time, units = voltage.time.values, voltage.unit.values.tolist()
    stop = _end_shown(result, [trains[u] for u in units], 15)
    seen = time <= stop
    titles = {unit: f"{1e12 * currents[unit]:g} pA" for unit in units}
    return ds.plot.panels(
        {n: {"soma": (time[seen], voltage.sel(unit=u).values[seen])} for u, n in titles.items()},
        spikes={n: {"soma": trains[u][trains[u] <= stop]} for u, n in titles.items()},
    )[0, 0].figure


def _raster(result, population, currents, trains):
    stop = _end_shown(result, trains, 80)
    ax = ds.plot.raster(result, population, count=len(currents), stop=stop)
    labels = {row: style.number_text(1e12 * current) for row, current in enumerate(currents)}
    ax.yaxis.set_major_formatter(lambda y, _: labels.get(round(y), ""))
    ax.set_ylabel("current (pA)")
    return ax.figure
