"""The events `event` and `burst` of cells whose spikes come alone or in bursts.

A spike whose interval to the spike before it is shorter than `burst_interval` (16 ms) belongs to the burst of that
spike. Every other spike, and the first one of a cell, is an `event`. The second spike of a burst is a `burst`, and
further spikes of the burst are neither, so each burst is counted once. Intervals are counted in whole time steps:
at steps of 0.1 ms, an interval of 159 steps belongs to a burst, and one of 160 steps does not; at steps of 0.3 ms,
one of 53 steps (15.9 ms) does, and one of 54 steps does not.

`lone` is a mark that an event sets to 1 and a burst to 0. It decays, so that the cell has no mode of infinitely
slow decay, but it is above 1/4 for all intervals within a burst.

Sources
-------
Naud & Sprekeler (2018), PNAS 115:E6329; Payeur et al. (2021), Nature Neuroscience 24:1010: the threshold of 16 ms,
and the count of a burst at its second spike.
"""

import math
from typing import Any

from dendrosim.circuit.event import Event
from dendrosim.circuit.population import Population
from dendrosim.units import quantity

BURST_INTERVAL = "16 ms"
"""Interval between spikes below which they belong to a burst."""
EQUATIONS = (
    "dlone/dt = -lone/burst_interval : 1   # above 0 while the last event has only one spike\n"
)
"""An equation that a cell with these events has; `burst_interval` is a parameter, a time."""

# The margin keeps rounding errors of times from deciding; a time as single-precision number is much more exact.
_MARGIN = 0.01  # steps
_WITHIN = f"t - lastspike < burst_interval - {_MARGIN}*dt"


def burst_events(threshold: str) -> dict[str, Event]:
    """Return the events of a cell, as `Population.events`.

    Parameters
    ----------
    threshold : str
        The threshold of the cell, a condition without random numbers. In the refractory period it must not hold.

    Returns
    -------
    dict of str to Event
        `event` and `burst`. The equations of the cell must include `EQUATIONS`.
    """
    return {
        "event": Event(f"({threshold}) and not ({_WITHIN})", "lone = 1"),
        "burst": Event(f"({threshold}) and ({_WITHIN}) and lone > 0.1", "lone = 0"),
    }


def longest_interval(dt: float) -> float:
    """Return the longest interval within a burst in seconds, a whole number of time steps of `dt` seconds."""
    return (math.ceil(quantity(BURST_INTERVAL).value / dt - _MARGIN) - 1) * dt


def burst_relay(name: str, size: int, burst_interval: Any = BURST_INTERVAL) -> Population:
    """Return units that repeat spikes which they receive, and tell events and bursts apart.

    A pathway to such a unit has the effect `fire_post += 1`. The unit spikes one time step after a spike arrives,
    also if spikes arrive in two steps in a row.

    Parameters
    ----------
    name : str
        Name of the population.
    size : int
        Number of units.
    burst_interval : time, optional
        Interval below which spikes belong to a burst (default 16 ms).
    """
    return Population(
        name,
        size,
        "dfire/dt = 0*Hz : 1   # number of spikes that have arrived\n" + EQUATIONS,
        parameters={"burst_interval": burst_interval},
        threshold="fire > 0.5",
        reset="fire -= 1",  # another spike may have arrived in this step, before the reset
        events=burst_events("fire > 0.5"),
    )
