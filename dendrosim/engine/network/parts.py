"""A network while it is being built: its parts by name, and functions that all parts need."""

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2.core.base import BrianObject
from brian2.core.clocks import Clock
from brian2.core.network import Network
from brian2.core.variables import ArrayVariable, DynamicArrayVariable
from brian2.groups.group import CodeRunner, Group
from brian2.synapses.synapses import Synapses, SynapticPathway

from dendrosim.circuit.brian_text import brian_dimension
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.circuit_data import Owner
from dendrosim.circuit.effects import Trigger
from dendrosim.engine.network.groups import add_array, add_number
from dendrosim.engine.network.state_steps import BEGIN
from dendrosim.engine.plan.signal_slots import ELEMENT
from dendrosim.engine.plan.state_arrays import CURRENT, NOW, OWN, UPDATE, VALUE
from dendrosim.engine.plan.timeline import CIRCUIT
from dendrosim.protocol.protocol import Protocol

_SET_FIRST = ("not_refractory", VALUE, NOW, CURRENT, BEGIN)
"""Prefixes of the names of arrays that a step sets before it reads them."""


def moves(variable: ArrayVariable) -> bool:
    """Return whether an array changes during a run, and has a fixed size.

    Lists of events do not count, because they are made anew in each step.
    """
    events = {f"_{event}space" for event in getattr(variable.owner, "events", ())}
    return not (
        variable.constant or isinstance(variable, DynamicArrayVariable) or variable.name in events
    )


@dataclass(frozen=True)
class Bundle:
    """The synapses of a pathway in Brian2, and the arrays of the variables that each synapse has for itself.

    `pathways` has Brian2's objects that handle events, by what triggers them.
    `current` has the arrays of the present values of event-driven states, which `evaluation` computes.
    """

    synapses: Synapses
    pathways: dict[Trigger, SynapticPathway]
    values: dict[str, DynamicArrayVariable]
    current: dict[str, DynamicArrayVariable] = field(default_factory=dict)
    evaluation: CodeRunner | None = None

    def delays(self, side: str) -> list[DynamicArrayVariable]:
        """Return the arrays of the synapses' delays, one for each event of one end, `pre` or `post`."""
        return [p.variables["delay"] for t, p in self.pathways.items() if t.side == side]


@dataclass
class NetworkParts:
    """A network, with its arrays and groups by name."""

    protocol: Protocol
    dtype: Any
    clock: Clock
    network: Network
    codeobj_class: Any = None
    arrays: dict[str, ArrayVariable] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    ones: list[str] = field(default_factory=list)
    bundles: dict[str, Any] = field(default_factory=dict)
    assigned: int = 0
    feed: BrianObject | None = None

    @property
    def circuit(self) -> Circuit:
        return self.protocol.circuit

    @property
    def all_arrays(self) -> dict[str, ArrayVariable]:
        """All arrays by key: `arrays`, and those of synapses, whose sizes are only known in a run.

        First come the variables of all synapses, then the present values of event-driven states.
        """
        synaptic = {
            f"{name}.{prefix}{variable}": array
            for prefix, field in ((OWN, "values"), (CURRENT, "current"))
            for name, bundle in self.bundles.items()
            for variable, array in getattr(bundle, field).items()
        }
        return {**self.arrays, **synaptic}

    def register_kept(self) -> list[str]:
        """Add hidden arrays on which later steps depend to `arrays`; return their keys and those of update times.

        Such arrays belong to populations and pathways, and no step sets them before it reads them.
        """
        named = {id(v) for v in self.all_arrays.values()}
        owners = [p.name for p in self.circuit.all_populations] + list(self.bundles)
        kept = [
            (group, name)
            for group in map(self.groups.__getitem__, owners)
            for name, variable in group.variables.items()
            if isinstance(variable, ArrayVariable)
            and variable.owner.name == group.name  # no reference to a variable of another group
            and id(variable) not in named
            and moves(variable)
            and not name.startswith(_SET_FIRST)
        ]
        for group, name in kept:
            self.register(group, name)
        updates = [f"{n}.{OWN}{UPDATE}" for n, b in self.bundles.items() if UPDATE in b.values]
        return [*(f"{group.name}.{name}" for group, name in kept), *updates]

    def claim(self) -> None:
        """Mark all objects as used, so that Brian2 does not warn of each one if they are given up before a run."""
        for part in self.network.sorted_objects:
            part._network = self.network.id

    def register(self, group: Group, *variables: str) -> None:
        """Add variables of a group to `arrays`, with the keys `group.variable`."""
        for name in variables:
            self.arrays[f"{group.name}.{name}"] = group.variables[name]


def add_variable(
    group: Group, name: str, count: int, dtype: Any, dimension: Any, constant: bool = False
) -> None:
    if count == 1:
        add_number(group, name, dtype, dimension, constant)
    else:
        add_array(group, name, count, dtype, dimension, constant)


def refer_shared(
    parts: NetworkParts, group: Group, owner: Owner, symbols: Set[str], prefix: str = ""
) -> None:
    """Add to a group the parameters and gates that the equations of an owner use.

    In the group, their names begin with `prefix`.
    """
    for symbol in sorted(symbols):
        name = prefix + symbol
        if symbol in owner.parameters:
            value = owner.parameters[symbol]
            count = 1 if value.scalar else int(group.variables["N"].get_value())
            add_variable(group, name, count, parts.dtype, brian_dimension(value.dimension), True)
            parts.register(group, name)
        else:
            scoped = parts.circuit.scoped_name(owner, symbol)
            if scoped in parts.circuit.parameters or scoped in parts.circuit.gates:
                group.variables.add_reference(name, parts.groups[CIRCUIT], scoped, index="0")


def number_elements(parts: NetworkParts, group: Group) -> None:
    """Give each element of a group the index of its random number in a step, which unit and sample determine."""
    if ELEMENT in group.variables:
        return
    if parts.protocol.batch == 1:
        group.variables.add_reference(ELEMENT, group, "i")
        return
    count = int(group.variables["N"].get_value())
    add_array(group, ELEMENT, count, np.int64, constant=True)
    parts.register(group, ELEMENT)


def assign(parts: NetworkParts, group: Group, code: str, when: str, order: int, name: str) -> None:
    """Run element-wise code on a group in every step; a running number makes `name` unique."""
    parts.assigned += 1
    name = f"ds_code{parts.assigned}_{name.removeprefix('ds_')}"
    parts.network.add(
        CodeRunner(
            group, "stateupdate", code=code, clock=parts.clock, when=when, order=order, name=name,
            check_units=False, codeobj_class=parts.codeobj_class,
        )
    )  # fmt: skip
