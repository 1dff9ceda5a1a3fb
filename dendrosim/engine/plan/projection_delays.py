"""Delays of projections as numbers of time steps, which are data of a run: a program does not depend on them."""

from dendrosim.errors import ParameterError
from dendrosim.protocol.protocol import Protocol
from dendrosim.protocol.time_steps import whole_steps


def delay_steps(protocol: Protocol) -> list[int]:
    """Return the number of time steps of each projection with a delay, in the order of the circuit.

    Raises
    ------
    ParameterError
        If a delay is not a whole number of time steps.
    """
    return [
        whole_steps(float(p.delay.value), protocol.time_step, f"{p}: delay")
        for p in protocol.circuit.projections
        if p.delay is not None
    ]


def check_delays(protocol: Protocol) -> None:
    """Raise ParameterError if the delay of a projection is no number of time steps, or longer than the run."""
    delayed = [p for p in protocol.circuit.projections if p.delay is not None]
    for projection, steps in zip(delayed, delay_steps(protocol), strict=True):
        if steps > protocol.total_steps:
            raise ParameterError(
                f"{projection}: delay is {projection.delay}, longer than the run of "
                f"{protocol.total_steps * protocol.time_step:g} s, so that it would have no effect; make it "
                "shorter"
            )
