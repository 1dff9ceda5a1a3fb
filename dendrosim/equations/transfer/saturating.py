"""A rectifier that saturates: x/(1 + x) above zero, 0 below."""

from dendrosim.equations.transfer.base import Transfer

TRANSFER = Transfer(
    s="(x*int(x > 0))/(1.0 + x*int(x > 0))",
    ds="1.0*int(x > 0)/(1.0 + x*int(x > 0))**2",
)
