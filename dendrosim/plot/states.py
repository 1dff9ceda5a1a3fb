"""Look-up of the states of a flow by name, and times as text."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from dendrosim.errors import UnknownMemberError
from dendrosim.plot.style import si_label


def matching(labels: Sequence[str], pattern: str) -> list[int]:
    """Return the indices of the states that a text describes.

    The text is the label of a state, or else a name such as `layer1.h`, or else a pattern.

    Raises
    ------
    UnknownMemberError
        If there is no such state.
    """
    found = [i for i, label in enumerate(labels) if label == pattern]
    found = found or [i for i, label in enumerate(labels) if label.partition("[")[0] == pattern]
    found = found or [i for i, label in enumerate(labels) if fnmatchcase(label, pattern)]
    if not found:
        raise UnknownMemberError("state of the flow", pattern, labels)
    return found


def duration_text(seconds: float) -> str:
    """Return a time with a unit, such as `21 ms` for 0.021."""
    factor, label = si_label("", "s", [seconds])
    return f"{factor * seconds:.3g} {label.strip(' ()')}"
