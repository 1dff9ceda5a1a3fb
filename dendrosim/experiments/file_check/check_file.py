"""Checks a user's model or protocol file as thoroughly as the tests of this package check the shipped ones."""

import ast
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dendrosim.engine.settings import RunSettings
from dendrosim.engine.simulate import run
from dendrosim.errors import DataError, DendrosimError, DendrosimWarning
from dendrosim.experiments.file_check.parameter_use import ParameterTrial
from dendrosim.experiments.file_check.probe import STEPS, cut_protocol, drive_circuit
from dendrosim.experiments.file_check.report import Finding, Report, describe_error
from dendrosim.experiments.file_check.runs import BACK_ENDS, compare_back_ends, compare_step
from dendrosim.library.catalogue import FUNCTIONS, Entry, FileKind, find_entry, list_entries
from dendrosim.library.docstrings import split_sections
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.files import file_function, load_module
from dendrosim.library.loading import load_circuit, load_protocol
from dendrosim.library.measuring import find_measure
from dendrosim.library.parameters import Parameter
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.result import Result
from dendrosim.units import unit

MEASURE = "measure"
CHEAP_STEPS = 2000
"""A protocol with at most this number of steps is run as a whole to measure it, which takes seconds on numpy."""


def check_model(path: str | os.PathLike[str], /, **parameters: Any) -> list[Finding]:
    """Check a model file thoroughly and return the findings.

    Parameters
    ----------
    path : path or str
        The file, or the name of a model.
    **parameters
        Values of parameters, above all of those without default.

    Returns
    -------
    list of Finding
        Empty if all is well. Errors that the file raises are findings too.

    Raises
    ------
    DataError, UnknownNameError
        If there is no such file, or no model of this name.

    Notes
    -----
    These are the checks; those that do not apply to the file are left out:

    - The file, and every parameter, is documented; there is a section `Sources`.
    - The circuit is valid, units included.
    - Other values of each parameter change the circuit, or are refused by an error that names the parameter.
    - The back ends numpy and cpp agree to 1e-10 of the largest value of each state after 20 steps with random
      inputs. This needs a C++ compiler.
    - One forward-Euler step on numpy equals the vector field to 1e-10, with every option of each choice. This
      needs equations with derivatives; spikes and pathways are left out.

    Examples
    --------
    >>> for finding in ds.check_model("my_cell.py"):
    ...     print(finding)
    """
    return check_file(path, "model", parameters).findings


def check_protocol(path: str | os.PathLike[str], /, **parameters: Any) -> list[Finding]:
    """Check a protocol file thoroughly and return the findings.

    Parameters
    ----------
    path : path or str
        The file, or the name of a protocol.
    **parameters
        Values of parameters, above all of those without default.

    Returns
    -------
    list of Finding
        Empty if all is well. Errors that the file raises are findings too.

    Raises
    ------
    DataError, UnknownNameError
        If there is no such file, or no protocol of this name.

    Notes
    -----
    The checks are those of `check_model`, and these:

    - The protocol is the same after it has been written to JSON and read.
    - `measure` returns metrics whose units exist. It measures the whole protocol if this has at most 2000 steps,
      otherwise the protocol cut to about 20 steps. An error on the cut protocol does not count as a finding.

    Examples
    --------
    >>> ds.check_protocol("fi_curve")
    []
    """
    return check_file(path, "protocol", parameters).findings


def check_file(
    path: str | os.PathLike[str],
    file_kind: FileKind | None = None,
    given: Mapping[str, Any] | None = None,
) -> Report:
    """Check a model or protocol as `check_model` and `check_protocol` do, and return the whole report.

    Parameters
    ----------
    path : path or str
        The file, or the name of a model or protocol.
    file_kind : {"model", "protocol"}, optional
        Kind of the file; by default the kind that the file defines.
    given : mapping, optional
        Values of parameters.
    """
    try:
        entry = find_entry(os.fspath(path), file_kind)
    except DataError as error:
        if not Path(path).is_file():
            raise
        report = Report(f"file {str(path)!r}")
        report.add("file", str(error))
        return report
    report = Report(f"{entry.file_kind} {entry.name!r}")
    parameters = report.attempt("file", lambda: parameters_of_file(entry))
    if parameters is None:
        return report
    _check_documentation(entry, parameters, report)
    given = given or {}
    missing = [p.name for p in parameters if p.required and p.name not in given]
    if missing:
        reason = f"give values to parameters without default: {', '.join(missing)}"
        report.skip(f"all that needs a {FUNCTIONS[entry.file_kind]}", reason)
        return report
    check = _check_circuit if entry.file_kind == "model" else _check_protocol
    with warnings.catch_warnings():
        # The check also tries unusual values; a warning about them is due only in a run that uses them.
        warnings.simplefilter("ignore", DendrosimWarning)
        check(entry, given, parameters, report)
    return report


