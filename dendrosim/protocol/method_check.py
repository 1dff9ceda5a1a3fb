"""The check that Heun's method can integrate a protocol: it must be a flow without events, delays and noise."""

from collections.abc import Iterator

from dendrosim.circuit.circuit import Circuit
from dendrosim.errors import SpecError
from dendrosim.protocol.protocol_data import ProtocolData
from dendrosim.signals.process import Process


def check_method(protocol: ProtocolData) -> None:
    """Raise SpecError if Heun's method is asked for and the protocol has something that is no smooth flow.

    Heun's method evaluates the vector field twice in a step. What happens once in a step has no place in it: a
    spike, another event, a random number, and the shift of a delay.
    """
    if protocol.method != "rk2":
        return
    for obstacle in (*_circuit_obstacles(protocol.circuit), *_random_signals(protocol)):
        raise SpecError(
            f"Protocol.method is 'rk2', but {obstacle}; Heun's method needs deterministic rate units without "
            "delays, so take method='euler' or leave that out"
        )


def _circuit_obstacles(circuit: Circuit) -> Iterator[str]:
    for population in circuit.populations:
        if population.threshold is not None:
            yield f"population {population.name!r} spikes (it has a threshold)"
        for event in population.events:
            yield f"population {population.name!r} has the event {event!r}"
    for source in circuit.sources:
        yield f"{source} sends spikes"
    for pathway in circuit.pathways:
        yield f"{pathway} has synapses"
    for projection in circuit.projections:
        if projection.delay is not None:
            yield f"the {projection} has a delay"


def _random_signals(protocol: ProtocolData) -> Iterator[str]:
    for block in protocol.blocks:
        for phase in block.phases:
            for path in protocol.circuit.inputs:
                for signal in protocol.input_signals(phase, path):
                    if isinstance(signal, Process):
                        yield (
                            f"the signal {type(signal).__name__} that drives {path} in phase "
                            f"{block.name}/{phase.name} is random"
                        )
