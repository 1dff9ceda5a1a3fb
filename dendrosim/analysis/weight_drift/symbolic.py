"""Texts of rules as polynomials in the variables that fluctuate."""

from collections.abc import Iterable, Mapping
from typing import Any

from dendrosim.equations.declarations import find_identifiers
from dendrosim.errors import ParameterError
from dendrosim.units import UNITS

CONSTANTS = {"pi": 3.141592653589793, "e": 2.718281828459045}
_FUNCTIONS = ("exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh", "abs", "sign")


def parse(text: str, values: Mapping[str, Any]) -> Any:
    """Return a text as an expression of SymPy.

    Parameters
    ----------
    text : str
        The text, which dendrosim has checked.
    values : mapping of str to number or expression
        What replaces symbols; units and constants are replaced by their numbers, other symbols stay.
    """
    import sympy

    known: dict[str, Any] = {
        name: getattr(sympy, name) for name in _FUNCTIONS if hasattr(sympy, name)
    }
    known |= {"abs": sympy.Abs, "int": sympy.Function("int"), "clip": lambda x, low, high: x}
    for name in find_identifiers(text) - set(known):
        if name in values:
            known[name] = values[name]
        elif name in CONSTANTS:
            known[name] = CONSTANTS[name]
        elif name in UNITS:
            known[name] = UNITS[name][1]
        else:
            known[name] = sympy.Symbol(name)
    return sympy.sympify(sympy.parse_expr(text, local_dict=known))


def polynomial(expression: Any, symbols: Iterable[str]) -> dict[tuple[int, ...], Any] | None:
    """Return the coefficients of a polynomial by the powers of `symbols`; None if it is none."""
    import sympy

    names = [sympy.Symbol(s) for s in symbols]
    if not names:
        return {(): expression}
    try:
        found = sympy.Poly(sympy.expand(expression), *names)
    except sympy.PolynomialError:
        return None
    if any(c.has(*names) for c in found.coeffs()):
        return None
    return dict(found.terms())


def check_known(where: str, expression: Any, known: Iterable[str]) -> None:
    """Raise ParameterError if an expression has a symbol, or calls a function, whose value is not known."""
    import sympy

    for symbol in sorted(
        str(s) for s in expression.free_symbols - {sympy.Symbol(k) for k in known}
    ):
        raise ParameterError(
            f"{where}: the rule reads {symbol!r}, which rates and correlations do not give; give its mean in "
            f"values, as in values={{{symbol!r}: 0.5}}"
        )
    for call in expression.atoms(sympy.core.function.AppliedUndef):
        raise ParameterError(
            f"{where}: the rule calls {call.func}(...), whose mean is not known; replace it in a copy of the "
            "rule, rule.replace(...)"
        )
