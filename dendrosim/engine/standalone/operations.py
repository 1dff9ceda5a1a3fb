"""Operations of compiled programs: code objects made from our own templates. All languages share this module.

To add a language, derive a class from `CompiledOperations`, add the templates `call` (one statement on the host)
and `update` (one step of a matrix's plasticity), and write the other sources inside `with sources.network(...)`.
"""

from typing import Any

from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable
from brian2.devices.device import get_device
from brian2.groups.group import CodeRunner, Group

from dendrosim.engine.network.operations import Operations
from dendrosim.engine.network.parts import NetworkParts
from dendrosim.engine.network.weight_updates import Update
from dendrosim.engine.plan.timeline import CIRCUIT


class CompiledOperations(Operations):
    """Operations that are statements in C++, such as calls of functions in our headers.

    `arrays` is the prefix of the names of Brian2's arrays in the generated code.
    """

    arrays: str

    def feed(self, network: NetworkParts) -> BrianObject:
        return self.call(network, "ds::feed();", "before_start", "ds_feed")

    def guard(self, network: NetworkParts) -> BrianObject:
        stop = "if (ds::guard()) Network::_globally_stopped = true;"
        return self.call(network, stop, "end", "ds_guard")

    def update(self, network: NetworkParts, update: Update, order: int) -> list[BrianObject]:
        variables = update.holder.variables
        for side in ("_ds_post", "_ds_pre"):
            variables.add_auxiliary_variable(side, dtype=int)
        for symbol, (array, side) in update.factors.items():
            variables.add_reference(symbol, array.owner, array.name, index=f"_ds_{side}")
        averaged = update.batch if update.averaged else 1
        keywords = {
            "real": number_type(network),
            "weight": self.pointer(update.weight),
            "rows": update.shape[0],
            "columns": update.shape[1],
            "batch": update.batch,
            "averaged": averaged,
            # A power of two, which rounds nothing: the sum over samples overflows only if the mean does.
            "part": 2.0 ** (1 - averaged.bit_length()),
            "elementwise": update.elementwise is not None,
            "decay": self.pointer(update.decay) if update.decay is not None else None,
            "outer": [
                tuple(self.pointer(v) if v is not None else None for v in variables)
                for variables in update.outer
            ],
            "heun": update.heun,
            "limits": [self.pointer(v) for v in update.limits or ()],
            **self.extra_keywords(network, update),
        }
        code = f"ds_rate = {update.elementwise}" if update.elementwise else ""
        name = f"ds_update_{update.matrix}"
        return [
            self._runner(
                network, update.holder, "update", "before_groups", order, name, keywords, code
            )
        ]

    def extra_keywords(self, network: NetworkParts, update: Update) -> dict[str, Any]:
        """Return further keywords for a back end's template `update`."""
        return {}

    def invert(
        self, network: NetworkParts, inverse: ArrayVariable, of: ArrayVariable, order: int
    ) -> BrianObject:
        size = round(of.size**0.5)
        statement = (
            f"static ds::Inverse<{number_type(network)}> ds_inverse({size});"
            f" ds_inverse.refresh({self.pointer(of)}, {self.pointer(inverse)});"
        )
        name = f"ds_invert_{inverse.owner.name}"
        return self.call(network, statement, "before_groups", name, order)

    def pointer(self, variable: ArrayVariable) -> str:
        """Return the name of an array in the code of the dense operations."""
        return f"{self.arrays}{get_device().get_array_name(variable)}"

    def call(
        self, network: NetworkParts, statement: str, when: str, name: str, order: int = 0
    ) -> BrianObject:
        """Return an object that executes a statement in every step."""
        keywords = {"ds_statement": statement}
        return self._runner(network, network.groups[CIRCUIT], "call", when, order, name, keywords)

    def _runner(
        self, network: NetworkParts, group: Group, template: str, when: str, order: int, name: str,
        keywords: dict[str, Any], code: str = "",
    ) -> CodeRunner:  # fmt: skip
        return CodeRunner(
            group, template, code=code, clock=network.clock, when=when, order=order, name=name,
            check_units=False, template_kwds=keywords, codeobj_class=self.codeobj_class,
        )  # fmt: skip


def number_type(network: NetworkParts) -> str:
    """Return the C++ type of a network's numbers."""
    return "float" if network.dtype.__name__ == "float32" else "double"


def boolean(value: bool) -> str:
    """Return a truth value as text in C++."""
    return "true" if value else "false"
