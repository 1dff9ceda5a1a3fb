"""Inhibitory plasticity balances excitation: cells with different excitatory drives come to fire at one rate.

    dv/dt = (g_e - g_i - v)/tau_m,   dg_e/dt = -g_e/tau_e,   dg_i/dt = -g_i/tau_i

A cell fires at v = 1 and is reset to 0. Poisson spikes excite it, at a rate of its own group, and all cells
receive the spikes of inhibitory Poisson units through synapses that learn by `ds.rules.inhibitory_stdp`. While a
cell fires faster than `rate`, its inhibitory synapses grow; while it fires slower, they shrink. `start_rate` is
the rate of each group in the first second, `rate` the one in the second half of the run.

Sources
-------
Vogels, Sprekeler, Zenke, Clopath & Gerstner (2011), Science 334:1569, for the rule. The cell,
which has no units of voltage, and its inputs are choices.

Errata applied
--------------
None.
"""

from itertools import pairwise

import numpy as np

import dendrosim as ds

CELL = """
dv/dt = (g_e - g_i - v)/tau_m : 1 (unless refractory)
dg_e/dt = -g_e/tau_e          : 1
dg_i/dt = -g_i/tau_i          : 1
"""
TIMES = {"tau_m": "20 ms", "tau_e": "5 ms", "tau_i": "10 ms"}
INPUTS, STRENGTH = 400, 0.1  # excitatory trains of a cell, and the effect of a spike on g_e
SOURCES, SOURCE_RATE = (
    400,
    "10 Hz",
)  # inhibitory units: with few, each spike delays the next of the cell
EARLY = 1.0  # seconds


class Parameters(ds.Parameters):
    rate: ds.Quantity = ds.parameter("5 Hz", "rate that the rule holds", above=0)
    drives: tuple[ds.Quantity, ...] = ds.parameter(
        ("8 Hz", "10 Hz", "14 Hz"),
        "rates of the excitatory trains, one of each group",
        unit="Hz",
        above=0,
    )
    cells: int = ds.parameter(20, "number of cells of each group", least=1)
    eta: float = ds.parameter(0.0005, "learning rate", least=0)
    weight_max: float = ds.parameter(1.0, "upper bound of the inhibitory weights", above=0)
    duration: ds.Quantity = ds.parameter("60 s", "simulated time", above=0)
    dt: ds.Quantity = ds.parameter("0.25 ms", "time step", above=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if not p.drives:
        raise ds.errors.ParameterError("drives is empty; give at least one")
    size = p.cells * len(p.drives)
    cell = ds.Population(
        "cell", size, CELL, parameters=TIMES, threshold="v > 1", reset="v = 0", refractory="2*ms"
    )
    rule = ds.rules.inhibitory_stdp(weight_max=p.weight_max, eta=p.eta, rate=p.rate)
    balance = ds.Pathway(
        "balance", "inhibitory", "cell", "g_i_post += weight", weight=0.0, rule=rule
    )
    drives = np.repeat([d.value for d in p.drives], p.cells)
    circuit = ds.Circuit(
        (cell,),
        pathways=(balance,),
        sources=(
            ds.Poisson("inhibitory", SOURCES, rate=SOURCE_RATE),
            ds.PoissonInput(
                "excitation",
                "cell.g_e",
                INPUTS,
                rate=ds.quantity([f"{d!r} Hz" for d in drives.tolist()]),
                weight=STRENGTH,
            ),
        ),
    )
    return ds.Protocol(
        circuit,
        (ds.Block("run", (ds.Phase("learning", p.duration),)),),
        dt=p.dt,
        recordings=(ds.Recording("cell.spike", every="spike"),),
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Measure the rate of each group at the start and in the second half of the run."""
    p = Parameters(**result.protocol.parameters)
    spikes, end = result.spikes["cell"], result.stop
    half = (result.start + end) / 2
    early = min(result.start + EARLY, half)
    first = _rates(p, spikes, result.start, early)
    rate, target = _rates(p, spikes, half, end), p.rate.value
    weights = result.final["balance.weight"].values.reshape(SOURCES, -1, p.cells)
    metrics = {"start_rate": first, "rate": rate, "weight": weights.mean(axis=(0, 2))}
    reason = (
        "5 % of the rate that the rule holds; inhibitory spikes make postsynaptic ones less likely"
    )
    references = {
        "rate": ds.Reference(
            np.full(rate.shape, target), 0.05 * target, "statistical", reason=reason
        )
    }
    figures = {"rates": lambda: _draw(p, result)}
    return ds.Measurement(metrics, figures, {"start_rate": "Hz", "rate": "Hz"}, references)


def _rates(p, spikes, start, stop):
    """Return the mean rate of each group between two times."""
    during = (spikes.time >= start) & (spikes.time < stop)
    count = np.bincount(spikes.unit[during], minlength=p.cells * len(p.drives))
    return count.reshape(-1, p.cells).mean(axis=1) / max(stop - start, p.dt.value)


def _draw(p, result):
    edges = np.linspace(result.start, result.stop, 31)
    spikes = result.spikes["cell"]
    rates = np.array([_rates(p, spikes, a, b) for a, b in pairwise(edges)])
    ax = ds.plot.curve(
        (edges[:-1] + edges[1:]) / 2,
        {f"drive {d.value:g} Hz": r for d, r in zip(p.drives, rates.T, strict=True)},
        p.rate.value,
        ylabel="rate (Hz)",
        reference_label="rate that the rule holds",
        log=False,
    )
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    return ax.figure