def _check_circuit(
    entry: Entry,
    given: Mapping[str, Any],
    parameters: tuple[Parameter, ...],
    report: Report,
) -> None:
    def load(**values: Any) -> Any:
        return load_circuit(str(entry.path), **values)

    circuit = report.attempt("circuit", lambda: load(**given))
    if circuit is None:
        return
    trial = ParameterTrial(load, circuit, given, parameters, {}, report)
    trial.check(lambda name: False)
    compare_back_ends(drive_circuit(circuit, STEPS), report)
    compare_step(circuit, report)
    seen = [circuit.structure()]
    for setting, variant in trial.variants.items():
        if variant.structure() not in seen:  # it has other equations, not only other numbers
            seen.append(variant.structure())
            compare_step(variant, report, f" with {setting}")


def _check_protocol(
    entry: Entry,
    given: Mapping[str, Any],
    parameters: tuple[Parameter, ...],
    report: Report,
) -> None:
    def load(**values: Any) -> Any:
        return load_protocol(str(entry.path), **values)

    protocol: Protocol | None = report.attempt("protocol", lambda: load(**given))
    if protocol is None:
        return
    if Protocol.from_json(protocol.to_json()) != protocol:
        report.add("protocol", "it differs after it has been written to JSON and read")
    trial = ParameterTrial(load, protocol, given, parameters, _parameters_of_models(), report)
    trial.check(_names_in_other_functions(entry).__contains__)
    compare_step(protocol.circuit, report)
    try:
        short = cut_protocol(protocol)
    except DendrosimError as error:
        report.skip(
            f"{BACK_ENDS}, {MEASURE}", f"the protocol cannot be cut to {STEPS} steps: {error}"
        )
        return
    result = compare_back_ends(short, report)
    if protocol.total_steps <= CHEAP_STEPS:
        _measure_whole(protocol, report)
    elif result is not None:
        _measure_cut(result, report)


def _measure_whole(protocol: Protocol, report: Report) -> None:
    result = report.attempt("run", lambda: run(protocol, RunSettings("numpy"), progress=False))
    if result is not None:
        measurement = report.attempt(MEASURE, lambda: find_measure(protocol)(result))
        if measurement is not None:
            _check_units(measurement.metrics, measurement.units, report)


def _measure_cut(result: Result, report: Report) -> None:
    try:
        measurement = find_measure(result.protocol)(result)
    except Exception as error:
        reason = f"it cannot measure the protocol cut to {STEPS} steps: {describe_error(error)}"
        report.skip(MEASURE, reason)
        return
    _check_units(measurement.metrics, measurement.units, report)


def _check_units(metrics: Mapping[str, Any], units: Mapping[str, str], report: Report) -> None:
    """Check that each unit exists and belongs to a metric, or to an entry of a metric that is a mapping."""
    names = {*metrics, *(n for m in metrics.values() if isinstance(m, Mapping) for n in m)}
    for name, text in units.items():
        if name not in names:
            report.add(f"unit of {name!r}", "there is no metric of this name")
        else:
            report.attempt(f"unit of {name!r}", lambda text=text: unit(text))  # type: ignore[misc]


def _check_documentation(entry: Entry, parameters: tuple[Parameter, ...], report: Report) -> None:
    if not entry.summary:
        report.add("documentation", "the file has no docstring; describe it in its first line")
    for parameter in parameters:
        if not parameter.doc:
            report.add(f"parameter {parameter.name!r}", "it is not documented; say what it means")
    texts = (load_module(entry.path).__doc__, file_function(entry).__doc__)
    if not any(split_sections(text).get("Sources") for text in texts):
        report.add(
            "section 'Sources'",
            "there is none; say in the file's docstring where equations and numbers come from, or that they are "
            "your own",
        )


def _names_in_other_functions(entry: Entry) -> set[str]:
    """Return texts and attributes outside of a file's main function; they may be names of parameters."""
    tree = ast.parse(entry.path.read_bytes())
    others = [
        node
        for node in tree.body
        if not (isinstance(node, ast.FunctionDef) and node.name == FUNCTIONS[entry.file_kind])
    ]
    nodes = [node for other in others for node in ast.walk(other)]
    texts = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return texts | {n.attr for n in nodes if isinstance(n, ast.Attribute)}


def _parameters_of_models() -> dict[str, Parameter]:
    """Return the parameters of all models by name; files that fail are left out."""
    found: dict[str, Parameter] = {}
    for entry in list_entries():
        if entry.file_kind == "model":
            try:
                parameters = parameters_of_file(entry)
            except DendrosimError:
                continue
            for parameter in parameters:
                if not parameter.required and parameter.default is not None:
                    found.setdefault(parameter.name, parameter)
    return found
