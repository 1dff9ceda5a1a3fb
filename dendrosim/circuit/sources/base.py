"""Base class of sources of spikes, and how to add one.

To add a source, write a file in this folder with a frozen dataclass that derives from `Source`. The source is then
available as `dendrosim.Name`, in specifications read from JSON, and in messages that list the sources.

- Its first field is `name`. Numbers and arrays among its fields are data: a program does not depend on them.
- `as_population` returns the population as which programs compute the source. Its inputs can be driven by signals,
  its spikes can be recorded, and a pathway can begin there if it has a threshold; random numbers in its texts come
  from the same streams as those of other populations.
- `rate_input` names the input of that population which is a rate, if there is one: a protocol and the run check
  that it is at least 0 and at most 1/dt.
- `adds_to` is the state to which the source adds, in every step, `weight` times a binomial number of `trains`
  trials with the probability `rate*dt`. These are variables of its population, which has a unit for each unit of
  the target. It is None if the source acts through pathways.
- `given` says that a protocol gives the spikes; the threshold of the population is then never evaluated.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np

from dendrosim.checks import as_values, check_per_unit
from dendrosim.circuit.population import Population
from dendrosim.circuit.validation import as_name, check_unit_text
from dendrosim.errors import ParameterError, SpecError
from dendrosim.spec import Spec
from dendrosim.units import Quantity


@dataclass(frozen=True, eq=False)
class Source(Spec, ABC):
    """Base class of sources of spikes; the docstring of this module says how to add one."""

    folder: ClassVar[str | None] = __package__
    rate_input: ClassVar[str | None] = None
    given: ClassVar[bool] = False

    name: Annotated[str, as_name]

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.name!r}"

    @property
    def adds_to(self) -> str | None:
        """The state `population.state` to which the source adds; None if it acts through pathways."""
        return None

    def renamed(self, new: Callable[[str], str]) -> Self:
        """Return the source with the names that `new` returns, for `Circuit.join`."""
        return self.replace(name=new(self.name))

    @abstractmethod
    def as_population(self, populations: Mapping[str, Population]) -> Population:
        """Return the population as which programs compute the source.

        Parameters
        ----------
        populations : mapping
            The populations of the circuit by name, without sources.

        Raises
        ------
        SpecError
            If the source does not fit the populations.
        """


def as_source(where: str, value: Any) -> Source:
    """Return a value as a source; raises SpecError if it is none."""
    if not isinstance(value, Source):
        raise SpecError(f"{where} is {value!r}; it must be one of {', '.join(Source.choices())}")
    return value


def as_rate(where: str, value: Any) -> Quantity:
    """Return a value as rates, which are not negative; raises UnitError or ParameterError."""
    rate = as_values(where, value)
    check_unit_text(where, rate, "Hz")
    if np.any(np.asarray(rate.value) < 0):
        raise ParameterError(f"{where} is {rate}; a rate must not be negative")
    return rate


def check_rate_per_unit(where: str, rate: Quantity | None, size: int) -> None:
    """Raise ShapeError unless a rate is None, one number, or one number for each unit."""
    if rate is not None:
        check_per_unit(where, rate, size)
