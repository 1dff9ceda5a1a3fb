"""Units whose spikes a protocol gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from dendrosim.checks import MOST_ELEMENTS, whole
from dendrosim.circuit.population import Population
from dendrosim.circuit.sources.base import Source


@dataclass(frozen=True, eq=False)
class SpikeTimes(Source):
    """Declare units that spike at times which the protocol gives as `Protocol.spikes`.

    Parameters
    ----------
    name : str
        Name, in lower case letters, digits and underscores. No population may have the same name.
    size : int
        Number of units, at least 1.

    Raises
    ------
    SpecError
        If a field is not valid. `Protocol` checks the spikes.

    Examples
    --------
    The spikes of one run excite the cells of another:

    >>> import dendrosim as ds
    >>> circuit = ds.Circuit(
    ...     populations=(ds.Population("cell", 1, "dg/dt = -g/(5*ms) : 1"),),
    ...     sources=(ds.SpikeTimes("input", 2),),
    ...     pathways=(ds.Pathway("feed", pre="input", post="cell", on_pre="g_post += 1"),),
    ... )
    >>> protocol = ds.Protocol(
    ...     circuit,
    ...     blocks=(ds.Block("only", (ds.Phase("on", "20 ms"),)),),
    ...     dt="0.1 ms",
    ...     spikes={"input": ([0, 1, 0], ["1 ms", "5 ms", "12 ms"])},  # or other_result.spikes["cell"]
    ... )
    """

    given: ClassVar[bool] = True

    size: Annotated[int, whole(1, MOST_ELEMENTS)]

    def as_population(self, populations: Mapping[str, Population]) -> Population:
        return Population(self.name, self.size, "", threshold="False")
