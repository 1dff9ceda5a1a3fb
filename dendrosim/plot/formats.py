"""The file formats of figures, and how a list of them is read."""

from collections.abc import Iterable
from typing import Any

from dendrosim.errors import UnknownNameError, UsageError

FORMATS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 300, "metadata": {"Software": "dendrosim"}},
    "svg": {"metadata": {"Creator": "dendrosim", "Date": None}},
    "pdf": {
        "dpi": 300,
        "metadata": {"Creator": "dendrosim", "Producer": None, "CreationDate": None},
    },
}
"""Options of each file format. No date is written, so that the same figure always gives an identical file. The
name of the program tells a later run that it may replace the file."""

DEFAULT = "png"
"""Format of figures unless others are asked for: the other two take three times as long as this one alone."""


def read_formats(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names of formats, given as a list or as a text with commas between them, each once.

    Raises
    ------
    UnknownNameError
        If there is no such format.
    UsageError
        If no format is given, or `given` is neither a text nor a list of texts.
    """
    names = given.split(",") if isinstance(given, str) else list(given)
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"formats of figures are texts, such as 'png,svg': got {given!r}")
    found = tuple(dict.fromkeys(name.strip().lower() for name in names if name.strip()))
    for name in found:
        if name not in FORMATS:
            raise UnknownNameError("format of figures", name, FORMATS)
    if not found:
        raise UsageError(f"no format of figures is given: name one or more of {', '.join(FORMATS)}")
    return found
