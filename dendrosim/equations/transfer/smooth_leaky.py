"""A smooth leaky rectifier with slope a = 1/2 far below zero and 1 far above.

s(x) = p x + b (sqrt(x^2 + 1) - 1) with p = (1 + a)/2 and b = (1 - a)/2.
"""

from dendrosim.equations.transfer.base import Transfer

TRANSFER = Transfer(
    s="0.75*x + 0.25*(sqrt(x**2 + 1.0) - 1.0)",
    ds="0.75 + 0.25*x/sqrt(x**2 + 1.0)",
    inv_s="(0.75*(x + 0.25) - 0.25*sqrt((x + 0.25)**2 + 0.5))/0.5",
)
