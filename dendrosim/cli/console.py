"""Output of the command line: tables for people, JSON for programs."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from dendrosim.display.values import Rows as Rows
from dendrosim.display.values import unboxed
from dendrosim.errors import printable

SHORT_WORD = 12
"""Longest word in a table that is never broken unless it has a digit, such as a word of a sentence or path."""

BETWEEN = 3
"""Characters between two columns of a table, and at its edges together."""


def emit(text: str) -> None:
    """Print a text; control characters, which may come from a file, are written out."""
    print(printable(text))


def emit_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    text = json.dumps(to_json_value(value), indent=2, allow_nan=False)
    print(text.replace("\x7f", "\\u007f"))  # `json` writes out all other control characters


def to_json_value(value: Any) -> Any:
    """Return a value in a form that JSON has: arrays as nested lists, nan and infinity as None."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): to_json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json_value(item) for item in value]
    plain = unboxed(value)
    return str(value) if plain is value else to_json_value(plain)


def emit_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table without its empty columns; a table without rows is not printed.

    No number is broken or left out. Columns that do not fit side by side are printed below each other, in tables
    that all have the first column. If not even two columns fit, each row becomes a line for each of its values.
    """
    from rich.console import Console

    console = Console(file=sys.stdout)
    titles = [printable(title) for title in columns]
    shown = [[printable(cell) for cell in row] for row in rows]
    used = [i for i in range(len(columns)) if any(row[i] for row in shown)]
    parts = _side_by_side(used, titles, shown, console.width)
    if parts is None:
        _emit_records(used, titles, shown)
        return
    for part in parts if rows else ():
        filled = [row for row in shown if len(parts) == 1 or any(row[i] for i in part[1:])]
        console.print(_table([titles[i] for i in part], part, filled))


def _side_by_side(
    used: Sequence[int], columns: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> list[list[int]] | None:
    """Return the columns of each table, the first column in all of them; None if two columns do not fit."""
    first, *others = used or [0]
    least = {i: _least_width(columns[i], [row[i] for row in rows]) for i in others}
    names = [columns[first], *(row[first] for row in rows)]
    beside = BETWEEN + max(map(len, names))
    if beside + max(least.values(), default=0) + BETWEEN > width:
        return None
    parts, taken = [[first]], beside
    for i in others:
        if len(parts[-1]) > 1 and taken + least[i] + BETWEEN > width:
            parts.append([first])
            taken = beside
        parts[-1].append(i)
        taken += least[i] + BETWEEN
    return parts


def _least_width(title: str, cells: Sequence[str]) -> int:
    """Return the width below which the title or a number of a column would be broken."""
    words = [word for cell in cells for word in cell.split()]
    whole = [len(w) if _has_number(w) else min(len(w), SHORT_WORD) for w in words]
    return max(len(title), max(whole, default=0))


def _has_number(word: str) -> bool:
    return any(c.isdigit() for c in word) and "/" not in word


def _emit_records(
    used: Sequence[int], columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """Print each row as its first cell, and below it a line for each of the other cells."""
    first, *others = used
    for row in rows:
        emit(row[first])
        emit_columns([(columns[i], row[i]) for i in others if row[i]])
    emit("")


def _table(titles: Sequence[str], part: Sequence[int], rows: Sequence[Sequence[str]]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for k, (i, title) in enumerate(zip(part, titles, strict=True)):
        least = _least_width(title, [row[i] for row in rows])
        table.add_column(Text(title), overflow="fold", no_wrap=k == 0, min_width=least)
    for row in rows:
        table.add_row(*(Text(row[i]) for i in part))
    return table


def emit_columns(rows: Sequence[tuple[str, str]], indent: str = "  ") -> None:
    """Print names and their meaning, one line each; long lines are not broken."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        emit(f"{indent}{name:<{width}}  {text}".rstrip())


def emit_error(message: str) -> None:
    """Print a message to stderr, unless stderr is closed."""
    try:
        print(f"dendrosim: {printable(message)}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return
