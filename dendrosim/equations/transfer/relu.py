"""The rectifier: 0 below zero, x above."""

from dendrosim.equations.transfer.base import Transfer

TRANSFER = Transfer(s="x*int(x > 0)", ds="1.0*int(x > 0)")
