"""The network: leaky cells with exponential currents, 80 % excitatory, each with a tenth of all cells as inputs.

    dv/dt = (drive - v + g_e - g_i)/tau_m, unless a spike was less than 2 ms ago; v > 1: a spike, v = 0
    dg/dt = -g/tau_g; a spike of an input adds a weight to g_e or g_i after 1.5 ms

The drive differs from cell to cell and is constant. With `stdp`, excitatory synapses of excitatory cells learn by
pairs of spikes, with bounds; with `tm`, these synapses have short-term plasticity (Tsodyks-Markram). Other
synapses are always static. Time is in ms; v, g, drive and weights have no unit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DT, TAU_M, TAU_G, REFRACTORY, DELAY = 0.1, 20.0, 5.0, 2.0, 1.5
TAU_PLUS = TAU_MINUS = 20.0
A_PLUS, A_MINUS = 0.0025, 0.002625
"""Changes of a weight by one pair of spikes, as fractions of the largest weight."""
U, TAU_D, TAU_F = 0.29, 329.0, 326.0
DRIVE = (0.9, 1.28)
INHIBITION = 4.0
"""Ratio of inhibitory and excitatory weights."""


@dataclass(frozen=True)
class Problem:
    """A number of cells, the plasticity (`static`, `stdp` or `tm`) and a precision."""

    cells: int
    plasticity: str
    precision: str

    @property
    def excitatory(self) -> int:
        return self.cells * 8 // 10

    @property
    def inputs(self) -> tuple[int, int]:
        """Numbers of excitatory and of inhibitory inputs of a cell."""
        return self.cells * 8 // 100, self.cells * 2 // 100

    @property
    def weight(self) -> float:
        """Mean weight of an excitatory synapse; with `stdp`, the largest weight is twice as large."""
        return 2.0 / sum(self.inputs)

    @property
    def full_weight(self) -> float:
        """Weight of a synapse with short-term plasticity that releases all its resources."""
        return 5 * self.weight

    @property
    def steps(self) -> int:
        """Number of steps of a run."""
        return 5_000 if self.cells > 1000 else 30_000

    @property
    def dtype(self) -> type:
        return np.float32 if self.precision == "single" else np.float64

    def drive(self) -> NDArray[np.float64]:
        return np.random.default_rng(1).uniform(*DRIVE, self.cells)

    def pairs(self, pre: int, post: int, inputs: int, seed: int) -> tuple[NDArray, NDArray]:
        """Return presynaptic and postsynaptic units of random synapses, with the same in-degree for all units."""
        rng = np.random.default_rng(seed)
        return rng.integers(0, pre, post * inputs), np.repeat(np.arange(post), inputs)

    def events(self, excitatory: int, inhibitory: int) -> float:
        """Return the number of synaptic events of so many spikes; cells have as many outputs as inputs."""
        return sum(self.inputs) * (excitatory + inhibitory)
