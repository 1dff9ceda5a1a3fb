"""Names in a circuit: a variable is called `population.variable`; all other objects have plain names."""

from typing import Any, NamedTuple

from dendrosim.checks import as_text
from dendrosim.errors import SpecError


class VariablePath(NamedTuple):
    """A variable of a population, written `population.variable`."""

    population: str
    variable: str

    @classmethod
    def parse(cls, text: str) -> "VariablePath":
        """Read `population.variable`; if the text has no dot, `variable` is empty."""
        population, _, variable = text.partition(".")
        return cls(population, variable)

    def __str__(self) -> str:
        return f"{self.population}.{self.variable}"


def is_variable(name: str) -> bool:
    """Return whether a name is a `population.variable`; matrices, pathways and gates have plain names."""
    return "." in name


def as_path(where: str, value: Any) -> str:
    """Return a value as text written `population.variable`; raises SpecError."""
    text = as_text(where, value, 2 * 100 + 1)
    if text.count(".") != 1:
        raise SpecError(f"{where} is {text!r}; it must be written population.variable")
    return text
