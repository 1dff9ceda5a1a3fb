"""Dense operations of the C++ program: code objects of ours, from templates derived from Brian2's."""

from typing import Any

from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.device import get_device
from brian2.groups.group import CodeRunner, Group
from brian2.groups.neurongroup import NeuronGroup

from dendrosim.circuit import Projection
from dendrosim.engine.built import Built
from dendrosim.engine.dense import Dense
from dendrosim.engine.state import WEIGHT
from dendrosim.engine.timeline import CIRCUIT
from dendrosim.engine.updates import Update


class DenseCodeObject(CPPStandaloneCodeObject):
    """Code object that also finds the templates in this package."""

    templater = CPPStandaloneCodeObject.templater.derive("dendrosim.engine.cpp")
    class_name = "dendrosim_cpp"


class CppDense(Dense):
    """Statements that call `runtime.h`."""

    codeobj_class = DenseCodeObject

    def __init__(self) -> None:
        self.patient: set[str] = set()

    def declarations(self, network: Built) -> list[str]:
        """Return the definitions of the objects that the statements use, one for each matrix."""
        real, batch = _real(network), network.protocol.batch
        lines = []
        for matrix in network.circuit.matrices:
            rows, columns = network.circuit.shape(matrix)
            patient = "true" if matrix.name in self.patient else "false"
            name = _weights(matrix.name).removeprefix("ds::")
            lines.append(f"Weights<{real}> {name}({rows}, {columns}, {batch}, {patient});")
        return lines

    def assignments(self, network: Built) -> list[str]:
        """Return the statements that give these objects their arrays."""
        names = [m.name for m in network.circuit.matrices]
        return [
            f"    {_weights(n)}.w = {_pointer(network.arrays[f'{n}.{WEIGHT}'])};" for n in names
        ]

    def feed(self, network: Built) -> BrianObject:
        return self._call(network, "ds::feed();", "before_start", "ds_feed")

    def record(self, network: Built) -> BrianObject:
        statement = "if (ds::due()) ds::flush(); ds::record();"
        return self._call(network, statement, "after_start", "ds_record")

    def spikes(self, network: Built, group: NeuronGroup, index: int) -> BrianObject:
        events, count = _pointer(group.variables["_spikespace"]), group.variables["N"].get_value()
        stop = f"if (ds::keep({index}, {events}, {events}[{count}])) Network::_globally_stopped = true;"
        return self._call(network, stop, "after_thresholds", f"ds_spikes_{group.name}")

    def guard(self, network: Built) -> BrianObject:
        stop = "if (ds::guard()) Network::_globally_stopped = true;"
        return self._call(network, stop, "end", "ds_guard")

    def product(
        self, network: Built, projection: Projection, source: ArrayVariable, target: ArrayVariable,
        *, add: bool, order: int,
    ) -> BrianObject:  # fmt: skip
        kind = "transposed" if projection.transpose else "product"
        arguments = f"{_pointer(source)}, {_pointer(target)}, {'true' if add else 'false'}"
        statement = f"{_weights(projection.matrix)}.{kind}({arguments});"
        return self._call(network, statement, "start", f"ds_product_{order}", order)

    def update(self, network: Built, update: Update, order: int) -> list[BrianObject]:
        variables = update.holder.variables
        for side in ("_ds_post", "_ds_pre"):
            variables.add_auxiliary_variable(side, dtype=int)
        for symbol, (array, side) in update.factors.items():
            variables.add_reference(symbol, array.owner, array.name, index=f"_ds_{side}")
        keywords = {
            "real": _real(network),
            "weights": _weights(update.matrix),
            "weight": _pointer(update.weight),
            "rows": update.shape[0],
            "columns": update.shape[1],
            "batch": update.batch,
            "averaged": update.batch if update.averaged else 1,
            "elementwise": update.elementwise is not None,
            "decay": _pointer(update.decay) if update.decay is not None else None,
            "outer": [
                (_pointer(post), _pointer(pre), _pointer(product) if product is not None else None)
                for post, pre, product in update.outer
            ],
        }
        inverted = {m.inverse_of for m in network.circuit.matrices}
        if len(update.outer) == 1 and not update.elementwise and update.matrix not in inverted:
            self.patient.add(update.matrix)
        code = f"ds_rate = {update.elementwise}" if update.elementwise else ""
        name = f"ds_update_{update.matrix}"
        return [
            _runner(network, update.holder, "update", "before_groups", order, name, keywords, code)
        ]

    def invert(
        self, network: Built, inverse: ArrayVariable, of: ArrayVariable, order: int
    ) -> BrianObject:
        size = round(of.size**0.5)
        statement = (
            f"static ds::Inverse<{_real(network)}> ds_inverse({size});"
            f" ds_inverse.refresh({_pointer(of)}, {_pointer(inverse)});"
        )
        name = f"ds_invert_{inverse.owner.name}"
        return self._call(network, statement, "before_groups", name, order)

    def _call(
        self, network: Built, statement: str, when: str, name: str, order: int = 0
    ) -> BrianObject:
        keywords = {"ds_statement": statement}
        return _runner(network, network.groups[CIRCUIT], "call", when, order, name, keywords)


def _runner(
    network: Built, group: Group, template: str, when: str, order: int, name: str,
    keywords: dict[str, Any], code: str = "",
) -> CodeRunner:  # fmt: skip
    return CodeRunner(
        group, template, code=code, clock=network.clock, when=when, order=order, name=name,
        check_units=False, template_kwds=keywords, codeobj_class=DenseCodeObject,
    )  # fmt: skip


def _pointer(variable: ArrayVariable) -> str:
    return f"brian::{get_device().get_array_name(variable)}"


def _weights(matrix: str) -> str:
    return f"ds::weights_{matrix}"


def _real(network: Built) -> str:
    return "float" if network.dtype.__name__ == "float32" else "double"
