"""Compares the parts of a result whose clock is continued: its file may come from anybody.

Checksums protect against damage only. What a file says twice is compared here, and in `results.clock_check`.
"""

from itertools import islice
from reprlib import repr as short

import numpy as np

from dendrosim.circuit.population import LAST_SPIKE
from dendrosim.engine.names import AUTO, PRECISIONS
from dendrosim.engine.plan.carried import process_keys
from dendrosim.errors import DataError
from dendrosim.protocol.phases import Recording
from dendrosim.protocol.schedule import record_pieces
from dendrosim.results.clock_check import check_beginning, check_times
from dendrosim.results.result import Result

_MOST_PIECES = 1000
"""Number of pieces of recordings that are compared; a protocol from somebody else can have any number of steps."""


def check_settings(result: Result) -> None:
    """Raise DataError unless provenance has the settings with which the arrays of a result were computed."""
    found, batch = result.provenance, result.protocol.batch
    if type(found.get("batch")) is not int or found["batch"] != batch:
        raise _contradiction(
            f"batch is {found.get('batch')!r} in provenance, but {batch} in its protocol"
        )
    for name, kind in (("seed", int), ("precision", str), ("backend", str)):
        if type(found.get(name)) is not kind or found[name] == AUTO:
            raise _contradiction(f"{name} is {found.get(name)!r} in provenance")
    arrays = {n: a for n, a in result.state.items() if not n.endswith(f".{LAST_SPIKE}")}
    types = {a.dtype for a in arrays.values() if a.dtype.kind == "f"}
    used = "single" if np.dtype(np.float32) in types else "double"
    if found["precision"] not in PRECISIONS or (types and found["precision"] != used):
        raise _contradiction(
            f"precision is {found['precision']!r} in provenance, but its state has numbers of {used} precision"
        )
    for population in result.circuit.all_populations:
        for name, array in result.state.items():
            if name.startswith(f"{population.name}.") and array.shape != (population.size, batch):
                raise _contradiction(
                    f"{name} has the shape {array.shape}, but {population.name} has {population.size} units, and "
                    f"batch is {batch}"
                )


def check_end(result: Result) -> None:
    """Raise DataError unless all times in a result fit the moments at which its run began and ended.

    Recordings have the times that the protocol plans, the times of last spikes are the same in the final state and
    in `carried`, and the states of all random signals of its run and of the runs before are there.
    """
    protocol, begin = result.protocol, result.begin
    try:
        check_beginning(protocol, begin, result.provenance)
        check_times(protocol, begin, result.traces, result.spikes)
    except ValueError as error:
        raise _contradiction(str(error)) from None
    for label, recording in protocol.recordings_by_name().items():
        if label in result.traces and not _as_planned(result, label, recording):
            raise _contradiction(f"recording {label} has other times than its protocol plans")
    carried = result.carried or {}
    taken = result.provenance.get("continued", {}).get("signals", [])
    if not isinstance(taken, list):
        raise _contradiction(f"the signals of the run before are {short(taken)} in provenance")
    for key in [*process_keys(protocol), *taken]:
        if str(key) not in carried:
            raise _contradiction(
                f"it has no {key}, the state of a random signal of its run or of a run before"
            )
    for name, relative in result.state.items():
        absolute = carried.get(name) if name.endswith(f".{LAST_SPIKE}") else None
        # `check_carried` refuses an array of another shape or with something else than numbers
        if absolute is None or absolute.size != relative.size or absolute.dtype.kind not in "fiu":
            continue
        if np.any(np.isfinite(absolute) & (absolute - result.stop != relative.ravel())):
            raise _contradiction(f"{name} is not the same in the final state and for the clock")


def _as_planned(result: Result, label: str, recording: Recording) -> bool:
    """Return whether a recording has the times that the protocol plans."""
    protocol, time = result.protocol, result.traces[label].time
    done = 0
    pieces = record_pieces(protocol, recording, result.begin)
    for steps in islice(pieces, _MOST_PIECES):
        part = time[done : done + len(steps)]
        if not np.array_equal(part, steps * protocol.time_step):
            return False
        done += len(steps)
    return done == len(time) or next(pieces, None) is not None


def _contradiction(what: str) -> DataError:
    return DataError(
        f"the clock of the initial result cannot be continued: {what}; it was changed since dendrosim wrote it, "
        "so run its protocol again, or leave continue_clock out"
    )
