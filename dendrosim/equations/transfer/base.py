"""Description of a transfer function, and how to add one.

A transfer function s comes with its derivative ds and, where it has one, its inverse inv_s. Each is text in `x`.
Equations that call `s(...)`, `ds(...)` or `inv_s(...)` get the text in place of the call (by syntax tree, see
`dendrosim.equations.rewriting`), so that the result is ordinary Brian2 code on every back end and has an exact
symbolic derivative. Analyses evaluate the same texts on arrays (see `numeric`).

To add one, write a file in this folder that defines `TRANSFER = Transfer(...)`. The name of the file is the name
of the function, by which a circuit chooses it. Texts may use the functions that `numeric.FUNCTIONS` lists, and
`int` of a condition; Brian2 cannot compare the result of `int` with anything.

The derivative is taken at the pre-activation x (not at s(x), as eq. 9 of the BMVR paper prints; the two agree only
for ReLU).
"""

from dataclasses import dataclass

CALLS = ("s", "ds", "inv_s")
"""Names of a transfer function, its derivative and its inverse in equations."""


@dataclass(frozen=True)
class Transfer:
    """Texts of a transfer function in `x`.

    Parameters
    ----------
    s : str
        The function.
    ds : str
        Derivative of s.
    inv_s : str, optional
        Inverse of s; None (default) unless s maps the real line onto itself, one to one.
    """

    s: str
    ds: str
    inv_s: str | None = None
