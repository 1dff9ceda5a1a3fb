"""Rows of a data set, one per trial and sample of the batch."""

from dataclasses import dataclass

from dendrosim.signals.base import Signal
from dendrosim.units import Dimension


@dataclass(frozen=True, eq=False)
class Samples(Signal):
    """Rows of the protocol's data set `data` (samples x units, SI numbers), held during the phase.

    Which rows a trial shows is decided by its block, so that several inputs show the same samples.
    """

    data: str

    def check(self, where: str, dimension: Dimension, size: int) -> None:
        """The data set is known to the protocol, which checks its shape."""
