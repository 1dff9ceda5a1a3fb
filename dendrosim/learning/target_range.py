"""Whether outputs can reach their targets: the range of a transfer function."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.display.short import ShortRepr
from dendrosim.equations.transfer.numeric import numeric_transfer
from dendrosim.errors import ParameterError

_FAR, _NEAR = 1e12, 10.0
"""Inputs at which a transfer function has come to the end of its range, and at which a smooth one has not."""


@dataclass(frozen=True)
class Range(ShortRepr):
    """Values between which the values of a transfer function are.

    Attributes
    ----------
    low, high : float
        Ends of the range, infinite if there is no end.
    has_low, has_high : bool
        Whether the function has these values themselves.
    """

    low: float
    high: float
    has_low: bool
    has_high: bool


def transfer_range(name: str) -> Range:
    """Return the range of a transfer function, which must not decrease.

    Parameters
    ----------
    name : str
        Name of the transfer function.
    """
    s = numeric_transfer(name).s
    near_low, low, near_high, high = s(np.array([-_NEAR, -_FAR, _NEAR, _FAR]))
    first, last = (
        round(float(v), 9) + 0.0 if abs(v) < 1e6 else math.copysign(math.inf, v)
        for v in (low, high)
    )
    return Range(first, last, bool(near_low == first), bool(near_high == last))


def check_target_range(where: str, targets: ArrayLike, transfer: str, advice: str) -> None:
    """Check that outputs can reach their targets.

    Parameters
    ----------
    where : str
        What gives the targets, for the message.
    targets : array_like
        Targets, as rates of the outputs.
    transfer : str
        Name of the transfer function of the outputs.
    advice : str
        What to do, for the message.

    Raises
    ------
    ParameterError
        If a target is out of the range of the transfer function.
    """
    found = transfer_range(transfer)
    values = np.asarray(targets, dtype=float)
    low, high = float(values.min()), float(values.max())
    too_low = low < found.low or (low == found.low and not found.has_low)
    too_high = high > found.high or (high == found.high and not found.has_high)
    if too_low or too_high:
        raise ParameterError(
            f"{where} from {low:.4g} to {high:.4g}, but outputs of {transfer} units are "
            f"{_describe(found)}; {advice}"
        )


def _describe(found: Range) -> str:
    """Return a range in words."""
    ends = []
    if found.low > -math.inf:
        ends.append(f"{'at least' if found.has_low else 'above'} {found.low:g}")
    if found.high < math.inf:
        ends.append(f"{'at most' if found.has_high else 'below'} {found.high:g}")
    return " and ".join(ends)
