"""Pairs of a source and a cell with given spikes, and a plastic synapse from one to the other.

    v = v_rest + after + height [t - last spike < width],   dafter/dt = -after/tau_after

The postsynaptic cell repeats the spikes of a source one time step later. Its voltage v, which voltage-dependent
rules read, is not simulated: it has a box for each spike, and a depolarisation after it that decays.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.connectivity.one_to_one import OneToOne
from dendrosim.circuit.connectivity.pairings import Pairings
from dendrosim.circuit.pathway import Pathway
from dendrosim.circuit.population import Population
from dendrosim.circuit.sources.spike_times import SpikeTimes
from dendrosim.circuit.synapse_rule import SynapseRule

SYNAPSE = "plastic"
PRE, POST = "pre", "post_given"
"""The sources of presynaptic and of postsynaptic spikes."""
EQUATIONS = """
dfire/dt = 0*Hz : 1   # number of spikes that have arrived
dafter/dt = -after/tau_after : volt
v = v_rest + after + height*int(t - lastspike < width) : volt
"""
PARAMETERS = {
    "v_rest": "-70.6 mV", "height": "90 mV", "width": "1.95 ms", "tau_after": "40 ms", "jump": "15 mV"
}  # fmt: skip


def paired_spikes(
    rule: SynapseRule, pairs: int, weight: Any, delay: Any, synapses: int = 1
) -> Circuit:
    """Return sources `pre` and `post_given`, the cells `post`, and the synapses `plastic`.

    Parameters
    ----------
    rule : SynapseRule
        The rule of the synapses; the cells get what it reads.
    pairs : int
        Number of pairs.
    weight : quantity, array of shape (pairs,) or Initial
        Weights at the start.
    delay : time
        Time after which a presynaptic spike acts, and one time step, because the cells spike one step late.
    synapses : int, optional
        Number of synapses of each pair (default 1); `weight` then has the synapses of a pair one after the other.
    """
    cell = Population(
        "post", pairs, EQUATIONS, parameters=PARAMETERS, threshold="fire > 0.5", reset="fire -= 1; after = jump"
    )  # fmt: skip
    feed = Pathway("feed", POST, "post", "fire_post += 1", OneToOne(), final=False)
    units = np.repeat(np.arange(pairs), synapses)
    learn = Pathway(SYNAPSE, PRE, "post", "", Pairings(units, units), weight, delay, rule=rule)
    return Circuit(
        (rule.add_to(cell),), pathways=(feed, learn), sources=(SpikeTimes(PRE, pairs), SpikeTimes(POST, pairs))
    )  # fmt: skip


def in_order(trains: Sequence[AnyArray]) -> tuple[AnyArray, AnyArray]:
    """Return units and times of the spikes of all trains, one array of times for each unit, in order of time."""
    unit = np.repeat(np.arange(len(trains)), [len(t) for t in trains])
    time = np.concatenate([np.asarray(t, dtype=float) for t in trains]) if trains else np.zeros(0)
    order = np.lexsort((unit, time))
    return unit[order], time[order]
