"""Firing rate against injected current (f-I curve) of a spiking cell, in one run with one unit per current.

Every current is stepped on at the start and held. What is fired during `burn_in` shows how the cell answers
the step; rates are counted afterwards.

The rheobase is the smallest current tested that keeps the cell firing: with a spike after the burn-in. A step
may make an adapting cell spike at its onset, and then no more; `rheobase_onset` is the smallest current with any
spike at all. Both lie on the grid of currents. Near a saddle-node the interval between spikes diverges as
one over the square root of the distance, so a current very close above the rheobase may not spike in time.

What is expected of the rheobase (without noise, exact):

- pyramidal_burst: the current that holds the soma at V_T. Its leak takes C_s/tau_s (V_T - E_L), 462.5 pA; of
  that the plateau, slightly open in a dendrite at rest, brings g_s f(V_d), 6.4 pA, where V_d solves
  (C_d/tau_d - a_wd)(V_d - E_L) = g_d f(V_d). An ohmic basal dendrite takes its share: coupling and its leak in
  series. 456.1 pA with the defaults.
- sst, pv: where the fixed point loses stability: I = (g_L + a)(V - E_L) - g_L D e at V = V_T + D ln e, with
  e = exp((V - V_T)/D) = 1 + a/g_L at the saddle-node, or 1 + tau/tau_w at a Hopf bifurcation if that is less. The
  models place V_T so that the saddle-node lies at their `rheobase`: pv 200 pA; sst 25 pA, and its Hopf
  bifurcation at 24.97 pA.
- pyramidal_ca: nan, there is no closed form.

Sources
-------
Those of the models; the thresholds follow from their equations. Touboul & Brette (2008), Biol Cybern 99:319:
loss of stability of adaptive exponential cells.

Errata applied
--------------
None.
"""

from typing import Annotated, Literal

import numpy as np

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.plot import style
from dendrosim.units import Quantity, quantity

# The input of each model, and its default currents in pA: first, last, step.
MODELS = {
    "pyramidal_burst": ("pyramidal.current_soma", (0.0, 1000.0, 25.0)),
    "pyramidal_burst_conductance": ("pyramidal.current_soma", (0.0, 1000.0, 25.0)),
    "pyramidal_ca": ("pyramidal.current_soma", (0.0, 800.0, 25.0)),
    "sst": ("sst.current", (0.0, 80.0, 2.0)),
    "pv": ("pv.current", (0.0, 500.0, 12.5)),
}
NOISE_TAU = "2 ms"
SHOWN = {"voltages": 15, "raster": 80}  # spikes of the strongest current that a figure shows
INSTANT = 1e-9  # seconds by which sums of time steps may be off


def protocol(
    *,
    model: Literal[
        "pyramidal_burst", "pyramidal_burst_conductance", "pyramidal_ca", "sst", "pv"
    ] = "pyramidal_burst",
    currents: tuple[Annotated[ds.Quantity, "pA"], ...] | None = None,
    burn_in: ds.Quantity = "1 s",
    duration: ds.Quantity = "5 s",
    noise: ds.Quantity = "0 pA",
    dt: ds.Quantity = "0.1 ms",
    **circuit: ds.parameters_of(*MODELS, without=("cells",), optional=True),
) -> ds.Protocol:
    """Return the protocol.

    Parameters
    ----------
    model
        The cell.
    currents
        Injected into the soma, one unit each, in increasing order (default: a range that suits the model).
    burn_in
        From the onset of the currents until spikes are counted.
    duration
        For how long they are counted.
    noise
        Standard deviation of an Ornstein-Uhlenbeck current (time constant 2 ms) on top, each unit its own.
    dt
        Time step.
    """
    path, grid = MODELS[model]
    given = _grid(*grid) if currents is None else quantity(list(currents))
    values = np.asarray(given.value)
    if not values.size or not np.all(np.isfinite(values)) or np.any(np.diff(values) <= 0):
        raise ParameterError("currents: give at least one, all finite, in increasing order")
    if not 0 <= noise.value < np.inf:
        raise ParameterError(f"noise is {noise}; it must be finite and not negative")
    own = {name: value for name, value in circuit.items() if value is not None}
    built = ds.load_circuit(model, cells=len(values), **own)
    expected = EXPECTED[model](built)
    drive = [ds.Constant(given)]
    if noise.value:
        drive.append(ds.OrnsteinUhlenbeck("0 pA", noise, NOISE_TAU))
    population = path.partition(".")[0]
    return ds.Protocol(
        built,
        (ds.Block("step", (ds.Phase("burn-in", burn_in), ds.Phase("counted", duration))),),
        dt=dt,
        signals={path: drive},
        recordings=(
            ds.Recording(f"{population}.spike", every="spike"),
            ds.Recording(
                f"{population}.soma",
                every=dt,
                phases="step/burn-in",
                units=_shown(values, expected),
            ),
        ),
        references={"currents": values, "rheobase": expected, "noise": float(noise.value)},
        batch_fixed=True,
    )


