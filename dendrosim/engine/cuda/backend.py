"""The back end `cuda`: a program for an NVIDIA GPU."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dendrosim.engine.backend import Diagnosis, diagnose
from dendrosim.engine.cuda import toolchain
from dendrosim.engine.standalone.backend import StandaloneBackend

if TYPE_CHECKING:
    from dendrosim.protocol.protocol import Protocol


class Cuda(StandaloneBackend):
    """Programs that Brian2CUDA generates and NVIDIA's compiler compiles, with dense products by cuBLAS."""

    name = "cuda"
    automatic_precision = "single"
    packages = ("brian2cuda",)
    guarded_every = 100  # steps between two calls of `find_non_finite` in runtime.cuh

    def check(self, run: bool = True) -> None:
        toolchain.check_run() if run else toolchain.check_compile()

    def refused(self, protocol: "Protocol") -> str:
        from dendrosim.engine.plan.synapse_order import ordered_effects

        delayed = [p for p in protocol.circuit.projections if p.delay is not None]
        if delayed:
            return f"projections with a delay, such as the {delayed[0]}"
        for population in protocol.circuit.populations:
            for event in population.events:
                return (
                    f"events other than spikes, such as {event!r} of population {population.name!r}"
                )
        circuit = protocol.circuit
        ordered = [p for p in circuit.pathways if any(ordered_effects(circuit, p).values())]
        if ordered:
            return f"texts of synapses whose result depends on the order of spikes, such as those of {ordered[0]}"
        for pathway in protocol.circuit.pathways:
            if pathway.acts_in_every_step:
                return f"synapses that act in every step (clock-driven or summed), such as those of {pathway}"
            if pathway.post_delay is not None:
                return f"delays of postsynaptic spikes (post_delay), such as that of {pathway}"
        other = [s for s in protocol.circuit.sources if s.given or s.adds_to is not None]
        if other:
            return f"sources such as {other[0]}"
        sparse = [m.name for m in protocol.circuit.matrices if m.connect is not None]
        return f"sparse matrices, such as {sparse[0]!r} (connect)" if sparse else ""

    def fingerprint(self) -> Mapping[str, str]:
        return toolchain.fingerprint()

    def generate(self, protocol: "Protocol", precision: str, folder: Path) -> None:
        from dendrosim.engine.cuda.generate import generate

        generate(protocol, precision, folder)

    def build(self, folder: Path) -> None:
        toolchain.compile_program(folder)

    def diagnoses(self) -> Sequence[Diagnosis]:
        def nvcc() -> str:
            major, minor = toolchain.cuda_version()
            return f"CUDA {major}.{minor}, {toolchain.nvcc()}"

        def libraries() -> str:
            return ", ".join(str(toolchain.library(name).file) for name in ("cublas", "curand"))

        def gpu() -> str:
            found = toolchain.gpu()
            return f"{found.name}, compute capability {found.capability}"

        return [
            diagnose("CUDA: compiler", nvcc),
            diagnose("CUDA: cuBLAS, cuRAND", libraries),
            diagnose("CUDA: Brian2CUDA", toolchain.brian2cuda_version),
            diagnose("CUDA: GPU", gpu),
        ]


BACKENDS = (Cuda(),)
