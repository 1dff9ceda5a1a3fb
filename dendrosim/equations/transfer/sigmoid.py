"""The logistic function 1/(1 + exp(-x)), from 0 to 1."""

from dendrosim.equations.transfer.base import Transfer

# Written with tanh, which does not overflow.
TRANSFER = Transfer(s="0.5 + 0.5*tanh(0.5*x)", ds="0.25 - 0.25*tanh(0.5*x)**2")
