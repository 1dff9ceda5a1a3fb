"""The check of the value that a user gives as a connection rule."""

from typing import Any

from dendrosim.circuit.connectivity.base import Connections
from dendrosim.errors import SpecError, abbreviate


def as_rule(where: str, value: Any) -> Connections:
    """Return a value as a connection rule; raises SpecError if it is none."""
    if not isinstance(value, Connections):
        raise SpecError(
            f"{where} is {abbreviate(value)}; it must be one of {', '.join(Connections.choices())}{_meant(value)}"
        )
    return value


def _meant(value: Any) -> str:
    """Return the end of a message: the rule that a text or a number probably means."""
    if isinstance(value, str):
        return f", such as ds.Condition({value!r})"
    if isinstance(value, float) and 0 <= value <= 1:
        return f", such as ds.Probability({value!r})"
    return ""
