"""Docstrings of models and protocols, and tables of their parameters, as Markdown."""

import re
from collections.abc import Iterable

from dendrosim.library.parameter_types import to_text
from dendrosim.library.parameters import Parameter

_CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)
_SPECIAL = re.compile(r"([\\*_<>\[\]{}$|#])")


def escape(text: str) -> str:
    """Return a text in which all is shown as it is, except that code in backticks stays code."""
    parts = _CODE.split(text)
    return "".join(part if k % 2 else _SPECIAL.sub(r"\\\1", part) for k, part in enumerate(parts))


def docstring_markdown(text: str) -> str:
    """Return a part of a docstring as Markdown: indented lines are formulas and tables, shown as they are."""
    found: list[str] = []
    for kind, lines in _stretches(text):
        if kind == "block":
            found.append("```text\n" + "\n".join(lines) + "\n```")
        else:
            found.append(escape("\n".join(lines)))
    return "\n\n".join(found) + "\n"


def _stretches(text: str) -> Iterable[tuple[str, list[str]]]:
    """Yield paragraphs, and blocks of lines that are indented after an empty line."""
    for piece in re.split(r"\n\s*\n", text.strip("\n")):
        lines = piece.split("\n")
        if lines[0].startswith("    "):
            indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
            yield "block", [line[indent:] for line in lines]
        else:
            yield "text", lines


def parameter_table(parameters: Iterable[Parameter]) -> str:
    """Return a table of parameters: name, default, unit, allowed values and meaning."""
    rows = [
        f"| `{p.name}` | {_default(p)} | {escape(_allowed(p))} | {escape(p.doc)} |"
        for p in parameters
        if not p.removed
    ]
    return "\n".join(
        ["| name | default | type and range | meaning |", "|---|---|---|---|", *rows, ""]
    )


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "(required)"
    text = to_text(parameter.default)
    return f"`{text}`" if text else ""


def _allowed(parameter: Parameter) -> str:
    unit = f" in {parameter.type.unit}" if parameter.type.unit else ""
    allowed = str(parameter.range or "")
    kind = f"{parameter.type}{unit}" if unit not in f" in {parameter.type}" else str(parameter.type)
    return f"{kind}, {allowed}" if allowed else kind
