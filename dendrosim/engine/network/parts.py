"""A network while it is built: its parts by name, and the steps that every part needs."""

from dataclasses import dataclass, field
from typing import Any

from brian2.core.clocks import Clock
from brian2.core.network import Network
from brian2.core.variables import ArrayVariable, DynamicArrayVariable
from brian2.groups.group import CodeRunner, Group
from brian2.synapses.synapses import Synapses, SynapticPathway

from dendrosim.circuit.brian_text import brian_dimension
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.circuit_data import Owner
from dendrosim.engine.network.groups import add_array, add_number
from dendrosim.engine.plan.timeline import CIRCUIT
from dendrosim.protocol.protocol import Protocol


@dataclass(frozen=True)
class Bundle:
    """The synapses of a pathway in Brian2: the object, and the array of each of their own variables."""

    synapses: Synapses
    values: dict[str, DynamicArrayVariable]

    @property
    def pathways(self) -> dict[str, SynapticPathway]:
        """The directions in which spikes travel, `pre` and perhaps `post`."""
        found = {n: getattr(self.synapses, n, None) for n in ("pre", "post")}
        return {n: p for n, p in found.items() if p is not None}

    @property
    def delay(self) -> DynamicArrayVariable:
        """The array of delays."""
        return self.synapses.pre.variables["delay"]


@dataclass
class NetworkParts:
    """A network and the registry of its arrays: key -> Brian2 variable."""

    protocol: Protocol
    dtype: Any
    clock: Clock
    network: Network
    codeobj_class: Any = None
    arrays: dict[str, ArrayVariable] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    ones: list[str] = field(default_factory=list)
    bundles: dict[str, Bundle] = field(default_factory=dict)
    assigned: int = 0

    @property
    def circuit(self) -> Circuit:
        return self.protocol.circuit

    def register(self, group: Group, *variables: str) -> None:
        """Make variables of a group known as `group.variable`."""
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
    parts: NetworkParts, group: Group, owner: Owner, symbols: set[str], prefix: str = ""
) -> None:
    """Make the parameters and gates that an owner's equations use known to a group.

    They get their own names, with a prefix if one is given.
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


def assign(parts: NetworkParts, group: Group, code: str, when: str, order: int, name: str) -> None:
    """Run element-wise code on a group once a step; `name` is made unique by a running number."""
    parts.assigned += 1
    name = f"ds_code{parts.assigned}_{name.removeprefix('ds_')}"
    parts.network.add(
        CodeRunner(
            group, "stateupdate", code=code, clock=parts.clock, when=when, order=order, name=name,
            check_units=False, codeobj_class=parts.codeobj_class,
        )
    )  # fmt: skip
