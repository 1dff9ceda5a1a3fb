"""Results that have only spikes, and the ticks that a raster draws of them."""

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.population import Population
from dendrosim.plot.style import INK, PALETTE
from dendrosim.protocol.phases import Block, Phase
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.result import Result
from dendrosim.results.result_data import Spikes

SOMA = "dv/dt = -v/tau : volt"


def result(size=4, batch=1, trials=2, **spikes):
    """Return a run of trials of 100 ms rest and 100 ms pulse with the given spikes."""
    circuit = Circuit(
        populations=(Population("pyramidal", size, SOMA), Population("interneuron", size, SOMA)),
        parameters={"tau": "20 ms"},
    )
    phases = (Phase("rest", "100 ms"), Phase("pulse", "100 ms"))
    blocks = (Block("train", phases, trials=trials),)
    return Result(Protocol(circuit, blocks, dt="1 ms", batch=batch), {}, {}, spikes=spikes)


def spikes(*pairs, samples=None):
    """Return spikes from (unit, milliseconds)."""
    unit, ms = np.array(pairs).T
    return Spikes(unit.astype(int), 1e-3 * ms, None if samples is None else np.array(samples))


def ticks(ax):
    """Return (milliseconds, row) of the ticks drawn in each colour."""
    groups = [c for c in ax.collections if isinstance(c, PathCollection)]
    return {
        colour: sorted(map(tuple, np.round(group.get_offsets(), 6).tolist()))
        for group in groups
        for colour in (INK, PALETTE[1])
        if np.allclose(group.get_edgecolor()[0], to_rgba(colour))
    }
