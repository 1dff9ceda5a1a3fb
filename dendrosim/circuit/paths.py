"""Names in a circuit: a variable is called `population.variable`; all other objects have plain names."""

from typing import NamedTuple

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


def check_path(where: str, text: str) -> None:
    """Raise SpecError if a text is not written `population.variable`."""
    if text.count(".") != 1:
        raise SpecError(f"{where}: {text!r} must be written population.variable")
