"""Description of a transfer function, and how to add one.

A transfer function s comes with its derivative ds and, if it has one, its inverse inv_s. Each is a formula in `x`.
In an equation, calls of `s(...)`, `ds(...)` or `inv_s(...)` are replaced by these formulas (see
`dendrosim.equations.rewriting`), so the result is ordinary Brian2 code on every back end and has an exact symbolic
derivative. Analyses evaluate the same formulas on arrays (see `numeric`).

To add a transfer function, write a file in this folder that defines `TRANSFER = Transfer(...)`. The name of the
file is the name by which a circuit chooses the function. Formulas may use the functions that `numeric.FUNCTIONS`
lists, and `int` of a condition; but Brian2 does not accept the result of `int` in a comparison.

The derivative is evaluated at the pre-activation x. Eq. 9 of the BMVR paper prints it at s(x); the two values
agree only for ReLU.
"""

from dataclasses import dataclass

CALLS = ("s", "ds", "inv_s")
"""Names of a transfer function, its derivative and its inverse in equations."""


@dataclass(frozen=True)
class Transfer:
    """Formulas of a transfer function in `x`.

    Parameters
    ----------
    s : str
        The function.
    ds : str
        Derivative of s.
    inv_s : str, optional
        Inverse of s; None (default) if s does not map the real line one to one onto itself.
    """

    s: str
    ds: str
    inv_s: str | None = None
