"""A leaky rectifier: slope 0.1 below zero and 1 above."""

from dendrosim.equations.transfer.base import Transfer

# s and its inverse are written with abs, because Brian2 does not accept the result of int(x > 0) in a comparison.
TRANSFER = Transfer(
    s="0.55*x + 0.45*abs(x)",
    ds="0.1 + 0.9*int(x > 0)",
    inv_s="5.5*x - 4.5*abs(x)",
)