def _grid(first: float, last: float, step: float) -> Quantity:
    return quantity([f"{first + k * step:g} pA" for k in range(round((last - first) / step) + 1)])


def _shown(values: np.ndarray, expected: float) -> tuple[int, ...]:
    """Return the units around the rheobase, one between it and the strongest current, and that."""
    last = len(values) - 1
    above = min(int(np.searchsorted(values, expected, side="right")), last)
    above = above if np.isfinite(expected) else last // 3
    return tuple(sorted({max(above - 1, 0), above, (above + last) // 2, last}))


# -- the rheobase in closed form --------------------------------------------------------------------


def _numbers(circuit: ds.Circuit) -> dict[str, float]:
    return {name: float(value.value) for name, value in circuit.parameters.items()}


def _of_exponential_cell(circuit: ds.Circuit) -> float:
    p = _numbers(circuit)
    leak, a = p["c_soma"] / p["tau_soma"], p.get("a_adaptation", 0.0)
    least = min(a / leak, p["tau_soma"] / p["tau_adaptation"]) if "a_adaptation" in p else 0.0
    v = p["v_threshold"] + p["d_spike"] * np.log1p(least)
    return (leak + a) * (v - p["e_leak"]) - leak * p["d_spike"] * (1 + least)


def _of_bursting_cell(circuit: ds.Circuit) -> float:
    p = _numbers(circuit)
    leak = p["c_soma"] / p["tau_soma"]
    if "soma - basal" in circuit.population("pyramidal").equations:  # coupled both ways
        basal = p["c_basal"] / p["tau_basal"]
        leak += p["g_basal"] * basal / (p["g_basal"] + basal)
    rise, plateau = 0.0, 0.0
    for _ in range(1000):  # from below, so that it ends at the lowest of several resting states
        plateau = 1 / (1 + np.exp(-(p["e_leak"] + rise - p["e_plateau"]) / p["d_plateau"]))
        rise = p["g_apical"] * plateau / (p["c_apical"] / p["tau_apical"] - p["a_recovery"])
    return leak * (p["v_threshold"] - p["e_leak"]) - p["g_soma"] * plateau


# Of each model: the current at which rest ends, without noise; nan without a closed form.
EXPECTED = {
    "pyramidal_burst": _of_bursting_cell,
    "pyramidal_burst_conductance": _of_bursting_cell,
    "pyramidal_ca": lambda circuit: float("nan"),
    "sst": _of_exponential_cell,
    "pv": _of_exponential_cell,
}


# -- what is read off -------------------------------------------------------------------------------


def measure(result: ds.Result) -> ds.Measurement:
    """Count spikes, and find the smallest current that fires."""
    given = result.protocol.references
    currents, expected = np.asarray(given["currents"]), float(given["rheobase"])
    population = result.circuit.populations[0].name
    trains = _trains(result.spikes[population], len(currents))
    counted = list(result.phases())[-1]
    late = np.array([np.sum(times >= counted.start - INSTANT) for times in trains])
    rate = late / (counted.stop - counted.start)
    ends = [np.diff(times)[[0, -1]] if len(times) > 1 else (np.nan, np.nan) for times in trains]
    first, last = np.array(ends, dtype=float).T
    rheobase = _smallest(currents, late)
    metrics = {
        "currents": currents,
        "rate": rate,
        "rheobase": rheobase,
        "rheobase_expected": expected,
        "rheobase_onset": _smallest(currents, np.array([len(times) for times in trains])),
        "first_interval": first,
        "last_interval": last,
    }
    units = {"currents": "A", "rate": "Hz", "first_interval": "s", "last_interval": "s"}
    units |= dict.fromkeys(("rheobase", "rheobase_expected", "rheobase_onset"), "A")
    figures = {
        "fi_curve": lambda: _curve(currents, rate, expected, given["noise"]),
        "voltages": lambda: _voltages(result, population, currents, trains),
        "raster": lambda: _raster(result, population, currents, trains),
    }
    references = {} if given["noise"] or np.isnan(expected) else {"rheobase": expected}
    return ds.Measurement(metrics, figures, units, references)


def _trains(spikes, size: int) -> list[np.ndarray]:
    return [np.sort(spikes.time[spikes.unit == unit]) for unit in range(size)]


def _smallest(currents: np.ndarray, counts: np.ndarray) -> float:
    return float(np.min(currents[counts > 0], initial=np.inf)) if counts.any() else np.nan


@style.styled
def _curve(currents, rate, expected, noise):
    ax = ds.plot.curve(
        1e12 * currents,
        rate,
        xlabel="current (pA)",
        ylabel="rate (Hz)",
        label="simulated",
        log=False,
    )
    ax.lines[0].set(marker="o", markersize=3.0)
    if np.isfinite(expected):
        label = (
            f"rheobase{' without noise' if noise else ''},\nclosed form: {1e12 * expected:.4g} pA"
        )
        ax.axvline(1e12 * expected, color=style.INK, lw=1.0, ls="--", label=label, zorder=1)
    top = max(1.0, np.max(rate))
    ax.set_ylim(-0.03 * top, 1.05 * top)
    style.legend_right(ax)
    return ax.figure


def _until(figure: str, trains: list[np.ndarray], end: float) -> float:
    """Return until when a figure shows spikes, so that the busiest train can be seen as spikes."""
    busiest = max(trains, key=len)
    count = SHOWN[figure]
    return min(end, max(0.2, busiest[count - 1])) if len(busiest) >= count else end


def _voltages(result, population, currents, trains):
    voltage = result[f"{population}.soma"]
    time, units = voltage.time.values, voltage.unit.values.tolist()
    stop = _until("voltages", [trains[u] for u in units], time[-1])
    seen = time <= stop
    titles = {unit: f"{1e12 * currents[unit]:g} pA" for unit in units}
    return ds.plot.panels(
        {n: {"soma": (time[seen], voltage.sel(unit=u).values[seen])} for u, n in titles.items()},
        spikes={n: {"soma": trains[u][trains[u] <= stop]} for u, n in titles.items()},
    )[0, 0].figure


def _raster(result, population, currents, trains):
    stop = _until("raster", trains, result.protocol.total_steps * result.protocol.time_step)
    bursts = population == "pyramidal"
    ax = ds.plot.raster(result, population, bursts=bursts, count=len(currents), stop=stop)
    rows = range(len(currents))
    ax.yaxis.set_major_formatter(
        lambda y, _: f"{1e12 * currents[round(y)]:g}" if round(y) in rows else ""
    )
    ax.set_ylabel("current (pA)")
    return ax.figure
