"""The synapses with which a run goes on from another one: connections, delays and variables of its result."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.pathway import DELAYS, Pathway
from dendrosim.engine.plan.given_state import finite_numbers
from dendrosim.engine.plan.synapse_tables import (
    SynapseTable,
    check_longest,
    elements_of,
    synapse_tables,
)
from dendrosim.errors import ParameterError, ResumeError, ShapeError, UnknownNameError
from dendrosim.machine.mapped_arrays import map_file
from dendrosim.protocol.protocol import Protocol
from dendrosim.protocol.time_steps import nearest_steps
from dendrosim.results.result import Result
from dendrosim.results.synapses import Synapses

_PARTS = {"pre": np.int32, "post": np.int32, "delay": np.float64, "post_delay": np.float64}


def given_tables(
    protocol: Protocol, initial: "Result | Mapping[str, Any]", seed: int
) -> dict[str, SynapseTable]:
    """Return the synapses of a run that starts from another one.

    Parameters
    ----------
    protocol : Protocol
        Protocol of the new run.
    initial : Result or mapping
        A result, whose connections and delays are taken, or arrays by name; with a mapping, connections are drawn
        from the seed. Variables of synapses are taken from either.
    seed : int
        Seed of the new run.

    Returns
    -------
    dict
        The synapses by pathway.

    Raises
    ------
    ParameterError, ShapeError, UnknownNameError
        If the given synapses do not fit the protocol, or the result does not keep them.
    """
    if not isinstance(initial, Result):
        drawn = synapse_tables(protocol, seed)
        return {
            p.name: _with_values(protocol, p, drawn[p.name], initial, needed=False)
            for p in protocol.circuit.pathways
        }
    tables = {}
    for pathway in protocol.circuit.pathways:
        if pathway.name not in initial.synapses:
            raise UnknownNameError(
                "pathway in the initial result, which keeps the synapses of pathways with final=True",
                pathway.name,
                list(initial.synapses),
            )
        synapses = initial.synapses[pathway.name]
        _check_units(protocol, pathway, synapses)
        table = _table(protocol, pathway, synapses)
        tables[pathway.name] = _with_values(protocol, pathway, table, initial.state, needed=True)
    return tables


def _table(protocol: Protocol, pathway: Pathway, synapses: Synapses) -> SynapseTable:
    """Return a table with given connections and delays, without values."""
    batch, later = protocol.batch, synapses.post_delay
    if later is None and pathway.post_delay is not None:
        raise ParameterError(
            f"{pathway}: the initial result has no post_delay; leave it out here as well, or start anew"
        )
    return SynapseTable(
        elements_of(synapses.pre, batch),
        elements_of(synapses.post, batch),
        _delays(protocol, pathway, synapses.delay, "pre"),
        {},
        batch,
        None if later is None else _delays(protocol, pathway, later, "post"),
    )


def _delays(
    protocol: Protocol, pathway: Pathway, given: NDArray[np.floating], side: str
) -> NDArray[np.float64]:
    """Return given delays of one end as whole time steps, in seconds: one for each synapse, or one for all."""
    dt, field = protocol.time_step, DELAYS[side]
    steps = nearest_steps(given, dt)
    if np.any((given > 0) & (steps < 1)):
        raise ParameterError(
            f"{pathway}: the initial result has a {field} of {np.max(given[steps < 1]):.3g} s, "
            f"shorter than the time step of {dt:g} s; use a shorter time step"
        )
    check_longest(f"{pathway}: a {field}", float(np.max(steps, initial=0)), dt)
    if not pathway.has_same_arrival(side):
        return np.repeat(steps, protocol.batch) * dt
    if np.any(steps != steps[:1]):
        raise ParameterError(
            f"{pathway}: the initial result has {field}s from {steps.min() * dt:.3g} s to "
            f"{steps.max() * dt:.3g} s, but here all synapses have one; give {field} as a distribution"
        )
    return (steps[:1] if len(steps) else np.zeros(1)) * dt


def _check_units(protocol: Protocol, pathway: Pathway, synapses: Synapses) -> None:
    for side in ("pre", "post"):
        population = protocol.circuit.population(getattr(pathway, side))
        largest = int(np.max(getattr(synapses, side), initial=-1))
        if largest >= population.size:
            raise ShapeError(
                f"{pathway}: the initial result has synapses with unit {largest} of {population.name!r}, "
                f"but here it has only units 0 to {population.size - 1}"
            )


def _with_values(
    protocol: Protocol,
    pathway: Pathway,
    table: SynapseTable,
    final: Mapping[str, Any],
    needed: bool,
) -> SynapseTable:
    """Return a table with the values of `final`; those that are not there, unless needed, stay as they are."""
    values = dict(table.values)
    for name in pathway.synapse_start_values():
        path = f"{pathway.name}.{name}"
        if path in final:
            values[name] = _numbers(path, final[path], table.count, protocol.batch)
        elif needed:
            raise UnknownNameError("variable of synapses in the initial result", path, list(final))
    return replace(table, values=values)


def _numbers(path: str, value: Any, count: int, batch: int) -> NDArray[np.float64]:
    """Return the values of a variable, one for each synapse and sample; a single sample is copied to all."""
    array = finite_numbers(path, value)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or len(array) != count or array.shape[1] not in (1, batch):
        raise ShapeError(
            f"initial state of {path} has shape {np.shape(value)}; this protocol needs ({count}, {batch}), or "
            f"({count},) for all samples"
        )
    return np.ravel(np.broadcast_to(array, (count, batch)))


def store_tables(folder: Path, protocol: Protocol, tables: Mapping[str, SynapseTable]) -> None:
    """Write the synapses of a run into its folder, so that the run can be resumed without the other result."""
    for index, pathway in enumerate(protocol.circuit.pathways):
        table = tables[pathway.name]
        for part, array in table.synapses().parts().items():
            path = folder / f"synapses{index}.{part}.bin"
            np.ascontiguousarray(array, dtype=_PARTS[part]).tofile(path)
        for k, name in enumerate(pathway.synapse_start_values()):
            table.values[name].tofile(folder / f"synapses{index}.value{k}.bin")


def stored_tables(folder: Path, protocol: Protocol, seed: int) -> dict[str, SynapseTable]:
    """Return the synapses of an interrupted run: those in its folder, or else those drawn from the seed.

    Raises
    ------
    ResumeError
        If the files do not fit the protocol.
    """
    if not (folder / "synapses0.pre.bin").exists():
        return synapse_tables(protocol, seed)
    tables = {}
    try:
        for index, pathway in enumerate(protocol.circuit.pathways):
            paths = {part: folder / f"synapses{index}.{part}.bin" for part in _PARTS}
            if not paths["post_delay"].exists():
                del paths["post_delay"]
            synapses = Synapses(**{n: map_file(path, _PARTS[n]) for n, path in paths.items()})
            _check_stored(pathway, synapses)
            _check_units(protocol, pathway, synapses)
            table = _table(protocol, pathway, synapses)
            final = {
                f"{pathway.name}.{name}": map_file(
                    folder / f"synapses{index}.value{k}.bin", np.float64
                ).reshape(table.count, protocol.batch)
                for k, name in enumerate(pathway.synapse_start_values())
            }
            tables[pathway.name] = _with_values(protocol, pathway, table, final, needed=True)
    except (OSError, ValueError, ParameterError, ShapeError) as error:
        raise ResumeError(
            f"cannot resume {folder.parent}: its synapses do not fit the protocol in that folder ({error}); "
            f"delete {folder} and run the protocol anew"
        ) from None
    return tables


def _check_stored(pathway: Pathway, synapses: Synapses) -> None:
    """Raise ValueError if files from somebody else are no synapses."""
    pre, post, *delays = synapses.parts().values()
    if any(len(part) != len(pre) for part in (post, *delays)):
        raise ValueError(f"{pathway} has parts of different lengths")
    if np.any(pre < 0) or np.any(post < 0):
        raise ValueError(f"{pathway} has negative units")
    if not all(np.all((delay >= 0) & (delay < np.inf)) for delay in delays):
        raise ValueError(f"{pathway} has a delay that is not a time")
    order = np.lexsort((post, pre))
    if np.any(np.diff(order) != 1):
        raise ValueError(f"{pathway} has synapses that are not in order")
