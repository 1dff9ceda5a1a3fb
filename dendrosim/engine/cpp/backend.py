"""The back end `cpp`: a C++ program."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from dendrosim.engine.backend import Diagnosis, diagnose
from dendrosim.engine.cpp import toolchain
from dendrosim.engine.standalone.backend import StandaloneBackend
from dendrosim.engine.standalone.host_compiler import find_compiler
from dendrosim.machine.packages import package_version

if TYPE_CHECKING:
    from dendrosim.protocol.protocol import Protocol


class Cpp(StandaloneBackend):
    """Programs in C++, with dense products by our own kernels and by OpenBLAS."""

    name = "cpp"
    resumes = True
    continues = True

    def check(self, run: bool = True) -> None:
        toolchain.check_toolchain()

    def fingerprint(self) -> Mapping[str, str]:
        return toolchain.fingerprint()

    def prepare(self) -> AbstractContextManager[None]:
        return toolchain.compile_ahead()

    def environment(self) -> Mapping[str, str]:
        return toolchain.environment()

    def generate(self, protocol: "Protocol", precision: str, folder: Path) -> None:
        from dendrosim.engine.cpp.generate import generate

        generate(protocol, precision, folder)

    def build(self, folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        toolchain.compile_program(folder, manifest["kernels"])

    def diagnoses(self) -> Sequence[Diagnosis]:
        def blas() -> str:
            name = toolchain.BLAS
            return f"{name} {package_version(name)} in {toolchain.blas_folder()}"

        def program() -> str:
            toolchain.try_out()
            return "compiles, links and runs with " + " ".join(toolchain.FLAGS)

        return [
            diagnose("C++ compiler", find_compiler),
            diagnose("BLAS for compiled programs", blas),
            diagnose("C++ program with BLAS", program),
            diagnose("dense products", toolchain.describe_kernels),
        ]


BACKENDS = (Cpp(),)
