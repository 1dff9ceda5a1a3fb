"""Reading of what a user gives for a signal: one, several that add up, or a constant."""

from typing import Any

from dendrosim.signals.base import Signal
from dendrosim.signals.constant import Constant


def as_signals(value: Any) -> tuple[Signal, ...]:
    """Return the signals that a value means.

    Parameters
    ----------
    value : Signal, tuple or list of Signal, or quantity
        Several signals add up; anything else is the value of a `Constant`.
    """
    if isinstance(value, Signal):
        return (value,)
    if isinstance(value, (tuple, list)) and value and all(isinstance(v, Signal) for v in value):
        return tuple(value)
    return (Constant(value),)
