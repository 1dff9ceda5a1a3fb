"""Burst multiplexing in one population: event rate follows the soma's input, burst probability the dendrite's.

A grid of extra currents into soma and apical dendrite, on top of noise that stands for the background
in vivo; a group of cells for every point of the grid, all in one run. Events, bursts and their probability are
counted by the exact interval rule of 16 ms, as ratios over each group. One index per signal says how
much of its variance over the grid the input that it is meant to carry explains.

Sources
-------
Naud & Sprekeler (2018), PNAS 115:E6329. Means of the noise as in network studies with this cell.

Errata applied
--------------
None.
"""

import numpy as np

import dendrosim as ds
from dendrosim.analysis.bursts import burst_statistics
from dendrosim.analysis.decoding import multiplexing_index


def protocol(
    *,
    soma_current: tuple[ds.Quantity, ...] = ("-200 pA", "0 pA", "200 pA", "400 pA"),
    dendrite_current: tuple[ds.Quantity, ...] = (
        "-200 pA",
        "0 pA",
        "100 pA",
        "200 pA",
        "300 pA",
        "400 pA",
        "600 pA",
    ),
    cells: int = 200,
    duration: ds.Quantity = "2 s",
    burn_in: ds.Quantity = "0.5 s",
    soma_mean: ds.Quantity = "400 pA",
    dendrite_mean: ds.Quantity = "-300 pA",
    sigma: ds.Quantity = "450 pA",
    tau_noise: ds.Quantity = "2 ms",
    dt: ds.Quantity = "0.1 ms",
    **circuit: ds.parameters_of("pyramidal_burst", without=("cells",)),
) -> ds.Protocol:
    """Return the protocol.

    Parameters
    ----------
    soma_current
        Extra currents into the soma, on top of the noise.
    dendrite_current
        Extra currents into the apical dendrite, on top of the noise.
    cells
        Cells at each point of the grid.
    duration
        Time over which spikes are counted.
    burn_in
        Time before it.
    soma_mean
        Mean of the somatic noise current.
    dendrite_mean
        Mean of the dendritic noise current.
    sigma
        Standard deviation of both.
    tau_noise
        Correlation time of both.
    dt
        Time step.
    """
    ds.positive(cells=cells, duration=duration, burn_in=burn_in, dt=dt)
    for name, currents in (("soma_current", soma_current), ("dendrite_current", dendrite_current)):
        if not currents:
            raise ds.errors.ParameterError(f"{name} is empty; give at least one current")
    soma = np.array([float(c.value) for c in soma_current]) + float(soma_mean.value)
    dendrite = np.array([float(c.value) for c in dendrite_current]) + float(dendrite_mean.value)
    # Units: soma x dendrite x cell.
    shape = (len(soma), len(dendrite), cells)
    means = {
        "soma": np.broadcast_to(soma[:, None, None], shape).ravel(),
        "apical": np.broadcast_to(dendrite[:, None], shape).ravel(),
    }
    return ds.Protocol(
        ds.load_circuit("pyramidal_burst", cells=int(np.prod(shape)), **circuit),
        (ds.Block("trial", (ds.Phase("burn_in", burn_in), ds.Phase("counted", duration))),),
        dt=dt,
        signals={
            f"pyramidal.current_{place}": ds.OrnsteinUhlenbeck(
                ds.Quantity(mean, sigma.dimension), sigma, tau_noise
            )
            for place, mean in means.items()
        },
        recordings=(ds.Recording("pyramidal.spike", every="spike"),),
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Count events and bursts at each point of the grid."""
    given = result.protocol.parameters
    soma, dendrite = (
        np.array([float(ds.quantity(c).value) for c in given[f"{place}_current"]])
        for place in ("soma", "dendrite")
    )
    shape = (len(soma), len(dendrite))
    cells = result.protocol.circuit.population("pyramidal").size
    start = float(ds.quantity(given["burn_in"]).value)
    found = burst_statistics(
        result.spikes["pyramidal"],
        start,
        result.protocol.total_steps * result.protocol.time_step,
        cells=cells,
        groups=np.repeat(np.arange(shape[0] * shape[1]), given["cells"]),
    )
    names = ("rate", "event_rate", "burst_rate", "burst_probability", "spikes_per_burst")
    values = {name: getattr(found, name).reshape(shape) for name in names}
    intervals = {
        name: [bound.reshape(shape) for bound in getattr(found, f"{name}_interval")]
        for name in ("event_rate", "burst_rate", "burst_probability")
    }
    metrics = {
        "soma_current": soma,
        "dendrite_current": dendrite,
        **values,
        **{f"{name}_interval": np.stack(bounds) for name, bounds in intervals.items()},
        "event_rate_index": _index(values["event_rate"], 0),
        "burst_probability_index": _index(values["burst_probability"], 1),
    }
    hertz = ("rate", "event_rate", "burst_rate", "event_rate_interval", "burst_rate_interval")
    units = {"soma_current": "A", "dendrite_current": "A", **dict.fromkeys(hertz, "Hz")}

    def family(name, axis, ylabel):
        inputs, other = (soma, dendrite) if axis == 0 else (dendrite, soma)
        lower, upper = intervals[name]
        rows = [np.take(values[name], k, 1 - axis) for k in range(len(other))]
        bands = [
            (np.take(lower, k, 1 - axis), np.take(upper, k, 1 - axis)) for k in range(len(other))
        ]
        places = ("somatic", "dendritic") if axis == 0 else ("dendritic", "somatic")
        return lambda: (
            ds.plot.families(
                1e12 * inputs,
                dict(zip(1e12 * other, rows, strict=True)),
                bands=dict(zip(1e12 * other, bands, strict=True)),
                xlabel=f"{places[0]} current (pA)",
                ylabel=ylabel,
                parameter=f"{places[1]} current (pA)",
            ).figure
        )

    figures = {
        "event_rate": family("event_rate", 0, "event rate (Hz)"),
        "event_rate_by_dendrite": family("event_rate", 1, "event rate (Hz)"),
        "burst_probability": family("burst_probability", 1, "burst probability"),
        "burst_probability_by_soma": family("burst_probability", 0, "burst probability"),
        "raster": lambda: ds.plot.raster(result, "pyramidal", start=start).figure,
    }
    return ds.Measurement(metrics, figures, units=units)


def _index(values, axis):
    """Return the multiplexing index; a single current of either kind has none."""
    return multiplexing_index(values, axis) if min(values.shape) > 1 else float("nan")
