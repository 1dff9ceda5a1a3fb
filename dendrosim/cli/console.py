"""Output of the command line: tables for people, JSON for programs."""

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dendrosim.display.values import Rows as Rows
from dendrosim.display.values import unboxed
from dendrosim.errors import printable

LONGEST_NUMBER = 12
"""Width of the longest number in a table, such as -1.23456e-100; longer texts in a cell may be broken."""

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

    Columns that do not fit side by side are printed below each other, in tables that all have the first column.
    """
    from rich.console import Console

    console = Console(file=sys.stdout)
    shown = [[printable(cell) for cell in row] for row in rows]
    used = [i for i in range(len(columns)) if any(row[i] for row in shown)]
    parts = list(_side_by_side(used, columns, shown, console.width))
    for part in parts if rows else ():
        filled = [row for row in shown if len(parts) == 1 or any(row[i] for i in part[1:])]
        console.print(_table([printable(columns[i]) for i in part], part, filled))


def _side_by_side(
    used: Sequence[int], columns: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> Iterator[list[int]]:
    """Yield the numbers of the columns of each table, the first column in all of them."""
    first, *others = used or [0]
    least = {i: _least_width(columns[i], [row[i] for row in rows]) for i in others}
    names = [columns[first], *(row[first] for row in rows)]
    beside = BETWEEN + max(map(len, names))
    part, taken = [first], beside
    for i in others:
        if len(part) > 1 and taken + least[i] + BETWEEN > width:
            yield part
            part, taken = [first], beside
        part.append(i)
        taken += least[i] + BETWEEN
    yield part


def _least_width(title: str, cells: Sequence[str]) -> int:
    """Return the width below which the title or the numbers of a column would be broken."""
    return max(len(title), min(LONGEST_NUMBER, max(map(len, cells), default=0)))


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
