"""The cells: pyramidal_burst with Ornstein-Uhlenbeck noise on soma and apical dendrite, forward Euler.

    V_s += dt (-(V_s - E_L)/tau_s + (g_s f(V_d) + I_s + w_s)/C_s), unless a spike was less than 3 ms ago
    V_d += dt (-(V_d - E_L)/tau_d + (g_d f(V_d) + c_d K + I_d + w_d)/C_d)
    w_s += dt (-w_s/tau_ws)
    w_d += dt (a (V_d - E_L) - w_d)/tau_wd
    f(V) = 1/(1 + exp(-(V - E_d)/D_d)), K = 1 from 0.5 to 2.5 ms after a spike, else 0
    I = mean + sigma z, z <- keep z + spread N(0, 1), exact for any step and stationary from the first step on
    V_s > V_T: a spike; V_s = E_L, w_s += b

Units are ms, mV, pA, pF and nS, so that numbers have a moderate size, as single precision needs.
"""

from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
from numpy.typing import NDArray

DT = 0.1
E_L, V_T, E_D, D_D = -70.0, -50.0, -38.0, 6.0
C_S, C_D, TAU_S, TAU_D, TAU_WS, TAU_WD = 370.0, 170.0, 16.0, 7.0, 100.0, 30.0
G_S, G_D, BAP, B, A = 1300.0, 1200.0, 2600.0, -200.0, -13.0
MEAN_S, MEAN_D, SIGMA, TAU_N = 400.0, -100.0, 450.0, 2.0
KEEP, SPREAD = exp(-DT / TAU_N), sqrt(1 - exp(-2 * DT / TAU_N))
FREE, SEEN = 30, (5, 25)
"""`FREE` steps after a spike, the soma is no longer refractory. The spike acts on the dendrite while the number of
steps since the spike is above `SEEN[0]` and at most `SEEN[1]`."""

BURST = 160
"""Number of steps after a spike within which the next spike belongs to the same burst."""

LONG_AGO = -1_000_000
"""Number that stands for the step of the last spike if a cell has had no spike."""


@dataclass(frozen=True)
class Problem:
    """A number of cells and a precision."""

    cells: int
    precision: str

    @property
    def dtype(self) -> type:
        return np.float32 if self.precision == "single" else np.float64

    @property
    def steps(self) -> int:
        """Number of steps of a run, fewer for more cells."""
        return {1_000: 10_000, 10_000: 3_000}.get(self.cells, 500)

    def start(self, rng: np.random.Generator) -> list[NDArray]:
        """Return V_s, V_d, w_s, w_d, z of the soma and of the dendrite, and the step of the last spike."""
        n = self.cells
        z = rng.normal(size=(2, n))
        arrays = [np.full(n, E_L), np.full(n, E_L), np.zeros(n), np.zeros(n), *z]
        return [a.astype(self.dtype) for a in (*arrays, np.full(n, float(LONG_AGO)))]


@dataclass(frozen=True)
class Spikes:
    """Numbers of spikes of each cell: of all spikes, and of the spikes that continue a burst."""

    all: NDArray
    following: NDArray

    def __add__(self, other: "Spikes") -> "Spikes":
        return Spikes(self.all + other.all, self.following + other.following)

    def rate(self, steps: int) -> tuple[float, float]:
        """Return spikes per second and cell, and the standard error."""
        seconds = steps * DT * 1e-3
        return self.all.mean() / seconds, self.all.std() / seconds / np.sqrt(self.all.size)

    def burst_fraction(self) -> tuple[float, float]:
        """Return the fraction of spikes that continue a burst, and the standard error."""
        fraction = self.following.sum() / self.all.sum()
        left = self.following - fraction * self.all
        return fraction, left.std() / self.all.mean() / np.sqrt(self.all.size)

    @classmethod
    def of(cls, problem: Problem, cells: NDArray, steps: NDArray) -> "Spikes":
        """Return the numbers of recorded spikes, given the cell and the step of each."""
        order = np.lexsort((steps, cells))
        cells, steps = np.asarray(cells)[order], np.asarray(steps)[order]
        close = (np.diff(cells) == 0) & (np.diff(steps) < BURST)
        count = [np.bincount(c, minlength=problem.cells) for c in (cells, cells[1:][close])]
        return cls(*count)
