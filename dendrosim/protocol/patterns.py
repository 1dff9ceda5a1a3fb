"""Names with wildcards: which of many names they match."""

from collections.abc import Collection
from fnmatch import fnmatchcase


def matching(names: Collection[str], patterns: Collection[str]) -> list[str]:
    """Return the names that at least one pattern matches, in their order.

    Parameters
    ----------
    names : collection of str
        The names.
    patterns : collection of str
        Names, or patterns with `*`, `?` or `[...]`. Only these are compared with every name.
    """
    plain = {p for p in patterns if not is_pattern(p)}
    wild = [p for p in patterns if p not in plain]
    return [n for n in names if n in plain or any(fnmatchcase(n, p) for p in wild)]


def is_pattern(text: str) -> bool:
    """Return whether a text has a wildcard."""
    return any(mark in text for mark in "*?[")
