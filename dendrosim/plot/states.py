"""States of a flow by name, and times in words."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from dendrosim.errors import UnknownMemberError
from dendrosim.plot.style import si_label


def matching(labels: Sequence[str], pattern: str) -> list[int]:
    """Return the places of a label, of a name such as `layer1.h`, or of a pattern; at least one.

    Raises
    ------
    UnknownMemberError
        If there is none.
    """
    found = [i for i, label in enumerate(labels) if label == pattern]
    found = found or [i for i, label in enumerate(labels) if label.partition("[")[0] == pattern]
    found = found or [i for i, label in enumerate(labels) if fnmatchcase(label, pattern)]
    if not found:
        raise UnknownMemberError("state of the flow", pattern, labels)
    return found


def duration(seconds: float) -> str:
    """Return `21 ms` for 0.021."""
    factor, label = si_label("", "s", [seconds])
    return f"{factor * seconds:.3g} {label.strip(' ()')}"
