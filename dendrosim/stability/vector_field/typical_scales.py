"""Typical sizes of states by their units, with which changes of states are compared.

Numbers of volts, amperes and rates differ by ten orders of magnitude. The search for fixed points and continuation
therefore measure every state relative to a typical size of the states of its unit.
"""

from collections.abc import Sequence

import numpy as np

from dendrosim.arrays import Array

TYPICAL_SIZES = {
    "V": 1e-2,  # 10 mV: rest, threshold and plateau differ by about as much
    "A": 1e-10,  # 100 pA: moves a soma with a leak of 10 nS by 10 mV
    "S": 1e-8,  # 10 nS: leaks and dendritic couplings are 1 to 30 nS in the shipped models
    "F": 1e-10,  # 100 pF: somata and dendrites have 20 to 400 pF in the shipped models
    "Hz": 1.0,  # events and bursts have rates of 1 to 10 Hz
}
"""Typical size of a state in SI units, by the name of its unit; 1 for all other units, such as numbers."""


def typical_size(unit: str) -> float:
    """Return the typical size, in SI units, of a state of the unit `unit` (as `Flow.units` names it)."""
    return TYPICAL_SIZES.get(unit, 1.0)


def scales_by_unit(units: Sequence[str], sizes: Array, negligible: float = 0.0) -> Array:
    """Return one scale per state: the largest size among the states of its unit, or the typical size.

    Parameters
    ----------
    units : sequence of str, length n
        The unit of each state.
    sizes : array, shape (n,)
        Absolute values of the states, in SI units.
    negligible : float
        If the largest size is at most this fraction of the typical size, it counts as zero.

    Returns
    -------
    array, shape (n,)
        Positive scales in SI units. States of one unit share one scale, which is the typical size where the
        largest size is zero, negligible or not finite.
    """
    names = np.asarray(units)
    scales = np.ones(len(sizes))
    for unit in np.unique(names):
        typical = typical_size(str(unit))
        largest = float(np.max(sizes[names == unit]))
        usable = negligible * typical < largest < np.inf
        scales[names == unit] = largest if usable else typical
    return scales
