"""Names in a circuit: a variable is called `owner.variable`; all other objects have plain names.

The owner is the population, or the pathway for a variable that each of its synapses has for itself.
"""

from typing import Any, NamedTuple

from dendrosim.checks import as_text
from dendrosim.errors import SpecError


class VariablePath(NamedTuple):
    """A variable of a population or of the synapses of a pathway, written `owner.variable`."""

    owner: str
    variable: str

    @classmethod
    def parse(cls, text: str) -> "VariablePath":
        """Read `owner.variable`, also after the name of a recording; without a dot, `variable` is empty."""
        owner, _, variable = path_of(text).partition(".")
        return cls(owner, variable)

    def __str__(self) -> str:
        return f"{self.owner}.{self.variable}"


def is_variable(name: str) -> bool:
    """Return whether a name is an `owner.variable`; matrices, pathways and gates have plain names."""
    return "." in name


def path_of(label: str) -> str:
    """Return the path of a recording: its label is `name/path`, or only `path` if it has no name."""
    return label.rpartition("/")[2]


def as_path(where: str, value: Any) -> str:
    """Return a value as text written `population.variable`; raises SpecError."""
    text = as_text(where, value, 2 * 100 + 1)
    if text.count(".") != 1:
        raise SpecError(f"{where} is {text!r}; it must be written population.variable")
    return text
