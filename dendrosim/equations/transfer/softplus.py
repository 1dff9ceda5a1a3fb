"""The smooth rectifier log(1 + exp(x))."""

from dendrosim.equations.transfer.base import Transfer

# Written with exp(-abs(x)), which does not overflow.
TRANSFER = Transfer(
    s="x*int(x > 0) + log(1.0 + exp(-abs(x)))",
    ds="0.5 + 0.5*tanh(0.5*x)",
)
