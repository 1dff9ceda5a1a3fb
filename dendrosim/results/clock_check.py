"""Compares the moment at which a result says that its run began with everything else in it that has a time."""

from collections.abc import Iterator, Mapping
from reprlib import repr as short
from typing import Any

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.checks import MOST_STEPS
from dendrosim.machine.mapped_arrays import iterate_pieces
from dendrosim.protocol.beginning import AT_ZERO, LATEST, Beginning
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.result_data import Spikes, Trace


def check_beginning(protocol: Protocol, begin: Beginning, provenance: Mapping[str, Any]) -> None:
    """Raise ValueError unless the run of a result can have begun at a moment.

    Provenance names the moment if the run continued the clock of another one.
    """
    begin.check()
    moment, origin = begin.plain(), provenance.get("continued", AT_ZERO.plain())
    if not isinstance(origin, Mapping) or "step" not in origin:
        raise ValueError(f"the run before it is {short(origin)} in provenance")
    for field, value in moment.items():
        if origin.get(field, value) != value:
            raise ValueError(
                f"{field} of its beginning is {short(value)}, but {short(origin[field])} in provenance"
            )
    check_reach(protocol, begin)


def check_reach(protocol: Protocol, begin: Beginning) -> None:
    """Raise ValueError if a protocol that begins at a moment has more steps or samples than can be counted."""
    end = begin.after(protocol)
    if begin.step and end.step > LATEST:
        raise ValueError(
            f"the clock would have shown {end.step:,} steps at its end; at most {LATEST:,} can be counted"
        )
    for name, trials in end.trials.items():
        if begin.step and trials * protocol.batch > MOST_STEPS:
            raise ValueError(f"block {name!r} would have shown more than {MOST_STEPS:,} samples")


def check_times(
    protocol: Protocol,
    begin: Beginning,
    traces: Mapping[str, Trace],
    spikes: Mapping[str, Spikes],
) -> None:
    """Raise ValueError unless recordings and spikes are between the beginning of a run and its planned end."""
    dt = protocol.time_step
    first, last = begin.step * dt, (begin.step + protocol.total_steps) * dt
    for name, time in _times(traces, spikes):
        for piece in iterate_pieces(time):
            if not np.all((piece >= first) & (piece < last)):
                raise ValueError(
                    f"{name} has a time outside {first:.6g} s to {last:.6g} s, between which its run took place"
                )


def _times(
    traces: Mapping[str, Trace], spikes: Mapping[str, Spikes]
) -> Iterator[tuple[str, AnyArray]]:
    """Yield the names and times of recordings and spikes."""
    yield from ((f"recording {name}", trace.time) for name, trace in traces.items())
    yield from ((f"list of spikes of {name}", found.time) for name, found in spikes.items())
