"""Many independent Poisson trains that act on a state directly, without synapses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np

from dendrosim.checks import as_values, check_per_unit, optional, whole
from dendrosim.circuit.paths import VariablePath, as_path
from dendrosim.circuit.population import Population
from dendrosim.circuit.sources.base import Source, as_rate, check_rate_per_unit
from dendrosim.circuit.validation import check_unit_text
from dendrosim.errors import UnknownMemberError, prefix_errors
from dendrosim.units import Quantity

_MOST_TRAINS = 10**9


@dataclass(frozen=True, eq=False)
class PoissonInput(Source):
    """Add the spikes of many independent Poisson trains to a state of a population.

    Each unit of the population, and each sample, has `trains` trains of its own. In every time step, `weight`
    times the number of spikes is added to the state, and this number is drawn from the binomial distribution of
    `trains` trials with the probability `rate*dt`. So the cost does not depend on the number of trains, and the
    effect has the same distribution as that of `trains` units of a `Poisson` source for each unit, through
    synapses without delay. It comes after the effects of presynaptic spikes, before those of postsynaptic
    spikes (`on_post`) and before resets. A state with the flag `(unless refractory)` receives nothing during
    the refractory period.

    Parameters
    ----------
    name : str
        Name, in lower case letters, digits and underscores. No population may have the same name.
    target : str
        The state, written `population.state`.
    trains : int
        Number of trains for each unit, at least 1.
    rate : quantity, or array of shape (units,), optional
        Rate of each train in phases in which no signal drives `name.rate`. Without it, a protocol must drive
        `name.rate` in every phase, by any signal. Rates are at least 0 and at most one spike per time step.
    weight : quantity, or array of shape (units,)
        What a spike adds, in the unit of the state.

    Raises
    ------
    SpecError
        If a field is not valid. `Circuit` raises UnknownMemberError if there is no such state, UnitError and
        ShapeError if rates or weights do not fit it. For rates out of range, see `Poisson`.

    Examples
    --------
    Excitatory input from 400 trains of 5 Hz for every cell:

    >>> import dendrosim as ds
    >>> circuit = ds.Circuit(
    ...     populations=(ds.Population("cell", 10, "dg/dt = -g/(5*ms) : siemens"),),
    ...     sources=(ds.PoissonInput("noise", target="cell.g", trains=400, rate="5 Hz", weight="1 nS"),),
    ... )
    """

    rate_input: ClassVar[str | None] = "rate"

    target: Annotated[str, as_path]
    trains: Annotated[int, whole(1, _MOST_TRAINS)]
    rate: Annotated[Any, optional(as_rate)]
    weight: Annotated[Any, as_values]

    @property
    def adds_to(self) -> str | None:
        return self.target

    def renamed(self, new: Any) -> Self:
        owner, state = VariablePath.parse(self.target)
        return self.replace(name=new(self.name), target=f"{new(owner)}.{state}")

    def as_population(self, populations: Mapping[str, Population]) -> Population:
        owner, state = VariablePath.parse(self.target)
        with prefix_errors(f"{self}: target"):
            if owner not in populations:
                raise UnknownMemberError("population", owner, populations)
            target = populations[owner]
            if state not in target.states:
                raise UnknownMemberError(f"state of population {owner!r}", state, target.states)
        unit = target.variables[state].unit
        check_unit_text(f"{self}: weight", self.weight, unit)
        check_per_unit(f"{self}: weight", self.weight, target.size)
        check_rate_per_unit(f"{self}: rate", self.rate, target.size)
        weights = np.broadcast_to(self.weight.value, (target.size,))
        return Population(
            self.name,
            target.size,
            f"rate : Hz\ntrains : 1\nweight : {unit}",
            inputs={"rate": self.rate},
            # One number for each unit, so that programs do not depend on whether all have the same weight.
            parameters={
                "trains": float(self.trains),
                "weight": Quantity(weights, self.weight.dimension),
            },
        )
