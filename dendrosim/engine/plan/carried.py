"""What a run that continues the clock of another one takes over from it, in addition to the final state.

The result of every run has these arrays by name (`Result.carried`). Most names are keys of arrays in a program:
times of last spikes and of last updates of synapses, event-driven states as they were at the last spike, and the
hidden numbers of random signals. Two kinds have names of their own: spikes on their way (`flying_key`), and the
values of projections with a delay (`delay_key`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.effects import SIDES, Trigger
from dendrosim.circuit.population import LAST_SPIKE
from dendrosim.engine.plan.projection_delays import delay_steps
from dendrosim.engine.plan.signal_slots import SLOT, find_slots
from dendrosim.engine.plan.state_arrays import LAST, OWN, UPDATE
from dendrosim.engine.plan.synapse_tables import SynapseTable
from dendrosim.errors import ParameterError
from dendrosim.protocol.beginning import Beginning
from dendrosim.protocol.protocol import Protocol
from dendrosim.protocol.time_steps import nearest_steps


@dataclass(frozen=True)
class Carried:
    """The end of the run that is continued.

    Attributes
    ----------
    begin : Beginning
        The moment at which that run ended.
    arrays : mapping of str to array
        The arrays that are taken over, by name.
    origin : mapping
        What provenance says about that run.
    """

    begin: Beginning
    arrays: Mapping[str, NDArray[Any]]
    origin: Mapping[str, Any] = field(default_factory=dict)


def flying_key(pathway: str, trigger: Trigger) -> str:
    """Return the name of the spikes, or other events, on their way from one end of a pathway.

    They are an array of shape (spikes, 2): how many steps before the end of the run the spike was sent, at least
    1, and the element that sent it. Spikes that were sent first come first.
    """
    return f"{pathway}.ds_flying_{trigger.name}"


def delay_key(line: int) -> str:
    """Return the name of the last values of the source of a projection with a delay, shape (steps, elements)."""
    return f"ds_delayed{line}"


def carried_keys(protocol: Protocol, kept: Sequence[str]) -> list[str]:
    """Return the keys of the arrays of a program that a result keeps for a run that continues it.

    `kept` are the keys of arrays on which later steps depend and which have no other name.
    """
    circuit = protocol.circuit
    last = [f"{p.name}.{LAST_SPIKE}" for p in circuit.populations if p.refractory_text is not None]
    states = [f"{p.name}.{OWN}{name}" for p in circuit.pathways for name in p.event_driven]
    return [*last, *kept, *states, *process_keys(protocol)]


def process_keys(protocol: Protocol) -> Iterator[str]:
    """Yield the keys of the states of random signals, and of the numbers with which they are renewed."""
    for path in protocol.circuit.inputs:
        population = path.partition(".")[0]
        for slot in find_slots(protocol, path):
            if slot.random:
                yield f"{population}.{slot.state}"
                yield from (f"{population}.{slot.field(name)}" for name in slot.units)


def standing_signals(protocol: Protocol, carried: Carried) -> dict[str, NDArray[Any]]:
    """Return the arrays of the random signals that the other run had and that no phase of this run uses.

    They stand still in this run, and a run that continues it finds them as they were.
    """
    own = set(process_keys(protocol))
    return {k: carried.arrays[k] for k in signal_keys(carried.arrays) if k not in own}


def signal_keys(arrays: Iterable[str]) -> Iterator[str]:
    """Yield those keys of arrays that belong to random signals."""
    return (key for key in arrays if f".{SLOT}" in key)


def elements_at(protocol: Protocol, pathway: str) -> dict[str, int]:
    """Return the number of elements (units x samples) at either end of a pathway."""
    circuit = protocol.circuit
    ends = circuit.pathway(pathway)
    return {side: circuit.population(getattr(ends, side)).size * protocol.batch for side in SIDES}


def longest_delays(table: SynapseTable, dt: float) -> dict[str, int]:
    """Return the longest delay in steps of spikes from either end of a pathway; 0 if there are no synapses."""
    found = {"pre": table.delays, "post": table.post_delays}
    return {
        side: 0 if delays is None or not len(table.pre) else int(np.max(nearest_steps(delays, dt)))
        for side, delays in found.items()
    }


def carried_tables(
    protocol: Protocol, tables: Mapping[str, SynapseTable], carried: Carried
) -> dict[str, SynapseTable]:
    """Return synapses whose event-driven states are those at the last spike."""
    found = {}
    for pathway in protocol.circuit.pathways:
        table = tables[pathway.name]
        values = dict(table.values)
        for name in pathway.event_driven:
            values[name] = _array(carried, f"{pathway.name}.{OWN}{name}", (len(table.pre),))
        found[pathway.name] = replace(table, values=values)
    return found


def check_carried(protocol: Protocol, tables: Mapping[str, SynapseTable], carried: Carried) -> None:
    """Raise ParameterError if arrays cannot be taken over, before a network is built or a program is compiled.

    Only arrays that a back end keeps in a form of its own are not required here; `carried_values` requires them.
    """
    circuit, arrays = protocol.circuit, carried.arrays
    end = carried.begin.step * protocol.time_step
    for key, array in arrays.items():
        name = key.partition(".")[2]
        late = name in (LAST_SPIKE, f"{OWN}{UPDATE}") or name.startswith(LAST)
        if late and array.dtype.kind in "fiu" and np.any(array >= end):
            raise ParameterError(
                f"initial: {key} has the time {np.max(array):.6g} s, but its run ended at {end:.6g} s; run its "
                "protocol again"
            )
    counts = {p.name: p.size * protocol.batch for p in circuit.all_populations}
    own = (key for key in carried_keys(protocol, ()) if key.partition(".")[0] in counts)
    carried_values(carried, {key: counts[key.partition(".")[0]] for key in own})
    delayed_values(carried, protocol)
    for pathway in circuit.pathways:
        table, ends = tables[pathway.name], elements_at(protocol, pathway.name)
        longest = longest_delays(table, protocol.time_step)
        if f"{pathway.name}.{OWN}{UPDATE}" in arrays:
            update_times(carried, pathway.name, table)
        for trigger in pathway.effects:
            flying(carried, pathway.name, trigger, longest[trigger.side], ends[trigger.side])


def carried_values(carried: Carried, sizes: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    """Return, by key, the values of a program's arrays that are taken over.

    Parameters
    ----------
    carried : Carried
        The end of the other run.
    sizes : mapping of str to int
        The sizes of the arrays that the program takes over, by key.

    Raises
    ------
    ParameterError
        If one is missing or has another size. A random signal that the other run did not have begins as in a run
        of its own.
    """
    return {
        key: _array(carried, key, (size,))
        for key, size in sizes.items()
        if key in carried.arrays or f".{SLOT}" not in key
    }


def update_times(carried: Carried | None, pathway: str, table: SynapseTable) -> NDArray[np.float64]:
    """Return the time of the last update of each synapse (s); an empty array means the beginning of the run."""
    if carried is None:
        return np.zeros(0)
    return _array(carried, f"{pathway}.{OWN}{UPDATE}", (len(table.pre),))


def flying(
    carried: Carried | None, pathway: str, trigger: Trigger, longest: int, count: int
) -> NDArray[np.int64]:
    """Return the spikes on their way, shape (spikes, 2); see `flying_key`.

    `longest` is the number of steps of the longest delay, and `count` the number of elements at that end.
    """
    if carried is None or not longest:
        return np.zeros((0, 2), dtype=np.int64)
    key = flying_key(pathway, trigger)
    spikes = _array(carried, key, (None, 2))
    age, element = spikes.T
    oldest = min(longest, carried.begin.step)
    if spikes.dtype.kind not in "iu" or not (
        np.all((age >= 1) & (age <= oldest) & (element >= 0) & (element < count))
        and np.all(age[1:] <= age[:-1])
    ):
        raise ParameterError(
            f"initial: {key} has spikes that cannot be on their way: the longest delay is {longest} steps, and "
            f"there are {count} elements"
        )
    return spikes.astype(np.int64)


def delay_shapes(protocol: Protocol) -> list[tuple[int, int]]:
    """Return the delay in steps, and the elements of the source, of each projection with a delay."""
    circuit = protocol.circuit
    sources = [circuit.variable(p.source)[0] for p in circuit.projections if p.delay is not None]
    sizes = [population.size * protocol.batch for population in sources]
    return list(zip(delay_steps(protocol), sizes, strict=True))


def delayed_values(carried: Carried | None, protocol: Protocol) -> list[NDArray[np.float64]]:
    """Return the last values of the sources of all projections with a delay; empty arrays at time 0."""
    shapes = enumerate(delay_shapes(protocol))
    if carried is None:
        return [np.zeros((0, size)) for _, (_, size) in shapes]
    return [_array(carried, delay_key(line), shape) for line, shape in shapes]


def _array(carried: Carried, key: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Return an array; raises ParameterError if it is missing, or not of this shape and of finite numbers."""
    if key not in carried.arrays:
        raise ParameterError(
            f"initial has no {key}, which the clock needs to continue: its back end, "
            f"{carried.origin.get('backend')}, keeps it in another form, or the result was changed; use that back "
            "end, or run its protocol again"
        )
    array = carried.arrays[key]
    if array.ndim != len(shape) or any(
        n not in (None, found) for n, found in zip(shape, array.shape, strict=True)
    ):
        raise ParameterError(f"initial: {key} has shape {array.shape}; this run needs {shape}")
    if array.dtype.kind not in "fiu" or not np.all(np.isfinite(array)):
        raise ParameterError(f"initial: {key} has something else than finite numbers")
    return array
