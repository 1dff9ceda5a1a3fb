"""Checks a user's model or protocol file as thoroughly as the tests of this package check the shipped ones."""

import inspect
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from dendrosim.circuit.circuit import Circuit
from dendrosim.errors import DataError, DendrosimError, DendrosimWarning
from dendrosim.experiments.file_check.measure_check import MEASURE, check_measure
from dendrosim.experiments.file_check.parameter_reads import names_read_elsewhere
from dendrosim.experiments.file_check.parameter_use import ParameterTrial, without_record
from dendrosim.experiments.file_check.probe import (
    STEPS,
    TIME_STEP,
    cut_protocol,
    drive_circuit,
)
from dendrosim.experiments.file_check.report import Finding, Report
from dendrosim.experiments.file_check.runs import BACK_ENDS, compare_back_ends, compare_step
from dendrosim.experiments.file_check.second_runs import (
    run_second_values,
)
from dendrosim.library.catalogue import FUNCTIONS, Entry, FileKind, find_entry, list_entries
from dendrosim.library.docstrings import parameter_texts, split_sections
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.files import file_function, load_module
from dendrosim.library.loading import load_circuit, load_protocol
from dendrosim.library.parameters import Parameter
from dendrosim.machine.brian_import import own_filters
from dendrosim.machine.file_paths import AnyPath
from dendrosim.protocol.protocol import Protocol

Load = Callable[..., Any]
"""A function that takes values of parameters by name and returns a circuit or protocol."""


def check_model(path: AnyPath, /, **parameters: Any) -> list[Finding]:
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
    UsageError
        If `path` cannot be a name or path.

    Notes
    -----
    These are the checks; those that do not apply to the file are left out:

    - The file, and every parameter, is documented, and only parameters that exist; there is a section `Sources`.
    - The circuit is valid, units included, and the same each time that the function is called.
    - Other values of each parameter change the circuit, or are refused by an error that names the parameter.
    - A run of a few steps on numpy stays finite with the defaults, and with a second value of each parameter.
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


def check_protocol(path: AnyPath, /, **parameters: Any) -> list[Finding]:
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
    UsageError
        If `path` cannot be a name or path.

    Notes
    -----
    The checks are those of `check_model`, and these:

    - The protocol is the same after it has been written to JSON and read.
    - `measure` returns metrics whose units exist, and its figures can be drawn. It measures the whole protocol if
      this has at most 2000 steps, otherwise the protocol cut to about 20 steps. An error on the cut protocol is a
      finding only if missing steps cannot cause it, for example a name that is not defined.

    Examples
    --------
    >>> ds.check_protocol("fi_curve")
    []
    """
    return check_file(path, "protocol", parameters).findings


def check_file(
    path: AnyPath,
    file_kind: FileKind | None = None,
    given: Mapping[str, Any] | None = None,
    *,
    runs: bool = True,
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
    runs : bool, default True
        Whether circuits also run, which takes most of the time; otherwise only what the file declares, builds and
        refuses is checked.
    """
    try:
        entry = find_entry(path, file_kind)
    except DataError as error:
        if not os.path.isfile(path):
            raise
        report = Report(f"file {os.fspath(path)!r}")
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
    with own_filters():
        # The check also tries unusual values; a warning about them is due only in a run that uses them. NumPy
        # warns of values that are not finite; they become findings.
        warnings.simplefilter("ignore", DendrosimWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        check(entry, given, parameters, report, runs)
    return report


def _check_circuit(
    entry: Entry,
    given: Mapping[str, Any],
    parameters: tuple[Parameter, ...],
    report: Report,
    runs: bool,
) -> None:
    def load(**values: Any) -> Any:
        return load_circuit(str(entry.path), **values)

    circuit = report.attempt("circuit", lambda: load(**given))
    if circuit is None:
        return
    repeats = _is_repeated(load, circuit, given, report)
    trial = ParameterTrial(load, circuit, given, parameters, {}, report)
    trial.check(lambda name: not repeats)
    if not runs:
        return
    random = f"with random inputs, in steps of {1e3 * TIME_STEP:g} ms: "
    finite = compare_back_ends(drive_circuit(circuit, STEPS), report, random) is not None
    compare_step(circuit, report)
    seen = [circuit.structure()]
    for setting, variant in trial.variants.items():
        if variant.structure() not in seen:  # it has other equations, not only other numbers
            seen.append(variant.structure())
            compare_step(variant, report, f" with {setting}")
    if finite:
        run_second_values(trial.try_setting, trial.second, report)
        # Second options of choices run apart from the second values of other parameters: the equations of another
        # option may not use these parameters, so a run with both would not try them out.
        run_second_values(trial.try_setting, trial.second_options, report)


def _check_protocol(
    entry: Entry,
    given: Mapping[str, Any],
    parameters: tuple[Parameter, ...],
    report: Report,
    runs: bool,
) -> None:
    def load(**values: Any) -> Any:
        return load_protocol(str(entry.path), **values)

    protocol: Protocol | None = report.attempt("protocol", lambda: load(**given))
    if protocol is None:
        return
    if Protocol.from_json(protocol.to_json()) != protocol:
        report.add("protocol", "it differs after it has been written to JSON and read")
    repeats = _is_repeated(load, protocol, given, report)
    trial = ParameterTrial(load, protocol, given, parameters, _parameters_of_models(), report)
    elsewhere = names_read_elsewhere(entry.path, FUNCTIONS[entry.file_kind])
    trial.check(lambda name: name in elsewhere or not repeats)
    if not runs:
        return
    compare_step(protocol.circuit, report)
    try:
        short = cut_protocol(protocol)
    except DendrosimError as error:
        report.skip(
            f"{BACK_ENDS}, {MEASURE}", f"the protocol cannot be cut to {STEPS} steps: {error}"
        )
        return
    result = compare_back_ends(short, report)
    if result is not None:
        check_measure(protocol, result, report)
        run_second_values(trial.try_setting, trial.second, report)
        # Second options of choices run apart from the second values of other parameters: the equations of another
        # option may not use these parameters, so a run with both would not try them out.
        run_second_values(trial.try_setting, trial.second_options, report)


def _is_repeated(
    load: Load, first: Circuit | Protocol, given: Mapping[str, Any], report: Report
) -> bool:
    """Report a file that returns something else when it is called again; return whether it returns the same."""
    part = "circuit" if isinstance(first, Circuit) else "protocol"
    again = report.attempt(part, lambda: load(**given))
    if again is None or without_record(again) == without_record(first):
        return True
    report.add(
        part,
        "two calls with the same parameters return different results, so no run can be repeated; take random "
        "numbers from a generator with a fixed seed, and keep no values between calls",
    )
    report.skip("effect of each parameter", "the file does not return the same twice")
    return False


def _check_documentation(entry: Entry, parameters: tuple[Parameter, ...], report: Report) -> None:
    if not entry.summary:
        report.add("documentation", "the file has no docstring; describe it in its first line")
    for parameter in parameters:
        if not parameter.doc:
            report.add(f"parameter {parameter.name!r}", "it is not documented; say what it means")
    function = file_function(entry)
    texts = (load_module(entry.path).__doc__, function.__doc__)
    known = {p.name for p in parameters} | set(inspect.signature(function).parameters)
    for name in {name: None for text in texts for name in parameter_texts(text)}:
        if name not in known:
            report.add(f"parameter {name!r}", "it is documented, but there is no such parameter")
    if not any(split_sections(text).get("Sources") for text in texts):
        report.add(
            "section 'Sources'",
            "there is none; say in the file's docstring where equations and numbers come from, or that they are "
            "your own",
        )


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
