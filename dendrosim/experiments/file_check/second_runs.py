"""Runs a file with second values of its parameters for a few steps, and names the values that make it fail."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from dendrosim.circuit.circuit import Circuit
from dendrosim.engine.settings import RunSettings
from dendrosim.engine.simulate import run
from dendrosim.errors import DendrosimError, MemoryLimitError
from dendrosim.experiments.file_check.probe import cut_protocol, drive_circuit
from dendrosim.experiments.file_check.report import Report, describe_error
from dendrosim.library.parameter_types import to_text
from dendrosim.protocol.protocol import Protocol

FEW_STEPS = 3
"""Number of steps of a run with second values: enough for a value in one equation to reach the other equations."""

TOGETHER = 16
"""Largest number of parameters that have their second values in the same run. A run on numpy takes about half a
second, whatever its number of steps, and some files have 60 parameters."""


def run_second_values(
    load: Callable[[Mapping[str, Any]], Circuit | Protocol | Exception],
    second: Mapping[str, Any],
    report: Report,
) -> None:
    """Run a file with second values of its parameters, and report each value with which the run fails.

    Several parameters have their second values in the same run. If this run fails, or the file refuses the values
    together, they are tried in smaller groups, in the end each by itself.

    Parameters
    ----------
    load : callable
        Returns the circuit or protocol for values of some parameters, or the error with which it is refused.
    second : mapping
        For each parameter to try, a second value that the file accepts by itself.
    report : Report
        Report to which the findings are added.
    """
    values = iter(second.items())
    while group := dict(islice(values, TOGETHER)):
        _run_group(load, group, report)


def _run_group(
    load: Callable[[Mapping[str, Any]], Circuit | Protocol | Exception],
    group: Mapping[str, Any],
    report: Report,
) -> None:
    loaded = load(group)
    error = loaded if isinstance(loaded, Exception) else _failure_of_few_steps(loaded)
    if error is None:
        return
    if len(group) > 1:
        names = list(group)
        for part in (names[: len(names) // 2], names[len(names) // 2 :]):
            _run_group(load, {name: group[name] for name in part}, report)
    elif not isinstance(loaded, Exception):
        ((name, value),) = group.items()
        report.add(
            f"parameter {name!r}",
            f"with {to_text(value)} a run of {FEW_STEPS} steps fails: {describe_error(error)}; restrict the range "
            "of the parameter, or mend the equations",
        )


def _failure_of_few_steps(loaded: Circuit | Protocol) -> Exception | None:
    """Return the error with which a run of a few steps on numpy fails, or None.

    A protocol that cannot be cut to a few steps, or a run that needs too much memory, does not count as a failure.
    """
    try:
        short = (
            drive_circuit(loaded, FEW_STEPS)
            if isinstance(loaded, Circuit)
            else cut_protocol(loaded, FEW_STEPS)
        )
    except DendrosimError:
        return None
    try:
        run(short, RunSettings("numpy"), progress=False)
    except (MemoryLimitError, MemoryError):
        return None
    except Exception as error:
        return error
    return None
