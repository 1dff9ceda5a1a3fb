"""Transfer functions: one place for s, its derivative ds, and its inverse inv_s where it has one.

Each is text in x. Equations that call `s(...)`, `ds(...)` or `inv_s(...)` get the text in place of the
call (by syntax tree, see `dendrosim.equations.rewriting`), so the result is ordinary Brian2 code on every back end
and has an exact symbolic derivative. To add one, add an entry to `TRANSFERS`.

The derivative is taken at the pre-activation x (not at s(x), as eq. 9 of the BMVR paper prints; the
two agree only for ReLU).

Analyses evaluate the same texts on arrays (`numeric`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dendrosim.errors import ParameterError, UnknownMemberError

Function = Callable[[ArrayLike], NDArray[np.float64]]


@dataclass(frozen=True)
class Transfer:
    """Text of s(x), ds(x) and inv_s(x); `inv_s` is None unless s is a bijection of the real line."""

    s: str
    ds: str
    inv_s: str | None = None


@dataclass(frozen=True)
class Numeric:
    """s, ds and inv_s as functions of arrays, elementwise; `inv_s` is None unless s is a bijection."""

    s: Function
    ds: Function
    inv_s: Function | None = None


# smooth_leaky: s(x) = p x + b (sqrt(x^2 + 1) - 1), slopes a = 1/2 and 1; p = (1 + a)/2, b = (1 - a)/2.
# leaky_relu: slope 0.1 below zero; without int(...), which Brian2 cannot compare with anything.
TRANSFERS: dict[str, Transfer] = {
    "linear": Transfer("x", "1.0", "x"),
    "smooth_leaky": Transfer(
        s="0.75*x + 0.25*(sqrt(x**2 + 1.0) - 1.0)",
        ds="0.75 + 0.25*x/sqrt(x**2 + 1.0)",
        inv_s="(0.75*(x + 0.25) - 0.25*sqrt((x + 0.25)**2 + 0.5))/0.5",
    ),
    "leaky_relu": Transfer(
        s="0.55*x + 0.45*abs(x)",
        ds="0.1 + 0.9*int(x > 0)",
        inv_s="5.5*x - 4.5*abs(x)",
    ),
    "relu": Transfer("x*int(x > 0)", "1.0*int(x > 0)"),
    "tanh": Transfer("tanh(x)", "1.0 - tanh(x)**2"),
    "sigmoid": Transfer("0.5 + 0.5*tanh(0.5*x)", "0.25 - 0.25*tanh(0.5*x)**2"),
    "softplus": Transfer(
        s="x*int(x > 0) + log(1.0 + exp(-abs(x)))",
        ds="0.5 + 0.5*tanh(0.5*x)",
    ),
    "saturating": Transfer(
        s="(x*int(x > 0))/(1.0 + x*int(x > 0))",
        ds="1.0*int(x > 0)/(1.0 + x*int(x > 0))**2",
    ),
}

CALLS = ("s", "ds", "inv_s")

# int turns a condition into a number, here one for each element.
_NUMPY: dict[str, Any] = {
    "__builtins__": {},
    "int": lambda condition: 1.0 * condition,
    "abs": np.abs,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
}


def transfer(name: str) -> Transfer:
    """Return the transfer function `name`.

    Raises
    ------
    UnknownMemberError
        If there is none of that name.
    """
    if name not in TRANSFERS:
        raise UnknownMemberError("transfer function", name, TRANSFERS)
    return TRANSFERS[name]


def bijection(name: str) -> None:
    """Check that a circuit which must invert its transfer function can do so.

    Raises
    ------
    UnknownMemberError
        If there is none of that name.
    ParameterError
        If it is no bijection of the real line.
    """
    if transfer(name).inv_s is None:
        allowed = ", ".join(n for n, texts in TRANSFERS.items() if texts.inv_s is not None)
        raise ParameterError(
            f"transfer is {name}, which has no inverse on the real line; targets come down through that inverse, "
            f"so choose one of {allowed}"
        )


@cache
def numeric(name: str) -> Numeric:
    """Return the transfer function `name` as functions of arrays.

    Each takes an array of any shape and returns a new one of floats of the same shape. A text may
    use the functions that `_NUMPY` names.

    Raises
    ------
    UnknownMemberError
        If there is none of that name.
    """
    texts = transfer(name)
    inverse = None if texts.inv_s is None else _function(texts.inv_s)
    return Numeric(_function(texts.s), _function(texts.ds), inverse)


def _function(text: str) -> Function:
    code = compile(text, f"<{text}>", "eval")

    def evaluate(x: ArrayLike) -> NDArray[np.float64]:
        x = np.asarray(x, dtype=np.float64)
        # A text may be x itself, or not mention it.
        return np.array(np.broadcast_to(eval(code, _NUMPY, {"x": x}), x.shape))

    return evaluate
