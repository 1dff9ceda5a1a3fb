"""Short protocols: a circuit that is driven at random, and a protocol that is cut to a few steps."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.circuit import Circuit
from dendrosim.protocol.given_spikes import GivenSpikes
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.signals.samples import Samples
from dendrosim.stability.vector_field.typical_scales import typical_size
from dendrosim.units import Quantity, unit, unit_name

STEPS = 20
"""Number of steps after which back ends are compared."""

TIME_STEP = 1e-4
"""Time step in seconds in which a circuit without protocol is driven, as in the shipped protocols of cells."""

FEW_TRIALS = 10
"""A cut protocol keeps a pass of at most this number of trials, because `measure` may need all rows."""

SAMPLES = 2
# A tenth of a typical size, so that nothing saturates or explodes within the steps of a probe.
SPREAD = 0.1


def random_inputs(circuit: Circuit, seed: int = 0) -> dict[str, Quantity]:
    """Return positive random constants for every input, shape (units, samples); they suit conductances too."""
    rng = np.random.default_rng(seed)
    found = {}
    for path in circuit.inputs:
        population, declared = circuit.variable(path)
        dimension = unit(declared.unit)[0]
        size = SPREAD * typical_size(unit_name(dimension))
        found[path] = Quantity(size * abs(rng.normal(size=(population.size, SAMPLES))), dimension)
    return found


def open_gates(circuit: Circuit) -> dict[str, float]:
    """Return a different positive value for each gate."""
    return {gate: 0.4 + 0.3 * i for i, gate in enumerate(circuit.gates)}


def drive_circuit(circuit: Circuit, steps: int, recordings: tuple[Recording, ...] = ()) -> Protocol:
    """Return a protocol of a few steps in which random values drive every input, and every gate is open."""
    # The few steps of a probe are shorter than most delays.
    circuit = circuit.replace(projections=[p.replace(delay=None) for p in circuit.projections])
    inputs = random_inputs(circuit)
    names: Mapping[str, str] = {path: path.replace(".", "_") for path in inputs}
    data: dict[str, NDArray[np.float64]] = {
        names[path]: np.asarray(value.value).T for path, value in inputs.items()
    }
    step, duration = (Quantity(count * TIME_STEP, unit("s")[0]) for count in (1, steps))
    phase = Phase("probe", duration, gates=open_gates(circuit))
    return Protocol(
        circuit,
        (Block("probe", (phase,)),),
        dt=step,
        recordings=recordings,
        signals={path: Samples(name) for path, name in names.items()},
        data=data,
        # As many samples as the vector field has, whose inputs are all but the rates of sources.
        batch=SAMPLES if set(inputs) - set(circuit.rates) else 1,
        spikes=_random_spikes(circuit, steps),
    )


def _random_spikes(circuit: Circuit, steps: int) -> dict[str, GivenSpikes]:
    """Return a spike in a random step for every unit of the sources that need spikes."""
    rng, found = np.random.default_rng(0), {}
    for name in circuit.given_spikes:
        count = circuit.population(name).size
        found[name] = GivenSpikes(
            rng.permutation(count), np.sort(rng.integers(steps, size=count)) * TIME_STEP
        )
    return found


def cut_protocol(protocol: Protocol, steps: int = STEPS) -> Protocol:
    """Return a protocol of about `steps` steps, in which every phase of every block occurs.

    Phases are shortened, and each block has one trial, unless it shows a whole data set in a few trials.
    Recordings at intervals become recordings in every step, so that they include every phase.
    """
    phases = sum(len(block.phases) for block in protocol.blocks)
    most = max(1, steps // phases)

    def cut(phase: Phase) -> Phase:
        count = min(protocol.steps(phase.duration), most)
        return phase.replace(duration=Quantity(count * protocol.time_step, unit("s")[0]))

    blocks = tuple(
        block.replace(
            phases=tuple(map(cut, block.phases)),
            trials="pass" if block.trials == "pass" and protocol.trials(block) <= FEW_TRIALS else 1,
        )
        for block in protocol.blocks
    )
    recordings = tuple(
        recording if isinstance(recording.every, str) else recording.replace(every=protocol.dt)
        for recording in protocol.recordings
    )
    return protocol.replace(blocks=blocks, recordings=recordings)
