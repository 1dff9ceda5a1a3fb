"""A sine wave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class Sine(Course):
    """Oscillate as offset + amplitude sin(2 pi frequency t + phase), where t begins with the phase.

    Parameters
    ----------
    amplitude : quantity, or array of shape (units,)
        Amplitude of the oscillation, in the unit of the input.
    frequency : quantity, or array of shape (units,)
        Frequency, such as `"8 Hz"`.
    phase : float, or array of shape (units,), optional
        Phase at the beginning, in radians (default 0).
    offset : quantity, or array of shape (units,), optional
        Mean value, in the unit of the input (default 0).

    Raises
    ------
    UnitError
        If a value cannot be read as a quantity. `Protocol` also raises this error if its unit does not fit.
    ParameterError
        If a number is not finite.

    Examples
    --------
    >>> import dendrosim as ds
    >>> drive = ds.Sine("50 pA", frequency="8 Hz", offset="200 pA")
    """

    amplitude: Any
    frequency: Any
    phase: Any = 0.0
    offset: Any = 0.0

    text: ClassVar[str] = "offset + amplitude*sin(6.283185307179586*frequency*t + phase)"
    units: ClassVar[Mapping[str, str]] = {
        "amplitude": "x",
        "frequency": "Hz",
        "phase": "1",
        "offset": "x",
    }
