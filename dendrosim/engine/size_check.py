"""The memory and the space on disk that a run needs at least, compared with what is free before it begins.

The estimate counts what is certain: arrays of populations and matrices, synapses, and recordings. Spikes are not
counted, because their number is not known before the run, nor are the compressed files of the result. So no run
that fits is refused, and one that is far too large is refused before anything is drawn, written or compiled.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dendrosim.checks import MOST_ELEMENTS
from dendrosim.circuit.paths import VariablePath, is_variable, path_of
from dendrosim.engine.backend import Backend
from dendrosim.engine.plan.projection_delays import delay_steps
from dendrosim.engine.plan.state_arrays import states_of
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import MemoryLimitError, StorageError
from dendrosim.machine.memory import available_memory, format_bytes
from dendrosim.protocol.phases import Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.protocol.schedule import count_records

# Bytes that a synapse needs while it is drawn and handed over, and in the spike queue; and bytes of each variable
# that every synapse has for itself.
_SYNAPSE, _SYNAPSE_VALUE = 64, 24
_CONNECTION = 40  # bytes of a connection of a sparse matrix while it is drawn, its weight included
_NUMBER = 8  # start values are in double precision, steps of recordings in 64 bits


@dataclass(frozen=True)
class Need:
    """Bytes that a run needs at least for one object.

    `count` says what they consist of, `remedy` what a user can do to need less.
    """

    what: str
    count: str
    bytes: float
    remedy: str


def check_memory(protocol: Protocol, settings: RunSettings, backend: Backend) -> None:
    """Check that memory can hold a run.

    Parameters
    ----------
    protocol : Protocol
        Protocol of the run.
    settings : RunSettings
        Its settings, without automatic values.
    backend : Backend
        Compiled back ends keep recordings in files, the others in memory.

    Raises
    ------
    MemoryLimitError
        If the run needs more memory than is free, or a pathway has more synapses than can be counted.
    """
    needs = [*_arrays(protocol, settings)]
    if not backend.compiles:
        needs += _recordings(protocol, settings)
    free = available_memory()
    if sum(n.bytes for n in needs) > free:
        raise MemoryLimitError(_message(needs, free, "memory"))


def check_disk(
    protocol: Protocol, settings: RunSettings, backend: Backend, folder: Path | None
) -> None:
    """Check that the disk can hold the recordings of a compiled back end.

    Parameters
    ----------
    protocol, settings, backend
        See `check_memory`.
    folder : Path or None
        Folder of the recordings; None stands for the temporary folder.

    Raises
    ------
    StorageError
        If the recordings need more space than is free on their disk.
    """
    if not backend.compiles:
        return
    home = Path(tempfile.gettempdir()) if folder is None else folder
    try:
        free = shutil.disk_usage(_existing(home)).free
    except OSError:
        return  # the run itself says what is wrong with the folder
    needs = list(_recordings(protocol, settings))
    if sum(n.bytes for n in needs) > free:
        raise StorageError(_message(needs, free, f"disk space for {home}"))


def _message(needs: Sequence[Need], free: float, what: str) -> str:
    most = max(needs, key=lambda need: need.bytes)
    total = sum(need.bytes for need in needs)
    whole = "" if len(needs) == 1 else f", the whole run at least {format_bytes(total)}"
    return (
        f"{most.what}: {most.count} need at least {format_bytes(most.bytes)}{whole}, but only "
        f"{format_bytes(free)} of {what} are free; {most.remedy}"
    )


def _existing(path: Path) -> Path:
    """Return the innermost folder of a path that exists."""
    return next(p for p in (path.absolute(), *path.absolute().parents) if p.is_dir())


def _arrays(protocol: Protocol, settings: RunSettings) -> Iterator[Need]:
    circuit, batch = protocol.circuit, protocol.batch
    number = 4 if settings.precision == "single" else 8
    for population in circuit.all_populations:
        stored = sum(d.kind != "subexpression" for d in population.variables.values())
        each = max(number * stored, _NUMBER * len(states_of(population)))
        samples = f" and {batch:,} samples" if batch > 1 else ""
        count = f"{stored} variables of {population.size:,} units{samples}"
        yield Need(
            f"population {population.name!r}", count, float(population.size * batch * each),
            "use fewer units or a smaller batch",
        )  # fmt: skip
    for matrix in circuit.matrices:
        what, weights = f"matrix {matrix.name!r}", circuit.expected_weights(matrix)
        if matrix.connect is None:
            post, pre = circuit.shape(matrix)
            yield Need(what, f"{post:,} x {pre:,} weights", _NUMBER * weights, "use fewer units")
            continue
        count, remedy = f"about {weights:,.3g} weights and connections", "connect fewer units"
        if weights > MOST_ELEMENTS:
            raise MemoryLimitError(
                f"{what}: {count} are more than the {MOST_ELEMENTS:,} that can be counted; {remedy}"
            )
        yield Need(what, count, _CONNECTION * weights, remedy)
    delayed = [p for p in circuit.projections if p.delay is not None]
    for projection, steps in zip(delayed, delay_steps(protocol), strict=True):
        values = circuit.variable(projection.source)[0].size * batch
        count = f"{steps:,} steps of {values:,} values"
        yield Need(str(projection), count, float(steps * values * number), "make the delay shorter")
    for pathway in circuit.pathways:
        synapses = circuit.expected_synapses(pathway) * batch
        count = f"about {synapses:,.3g} synapses"
        remedy = "connect fewer units, or use a matrix"
        if synapses > MOST_ELEMENTS:
            raise MemoryLimitError(
                f"{pathway}: {count} are more than the {MOST_ELEMENTS:,} that can be counted; {remedy}"
            )
        each = _SYNAPSE + _SYNAPSE_VALUE * len(pathway.synapse_start_values())
        yield Need(str(pathway), count, synapses * each, remedy)


def _recordings(protocol: Protocol, settings: RunSettings) -> Iterator[Need]:
    number = 4 if settings.precision == "single" else 8
    for name, recording in protocol.recordings_by_name().items():
        rows, columns = _recorded_shape(protocol, path_of(name), recording)
        records = count_records(protocol, recording)
        yield Need(
            f"recording {name!r}",
            f"{records:,.0f} records of {rows:,} x {columns:,} numbers",
            records * (number * rows * columns + _NUMBER),
            "record at longer intervals (every, thin), in fewer phases, or fewer units, synapses or samples",
        )


def _recorded_shape(protocol: Protocol, name: str, recording: Recording) -> tuple[int, int]:
    """Return the shape of a record; the number of all synapses is an estimate."""
    circuit, batch = protocol.circuit, protocol.batch
    if circuit.is_synaptic(name):
        pathway = circuit.pathway(VariablePath.parse(name).owner)
        elements, chosen = round(circuit.expected_synapses(pathway)), recording.synapses
    else:
        if not is_variable(name):
            matrix = circuit.matrix(name)
            if matrix.connect is not None:
                return round(circuit.expected_weights(matrix)), 1
            return circuit.shape(matrix)
        elements, chosen = circuit.population(VariablePath.parse(name).owner).size, recording.units
    return (
        elements if chosen is None else len(chosen),
        batch if recording.samples is None else len(recording.samples),
    )
