"""Declarations of parameters, each one line of a table; `ds.Parameters` turns them into parameters.

They have a module of their own, so that a part of a circuit can declare the parameters of its own equations.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REQUIRED: Any = inspect.Parameter.empty
"""The value of `default` for a parameter without a default."""


@dataclass(frozen=True)
class ParameterDeclaration:
    """The arguments of a call of `parameter`; such a call is the right-hand side of a line of the table."""

    default: Any
    doc: str
    unit: str
    bounds: Mapping[str, Any]
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Removed:
    """The argument of `removed`."""

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
    only: Mapping[str, Any] | None = None,
) -> Any:
    """Declare a parameter in a class derived from `ds.Parameters`, or in another base class of such a class.

    Parameters
    ----------
    default : optional
        Default value, which is checked like any other value. A text such as `"10 ms"` is a quantity and also sets
        the unit. Without a default, the user must give a value.
    doc : str, optional
        Meaning in a few words; by default, the meaning of the circuit's parameter of the same name.
    unit : str, optional
        Unit of a quantity, needed if its default is None.
    above, below : number or quantity, optional
        Bounds that a value must not reach; a bound without unit is in the unit of the parameter. If the value is a
        list, the bounds hold for each element.
    least, most : number or quantity, optional
        Bounds that a value may reach. A value must be finite, unless `least` or `most` is infinite.
    only : mapping of str to value or tuple of values, optional
        Values of other parameters with which this one has an effect. With others, a value that differs from the
        default is refused, because it would change nothing.

    Returns
    -------
    ParameterDeclaration
        The declaration, which the class turns into a parameter. It has the type Any, so that type checkers accept
        it as the default value of a field of any type.

    Raises
    ------
    SpecError
        If the default is out of bounds, a bound has another unit, or the annotation is no type of a parameter. The
        definition of the class raises this error.

    Examples
    --------
    >>> class Parameters(ds.Parameters):
    ...     sizes: tuple[int, ...] = ds.parameter((4, 4), "units per layer, input first", least=1)
    ...     mu: float = ds.parameter(0.2, "weight of the apical dendrite", above=0, below=1)
    ...     tau: ds.Quantity = ds.parameter("10 ms", "time constant of all rates", above=0)
    ...     settle: ds.Quantity | None = ds.parameter(None, "time to settle", unit="s", above=0)
    """
    bounds = {"above": above, "below": below, "least": least, "most": most}
    needed = {n: v if isinstance(v, tuple) else (v,) for n, v in (only or {}).items()}
    return ParameterDeclaration(default, doc, unit, bounds, needed)


def removed(instead: str) -> Any:
    """Declare, in a class derived from `ds.Parameters`, that a parameter of this name was removed.

    Parameters
    ----------
    instead : str
        Advice for files that still use the parameter: what to use instead. The message of the error shows this
        advice.

    Returns
    -------
    Removed
        The declaration; it has the type Any for type checkers.

    Raises
    ------
    UsageError
        If a user gives the parameter; `load_circuit`, `load_protocol` or the class raises this error.

    Notes
    -----
    A protocol that takes the parameters of a model by `parameters_of` refuses the parameter with the same advice,
    unless another of its models has a parameter of this name. A protocol that needs different advice can declare
    the parameter as removed itself.

    Examples
    --------
    >>> class Parameters(ds.Parameters):
    ...     variant = ds.removed("the conductance variant is the model cell_conductance")
    """
    return Removed(instead)
