"""Summaries of circuits, protocols and results, as rows for people and as plain values for programs."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.sources.base import Source
from dendrosim.cli.console import Rows
from dendrosim.library.description import Description
from dendrosim.library.parameter_types import to_text
from dendrosim.library.parameters import Parameter
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.measurement import Measurement
from dendrosim.spec import Spec
from dendrosim.units import Quantity

if TYPE_CHECKING:
    from dendrosim.results.result import Result


def circuit_line(circuit: Circuit) -> str:
    """Return the sizes of a circuit in one line."""
    units = sum(p.size for p in circuit.populations)
    states = sum(p.size * len(p.states) for p in circuit.populations)
    plastic = [m for m in circuit.matrices if m.plasticity]
    weights = round(sum(map(circuit.expected_weights, plastic)))
    parts = [
        f"{_count(len(circuit.populations), 'population')} of {_count(units, 'unit')}",
        _count(states, "state"),
    ]
    if circuit.matrices or not circuit.pathways:
        number = len(circuit.matrices)
        said = "1 matrix" if number == 1 else f"{number} matrices"
        parts.append(f"{said} ({len(plastic)} plastic, {_count(weights, 'weight')})")
        parts.append(_count(len(circuit.projections), "projection"))
    if circuit.pathways:
        sizes = {p.name: p.size for p in circuit.all_populations}
        synapses = sum(p.connect.expected(sizes[p.post], sizes[p.pre]) for p in circuit.pathways)
        parts.append(f"{_count(len(circuit.pathways), 'pathway')} (about {synapses:,.0f} synapses)")
    if circuit.sources:
        parts.append(_count(len(circuit.sources), "source"))
    return ", ".join(parts)


METHODS = {"euler": "forward Euler", "rk2": "Heun's method (rk2)"}
"""What the command line calls the methods of a protocol."""


def protocol_line(protocol: Protocol) -> str:
    """Return the sizes of a protocol in one line."""
    steps = protocol.total_steps
    data = [
        f"data {name} ({rows} × {columns})" for name, (rows, columns) in
        ((name, array.shape) for name, array in protocol.data.items())
    ]  # fmt: skip
    return ", ".join(
        [
            circuit_line(protocol.circuit),
            f"{_count(steps, 'step')} of {protocol.dt} ({steps * protocol.time_step:.6g} s)",
            *([] if protocol.method == "euler" else [METHODS[protocol.method]]),
            f"batch {protocol.batch}",
            *(data or ["no data"]),
        ]
    )


def circuit_plain(circuit: Circuit) -> dict[str, Any]:
    """Return a circuit's equations, matrices, projections, pathways and sources as plain values."""
    return {
        "populations": [
            {
                "name": p.name,
                "size": p.size,
                "equations": p.equations.strip(),
                "inputs": list(p.inputs),
                "transfer": p.transfer,
                "threshold": p.threshold,
                "reset": p.reset,
                "refractory": p.refractory,
                "events": {
                    n: {"condition": e.condition, "action": e.action}
                    for n, e in sorted(p.events.items())
                },
            }
            for p in circuit.populations
        ],
        "matrices": [
            {
                "name": m.name,
                "post": m.post,
                "pre": m.pre,
                "shape": circuit.shape(m),
                "plasticity": m.plasticity.strip() if m.plasticity else None,
                "unit": m.unit,
                "inverse_of": m.inverse_of,
                "limits": [x if isfinite(x) else None for x in m.limits] if m.bounded else None,
                "connect": None if m.connect is None else _spec_text(m.connect),
            }
            for m in circuit.matrices
        ],
        "projections": [
            {
                "source": p.source,
                "matrix": p.matrix,
                "target": p.target,
                "transpose": p.transpose,
                "delay": None if p.delay is None else str(p.delay),
            }
            for p in circuit.projections
        ],
        "pathways": [
            {
                "name": p.name,
                "pre": p.pre,
                "post": p.post,
                "connect": _spec_text(p.connect),
                "weight": None if p.weight is None else _spec_text(p.weight),
                "delay": None if p.delay is None else _spec_text(p.delay),
                "post_delay": None if p.post_delay is None else _spec_text(p.post_delay),
                "equations": p.equations.strip(),
                "effects": {t.field: p.texts(t.side)[t.event].strip() for t in p.effects},
            }
            for p in circuit.pathways
        ],
        "sources": [_source_plain(s) for s in circuit.sources],
    }


def _source_plain(source: Source) -> dict[str, Any]:
    """Return a source as plain values: its name, its kind, and its other fields as text or numbers."""
    values = {f.name: getattr(source, f.name) for f in fields(source)}
    plain = {
        name: f"{np.size(value.value)} values"
        if isinstance(value, Quantity) and not value.scalar
        else str(value)
        if isinstance(value, Quantity)
        else value
        for name, value in values.items()
    }
    return {"name": plain.pop("name"), "kind": type(source).__name__, **plain}


def _spec_text(spec: Spec) -> str:
    """Return a specification as text such as `Probability(0.05)` or `1 ms`.

    A long array is shown by its size; fields that have their default are left out.
    """
    texts = []
    for field in fields(spec):
        value = getattr(spec, field.name)
        text = f"{np.size(value)} values" if np.size(value) > 4 else str(value)
        if field.default is MISSING and field.default_factory is MISSING:
            texts.append(text)
        elif not _is_default(field, value):
            texts.append(f"{field.name}={dict(value) if isinstance(value, Mapping) else text}")
    return texts[0] if isinstance(spec, Fixed) else f"{type(spec).__name__}({', '.join(texts)})"


def _is_default(field: Field[Any], value: Any) -> bool:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return np.size(value) == 1 and bool(value == default)


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
        "doc": parameter.doc,
    }


def parameter_rows(parameters: tuple[Parameter, ...]) -> Rows:
    """Return name, default, type with range, and meaning of each parameter."""
    return [
        (p.name, "(required)" if p.required else to_text(p.default), _type_and_range(p), p.doc)
        for p in parameters
    ]


def _type_and_range(parameter: Parameter) -> str:
    allowed = str(parameter.range or "")
    return f"{parameter.type}, {allowed}" if allowed else str(parameter.type)


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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
