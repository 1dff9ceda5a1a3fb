"""The synapses of a pathway as a result keeps them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dendrosim.arrays import AnyArray
from dendrosim.display.short import short_record
from dendrosim.errors import UnknownEntryError


class Synapses(NamedTuple):
    """The synapses of a pathway: for each, the presynaptic and the postsynaptic unit and the delay in seconds.

    They are ordered by presynaptic unit, then by postsynaptic unit. In a batch all samples have the same synapses.
    `post_delay`, that of postsynaptic events, is None if the pathway has none.
    """

    pre: NDArray[np.integer]
    post: NDArray[np.integer]
    delay: NDArray[np.floating]
    post_delay: NDArray[np.floating] | None = None

    def __repr__(self) -> str:
        return short_record(self)

    def coordinates(self, chosen: tuple[int, ...] | None = None) -> dict[str, AnyArray]:
        """Return number, units and delays of all or of the chosen synapses, by the names of coordinates."""
        numbers = np.arange(len(self.pre)) if chosen is None else np.array(chosen)
        parts = self.parts().items()
        return {
            "synapse": numbers, **{n: x if chosen is None else x[numbers] for n, x in parts},
        }  # fmt: skip

    def parts(self) -> dict[str, AnyArray]:
        """Return the arrays by name, without a delay that is None."""
        return {name: part for name, part in self._asdict().items() if part is not None}


class KeptSynapses(dict[str, Synapses]):
    """Synapses by pathway; the name of a pathway whose synapses are not kept raises UnknownEntryError."""

    def __init__(self, found: Mapping[str, Synapses]) -> None:
        super().__init__(found)

    def __missing__(self, name: str) -> Synapses:
        raise UnknownEntryError("pathway whose synapses were kept", str(name), self)
