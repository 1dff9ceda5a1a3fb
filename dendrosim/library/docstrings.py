"""Reads docstrings in numpydoc layout: an introduction, then sections under dashed titles."""

import inspect
import re

_TITLE = re.compile(r"^(?P<title>\S[^\n]*)\n-{3,}[ \t]*$", re.MULTILINE)
_FIELD = re.compile(r"(?P<names>\*{0,2}[A-Za-z_]\w*(?:\s*,\s*\*{0,2}[A-Za-z_]\w*)*)\s*(?::.*)?")

INTRODUCTION = ""


def split_sections(docstring: str | None) -> dict[str, str]:
    """Return the text under each title; the text before the first title has the title ''."""
    text = inspect.cleandoc(docstring or "")
    titles = list(_TITLE.finditer(text))
    ends = [match.start() for match in titles] + [len(text)]
    found = {INTRODUCTION: text[: ends[0]].strip()}
    for match, end in zip(titles, ends[1:], strict=True):
        found[match["title"].strip()] = text[match.end() : end].strip("\n").rstrip()
    return found


def parameter_texts(docstring: str | None) -> dict[str, str]:
    """Return the text about each name in the section `Parameters`, each text as one line."""
    texts: dict[str, list[str]] = {}
    names: list[str] = []
    for line in split_sections(docstring).get("Parameters", "").splitlines():
        if line[:1].strip():
            field = _FIELD.fullmatch(line.strip())
            names = re.findall(r"\w+", field["names"]) if field else []
            texts.update({name: [] for name in names})
        elif line.strip():
            for name in names:
                texts[name].append(line.strip())
    return {name: " ".join(lines) for name, lines in texts.items()}


def first_line(docstring: str | None) -> str:
    """Return the first line of a docstring."""
    return inspect.cleandoc(docstring or "").partition("\n")[0].strip()
