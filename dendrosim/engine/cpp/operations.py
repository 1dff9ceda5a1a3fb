"""Dense operations of the C++ program: code objects from our own templates, which are derived from Brian2's."""

from typing import Any

from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable
from brian2.groups.neurongroup import NeuronGroup

from dendrosim.circuit.matrix import Projection
from dendrosim.circuit.pathway import Pathway
from dendrosim.engine.cpp.code_objects import CppCodeObject
from dendrosim.engine.cpp.every_step import build_advance, build_total
from dendrosim.engine.cpp.pathways import build_rows
from dendrosim.engine.network.groups import event_list
from dendrosim.engine.network.heun import AGAIN
from dendrosim.engine.network.parts import NetworkParts
from dendrosim.engine.network.weight_updates import Update
from dendrosim.engine.plan.state_arrays import WEIGHT
from dendrosim.engine.standalone.operations import CompiledOperations, boolean, number_type


class CppOperations(CompiledOperations):
    """Operations that are statements in C++, such as calls of functions in `runtime.h`.

    `patient` has the names of the matrices whose updates are postponed, see `Weights` in `dense.h`, and `checked`
    those whose updates find numbers that are not finite, see `Sparse` in `sparse.h`; `products` has
    the arrays of products of sparse matrices, which get their size when the program has read its connections.
    """

    codeobj_class = CppCodeObject
    arrays = "brian::"

    def __init__(self) -> None:
        self.patient: set[str] = set()
        self.checked: set[str] = set()
        self.products: dict[str, list[ArrayVariable]] = {}

    def declarations(self, network: NetworkParts) -> list[str]:
        """Return the definitions of the objects that the statements use, one for each matrix."""
        number, batch = number_type(network), network.protocol.batch
        lines = []
        for matrix in network.circuit.matrices:
            rows, columns = network.circuit.shape(matrix)
            patient = boolean(matrix.name in self.patient)
            name = _weights(matrix.name).removeprefix("ds::")
            if matrix.connect is not None:
                checked = boolean(matrix.name in self.checked)
                lines.append(f"Sparse<{number}> {name}({rows}, {columns}, {batch}, {checked});")
            else:
                heun = boolean(network.protocol.method == "rk2")
                sizes = f"{rows}, {columns}, {batch}"
                lines.append(f"Weights<{number}> {name}({sizes}, {patient}, {heun});")
        return lines

    def assignments(self, network: NetworkParts) -> list[str]:
        """Return the statements that give the objects of `declarations` their arrays."""
        keys, lines = list(network.arrays), []
        for matrix in network.circuit.matrices:
            name, key = _weights(matrix.name), f"{matrix.name}.{WEIGHT}"
            if matrix.connect is None:
                lines.append(f"    {name}.w = {self.pointer(network.arrays[key])};")
                continue
            weights = [network.arrays[key], *self.products.get(matrix.name, ())]
            pointers = ", ".join(f"&{self.pointer(v)}" for v in weights)
            lines.append(f"    {name}.arrays_of_weights = {{{pointers}}};")
            lines.append(f"    {name}.array = {keys.index(key)};")
        return lines

    def pathway(self, network: NetworkParts, pathway: Pathway) -> Any:
        return build_rows(network, pathway)

    def total(
        self, network: NetworkParts, pathway: Pathway, variable: str, order: int
    ) -> BrianObject:
        return build_total(network, pathway, variable, order)

    def advance(self, network: NetworkParts, pathway: Pathway) -> BrianObject:
        return build_advance(network, pathway)

    def repeat(self, network: NetworkParts) -> BrianObject:
        return self.call(network, "ds::repeat();", AGAIN, "ds_repeat")

    def record(self, network: NetworkParts) -> BrianObject:
        return self.call(network, "ds::record();", "after_start", "ds_record")

    def fire(self, network: NetworkParts, group: NeuronGroup, index: int) -> BrianObject:
        events, count = (
            self.pointer(group.variables["_spikespace"]),
            group.variables["N"].get_value(),
        )
        statement = f"ds::fire({index}, {events}, {count});"
        return self.call(network, statement, "thresholds", f"ds_fire_{group.name}")

    def spikes(
        self, network: NetworkParts, group: NeuronGroup, event: str, index: int
    ) -> BrianObject:
        events, count = (
            self.pointer(group.variables[event_list(event)]),
            group.variables["N"].get_value(),
        )
        statement = f"ds::keep({index}, {events}, {events}[{count}]);"
        return self.call(network, statement, "after_thresholds", f"ds_spikes{index}_{group.name}")

    def guard(self, network: NetworkParts) -> BrianObject:
        return self.call(network, "ds::guard();", "end", "ds_guard")

    def product(
        self, network: NetworkParts, projection: Projection, source: ArrayVariable, target: ArrayVariable,
        *, add: bool, order: int,
    ) -> BrianObject:  # fmt: skip
        method = "transposed" if projection.transpose else "product"
        given = self.pointer(source)
        if projection.delay is not None:
            line = network.circuit.delay_line(projection)
            given = f"(const {number_type(network)}*)ds::delayed({line}, {given})"
        arguments = f"{given}, {self.pointer(target)}, {boolean(add)}"
        statement = f"{_weights(projection.matrix)}.{method}({arguments});"
        return self.call(network, statement, "start", f"ds_product_{order}", order)

    def extra_keywords(self, network: NetworkParts, update: Update) -> dict[str, Any]:
        circuit = network.circuit
        read_at_once = {m.inverse_of for m in circuit.matrices}
        read_at_once |= {o.name for m in circuit.matrices for o in circuit.weights_read(m).values()}
        learns_only = update.limits is None and not update.elementwise
        if update.sparse:
            self.products[update.matrix] = [
                o.product for o in update.outer if o.product is not None
            ]
            if learns_only and not update.heun:
                self.checked.add(update.matrix)
        elif learns_only and len(update.outer) == 1 and update.matrix not in read_at_once:
            self.patient.add(update.matrix)
        return {"weights": _weights(update.matrix), "sparse": update.sparse}


def _weights(matrix: str) -> str:
    return f"ds::weights_{matrix}"
