"""Writes the report of a result: one HTML file that needs no other file, no network and no script."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dendrosim import plot
from dendrosim.display.values import Rows, format_value
from dendrosim.errors import DataError, DendrosimError, UnknownNameError, printable
from dendrosim.library.catalogue import Entry
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.measuring import find_measure, load_measure
from dendrosim.library.parameter_types import to_text
from dendrosim.library.stored_names import find_stored_entry
from dendrosim.machine.atomic_file import write_file
from dendrosim.machine.file_paths import AnyPath, as_file_path
from dendrosim.protocol.summary import METHODS
from dendrosim.results.measurement import Measurement
from dendrosim.results.metric_tables import disagreement_line, metric_tables
from dendrosim.study.report.figures import embed_figures
from dendrosim.study.report.page import render_page
from dendrosim.study.report.protocol_parts import describe_protocol
from dendrosim.study.report.timeline import time_text

if TYPE_CHECKING:
    from dendrosim.results.result import Result

REPORT = "report.html"
"""Name of the file of a report."""


def write_report(result: "Result", path: AnyPath, measurement: Measurement | None = None) -> Path:
    """Write the report of a result to an HTML file; an existing file is replaced.

    The report has the metrics with their references, the figures, the circuit as a diagram and its equations, the
    parameters, the protocol as a timeline, where the numbers come from, and the command that repeats the run.

    Parameters
    ----------
    result : Result
        The result.
    path : path
        The file; its folder must exist.
    measurement : Measurement, optional
        The measurement of the result, whose figures the report has (default: `ds.measure(result)`, or general
        figures if the file of the protocol is not at hand).

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If `path` cannot be the path of a file.
    StorageError
        If the file cannot be written.
    SpecError
        If a figure cannot be drawn.

    Examples
    --------
    >>> ds.write_report(ds.open_result("out/result.nc"), "out/report.html")   # doctest: +SKIP
    """
    target = as_file_path("path of the report", path)
    return write_file(target, render_page(describe_run(result, measurement)).encode())


def measure_for_report(result: "Result", entry: Entry | None = None) -> Measurement:
    """Return the measurement of a result; its metrics and references are those that the result keeps.

    If the file of the protocol is not at hand, the figures are general ones.
    """
    try:
        measure = find_measure(result.protocol) if entry is None else load_measure(entry.path)
        figures: Mapping[str, Callable[[], Any]] = measure(result).figures
    except (UnknownNameError, DataError):
        figures = {}
    units = dict(result.provenance.get("units", {}))
    return Measurement(
        result.metrics, figures or plot.overview(result), units, references=result.references
    )


def describe_run(result: "Result", measurement: Measurement | None = None) -> dict[str, Any]:
    """Return what the page of a result shows, by the names that its template uses."""
    found = measure_for_report(result) if measurement is None else measurement
    known, protocol = result.provenance, result.protocol
    agree = list(found.agrees.values())
    return {
        "title": protocol.name or "unnamed protocol",
        "status": result.status,
        "message": result.message,
        "summary": _summary(protocol.name),
        "facts": _facts(result),
        "verdicts": {
            "agree": agree.count(True), "differ": agree.count(False), "open": agree.count(None),
        },
        "disagreement": disagreement_line(found),
        "metrics": [_used_columns(*table) for table in metric_tables(found)],
        "reasons": _reasons(found),
        "figures": embed_figures(found.figures),
        **describe_protocol(protocol),
        "parameters": _parameters(result),
        "constants": [(n, str(v)) for n, v in result.circuit.parameters.items()],
        "origin": _origin(known),
        "files": known.get("files", []),
        "repeat": known.get("repeat", ""),
    }  # fmt: skip


def _used_columns(columns: Sequence[str], rows: Rows) -> tuple[list[str], list[list[str]]]:
    """Return a table without its empty columns."""
    used = [k for k in range(len(columns)) if any(row[k] for row in rows)]
    return [columns[k] for k in used], [[row[k] for k in used] for row in rows]


def _reasons(measurement: Measurement) -> list[tuple[str, str, str]]:
    """Return why tolerances have their size: names of metrics, kind of reference, reason."""
    named: dict[tuple[str, str], list[str]] = {}
    for name, reference in measurement.references.items():
        named.setdefault((reference.kind, reference.reason), []).append(name)
    return [(", ".join(names), *why) for why, names in named.items()]


def _facts(result: "Result") -> list[tuple[str, str]]:
    known, protocol = result.provenance, result.protocol
    span = result.stop - result.start
    facts = {
        "simulated": f"{time_text(span)} in {protocol.total_steps:,} steps of {time_text(protocol.time_step)}",
        "method": METHODS[protocol.method],
        "seed": format_value(known.get("seed")),
        "batch": str(protocol.batch),
        "computed by": f"{known.get('backend', '?')}, {known.get('precision', '?')} precision",
        "finished": str(known.get("finished", "?")),
    }
    return list(facts.items())


def _summary(name: str) -> str:
    entry = _entry(name)
    return entry.summary if entry else ""


def _entry(name: str) -> Entry | None:
    try:
        return find_stored_entry(name) if name else None
    except DendrosimError:
        return None


def _parameters(result: "Result") -> list[tuple[str, str, str, str, bool]]:
    """Return name, value, default, meaning of each parameter, and whether it differs from its default."""
    entry, known = _entry(result.protocol.name), {}
    if entry is not None:
        known = {p.name: p for p in parameters_of_file(entry)}
    changed = result.provenance.get("changed", {})
    rows = []
    for name, value in result.protocol.parameters.items():
        own = known.get(name)
        default = "" if own is None or own.required else to_text(own.default)
        rows.append((name, to_text(value), default, own.doc if own else "", name in changed))
    return sorted(rows, key=lambda row: not row[4])


def _origin(known: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [(name, str(known[name])) for name in ("git", "platform") if known.get(name)]
    versions = known.get("versions", {})
    rows.append(("versions", ", ".join(f"{k} {v}" for k, v in versions.items())))
    rows += [
        (name, ", ".join(f"{k} {v}" for k, v in known[name].items()))
        for name in ("initial", "continued")
        if name in known
    ]
    seconds = known.get("seconds", {})
    rows.append(("seconds", ", ".join(f"{k} {v:.3g}" for k, v in seconds.items())))
    return [(name, printable(text)) for name, text in rows if text]
