"""One line of a table of parameters: the declarations of which `ds.Parameters` makes parameters.

They are apart from the table, so that a part of a circuit can declare the parameters of its own equations.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REQUIRED: Any = inspect.Parameter.empty
"""The default of a parameter that has none."""


@dataclass(frozen=True)
class ParameterDeclaration:
    """Arguments of `parameter`: the right-hand side of a line of the table."""

    default: Any
    doc: str
    unit: str
    bounds: Mapping[str, Any]


@dataclass(frozen=True)
class Removed:
    """What `removed` was given."""

    instead: str


def parameter(
    default: Any = REQUIRED,
    doc: str = "",
    *,
    unit: str = "",
    above: Any = None,
    below: Any = None,
    least: Any = None,
    most: Any = None,
) -> Any:
    """Declare a parameter in a class derived from `ds.Parameters`, or in a part of one.

    Parameters
    ----------
    default : optional
        Default value, checked like any value; a text such as `"10 ms"` is a quantity and sets the unit. Without a
        default a value must be given.
    doc : str, optional
        Meaning in a few words; by default that of the circuit's parameter of the same name.
    unit : str, optional
        The unit of a quantity whose default is None.
    above, below : number or quantity, optional
        Bounds that are not allowed themselves; a number is in the unit of the parameter. In a list they hold for
        each element.
    least, most : number or quantity, optional
        Bounds that are allowed. All numbers must be finite, unless one of these is infinite.

    Examples
    --------
    >>> class Parameters(ds.Parameters):
    ...     sizes: tuple[int, ...] = ds.parameter((4, 4), "units per layer, input first", least=1)
    ...     mu: float = ds.parameter(0.2, "weight of the apical dendrite", above=0, below=1)
    ...     tau: ds.Quantity = ds.parameter("10 ms", "time constant of all rates", above=0)
    ...     settle: ds.Quantity | None = ds.parameter(None, "time to settle", unit="s", above=0)
    """
    bounds = {"above": above, "below": below, "least": least, "most": most}
    return ParameterDeclaration(default, doc, unit, bounds)


def removed(instead: str) -> Any:
    """Declare, in a class derived from `ds.Parameters`, that a parameter of this name was removed.

    Parameters
    ----------
    instead : str
        Advice for files that still use the parameter: what to use instead. The error shows it.

    Notes
    -----
    A protocol that takes the parameters of a model by `parameters_of` does not inherit this declaration. If it
    once had the parameter, declare it as removed in the protocol too.

    Examples
    --------
    >>> class Parameters(ds.Parameters):
    ...     variant = ds.removed("the conductance variant is the model cell_conductance")
    """
    return Removed(instead)
