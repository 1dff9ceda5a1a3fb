"""The hyperbolic tangent, from -1 to 1."""

from dendrosim.equations.transfer.base import Transfer

TRANSFER = Transfer(s="tanh(x)", ds="1.0 - tanh(x)**2")
