"""Delays of projections as numbers of time steps, which are data of a run: a program does not depend on them.

The check that delays are not longer than the run is for pathways as well.
"""

from dendrosim.circuit.pathway import DELAYS
from dendrosim.errors import ParameterError
from dendrosim.protocol.protocol import Protocol
from dendrosim.protocol.time_steps import nearest_steps, whole_steps


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


def check_delays(protocol: Protocol, continues: bool = False) -> None:
    """Check the delays of projections and pathways.

    If a run continues the clock of another one, any delay has an effect, because spikes are on their way.

    Raises
    ------
    ParameterError
        If the delay of a projection is no number of time steps, or a delay is longer than the run. Of a pathway,
        only the shortest delay counts that its synapses can have.
    """
    circuit = protocol.circuit
    delayed = [p for p in circuit.projections if p.delay is not None]
    found = [
        (f"{p}: delay", steps) for p, steps in zip(delayed, delay_steps(protocol), strict=True)
    ]
    for pathway in circuit.pathways:
        for side, field in DELAYS.items():
            delay = pathway.delay_of(side)
            if delay is not None and delay.least is not None:
                steps = int(nearest_steps(delay.least, protocol.time_step))
                found.append((f"{pathway}: {field}", steps))
    for where, steps in found:
        if steps > protocol.total_steps and not continues:
            raise ParameterError(
                f"{where} is {steps * protocol.time_step:g} s, longer than the run of "
                f"{protocol.total_steps * protocol.time_step:g} s, so that it would have no effect; make it "
                "shorter"
            )
