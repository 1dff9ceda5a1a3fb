"""Rows of a data set, one per trial and sample of the batch."""

from dataclasses import dataclass

from dendrosim.signals.base import Signal
from dendrosim.units import Dimension


@dataclass(frozen=True, eq=False)
class Samples(Signal):
    """Hold a row of a data set of the protocol during the phase; each trial shows other rows.

    The `Block` decides which rows a trial shows, so several inputs show the same rows of their data sets: a
    picture and its label, for instance. In a batch, every sample shows a row of its own.

    Parameters
    ----------
    data : str
        Name of a data set in `Protocol.data`, an array of shape (rows, units) in SI units.

    Examples
    --------
    >>> import dendrosim as ds
    >>> phase = ds.Phase("show", "50 ms", signals={"input.rate": ds.Samples("pictures")})
    """

    data: str

    def check(self, where: str, dimension: Dimension, size: int) -> None:
        """Accept every input: only the protocol knows the data set, and checks its shape."""
