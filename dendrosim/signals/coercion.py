"""Conversion of the values that a user may give: a signal, several signals that add up, or a constant."""

from typing import Any

from dendrosim.errors import prefix_errors
from dendrosim.signals.base import Signal
from dendrosim.signals.constant import Constant


def as_signals(value: Any) -> tuple[Signal, ...]:
    """Return a value as a tuple of signals, which add up.

    Parameters
    ----------
    value : Signal, tuple or list of Signal, or quantity
        One signal, several signals, or a quantity, which becomes a `Constant`.
    """
    if isinstance(value, Signal):
        return (value,)
    if isinstance(value, (tuple, list)) and value and all(isinstance(v, Signal) for v in value):
        return tuple(value)
    return (Constant(value),)


def as_drive(where: str, value: Any) -> tuple[Signal, ...]:
    """Return what `as_signals` returns; errors begin with `where`."""
    with prefix_errors(where):
        return as_signals(value)
