"""Events of a trajectory: a state that passes a value, or a function of the state that is zero."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dendrosim.arrays import Array
from dendrosim.checks import check_unit
from dendrosim.errors import ParameterError, UnknownNameError
from dendrosim.stability.trajectories.integrators import Crossing
from dendrosim.stability.vector_field.flow import Flow
from dendrosim.units import quantity, unit

_PATTERN = re.compile(r"\s*(?P<label>[^<>]+?)\s*(?P<sign>[<>])\s*(?P<level>[^<>]+?)\s*")


@dataclass(frozen=True)
class Event:
    """A function of the state in SI units that is zero at the event, and the direction in which it passes zero."""

    value: Callable[[Array], float]
    direction: int

    def crossing(self, scale: Array, terminal: bool) -> Crossing:
        """Return the event as integrators take it, for states in units of `scale`."""
        return Crossing(lambda y: float(self.value(y * scale)), self.direction, terminal)


def read_event(flow: Flow, name: str, given: Any) -> Event:
    """Return an event from a text, such as `"soma.v[0] > -40 mV"`, or from a function of the state."""
    if callable(given):
        return Event(given, int(getattr(given, "direction", 0)))
    found = _PATTERN.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise ParameterError(
            f"event {name!r} is {given!r}; give a text such as 'soma.v[0] > -40 mV', or a function of the state"
        )
    label, level = found["label"], quantity(found["level"])
    if label not in flow.labels:
        raise UnknownNameError("state of the vector field", label, flow.labels)
    index = list(flow.labels).index(label)
    expected = unit(flow.units[index])[0]
    check_unit(f"event {name!r}", level.dimension, expected, zero=bool(level.value == 0))
    value = float(level.value)
    return Event(lambda x: float(x[index]) - value, 1 if found["sign"] == ">" else -1)
