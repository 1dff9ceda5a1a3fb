"""The synapses of a pathway as a result keeps them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dendrosim.errors import UnknownEntryError


class Synapses(NamedTuple):
    """The synapses of a pathway: for each, the presynaptic and the postsynaptic unit and the delay in seconds.

    They are ordered by presynaptic unit, then by postsynaptic unit. In a batch all samples have the same synapses.
    """

    pre: NDArray[np.integer]
    post: NDArray[np.integer]
    delay: NDArray[np.floating]

    def coordinates(self, chosen: tuple[int, ...] | None = None) -> dict[str, NDArray[np.generic]]:
        """Return number, units and delay of all or of the chosen synapses, by the names of coordinates."""
        numbers = np.arange(len(self.pre)) if chosen is None else np.array(chosen)
        picked = [part if chosen is None else part[numbers] for part in self]
        return {"synapse": numbers, **dict(zip(self._fields, picked, strict=True))}


class KeptSynapses(dict[str, Synapses]):
    """Synapses by pathway; the name of a pathway whose synapses are not kept raises UnknownEntryError."""

    def __init__(self, found: Mapping[str, Synapses]) -> None:
        super().__init__(found)

    def __missing__(self, name: str) -> Synapses:
        raise UnknownEntryError("pathway whose synapses were kept", str(name), self)
