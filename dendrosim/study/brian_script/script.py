"""Write a circuit as a script for Brian2 alone: `dendrosim.to_brian2`."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks import as_text, instance_of
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.paths import VariablePath
from dendrosim.circuit.sources.base import Source
from dendrosim.circuit.sources.poisson_input import PoissonInput
from dendrosim.engine.plan.synapse_tables import synapse_tables
from dendrosim.errors import MemoryLimitError, ParameterError, SpecError
from dendrosim.protocol.phases import Block, Phase
from dendrosim.protocol.protocol import Protocol
from dendrosim.stability.vector_field.field_arguments import (
    check_mappings,
    complete_inputs,
    read_inputs,
)
from dendrosim.study.brian_script.sections import (
    Plan,
    matrix_lines,
    pathway_lines,
    poisson_input_lines,
    population_lines,
    spike_times_lines,
)
from dendrosim.units import Quantity, quantity, unit

MOST_CHARACTERS = 2**22
"""Length of the longest script, which has about 200,000 numbers."""

_NAMES = {"brian2", "numpy", "network"}
"""Names of the script that no part of a circuit can have."""

_HEAD = '''"""A circuit of dendrosim as a script for Brian2 alone, to be read and to be compared.

After `python THIS_FILE`, or `exec` of its text, the objects have the names of the populations, sources, matrices
and pathways of the circuit, and `network` contains them all.
"""

import brian2
import numpy

brian2.prefs.codegen.target = "numpy"
'''


def to_brian2(
    circuit: Circuit,
    duration: Any = "100 ms",
    dt: Any = "0.1 ms",
    *,
    seed: int = 0,
    inputs: Mapping[str, Any] | None = None,
    spikes: Mapping[str, Any] | None = None,
    record: Iterable[str] = (),
) -> str:
    """Return a script that makes and runs a circuit with Brian2 alone.

    The script is plain Brian2: groups with the equations of the circuit, and synapses with the weights of its
    matrices. Its states are those of `run` up to rounding, with the order of operations inside a time step.
    Random numbers that are drawn during the run are other ones.

    Parameters
    ----------
    circuit : Circuit
        The circuit.
    duration : time, default "100 ms"
        Length of the run.
    dt : time, default "0.1 ms"
        Time step.
    seed : int, default 0
        Seed from which start values, weights, connections and delays are drawn, as in a run.
    inputs : mapping, optional
        Constant values of inputs by `population.variable`, a quantity or one per unit (default: the input's own
        default, or 0).
    spikes : mapping, optional
        Spikes of each `SpikeTimes` source, as for `Protocol`.
    record : iterable of str, optional
        Variables `population.variable` that a `StateMonitor` records, named `record_POPULATION`.

    Returns
    -------
    str
        The script. It does not import dendrosim.

    Raises
    ------
    SpecError
        If the circuit has something that Brian2 does not have: a projection with a delay, a `PoissonInput` with
        different numbers for its units, or an event-driven variable with the name of something in SymPy. Also the
        errors of `Protocol`.
    MemoryLimitError
        If an array has more than 100,000 numbers, or the script would be longer than 4 MiB.

    Examples
    --------
    >>> import dendrosim as ds
    >>> cell = ds.Population("cell", 2, "dv/dt = (1 - v)/(10*ms) : 1")
    >>> print(ds.to_brian2(ds.Circuit((cell,)), "50 ms"))  # doctest: +ELLIPSIS
    \"\"\"A circuit of dendrosim as a script for Brian2 alone, to be read and to be compared.
    ...
    """
    circuit = instance_of(Circuit)("circuit", circuit)
    _check_names(circuit)
    check_mappings(inputs=inputs, spikes=spikes)
    recorded = [VariablePath.parse(as_text("record", path)) for path in record]
    for path in recorded:
        circuit.variable(str(path))
    constants = complete_inputs(circuit, read_inputs(circuit, inputs or {}), 1)
    values = {path: constants[path][:, 0] for path in circuit.inputs if path not in circuit.rates}
    values |= {path: _source_rates(circuit, source) for path, source in circuit.rates.items()}
    signals = {path: _as_quantity(circuit, path, array) for path, array in values.items()}
    protocol = Protocol(
        circuit,
        (Block("script", (Phase("run", duration, signals=signals),)),),
        dt,
        spikes=spikes or {},
    )
    plan, seconds = Plan(circuit, seed, values), float(quantity(duration).value)
    sections = [[f"brian2.defaultclock.dt = {protocol.time_step!r} * brian2.second"]]
    sections += [population_lines(plan, population) for population in circuit.populations]
    sections += [_source_lines(plan, protocol, source) for source in circuit.sources]
    sections += [matrix_lines(plan, matrix) for matrix in circuit.matrices]
    tables = synapse_tables(protocol, seed)
    sections += [
        pathway_lines(plan, pathway, tables[pathway.name], place)
        for place, pathway in enumerate(circuit.pathways)
    ]
    sections += [_record_lines(recorded)] if recorded else []
    sections.append(
        ["network = brian2.Network(brian2.collect())", f"network.run({seconds!r} * brian2.second)"]
    )
    script = "\n".join([_HEAD, *("\n".join(lines) + "\n" for lines in sections)])
    if len(script) > MOST_CHARACTERS:
        raise MemoryLimitError(
            f"the script would have {len(script):,} characters, and the most are {MOST_CHARACTERS:,}; use a "
            "smaller circuit for the comparison"
        )
    return script


def _check_names(circuit: Circuit) -> None:
    names = {p.name for p in circuit.all_populations}
    names |= {m.name for m in circuit.matrices} | {p.name for p in circuit.pathways}
    for name in sorted(_NAMES & names):
        raise SpecError(f"{name!r} means something else in the script; give that part another name")


def _source_rates(circuit: Circuit, source: Source) -> Array:
    population, name = circuit.population(source.name), source.rate_input
    assert name is not None
    given = population.inputs[name]
    if given is None:
        raise ParameterError(
            f"{source} has no rate of its own: give one as `rate`, because a script has no signals"
        )
    return np.broadcast_to(np.asarray(given.value, dtype=float), (population.size,))


def _as_quantity(circuit: Circuit, path: str, values: Array) -> Quantity:
    dimension = unit(circuit.variable(path)[1].unit)[0]
    alike = np.all(values == values[0])
    return Quantity(float(values[0]) if alike else values, dimension)


def _source_lines(plan: Plan, protocol: Protocol, source: Source) -> list[str]:
    if isinstance(source, PoissonInput):
        return poisson_input_lines(source)
    if source.given:
        table = protocol.spike_tables()[plan.circuit.given_spikes.index(source.name)]
        size = plan.circuit.population(source.name).size
        times = np.asarray(table.steps) * protocol.time_step
        return spike_times_lines(source.name, size, table.elements, times)
    return population_lines(plan, plan.circuit.population(source.name))


def _record_lines(recorded: list[VariablePath]) -> list[str]:
    by_owner: dict[str, list[str]] = {}
    for owner, variable in recorded:
        by_owner.setdefault(owner, []).append(variable)
    return [
        f"record_{owner} = brian2.StateMonitor({owner}, {names!r}, record=True)"
        for owner, names in by_owner.items()
    ]
