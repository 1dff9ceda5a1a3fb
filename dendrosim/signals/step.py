"""A step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class Step(Course):
    """Give 0 before a time and a constant value from then on.

    Parameters
    ----------
    amplitude : quantity, or array of shape (units,)
        Value after the step, in the unit of the input.
    onset : time, or array of shape (units,), optional
        Time of the step, counted from the beginning of the phase (default 0).

    Raises
    ------
    UnitError
        If a value cannot be read as a quantity. `Protocol` also raises this error if its unit does not fit.
    ParameterError
        If a number is not finite.

    Examples
    --------
    Three units with currents of their own, from 50 ms on:

    >>> import dendrosim as ds
    >>> drive = ds.Step(["100 pA", "200 pA", "300 pA"], onset="50 ms")
    """

    amplitude: Any
    onset: Any = "0 s"

    # Because of the tolerance, the step begins in its time step in spite of rounding errors in times.
    text: ClassVar[str] = "amplitude*int(t - onset >= -1e-12*onset)"
    units: ClassVar[Mapping[str, str]] = {"amplitude": "x", "onset": "s"}
