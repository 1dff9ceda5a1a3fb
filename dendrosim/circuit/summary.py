"""Summaries of a circuit: its sizes in one line, its objects as plain values, and HTML for notebooks."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from math import isfinite
from typing import Any

import numpy as np

from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.sources.base import Source
from dendrosim.display.html import Table
from dendrosim.display.short import count, is_default
from dendrosim.spec import Spec
from dendrosim.units import Quantity


def circuit_line(circuit: CircuitData) -> str:
    """Return the sizes of a circuit in one line."""
    units = sum(p.size for p in circuit.populations)
    states = sum(p.size * len(p.states) for p in circuit.populations)
    plastic = [m for m in circuit.matrices if m.plasticity]
    weights = round(sum(map(circuit.expected_weights, plastic)))
    parts = [
        f"{count(len(circuit.populations), 'population')} of {count(units, 'unit')}",
        count(states, "state"),
    ]
    if circuit.matrices or not circuit.pathways:
        number = len(circuit.matrices)
        said = "1 matrix" if number == 1 else f"{number} matrices"
        parts.append(f"{said} ({len(plastic)} plastic, {count(weights, 'weight')})")
        parts.append(count(len(circuit.projections), "projection"))
    if circuit.pathways:
        sizes = {p.name: p.size for p in circuit.all_populations}
        synapses = sum(p.connect.expected(sizes[p.post], sizes[p.pre]) for p in circuit.pathways)
        parts.append(f"{count(len(circuit.pathways), 'pathway')} (about {synapses:,.0f} synapses)")
    if circuit.sources:
        parts.append(count(len(circuit.sources), "source"))
    return ", ".join(parts)


def circuit_plain(circuit: CircuitData) -> dict[str, Any]:
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
        elif not is_default(field, value):
            texts.append(f"{field.name}={dict(value) if isinstance(value, Mapping) else text}")
    return texts[0] if isinstance(spec, Fixed) else f"{type(spec).__name__}({', '.join(texts)})"


def circuit_tables(circuit: CircuitData) -> Iterator[Table]:
    """Yield the tables of a circuit in a notebook: objects with their equations, then parameters and gates."""
    plain = circuit_plain(circuit)
    yield Table(
        "populations",
        ("name", "units", "equations", "spikes and events"),
        [
            (p["name"], p["size"], _own_lines(p["equations"]), _events(p))
            for p in plain["populations"]
        ],
    )
    yield Table(
        "matrices",
        ("name", "post × pre", "from", "to", "plasticity"),
        [
            (m["name"], " × ".join(map(str, m["shape"])), m["pre"], m["post"], _rule(m))
            for m in plain["matrices"]
        ],
    )
    yield Table(
        "projections",
        ("source", "matrix", "target"),
        [
            (p["source"], p["matrix"] + ("ᵀ" if p["transpose"] else ""), p["target"])
            for p in plain["projections"]
        ],
    )
    yield Table(
        "pathways",
        ("name", "from", "to", "connections", "weight", "delay", "effect"),
        [
            (
                p["name"], p["pre"], p["post"], p["connect"], p["weight"] or "", p["delay"] or "",
                "\n".join(f"{field}: {text}" for field, text in p["effects"].items()),
            )
            for p in plain["pathways"]
        ],
    )  # fmt: skip
    yield Table("sources", ("name", "kind"), [(s["name"], s["kind"]) for s in plain["sources"]])
    values = {**circuit.parameters, **circuit.gates}
    yield Table("parameters and gates", ("name", "value"), [(n, str(v)) for n, v in values.items()])


def _own_lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


def _events(population: Mapping[str, Any]) -> str:
    said = [f"{f}: {population[f]}" for f in ("threshold", "reset", "refractory") if population[f]]
    return "\n".join(
        [*said, *(f"{n}: {e['condition'].strip()}" for n, e in population["events"].items())]
    )


def _rule(matrix: Mapping[str, Any]) -> str:
    inverse = matrix["inverse_of"] and f"inverse of {matrix['inverse_of']}"
    return _own_lines(matrix["plasticity"] or inverse or "fixed")
