"""A difference of two exponentials, the shape of a synaptic current."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dendrosim.errors import ParameterError
from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class BiExponential(Course):
    """Rise and decay as the difference of two exponentials, the shape of a synaptic current.

    With s the time since `onset`, the value is proportional to exp(-s/decay) - exp(-s/rise), and 0 before
    `onset`. It is scaled so that its peak, at s = rise decay/(decay - rise) ln(decay/rise), is `amplitude`.

    Parameters
    ----------
    amplitude : quantity, or array of shape (units,)
        Value at the peak, in the unit of the input.
    onset : time, or array of shape (units,)
        Beginning of the rise, counted from the beginning of the phase.
    rise : time, or array of shape (units,)
        Time constant of the rise, above 0.
    decay : time, or array of shape (units,)
        Time constant of the decay, above `rise`.

    Raises
    ------
    UnitError
        If a value cannot be read as a quantity. `Protocol` also raises this error if its unit does not fit.
    ParameterError
        If a number is not finite, or 0 < rise < decay does not hold.

    References
    ----------
    Roth & van Rossum (2009), Modeling synapses, in De Schutter (ed.), Computational Modeling Methods for
    Neuroscientists, MIT Press, chapter 6.

    Examples
    --------
    >>> import dendrosim as ds
    >>> drive = ds.BiExponential("500 pA", onset="10 ms", rise="1 ms", decay="5 ms")
    """

    amplitude: Any
    onset: Any
    rise: Any
    decay: Any

    # The clipped time keeps the exponentials finite before the onset; the last line is the peak of the difference.
    text: ClassVar[str] = (
        "amplitude*int(t >= onset)"
        "*(exp(-clip((t - onset)/decay, 0, inf)) - exp(-clip((t - onset)/rise, 0, inf)))"
        "/((rise/decay)**(rise/(decay - rise)) - (rise/decay)**(decay/(decay - rise)))"
    )
    units: ClassVar[Mapping[str, str]] = {"amplitude": "x", "onset": "s", "rise": "s", "decay": "s"}

    def __post_init__(self) -> None:
        rise, decay = np.asarray(self.rise.value), np.asarray(self.decay.value)
        if not (np.all(rise > 0) and np.all(decay > rise)):
            raise ParameterError("BiExponential: 0 < rise < decay must hold")
