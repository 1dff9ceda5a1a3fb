"""Brian2CUDA's device with our code objects, and its settings for a machine that may have no GPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from brian2.core.preferences import prefs
from brian2cuda.device import CUDAStandaloneDevice

from dendrosim.engine.cuda.operations import CudaAtomicsCodeObject, CudaCodeObject
from dendrosim.engine.cuda.toolchain import FLAGS, capability, cuda_version, toolkit


class CudaDevice(CUDAStandaloneDevice):
    """Brian2CUDA's device with our templates of code objects.

    To deliver spikes to synapses, Brian2CUDA copies the number of spikes to the host in each step, and it is slow
    if delays differ. Our template for synapses (with `Path` in delays.cuh) has neither problem.
    """

    def code_object(self, owner: Any, name: Any, *arguments: Any, **named: Any) -> Any:
        template = named["template_name"] if "template_name" in named else arguments[2]
        named["codeobj_class"] = CudaAtomicsCodeObject if template == "synapses" else CudaCodeObject
        return super().code_object(owner, name, *arguments, **named)


@contextmanager
def settings() -> Iterator[None]:
    """Set Brian2CUDA's preferences, so that it uses our tool chain and detects none; restore them afterwards."""
    major, minor = cuda_version()
    backend = "devices.cuda_standalone.cuda_backend"
    wanted = {
        f"{backend}.detect_gpus": False,
        f"{backend}.gpu_id": 0,
        f"{backend}.compute_capability": float(capability()),
        f"{backend}.detect_cuda": False,
        f"{backend}.cuda_path": str(toolkit()),
        f"{backend}.cuda_runtime_version": float(f"{major}.{minor}"),
        f"{backend}.extra_compile_args_nvcc": list(FLAGS),
        "codegen.cpp.extra_compile_args_gcc": ["-std=c++17"],
        # Otherwise Brian2CUDA would replace our code objects of synapses by its own.
        "devices.cuda_standalone.use_atomics": False,
    }
    before = {name: prefs[name] for name in wanted}
    try:
        for name, value in wanted.items():
            prefs[name] = value
        yield
    finally:
        for name, value in before.items():
            prefs[name] = value
