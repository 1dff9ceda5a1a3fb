"""Equations and units of a population as text for Brian2."""

from typing import Any

from brian2.units.fundamentalunits import get_or_create_dimension

from dendrosim.circuit.population import REFRACTORY, Population
from dendrosim.equations.declarations import Declaration
from dendrosim.equations.real_numbers import with_real_numbers
from dendrosim.units import Dimension, unit


def brian_dimension(dimension: Dimension) -> Any:
    """Return the Brian2 object of a dimension."""
    return get_or_create_dimension(tuple(dimension))


def brian_unit(dimension: Dimension) -> str:
    """Return the unit of a dimension as Brian2 reads it after an equation: a product of SI base units."""
    bases = ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candle")
    powers = [f"{base}**{p:g}" for base, p in zip(bases, dimension, strict=True) if p]
    return "*".join(powers) or "1"


def model_text(population: Population) -> str:
    """Return the equations of a population for Brian2, with calls of the transfer function written out."""
    return "\n".join(equation_text(population, d) for d in population.variables.values())


def equation_text(population: Population, declared: Declaration, factor: str = "") -> str:
    """Return one equation as Brian2 reads it.

    Parameters
    ----------
    population : Population
        The population.
    declared : Declaration
        The equation, as a parsed declaration.
    factor : str, optional
        If the equation has the flag `(unless refractory)`, this expression multiplies the right-hand side and the
        flag is left out.
    """
    expression = population.equations_in_place.get(declared.name, "")
    expression = expression and with_real_numbers(expression)
    flags = declared.flags
    if factor and REFRACTORY in flags:
        expression, flags = f"{factor}*({expression})", ()
    left = declared.name
    if declared.kind != "parameter":
        left = f"d{left}/dt = " if declared.kind == "state" else f"{left} = "
    ending = f" ({', '.join(flags)})" if flags else ""
    return f"{left}{expression} : {brian_unit(unit(declared.unit)[0])}{ending}"
