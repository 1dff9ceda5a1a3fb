"""A hyperbolic decay, often used to lower a learning rate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dendrosim.checks import positive
from dendrosim.signals.base import Course


@dataclass(frozen=True, eq=False)
class Hyperbolic(Course):
    """Decay as amplitude/(1 + t/decay), with t counted from the beginning of the block.

    The time t does not restart with each phase or trial, so the signal can lower a learning rate over all trials
    of a block.

    Parameters
    ----------
    amplitude : quantity, or array of shape (units,)
        Value at the beginning of the block, in the unit of the input.
    decay : time, or array of shape (units,)
        Time after which the value has halved, above 0.

    Raises
    ------
    UnitError
        If a value cannot be read as a quantity. `Protocol` also raises this error if its unit does not fit.
    ParameterError
        If a number is not finite, or `decay` is not positive.

    Examples
    --------
    A gate that scales a learning rate, by 1/2 after 100 s and by 1/3 after 200 s:

    >>> import dendrosim as ds
    >>> phase = ds.Phase("learning", "50 ms", gates={"learn": ds.Hyperbolic(1.0, "100 s")})
    """

    amplitude: Any
    decay: Any

    text: ClassVar[str] = "amplitude/(1 + t_block/decay)"
    units: ClassVar[Mapping[str, str]] = {"amplitude": "x", "decay": "s"}

    def __post_init__(self) -> None:
        positive(**{"Hyperbolic.decay": self.decay})
