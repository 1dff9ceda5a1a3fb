"""Dense operations of the program for the GPU: code objects from our own templates, derived from Brian2CUDA's."""

from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable
from brian2.devices.device import get_device
from brian2.groups.neurongroup import NeuronGroup
from brian2cuda.codeobject import CUDAStandaloneAtomicsCodeObject, CUDAStandaloneCodeObject

from dendrosim.circuit.matrix import Projection
from dendrosim.engine.network.functions import FUNCTIONS, SELECT
from dendrosim.engine.network.groups import event_list
from dendrosim.engine.network.heun import AGAIN
from dendrosim.engine.network.parts import NetworkParts
from dendrosim.engine.plan.state_arrays import WEIGHT
from dendrosim.engine.standalone.operations import CompiledOperations, boolean, number_type
from dendrosim.equations.linear import COUPLED, DIFFERENCE, DRIVEN, SECOND_DIFFERENCE
from dendrosim.equations.real_numbers import CLIP, QUOTIENT, REMAINDER, TRUNCATE

_FROM = "int64_t base, int64_t i"
_ARGUMENTS = {
    "ds_uniform": _FROM, "ds_normal": _FROM, "ds_poisson": f"{_FROM}, double mean",
    **dict.fromkeys((DIFFERENCE, QUOTIENT, REMAINDER), "double x, double y"), TRUNCATE: "double x",
    **dict.fromkeys((COUPLED, DRIVEN), ", ".join(f"double x{k}" for k in range(7))),
    **dict.fromkeys((SECOND_DIFFERENCE, CLIP), "double x, double y, double z"),
    SELECT: "bool free, double x, double otherwise",
}  # fmt: skip


class CudaCodeObject(CUDAStandaloneCodeObject):
    """Code object that also finds the templates in this package."""

    templater = CUDAStandaloneCodeObject.templater.derive("dendrosim.engine.cuda")
    class_name = "dendrosim_cuda"


class CudaAtomicsCodeObject(CUDAStandaloneAtomicsCodeObject):
    """Code object for synapses; it adds their effects on a variable atomically."""

    templater = CudaCodeObject.templater
    class_name = "dendrosim_cuda_atomics"


def _add_functions() -> None:
    """Add our own functions to the code for the GPU."""
    for name, arguments in _ARGUMENTS.items():
        plain = ", ".join(part.split()[-1] for part in arguments.split(","))
        code = (
            f"__host__ __device__ static inline double {name}({arguments})"
            f" {{ return ds::{name.removeprefix('ds_')}({plain}); }}"
        )
        for code_class in (CudaCodeObject, CudaAtomicsCodeObject):
            FUNCTIONS[name].implementations.add_implementation(code_class, code, name=name)


_add_functions()


class CudaOperations(CompiledOperations):
    """Operations that are statements in C++, such as calls of functions in `runtime.cuh`, on arrays of the GPU."""

    codeobj_class = CudaCodeObject
    arrays = "brian::dev"
    has_gains = False  # they are on the GPU, and cuBLAS takes its factors from the host

    def repeat(self, network: NetworkParts) -> BrianObject:
        time = get_device().get_array_name(network.clock.variables["t"])
        return self.call(network, f"ds::repeat(brian::{time});", AGAIN, "ds_repeat")

    def record(self, network: NetworkParts) -> BrianObject:
        return self.call(network, "ds::record();", "after_start", "ds_record")

    def spikes(
        self, network: NetworkParts, group: NeuronGroup, event: str, index: int
    ) -> BrianObject:
        # Brian2CUDA has one array of spikes for each step of a delay; our programs always have one.
        where = f"{self.pointer(group.variables[event_list(event)])}[0]"
        count = group.variables["N"].get_value()
        stop = f"if (ds::keep({index}, {where}, {count})) Network::_globally_stopped = true;"
        return self.call(network, stop, "after_thresholds", f"ds_spikes{index}_{group.name}")

    def product(
        self, network: NetworkParts, projection: Projection, source: ArrayVariable, target: ArrayVariable,
        *, add: bool, order: int,
    ) -> BrianObject:  # fmt: skip
        rows, columns = network.circuit.shape(network.circuit.matrix(projection.matrix))
        arrays = (network.arrays[f"{projection.matrix}.{WEIGHT}"], source, target)
        statement = (
            f"ds::product<{number_type(network)}>({boolean(projection.transpose)}, {rows}, {columns},"
            f" {network.protocol.batch}, {', '.join(map(self.pointer, arrays))}, {boolean(add)});"
        )
        return self.call(network, statement, "start", f"ds_product_{order}", order)
