"""The equations of a circuit as rows: a formula, its unit, and the comment beside it."""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dendrosim.display.short import count
from dendrosim.errors import EquationError
from dendrosim.study.report.mathml import math

_UNIT = re.compile(
    r"(?P<formula>.*?)(?::(?P<unit>[^:()]*)(?:\((?P<flags>[\w ,-]+)\))?)?", re.DOTALL
)


class Equation(NamedTuple):
    """One equation: HTML of the formula, and unit, flags and comment as text."""

    formula: str
    unit: str = ""
    flags: str = ""
    comment: str = ""


class EquationGroup(NamedTuple):
    """The equations of one object: `title`, a note such as its size, and the equations."""

    title: str
    note: str
    equations: list[Equation]


def equation_groups(circuit: Mapping[str, Any]) -> list[EquationGroup]:
    """Return the equations of a circuit, given as the plain values that `circuit_plain` returns.

    Objects with the same equations are one group.
    """
    groups: dict[tuple[Any, ...], tuple[list[str], list[Equation]]] = {}
    for kind, name, note, lines in _objects(circuit):
        key = kind, note, tuple(lines)
        groups.setdefault(key, ([], lines))[0].append(name)
    return [
        EquationGroup(f"{kind} {', '.join(names)}", note, lines)
        for (kind, note, _), (names, lines) in groups.items()
    ]


def _objects(circuit: Mapping[str, Any]) -> Iterator[tuple[str, str, str, list[Equation]]]:
    for p in circuit["populations"]:
        lines = [*_lines(p["equations"]), *_spikes(p)]
        transfer = f", transfer function s: {p['transfer']}" if p["transfer"] else ""
        yield "population", p["name"], f"{count(p['size'], 'unit')}{transfer}", lines
    for m in circuit["matrices"]:
        lines = list(_lines(m["plasticity"] or ""))
        inverse = f"inverse of {m['inverse_of']}" if m["inverse_of"] else "fixed weights"
        note = f"{m['shape'][0]} × {m['shape'][1]}, from {m['pre']} to {m['post']}"
        yield "matrix", m["name"], note if lines else f"{note}: {inverse}", lines
    for w in circuit["pathways"]:
        lines = list(_lines(w["equations"]))
        lines += [
            Equation(_formula(x), comment=field)
            for field, text in w["effects"].items()
            for x in _statements(text)
        ]
        yield "pathway", w["name"], f"from {w['pre']} to {w['post']}, {w['connect']}", lines


def _spikes(population: Mapping[str, Any]) -> Iterator[Equation]:
    for field in ("threshold", "reset", "refractory"):
        if population[field]:
            yield from (
                Equation(_formula(x), comment=field) for x in _statements(population[field])
            )
    for name, event in population["events"].items():
        yield Equation(_formula(event["condition"].strip()), comment=f"event {name}")
        yield from (
            Equation(_formula(x), comment=f"after {name}") for x in _statements(event["action"])
        )


def _statements(text: Any) -> list[str]:
    return [x.strip() for x in re.split(r"[\n;]", str(text)) if x.strip()]


def _lines(text: str) -> Iterator[Equation]:
    """Yield the equations of a text; a line that is open goes on in the next one."""
    waiting, comment = "", ""
    for line in text.splitlines():
        code, _, said = line.partition("#")
        waiting, comment = f"{waiting} {code.strip()}".strip(), comment or said.strip()
        if not waiting or waiting.count("(") > waiting.count(")"):
            continue
        yield _equation(waiting, comment)
        waiting, comment = "", ""
    if waiting:
        yield _equation(waiting, comment)


def _equation(code: str, comment: str) -> Equation:
    found = _UNIT.fullmatch(code)
    if found is None:
        return Equation(f"<code>{html.escape(code)}</code>", comment=comment)
    unit = (found["unit"] or "").strip()
    return Equation(
        _formula(found["formula"].strip()),
        "" if unit == "1" else unit,
        found["flags"] or "",
        comment,
    )


def _formula(text: str) -> str:
    """Return a text as MathML, or as code if it is no formula."""
    try:
        return math(text)
    except EquationError:
        return f"<code>{html.escape(text)}</code>"
