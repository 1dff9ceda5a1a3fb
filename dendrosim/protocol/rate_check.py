"""The check of the rates of sources that are known before a run: numbers, data sets and tables.

Rates to which a formula contributes are checked in the run (`dendrosim.engine.plan.signal_slots`).
"""

from collections.abc import Mapping

import numpy as np

from dendrosim.arrays import Array
from dendrosim.circuit.sources.base import Source
from dendrosim.errors import ParameterError
from dendrosim.signals.base import Signal
from dendrosim.signals.constant import Constant
from dendrosim.signals.samples import Samples
from dendrosim.signals.table import Table

LARGEST_PROBABILITY = 1 + 1e-6
"""Largest product of a rate and the time step, with a tolerance for rounding errors in single precision."""


def check_rates(
    where: str,
    source: Source,
    signals: tuple[Signal, ...],
    data: Mapping[str, Array],
    dt: float,
) -> None:
    """Check that the rates of a source in a phase are between 0 and 1/dt, unless a signal is a formula.

    Parameters
    ----------
    where : str
        Phase and input, for the message.
    source : Source
        The source.
    signals : tuple of Signal
        The signals that add up to its rates.
    data : mapping of str to array
        The data sets of the protocol.
    dt : float
        Time step in seconds.

    Raises
    ------
    ParameterError
        If a rate is negative, or larger than 1/dt. Extremes of several data sets and tables are added, also if
        they occur at different times.
    """
    low, high = np.zeros(1), np.zeros(1)
    for signal in signals:
        if isinstance(signal, Constant):
            values = np.reshape(np.asarray(signal.value.value), (1, -1))
        elif isinstance(signal, Samples):
            values = data[signal.data]
        elif isinstance(signal, Table):
            values = signal.si_values
        else:
            return
        low, high = low + values.min(axis=0), high + values.max(axis=0)
    for unit in np.flatnonzero((low < 0) | (high * dt > LARGEST_PROBABILITY))[:1]:
        rate = low[unit] if low[unit] < 0 else high[unit]
        raise ParameterError(
            f"{where}: the rate of unit {unit} of {source} is {rate:g} Hz; it must be between 0 and 1/dt = "
            f"{1 / dt:g} Hz, at which a unit spikes in every time step"
        )
