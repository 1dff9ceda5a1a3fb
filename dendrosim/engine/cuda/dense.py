"""Dense operations of the program for the GPU: code objects of ours, from templates derived from Brian2CUDA's."""

from typing import Any

from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable
from brian2.devices.device import get_device
from brian2.groups.group import CodeRunner, Group
from brian2.groups.neurongroup import NeuronGroup
from brian2cuda.codeobject import CUDAStandaloneAtomicsCodeObject, CUDAStandaloneCodeObject

from dendrosim.circuit import Projection
from dendrosim.engine.built import Built
from dendrosim.engine.dense import Dense
from dendrosim.engine.noise import FUNCTIONS
from dendrosim.engine.state import WEIGHT
from dendrosim.engine.timeline import CIRCUIT
from dendrosim.engine.updates import Update

_ARGUMENTS = {"uniform": "", "normal": "", "poisson": ", double mean"}


class CudaCodeObject(CUDAStandaloneCodeObject):
    """Code object that also finds the templates in this package."""

    templater = CUDAStandaloneCodeObject.templater.derive("dendrosim.engine.cuda")
    class_name = "dendrosim_cuda"


class CudaAtomicsCodeObject(CUDAStandaloneAtomicsCodeObject):
    """The same for synapses, whose effects on one variable are added atomically."""

    templater = CudaCodeObject.templater
    class_name = "dendrosim_cuda_atomics"


def _add_functions() -> None:
    """Make the random numbers of processes known to code for the GPU."""
    for name, more in _ARGUMENTS.items():
        code = (
            f"__host__ __device__ static inline double ds_{name}(int64_t base, int64_t i{more})"
            f" {{ return ds::{name}(base, i{', mean' if more else ''}); }}"
        )
        for kind in (CudaCodeObject, CudaAtomicsCodeObject):
            FUNCTIONS[f"ds_{name}"].implementations.add_implementation(
                kind, code, name=f"ds_{name}"
            )


_add_functions()


class CudaDense(Dense):
    """Statements that call `runtime.cuh`."""

    codeobj_class = CudaCodeObject

    def feed(self, network: Built) -> BrianObject:
        return _call(network, "ds::feed();", "before_start", "ds_feed")

    def record(self, network: Built) -> BrianObject:
        return _call(network, "ds::record();", "after_start", "ds_record")

    def spikes(self, network: Built, group: NeuronGroup, index: int) -> BrianObject:
        events, count = group.variables["_spikespace"], group.variables["N"].get_value()
        # Brian2CUDA keeps one such array for each step of a delay; here there is always one.
        where = f"brian::dev{get_device().get_array_name(events)}[0]"
        stop = f"if (ds::keep({index}, {where}, {count})) Network::_globally_stopped = true;"
        return _call(network, stop, "after_thresholds", f"ds_spikes_{group.name}")

    def guard(self, network: Built) -> BrianObject:
        return _call(
            network, "if (ds::guard()) Network::_globally_stopped = true;", "end", "ds_guard"
        )

    def product(
        self, network: Built, projection: Projection, source: ArrayVariable, target: ArrayVariable,
        *, add: bool, order: int,
    ) -> BrianObject:  # fmt: skip
        rows, columns = network.circuit.shape(network.circuit.matrix(projection.matrix))
        matrix = _pointer(network.arrays[f"{projection.matrix}.{WEIGHT}"])
        statement = (
            f"ds::product<{_real(network)}>({_bool(projection.transpose)}, {rows}, {columns},"
            f" {network.protocol.batch}, {matrix}, {_pointer(source)}, {_pointer(target)}, {_bool(add)});"
        )
        return _call(network, statement, "start", f"ds_product_{order}", order)

    def update(self, network: Built, update: Update, order: int) -> list[BrianObject]:
        variables = update.holder.variables
        for side in ("_ds_post", "_ds_pre"):
            variables.add_auxiliary_variable(side, dtype=int)
        for symbol, (array, side) in update.factors.items():
            variables.add_reference(symbol, array.owner, array.name, index=f"_ds_{side}")
        keywords = {
            "real": _real(network),
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
        return _call(network, statement, "before_groups", name, order)


def _call(network: Built, statement: str, when: str, name: str, order: int = 0) -> BrianObject:
    keywords = {"ds_statement": statement}
    return _runner(network, network.groups[CIRCUIT], "call", when, order, name, keywords)


def _runner(
    network: Built, group: Group, template: str, when: str, order: int, name: str,
    keywords: dict[str, Any], code: str = "",
) -> CodeRunner:  # fmt: skip
    return CodeRunner(
        group, template, code=code, clock=network.clock, when=when, order=order, name=name,
        check_units=False, template_kwds=keywords, codeobj_class=CudaCodeObject,
    )  # fmt: skip


def _pointer(variable: ArrayVariable) -> str:
    """Return the name of an array on the GPU."""
    return f"brian::dev{get_device().get_array_name(variable)}"


def _real(network: Built) -> str:
    return "float" if network.dtype.__name__ == "float32" else "double"


def _bool(value: bool) -> str:
    return "true" if value else "false"
