"""Compilation of a program without a run, so that code can be checked on a machine that cannot run it."""

import sys

from dendrosim.circuit.circuit import Circuit
from dendrosim.engine.backends import backends, check_supported
from dendrosim.engine.plan.timeline import timeline
from dendrosim.engine.progress import Progress
from dendrosim.engine.settings import RunSettings
from dendrosim.engine.standalone.program import Program
from dendrosim.engine.task import Task
from dendrosim.errors import UnknownNameError
from dendrosim.protocol.given_spikes import no_spikes
from dendrosim.protocol.phases import Block, Phase
from dendrosim.protocol.protocol import Protocol


def compile_without_run(
    spec: Circuit | Protocol, backend: str = "cpp", precision: str = "auto"
) -> Program:
    """Generate, compile and link the program of a circuit or protocol; cuda needs no GPU for this.

    Raises
    ------
    UnknownNameError
        If the back end makes no program.
    BackendMissingError
        If a part of its tool chain is missing.
    CompilationError
        If the compiler fails; the message has its first errors.
    """
    able = {name: found for name, found in backends().items() if found.compiles}
    if backend not in able:
        raise UnknownNameError("back end to compile for", backend, list(able))
    chosen = able[backend]
    protocol = spec if isinstance(spec, Protocol) else undriven_protocol(spec)
    check_supported(chosen, protocol)
    if precision == "auto":
        precision = chosen.automatic_precision
    chosen.check(run=False)
    task = Task(protocol, timeline(protocol, 0), dict, RunSettings(backend, precision=precision))
    return chosen.compile(protocol, precision, Progress(task, sys.stderr))


def undriven_protocol(circuit: Circuit) -> Protocol:
    """Return a protocol of one step in which all inputs of a circuit are zero, and no spikes are given."""
    silent = dict.fromkeys(circuit.inputs, 0)
    block = Block("check", (Phase("check", "0.1 ms"),))
    return Protocol(circuit, (block,), dt="0.1 ms", signals=silent, spikes=no_spikes(circuit))
