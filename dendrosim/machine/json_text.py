"""Reads JSON texts that anybody may have written; their depth and the memory for their values are limited."""

import json
from pathlib import Path
from typing import Any

from dendrosim.machine.file_paths import read_regular
from dendrosim.machine.memory import available_memory

_DEEPEST = 100
_BYTES_PER_VALUE = 120  # memory for a number, text or list, and for its entry in a list or mapping


def read_text(path: Path) -> str:
    """Return the text of a JSON file; raises OSError or ValueError if it cannot be read or held in memory."""
    return read_regular(path, int(min(available_memory() / 8, 2**40))).decode("utf-8")


def parse_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    ValueError
        If the text is not JSON, if its lists and mappings are nested too deeply, or if its values do not fit into
        the memory.
    """
    values = sum(text.count(sign) for sign in ",[{:")
    if len(text) + values * _BYTES_PER_VALUE > available_memory() / 2:
        raise ValueError(f"its {values:,} values do not fit into the memory")
    try:
        parsed = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level = [parsed]
    for _ in range(_DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return parsed
    raise ValueError("it is nested too deeply")


def _inside(value: Any) -> Any:
    """Return the lists and mappings that a list or mapping contains."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [part for part in parts if isinstance(part, (dict, list))]
