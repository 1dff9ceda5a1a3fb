"""From a protocol to a finished run: circuit and protocol -> Brian2 network -> program -> result."""

from dendrosim.engine.simulate import resume, run

__all__ = ["resume", "run"]
