"""A circuit as text: its equations, matrices, projections, pathways and sources."""

from collections.abc import Iterator, Mapping
from typing import Any


def circuit_text(circuit: Mapping[str, Any]) -> str:
    """Return a circuit as text, from the plain values that `summaries.circuit_plain` returns."""
    return "\n".join(_lines(circuit))


def _lines(circuit: Mapping[str, Any]) -> Iterator[str]:
    for population in circuit["populations"]:
        transfer = f", transfer {population['transfer']}" if population["transfer"] else ""
        yield f"\npopulation {population['name']} ({population['size']} units{transfer})"
        yield _indented(population["equations"])
        for field in ("threshold", "reset", "refractory"):
            if population[field]:
                yield f"    {field}: {'; '.join(population[field].splitlines())}"
        for name, event in population["events"].items():
            action = "; ".join(x.strip() for x in event["action"].strip().splitlines())
            yield f"    event {name}: {event['condition'].strip()}{action and f', then {action}'}"
    for matrix in circuit["matrices"]:
        rows, columns = matrix["shape"]
        sparse = f", sparse: {matrix['connect']}" if matrix["connect"] else ""
        between = f"{matrix['post']} from {matrix['pre']}"
        yield f"\nmatrix {matrix['name']} ({rows} × {columns}: {between}{sparse})"
        inverse = matrix["inverse_of"] and f"inverse of {matrix['inverse_of']}"
        yield _indented(matrix["plasticity"] or inverse or "fixed")
        if matrix["limits"]:
            words = zip(("at least", "at most"), matrix["limits"], strict=True)
            ends = [f"{word} {limit:g}" for word, limit in words if limit is not None]
            after = "; each step follows the equation, then weights outside are set to the nearest limit"
            yield f"    weights {' and '.join(ends)}{after if matrix['plasticity'] else ''}"
    yield ""
    for p in circuit["projections"]:
        transpose = "^T" if p["transpose"] else ""
        delay = f" (delay {p['delay']})" if p["delay"] else ""
        yield f"projection {p['target']} += {p['matrix']}{transpose} {p['source']}{delay}"
    for p in circuit["pathways"]:
        values = [f"{n} {p[n]}" for n in ("weight", "delay", "post_delay") if p[n] is not None]
        between = ", ".join([f"{p['pre']} to {p['post']}", p["connect"], *values])
        yield f"pathway {p['name']} ({between})"
        yield from (_indented(p["equations"]),) if p["equations"] else ()
        for field, text in p["effects"].items():
            yield f"    {field}: {'; '.join(x.strip() for x in text.strip().splitlines())}"
    for source in circuit["sources"]:
        others = {k: v for k, v in source.items() if k not in ("name", "kind") and v is not None}
        said = ", ".join([source["kind"], *(f"{k} {v}" for k, v in others.items())])
        yield f"source {source['name']} ({said})"


def _indented(text: str) -> str:
    return "\n".join(f"    {line.strip()}" for line in text.strip().splitlines())
