"""From a protocol to a finished run: circuit and protocol -> Brian2 network -> program -> result."""

from dendrosim.engine.simulate import run

__all__ = ["run"]
