"""Burst multiplexing in one population: event rate follows the soma's input, burst probability the dendrite's.

Extra currents into soma and apical dendrite form a grid, on top of noise that represents the background in vivo.
Each point of the grid has a group of cells, all in one run. Spikes up to 16 ms apart belong to one event, which is
a burst if it has several spikes (see `dendrosim.analysis.bursts`). Burst probability is the fraction of bursts
among events. The index of a signal is the fraction of its variance over the grid that its own input explains.

Sources
-------
Naud & Sprekeler (2018), PNAS 115:E6329. The means of the noise are those of network studies with this cell.

Errata applied
--------------
None.
"""

import numpy as np

import dendrosim as ds
from dendrosim.analysis.bursts import burst_statistics
from dendrosim.analysis.decoding import multiplexing_index
from dendrosim.mechanisms.bursting_cell import refuse_undriven_basal
from dendrosim.plot import style


class Parameters(ds.Parameters):
    soma_current: tuple[ds.Quantity, ...] = ds.parameter(
        ("-200 pA", "0 pA", "200 pA", "400 pA"), "extra currents into the soma"
    )
    dendrite_current: tuple[ds.Quantity, ...] = ds.parameter(
        ("-200 pA", "0 pA", "100 pA", "200 pA", "300 pA", "400 pA", "600 pA"),
        "extra currents into the apical dendrite",
    )
    cells: int = ds.parameter(200, "number of cells at each point of the grid", least=1)
    duration: ds.Quantity = ds.parameter("2 s", "time over which spikes are counted", above=0)
    burn_in: ds.Quantity = ds.parameter("0.5 s", "time before spikes are counted", above=0)
    soma_mean: ds.Quantity = ds.parameter("400 pA", "mean of the somatic noise current")
    dendrite_mean: ds.Quantity = ds.parameter("-300 pA", "mean of the dendritic noise current")
    sigma: ds.Quantity = ds.parameter("450 pA", "sd of both noise currents", least=0)
    tau_noise: ds.Quantity = ds.parameter("2 ms", "correlation time of the noise", above=0)
    dt: ds.Quantity = ds.parameter("0.1 ms", "time step", above=0)
    circuit = ds.parameters_of("pyramidal_burst")


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    for name in ("soma_current", "dendrite_current"):
        if not getattr(p, name):
            raise ds.errors.ParameterError(f"{name} is empty; give at least one current")
    refuse_undriven_basal(p.circuit["basal"])
    # One unit for each somatic current, dendritic current and cell, in this order.
    soma, dendrite, _ = np.meshgrid(
        ds.quantity(p.soma_current).value + p.soma_mean.value,
        ds.quantity(p.dendrite_current).value + p.dendrite_mean.value,
        np.arange(p.cells),
        indexing="ij",
    )
    return ds.Protocol(
        ds.load_circuit("pyramidal_burst", cells=soma.size, **p.circuit),
        (ds.Block("trial", (ds.Phase("burn_in", p.burn_in), ds.Phase("counted", p.duration))),),
        dt=p.dt,
        signals={
            f"pyramidal.current_{place}": ds.OrnsteinUhlenbeck(
                ds.Quantity(mean.ravel(), p.sigma.dimension), p.sigma, p.tau_noise
            )
            for place, mean in (("soma", soma), ("apical", dendrite))
        },
        recordings=(ds.Recording("pyramidal.spike", every="spike"),),
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Count events and bursts at each point of the grid."""
    p = Parameters(**result.protocol.parameters)
    soma, dendrite = ds.quantity(p.soma_current).value, ds.quantity(p.dendrite_current).value
    shape, start = (len(soma), len(dendrite)), result.start + p.burn_in.value
    size = result.circuit.population("pyramidal").size
    groups = np.arange(size) // p.cells
    found = burst_statistics(
        result.spikes["pyramidal"], start, result.stop, cells=size, groups=groups
    )
    names = ("rate", "event_rate", "burst_rate", "burst_probability", "spikes_per_burst")
    values = {name: getattr(found, name).reshape(shape) for name in names}
    bounds = {n: np.reshape(getattr(found, f"{n}_interval"), (2, *shape)) for n in names[1:4]}
    metrics = {
        "soma_current": soma,
        "dendrite_current": dendrite,
        **values,
        **{f"{name}_interval": interval for name, interval in bounds.items()},
        "event_rate_index": _index(values["event_rate"], 0),
        "burst_probability_index": _index(values["burst_probability"], 1),
    }
    units = {n: "Hz" for n in metrics if n.endswith(("rate", "rate_interval"))}
    units |= {"soma_current": "A", "dendrite_current": "A"}

    def family(name, against, ylabel):
        """Return a function that draws a signal against one current, one curve per value of the other current."""
        grids, currents = [values[name], *bounds[name]], {"dendritic": dendrite, "somatic": soma}
        if against == "somatic":
            grids, currents = [grid.T for grid in grids], {"somatic": soma, "dendritic": dendrite}
        (first, inputs), (second, other) = currents.items()
        curves, lower, upper = (dict(zip(1e12 * other, grid, strict=True)) for grid in grids)
        return lambda: (
            ds.plot.families(
                1e12 * inputs,
                curves,
                bands={current: (lower[current], upper[current]) for current in curves},
                xlabel=f"{first} current (pA)",
                ylabel=ylabel,
                parameter=f"{second} current (pA)",
                band_label="95 % interval",
            ).figure
        )

    figures = {
        "event_rate": family("event_rate", "somatic", "event rate (Hz)"),
        "event_rate_by_dendrite": family("event_rate", "dendritic", "event rate (Hz)"),
        "burst_probability": family("burst_probability", "dendritic", "burst probability"),
        "burst_probability_by_soma": family("burst_probability", "somatic", "burst probability"),
        "raster": lambda: _raster(result, soma, len(dendrite) * p.cells, start),
    }
    return ds.Measurement(metrics, figures, units=units)


def _raster(result, soma, cells, start):
    """Draw spikes in groups of one somatic current; in each group the dendritic current grows from row to row."""
    names = [style.number_text(1e12 * current) for current in soma]
    groups = {name: range(k * cells, (k + 1) * cells) for k, name in enumerate(names)}
    stop = min(result.stop, start + 1.0)
    ax = ds.plot.raster(result, "pyramidal", groups=groups, start=start, stop=stop, origin=start)
    ax.set_ylabel("somatic current (pA)\ndendritic current grows upwards")
    return ax.figure


def _index(values, axis):
    """Return the multiplexing index, or nan if one of the currents has a single value."""
    return multiplexing_index(values, axis) if min(values.shape) > 1 else float("nan")
