"""A network while it is being built: its parts by name, and the steps that every part needs."""

from dataclasses import dataclass, field
from typing import Any

from brian2.core.clocks import Clock
from brian2.core.network import Network
from brian2.core.variables import ArrayVariable
from brian2.groups.group import CodeRunner, Group

from dendrosim.circuit import Circuit, Matrix, Population
from dendrosim.engine.groups import add_array, add_number
from dendrosim.engine.timeline import CIRCUIT
from dendrosim.equations import brian_dimension
from dendrosim.protocol import Protocol


@dataclass
class Built:
    """A network and the registry of its arrays: key -> Brian2 variable."""

    protocol: Protocol
    dtype: Any
    clock: Clock
    network: Network
    arrays: dict[str, ArrayVariable] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    ones: list[str] = field(default_factory=list)
    assigned: int = 0

    @property
    def circuit(self) -> Circuit:
        return self.protocol.circuit

    def register(self, group: Group, *variables: str) -> None:
        """Make variables of a group known as `group.variable`."""
        for name in variables:
            self.arrays[f"{group.name}.{name}"] = group.variables[name]


def add_variable(group: Group, name: str, count: int, dtype: Any, dimension: Any) -> None:
    (add_number if count == 1 else lambda *a: add_array(a[0], a[1], count, *a[2:]))(
        group, name, dtype, dimension
    )


def refer_shared(built: Built, group: Group, owner: Population | Matrix, symbols: set[str]) -> None:
    """Make the parameters and gates that an owner's equations use known to a group under their names."""
    for symbol in sorted(symbols):
        if symbol in owner.parameters:
            value = owner.parameters[symbol]
            count = 1 if value.scalar else int(group.variables["N"].get_value())
            add_variable(group, symbol, count, built.dtype, brian_dimension(value.dimension))
            built.register(group, symbol)
        else:
            scoped = built.circuit.scoped(owner, symbol)
            if scoped in built.circuit.parameters or scoped in built.circuit.gates:
                group.variables.add_reference(symbol, built.groups[CIRCUIT], scoped, index="0")


def assign(built: Built, group: Group, code: str, when: str, order: int, name: str) -> None:
    """Run element-wise code on a group once a step; `name` is made unique by a running number."""
    built.assigned += 1
    name = f"ds_code{built.assigned}_{name.removeprefix('ds_')}"
    built.network.add(
        CodeRunner(
            group, "stateupdate", code=code, clock=built.clock, when=when, order=order, name=name,
            check_units=False,
        )
    )  # fmt: skip
