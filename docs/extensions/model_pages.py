"""Pages of models: docstring, typeset equations, connections, and parameters with their units."""

from collections.abc import Iterator
from typing import Any

from markdown_text import docstring_markdown, escape, parameter_table

from dendrosim.circuit.summary import circuit_plain
from dendrosim.equations.declarations import parse_declarations
from dendrosim.equations.latex import (
    assignments_latex,
    equations_latex,
    expression_latex,
    name_latex,
)
from dendrosim.equations.limits import read_lines
from dendrosim.library.catalogue import list_entries
from dendrosim.library.description import Description, describe

Plain = dict[str, Any]


def pages() -> dict[str, str]:
    """Return the text of each page by its name."""
    entries = [entry for entry in list_entries() if entry.file_kind == "model"]
    found = {f"models/{entry.name}": _page(describe(entry.name)) for entry in entries}
    rows = [f"| [`{e.name}`](models/{e.name}.md) | {escape(e.summary)} |" for e in entries]
    index = "\n".join(
        [
            "# Models\n",
            "`ds.load_circuit(NAME, ...)` makes the circuit of a model; `dendrosim show NAME` prints its page.\n",
            "| model | |",
            "|---|---|",
            *rows,
            "\n```{toctree}\n:hidden:\n:glob:\n\nmodels/*\n```\n",
        ]
    )
    return {**found, "models": index}


def _page(description: Description) -> str:
    sections = dict(description.sections)
    parts = [f"# {description.entry.name}\n", docstring_markdown(description.text)]
    if description.circuit is not None:
        parts += ["## Equations\n", _INTRODUCTION, *_circuit(circuit_plain(description.circuit))]
    parts += ["## Parameters\n", parameter_table(description.parameters)]
    parts += [f"## {title}\n\n{docstring_markdown(text)}" for title, text in sections.items()]
    return "\n".join(parts)


_INTRODUCTION = """The equations of the circuit with default parameters, in the order of the file. Square brackets
around a condition are 1 where it holds and 0 elsewhere; *s* is the transfer function of a population.
"""


def _circuit(circuit: Plain) -> Iterator[str]:
    for first, names in _alike(
        circuit["populations"], ("equations", "threshold", "reset", "transfer")
    ):
        yield from _population(first, names)
    for first, names in _alike(circuit["matrices"], ("plasticity", "inverse_of", "limits")):
        yield from _matrix(first, names)
    if circuit["projections"]:
        yield "### Projections\n"
        yield _formula(_aligned(_projection(p) for p in circuit["projections"]))
    for pathway in circuit["pathways"]:
        yield from _pathway(pathway)
    for source in circuit["sources"]:
        yield f"### Source `{source['name']}`\n\n{escape(source['kind'])}\n"


def _alike(objects: list[Plain], fields: tuple[str, ...]) -> Iterator[tuple[Plain, list[str]]]:
    """Yield objects that have the same texts once, with the names of all of them."""
    groups: dict[str, list[Plain]] = {}
    for one in objects:
        groups.setdefault(str([one[field] for field in fields]), []).append(one)
    for group in groups.values():
        yield group[0], [one["name"] for one in group]


def _heading(kind: str, plural: str, names: list[str]) -> str:
    listed = ", ".join(f"`{name}`" for name in names)
    return f"### {kind if len(names) == 1 else plural} {listed}\n"


def _population(population: Plain, names: list[str]) -> Iterator[str]:
    yield _heading("Population", "Populations", names)
    if population["transfer"]:
        yield f"Transfer function: {population['transfer']}.\n"
    yield _formula(equations_latex(population["equations"]))
    yield _variables(population["equations"], population["inputs"])
    if population["threshold"]:
        yield f"Spike where\n{_formula(expression_latex(population['threshold']))}"
    if population["reset"]:
        yield f"At a spike\n{_formula(assignments_latex(population['reset']))}"
    for name, event in population["events"].items():
        yield f"Event `{name}` where\n{_formula(expression_latex(event['condition']))}"
        if event["action"].strip():
            yield f"and then\n{_formula(assignments_latex(event['action']))}"


def _variables(text: str, inputs: list[str]) -> str:
    """Return a table of the variables of an equation text with their units and comments."""
    comments = _comments(text)
    kinds = {"state": "state", "subexpression": "", "parameter": "given"}
    rows = [
        f"| ${name_latex(d.name)}$ | `{d.name}` | {'input' if d.name in inputs else kinds[d.kind]} | "
        f"{escape(d.unit)} | {escape(comments.get(d.name, ''))} |"
        for d in parse_declarations(text)
    ]
    return "\n".join(["| | name | | unit | |", "|---|---|---|---|---|", *rows, ""])


def _comments(text: str) -> dict[str, str]:
    """Return the comment behind each declaration that has one on its line."""
    found = {}
    for line in text.splitlines():
        code, _, comment = line.partition("#")
        if comment and "\n".join(read_lines(code)).strip():
            for declaration in parse_declarations(code):
                found[declaration.name] = comment.strip()
    return found


def _matrix(matrix: Plain, names: list[str]) -> Iterator[str]:
    yield _heading("Matrix", "Matrices", names)
    rows, columns = matrix["shape"]
    yield f"From `{matrix['pre']}` to `{matrix['post']}`" + (
        f" ({rows} × {columns}).\n" if len(names) == 1 else " and so on.\n"
    )
    if matrix["plasticity"]:
        yield _formula(equations_latex(matrix["plasticity"]))
    else:
        yield f"Inverse of `{matrix['inverse_of']}`.\n" if matrix["inverse_of"] else "Fixed.\n"
    if matrix["limits"]:
        words = zip(("at least", "at most"), matrix["limits"], strict=True)
        ends = [f"{word} {limit:g}" for word, limit in words if limit is not None]
        yield f"Weights are {' and '.join(ends)}.\n"


def _projection(projection: Plain) -> str:
    source, target = (_path(projection[end]) for end in ("source", "target"))
    transpose = r"^{\mathsf{T}}" if projection["transpose"] else ""
    matrix = rf"\mathbf{{{name_latex(projection['matrix'])}}}"
    delay = r"\quad \mathrm{delayed}" if projection["delay"] else ""
    return rf"{target} &\leftarrow {matrix}{transpose} \, {source}{delay}"


def _path(path: str) -> str:
    population, _, variable = path.partition(".")
    return rf"{name_latex(variable)}[\mathrm{{{population.replace('_', ' ')}}}]"


def _pathway(pathway: Plain) -> Iterator[str]:
    yield f"### Pathway `{pathway['name']}`\n"
    yield f"From `{pathway['pre']}` to `{pathway['post']}`, `{pathway['connect']}`.\n"
    if pathway["equations"]:
        yield _formula(equations_latex(pathway["equations"]))
    for field, text in pathway["effects"].items():
        yield f"`{field}`:\n{_formula(assignments_latex(text))}"


def _aligned(lines: Iterator[str]) -> str:
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _formula(latex: str) -> str:
    return f"\n```{{math}}\n{latex}\n```\n" if latex else ""
