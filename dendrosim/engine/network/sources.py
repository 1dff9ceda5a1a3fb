"""Sources of spikes as parts of the network; their populations are built like all others."""

import numpy as np

from dendrosim.circuit.paths import VariablePath
from dendrosim.circuit.population import REFRACTORY
from dendrosim.engine.network.groups import add_number
from dendrosim.engine.network.operations import Operations
from dendrosim.engine.network.parts import NetworkParts, assign, number_elements
from dendrosim.engine.plan.spike_texts import ADDED, ADDED_KEY

_ORDER = 0
"""Brian2's order of inputs: after effects of presynaptic spikes (-1), before those of postsynaptic ones (1)."""


def build_sources(parts: NetworkParts, operations: Operations) -> None:
    """Add what sources do besides the code of their populations, which have been built."""
    for index, name in enumerate(parts.circuit.given_spikes):
        group = parts.groups[name]
        group.contained_objects.remove(group.thresholder["spike"])
        parts.network.add(operations.fire(parts, group, index))
    for source in parts.circuit.sources:
        if source.adds_to is not None:
            _add_input(parts, source.name, VariablePath.parse(source.adds_to))


def _add_input(parts: NetworkParts, name: str, target: VariablePath) -> None:
    """Add random input to a state in every step; each unit of the source belongs to a unit of the target."""
    group = parts.groups[name]
    number_elements(parts, group)
    add_number(group, ADDED_KEY, np.int64)
    parts.register(group, ADDED_KEY)
    owner, added = parts.groups[target.owner], ADDED
    group.variables.add_reference("ds_target", owner, target.variable)
    if REFRACTORY in parts.circuit.variable(str(target))[1].flags:
        group.variables.add_reference("ds_open", owner, "not_refractory")
        added = f"int(ds_open)*{ADDED}"
    assign(parts, group, f"ds_target += {added}", "synapses", _ORDER, f"ds_input_{name}")
