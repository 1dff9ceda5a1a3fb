"""The identity, s(x) = x: rates that are not bounded."""

from dendrosim.equations.transfer.base import Transfer

TRANSFER = Transfer(s="x", ds="1.0", inv_s="x")
