"""Heun's method as a second evaluation within a step, with the same objects as the first one.

With E(y) = y + dt f(y), a step of Heun's method is the mean of y and E(E(y)). So a step is done twice, the second
time with signals at its end, and each state and matrix then becomes the mean. What a step does before the update
of states (signals, projections, plasticity) is `repeated_objects`; a back end runs these objects again in
`Operations.repeat`. The update of a matrix knows from the back end which half it is in (`Update.heun`). States
have code of their own for the second half.
"""

from brian2.core.base import BrianObject
from brian2.groups.neurongroup import NeuronGroup

from dendrosim.engine.network.groups import add_array
from dendrosim.engine.network.operations import Operations
from dendrosim.engine.network.parts import NetworkParts, assign
from dendrosim.engine.network.state_steps import BEGIN, heun_corrector

AGAIN = "after_groups"
_EVALUATION = ("before_start", "start", "before_groups")


def add_kept_states(parts: NetworkParts, group: NeuronGroup) -> None:
    """Add the arrays of the states of a population at the beginning of a step."""
    for name in group.equations.diff_eq_names:
        state = group.variables[name]
        add_array(group, f"{BEGIN}{name}", state.size, parts.dtype, state.dim)


def add_second_half(parts: NetworkParts, operations: Operations) -> None:
    """Add the objects of the second half of a step, which follow the update of states in the first half."""
    parts.network.add(operations.repeat(parts))
    for population in parts.circuit.populations:
        group = parts.groups[population.name]
        if group.equations.diff_eq_names:
            code = heun_corrector(group.equations)
            assign(parts, group, code, AGAIN, 1, f"ds_corrector_{population.name}")


def repeated_objects(parts: NetworkParts) -> list[BrianObject]:
    """Return the objects that evaluate the vector field and update the matrices, in the order of a step."""
    feed = parts.feed
    return [o for o in parts.network.sorted_objects if o.when in _EVALUATION and o is not feed]
