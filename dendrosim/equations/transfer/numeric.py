"""Transfer functions as functions of arrays, for analyses."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.equations.transfer.lookup import find_transfer

Function = Callable[[ArrayLike], Array]

FUNCTIONS = (
    "abs", "arccos", "arcsin", "arctan", "ceil", "clip", "cos", "cosh", "exp", "expm1", "floor", "log", "log10",
    "log1p", "sign", "sin", "sinh", "sqrt", "tan", "tanh",
)  # fmt: skip
"""Functions that the formulas of transfer functions may use: those with the same name in Brian2 and NumPy."""

# `int` turns a condition into numbers, one for each element.
_NAMESPACE: dict[str, Any] = {
    "__builtins__": {},
    "int": lambda condition: 1.0 * condition,
    **{name: getattr(np, name) for name in FUNCTIONS},
}


@dataclass(frozen=True)
class NumericTransfer:
    """s, ds and inv_s as functions of arrays, elementwise; `inv_s` is None unless s is a bijection.

    Each function takes an array of any shape and returns a new array of floats of the same shape.
    """

    s: Function
    ds: Function
    inv_s: Function | None = None


@cache
def numeric_transfer(name: str) -> NumericTransfer:
    """Return the transfer function `name` as functions of arrays.

    Raises
    ------
    UnknownMemberError
        If there is no transfer function of that name.
    """
    texts = find_transfer(name)
    inverse = None if texts.inv_s is None else _compile(texts.inv_s)
    return NumericTransfer(_compile(texts.s), _compile(texts.ds), inverse)


def _compile(text: str) -> Function:
    code = compile(text, f"<{text}>", "eval")

    def evaluate(x: ArrayLike) -> Array:
        x = np.asarray(x, dtype=np.float64)
        # The value may be x itself, or a number if the formula does not contain x.
        return np.array(np.broadcast_to(eval(code, _NAMESPACE, {"x": x}), x.shape))

    return evaluate
