"""Compilation of a program without a run, so that what is generated can be checked where it cannot run."""

import sys

from dendrosim.circuit.circuit import Circuit
from dendrosim.engine.backends import COMPILED
from dendrosim.engine.plan.timeline import timeline
from dendrosim.engine.standalone.program import Program, program
from dendrosim.engine.task import Progress, Task
from dendrosim.errors import UnknownNameError
from dendrosim.protocol.phases import Block, Phase
from dendrosim.protocol.protocol import Protocol


def compiled(spec: Circuit | Protocol, backend: str = "cpp", precision: str = "auto") -> Program:
    """Generate, compile and link the program of a circuit or protocol; for cuda no GPU is needed.

    Raises
    ------
    UnknownNameError
        If the back end makes no program.
    BackendMissingError
        If a part of its tool chain is missing.
    CompilationError
        With the compiler's first errors.
    """
    if backend not in COMPILED:
        raise UnknownNameError("back end to compile for", backend, COMPILED)
    protocol = spec if isinstance(spec, Protocol) else undriven(spec)
    if precision == "auto":
        precision = "single" if backend == "cuda" else "double"
    progress = Progress(Task(protocol, timeline(protocol, 0), dict, precision, 1), sys.stderr)
    if backend == "cuda":
        from dendrosim.engine.cuda.backend import CUDA
        from dendrosim.engine.cuda.toolchain import can_compile

        can_compile()
        return program(protocol, precision, progress, CUDA)
    from dendrosim.engine.cpp.toolchain import works

    works()
    return program(protocol, precision, progress)


def undriven(circuit: Circuit) -> Protocol:
    """Return a protocol of one step in which nothing drives a circuit."""
    silent = dict.fromkeys(circuit.inputs, 0)
    block = Block("check", (Phase("check", "0.1 ms"),))
    return Protocol(circuit, (block,), dt="0.1 ms", signals=silent)
