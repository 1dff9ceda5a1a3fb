"""Units that spike at random, independently of each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from dendrosim.checks import MOST_ELEMENTS, optional, whole
from dendrosim.circuit.population import Population
from dendrosim.circuit.sources.base import Source, as_rate, check_rate_per_unit


@dataclass(frozen=True, eq=False)
class Poisson(Source):
    """Declare units that spike at random times, each with a rate of its own.

    In every time step, a unit spikes with the probability `rate*dt`, independently of all other units, steps and
    samples. The number of spikes in n steps has a binomial distribution with the mean `n*rate*dt`. The random
    numbers depend on the seed, the source, the unit, the sample and the step only, so they are the same on every
    back end and with any number of threads.

    Parameters
    ----------
    name : str
        Name, in lower case letters, digits and underscores. No population may have the same name.
    size : int
        Number of units, at least 1.
    rate : quantity, or array of shape (size,), optional
        Rate of spikes in phases in which no signal drives `name.rate`. Without it, a protocol must drive
        `name.rate` in every phase, by any signal. Rates are at least 0 and at most one spike per time step. They
        are data: another rate needs no new program.

    Raises
    ------
    SpecError
        If a field is not valid: UnitError, ShapeError or ParameterError for the rate. `Protocol` raises
        ParameterError if a rate is negative or larger than 1/dt. If a rate leaves this range during a run, because
        a signal is a formula, the run ends with NonFiniteError, which names source, unit and time.

    Examples
    --------
    Background spikes at 5 Hz that excite cells:

    >>> import dendrosim as ds
    >>> circuit = ds.Circuit(
    ...     populations=(ds.Population("cell", 10, "dg/dt = -g/(5*ms) : siemens"),),
    ...     sources=(ds.Poisson("background", 100, rate="5 Hz"),),
    ...     pathways=(
    ...         ds.Pathway(
    ...             "noise", pre="background", post="cell", on_pre="g_post += weight", weight="1 nS",
    ...             connect=ds.Probability(0.1),
    ...         ),
    ...     ),
    ... )
    >>> circuit.inputs
    ('background.rate',)
    """

    rate_input: ClassVar[str | None] = "rate"

    size: Annotated[int, whole(1, MOST_ELEMENTS)]
    rate: Annotated[Any, optional(as_rate)] = None

    def __post_init__(self) -> None:
        check_rate_per_unit(f"{self}: rate", self.rate, self.size)

    def as_population(self, populations: Mapping[str, Population]) -> Population:
        return Population(
            self.name,
            self.size,
            "rate : Hz",
            inputs={"rate": self.rate},
            threshold="rand() < rate*dt",
        )
