"""Transfer functions: one place for s, its derivative ds, and its inverse inv_s where it has one.

Each is text in x. Equations that call `s(...)`, `ds(...)` or `inv_s(...)` get the text in place of the
call (by syntax tree, see `dendrosim.equations`), so the result is ordinary Brian2 code on every back end
and has an exact symbolic derivative. To add one, add an entry to `TRANSFERS`.

The derivative is taken at the pre-activation x (not at s(x), as eq. 9 of the BMVR paper prints; the
two agree only for ReLU).
"""

from dataclasses import dataclass

from dendrosim.errors import UnknownMemberError


@dataclass(frozen=True)
class Transfer:
    """Text of s(x), ds(x) and inv_s(x); `inv_s` is None unless s is a bijection of the real line."""

    s: str
    ds: str
    inv_s: str | None = None


# smooth_leaky: s(x) = p x + b (sqrt(x^2 + 1) - 1), slopes a = 1/2 and 1; p = (1 + a)/2, b = (1 - a)/2.
# leaky_relu: slope 0.1 below zero.
TRANSFERS: dict[str, Transfer] = {
    "linear": Transfer("x", "1.0", "x"),
    "smooth_leaky": Transfer(
        s="0.75*x + 0.25*(sqrt(x**2 + 1.0) - 1.0)",
        ds="0.75 + 0.25*x/sqrt(x**2 + 1.0)",
        inv_s="(0.75*(x + 0.25) - 0.25*sqrt((x + 0.25)**2 + 0.5))/0.5",
    ),
    "leaky_relu": Transfer(
        s="x*(0.1 + 0.9*int(x > 0))",
        ds="0.1 + 0.9*int(x > 0)",
        inv_s="x*(10.0 - 9.0*int(x > 0))",
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
