"""Summaries of circuits, protocols and results, as rows for people and as plain values for programs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dendrosim.circuit.summary import circuit_plain
from dendrosim.cli.console import Rows
from dendrosim.library.description import Description
from dendrosim.library.parameter_types import to_text
from dendrosim.library.parameters import Parameter
from dendrosim.results.measurement import Measurement

if TYPE_CHECKING:
    from dendrosim.results.result import Result


def description_plain(description: Description) -> dict[str, Any]:
    """Return a description as plain values."""
    entry, circuit = description.entry, description.circuit
    return {
        "name": entry.name,
        "kind": entry.file_kind,
        "path": str(entry.path),
        "summary": entry.summary,
        "text": description.text,
        "sections": dict(description.sections),
        "parameters": [_parameter_plain(p) for p in description.parameters],
        "method": description.method,
        **(circuit_plain(circuit) if circuit else {}),
    }


def _parameter_plain(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "type": str(parameter.type),
        "required": parameter.required,
        "default": None if parameter.required else parameter.default,
        "unit": parameter.type.unit,
        "range": dict(parameter.range.bounds) if parameter.range else {},
        "only": {name: list(values) for name, values in parameter.only.items()},
        "doc": parameter.doc,
    }


def parameter_rows(parameters: tuple[Parameter, ...]) -> Rows:
    """Return name, default, type with range, and meaning of each parameter."""
    return [
        (p.name, "(required)" if p.required else to_text(p.default), _type_and_range(p), p.doc)
        for p in parameters
    ]


def _type_and_range(parameter: Parameter) -> str:
    only = [
        f"only with {other}={' or '.join(map(to_text, values))}"
        for other, values in parameter.only.items()
    ]
    allowed = str(parameter.range or "")
    return ", ".join([str(parameter.type), *([allowed] if allowed else []), *only])


def run_line(provenance: Mapping[str, Any]) -> str:
    """Return the back end, precision, seed and times of a run in one line, and which clock it has continued."""
    seconds = provenance.get("seconds", {})
    parts = [
        f"{part} {seconds[part]:.3g} s" for part in ("build", "compile", "run") if part in seconds
    ]
    return (
        f"{provenance.get('backend', '?')}, {provenance.get('precision', '?')} precision, "
        f"seed {provenance.get('seed', '?')}: {', '.join(parts)}{_continued(provenance)}"
    )


def _continued(provenance: Mapping[str, Any]) -> str:
    before = provenance.get("continued")
    if not before:
        return ""
    return (
        f"; continued from t = {before['time']:.6g} s of {before['protocol'] or 'a protocol without a name'} "
        f"({before['finished']})"
    )


def run_plain(result: "Result", measurement: Measurement, si: tuple[dict, dict]) -> dict[str, Any]:
    """Return the plain values that `run --json` prints, without the paths of files."""
    parameters, units = si
    provenance = result.provenance
    return {
        "protocol": result.protocol.name,
        "parameters": parameters,
        "units": {**measurement.units, **units},
        "metrics": dict(measurement.metrics),
        "references": references_plain(measurement),
        "status": result.status,
        "seed": provenance.get("seed"),
        "precision": provenance.get("precision"),
        "batch": result.protocol.batch,
        "backend": provenance.get("backend"),
        "compiled": provenance.get("compiled"),
        **({"continued": provenance["continued"]} if "continued" in provenance else {}),
        "seconds": provenance.get("seconds"),
    }


def references_plain(measurement: Measurement) -> dict[str, Any]:
    """Return value, tolerance and kind of each reference, and whether the metric agrees with it."""
    agrees = measurement.agrees
    return {
        name: {"value": r.value, "tolerance": r.tolerance, "kind": r.kind, "agrees": agrees[name]}
        for name, r in measurement.references.items()
    }
