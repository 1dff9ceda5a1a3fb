"""What the command line prints: tables for people, JSON for programs."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

SHOWN_ELEMENTS = 12


def emit_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    print(json.dumps(jsonable(value), indent=2, allow_nan=False))


def jsonable(value: Any) -> Any:
    """Return what JSON can hold: arrays as nested lists, nan and infinity as None."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item) for item in value]
    unboxed = _unboxed(value)
    return str(value) if unboxed is value else jsonable(unboxed)


def _unboxed(value: Any) -> Any:
    """Return NumPy and xarray values as Python numbers and lists, others as they are."""
    array = value.to_numpy() if hasattr(value, "to_numpy") else value
    return array.tolist() if hasattr(array, "tolist") else array


def readable(value: Any, digits: int = 6) -> str:
    """Return a value as a person reads it: so many digits, short lists in full, others by shape."""
    value = _unboxed(value)
    if value is None or isinstance(value, str):
        return value or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, (list, tuple)):
        sides = shape(value)
        if len(sides) == 1 and len(value) <= SHOWN_ELEMENTS:
            return "[" + ", ".join(readable(item, digits) for item in value) + "]"
        return " × ".join(map(str, sides)) + " values"
    return str(value)


def shape(value: Any) -> tuple[int, ...]:
    """Return the lengths of nested lists or of an array, outer first; of lists by their first entries."""
    value = _unboxed(value)
    if not isinstance(value, (list, tuple)):
        return ()
    return (len(value), *(shape(value[0]) if value else ()))


def emit_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table without the columns that are empty; nothing if there are no rows."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    used = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i in used:
        table.add_column(
            Text(columns[i]), overflow="fold", no_wrap=i == 0, min_width=len(columns[i])
        )
    for row in rows:
        table.add_row(*(Text(row[i]) for i in used))
    if rows:
        Console(file=sys.stdout).print(table)


def emit_columns(rows: Sequence[tuple[str, str]], indent: str = "  ") -> None:
    """Print names and what they mean, one line each, however long."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        print(f"{indent}{name:<{width}}  {text}".rstrip())


def emit_error(message: str) -> None:
    """Print a message to stderr, if there still is one."""
    try:
        print(f"dendrosim: {message}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return
