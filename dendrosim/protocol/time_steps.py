"""Times as numbers of time steps."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dendrosim.checks import MOST_STEPS
from dendrosim.errors import ParameterError

# Far above the rounding errors of times that are written in milliseconds, far below what a user could intend.
_TOLERANCE = 1e-6
# A time, a time step and their ratio are each rounded; a time that is itself a sum or product adds some errors.
_ROUNDING = 16 * np.finfo(float).eps


def nearest_steps(seconds: ArrayLike, dt: float) -> NDArray[np.float64]:
    """Return times as the nearest numbers of time steps of `dt` seconds; one half is rounded up.

    Brian2's C++ programs round delays in this way: 2.5 steps become 3, and 3.5 become 4.
    """
    steps: NDArray[np.float64] = np.floor(np.asarray(seconds, float) / dt + 0.5)
    return steps


def whole_steps(seconds: float, dt: float, where: str) -> int:
    """Return a time as a number of time steps.

    Parameters
    ----------
    seconds : float
        The time.
    dt : float
        Time step in seconds.
    where : str
        Name of the time in the message.

    Raises
    ------
    ParameterError
        If the time is not a whole number of time steps, up to rounding errors, or is less than one step.
    """
    ratio = seconds / dt
    if not ratio <= MOST_STEPS:
        raise ParameterError(
            f"{where} is {seconds:g} s, more than {MOST_STEPS} time steps of {dt * 1e3:g} ms; make it shorter"
        )
    count = int(nearest_steps(seconds, dt))
    if count < 1 or abs(ratio - count) > _TOLERANCE + _ROUNDING * ratio:
        below = int(ratio)
        near = (below * dt, (below + 1) * dt) if below else (dt,)
        raise ParameterError(
            f"{where} is {_milliseconds(seconds)}; it must be a whole number of time steps of "
            f"{_milliseconds(dt)} (dt), such as {' or '.join(map(_milliseconds, near))}"
        )
    return count


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.12g} ms"
