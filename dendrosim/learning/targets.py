"""Targets and dendritic signals as expressions of recorded variables, such as `layer1.h + layer1.error`."""

import re
from collections.abc import Mapping

import numpy as np

from dendrosim.arrays import Array
from dendrosim.equations.evaluation import compile_expression, evaluate

_VARIABLE = re.compile(r"\b([a-z]\w*(?:\{i\}\w*)?)\.([a-z]\w*)")


def target_variables(expression: str) -> tuple[str, ...]:
    """Return the names `population.variable` in an expression, each once."""
    return tuple(dict.fromkeys(match[0] for match in _VARIABLE.finditer(expression)))


def check_target(expression: str) -> None:
    """Check that an expression can be read.

    Raises
    ------
    EquationError
        If it cannot.
    """
    compile_expression(_as_symbols(expression))


def evaluate_target(expression: str, values: Mapping[str, Array]) -> Array:
    """Return the value of an expression.

    Parameters
    ----------
    expression : str
    values : mapping of str to ndarray
        Values of all variables in it, of the same shape, by `population.variable`.
    """
    symbols = {_as_symbols(name): values[name] for name in target_variables(expression)}
    return np.asarray(evaluate(compile_expression(_as_symbols(expression)), symbols))


def _as_symbols(expression: str) -> str:
    return _VARIABLE.sub(r"\1__\2", expression).replace("{i}", "1")
