"""The task file: all data of one run for a compiled program, in the order in which `task.h` reads them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.event import event_path
from dendrosim.circuit.paths import is_variable, path_of
from dendrosim.engine.plan.carried import (
    carried_values,
    delayed_values,
    elements_at,
    flying,
    longest_delays,
    update_times,
)
from dendrosim.engine.plan.projection_delays import delay_steps
from dendrosim.engine.plan.state_arrays import UPDATE, all_values, final_keys, recorded_key
from dendrosim.engine.plan.timeline import CIRCUIT
from dendrosim.engine.task import (
    SYNAPSES_GUARDED_EVERY,
    Task,
    kept_elements,
    recorded_indices,
    recorded_shape,
)
from dendrosim.errors import ResumeError
from dendrosim.protocol.phases import Recording
from dendrosim.protocol.schedule import record_pieces, spike_windows

TASK = "task.bin"
_MAGIC = 0x6473696D33
ORDER = "order.bin"
"""File of the rows of the data sets, as int32, in the order in which they are shown."""
_PIECE = 2**20  # bytes that are compared at once


class Target(Protocol):
    """A file of a task, to be written, or to be compared with what is to be written."""

    def write(self, data: Any, /) -> object:
        """Write or compare bytes that follow from protocol and settings."""

    def write_state(self, data: Any, /) -> object:
        """Write bytes of a start state. They are not compared, because they can come from another run."""


class Writer:
    """Writes the files of a task: `task.bin` and the files that it refers to.

    Their bytes depend on the canonical form of the protocol alone, so that `check_task` can compare them.

    Parameters
    ----------
    open_file : callable
        Opens a file by its name in the folder of the run.
    manifest : dict
        Manifest of the program.
    """

    def __init__(
        self, open_file: Callable[[str], AbstractContextManager[Target]], manifest: dict[str, Any]
    ) -> None:
        self.open = open_file
        self.ids = {key: i for i, key in enumerate(manifest["keys"])}
        self.sizes: list[int | None] = manifest["sizes"]
        self.dtypes: list[str] = manifest["dtypes"]
        self.ones: list[str] = manifest["ones"]
        self.layout: list[int] = manifest["layout"]
        self.sparse: list[str] = manifest["sparse"]
        self.bundles: dict[str, list[str]] = manifest["bundles"]
        self.carried: list[str] = manifest.get("carried", [])

    def write(self, task: Task) -> None:
        """Write a whole task."""
        with self.open(TASK) as self.file:
            self._task(task)

    def _task(self, task: Task) -> None:
        protocol, line = task.protocol.canonical(), task.line
        self.number = np.float32 if task.settings.precision == "single" else np.float64
        self._integers(_MAGIC, *self.layout, task.settings.threads or 1)
        self._doubles(protocol.time_step)
        # Not compared either: it affects no number of a result.
        self.file.write_state(np.array([task.interval]).data)
        self._integers(
            line.first, line.end, self.ids[f"{CIRCUIT}.ds_t_phase"], self.ids[f"{CIRCUIT}.ds_t_block"]
        )  # fmt: skip
        self._connections(task)
        self._delays(task)
        carried = {} if task.carried is None else carried_values(task.carried, self._sizes())
        values = all_values(protocol, line, task.state(), self.ones, carried)
        self._integers(len(values))
        states = {*final_keys(protocol.circuit).values(), *carried}
        for key, value in values.items():
            index = self.ids[key]
            flat = np.ascontiguousarray(value, dtype=self.dtypes[index]).ravel()
            self._integers(index, flat.size)
            write = self.file.write_state if key in states else self.file.write
            write(flat.data)
        data = list(protocol.data)
        self._integers(len(data))
        for name in data:
            self._matrix(protocol.data[name])
        self._integers(len(line.stretches))
        for s in line.stretches:
            self._integers(
                s.start, s.cycle, s.trials, s.first_phase, s.row, s.per_trial, s.block_start
            )
            self._list(s.offsets)
        with self.open(ORDER) as order:
            for piece in line.order():
                order.write(piece.data)
        self._fills(task, data)
        self._synapses(task)
        self._flying(task)
        self._tapes(task)
        self._list([self.ids[k] for k in task.guarded()])
        self._integers(SYNAPSES_GUARDED_EVERY)
        self._list([self.ids[k] for k in task.guarded_synapses()])
        self._list([self.ids[k] for k in (*final_keys(protocol.circuit).values(), *self.carried)])
        self._noises(task)
        self._reels(task)
        self._given_spikes(task)

    def _sizes(self) -> dict[str, int]:
        """Return the sizes of the arrays that are taken over, apart from those of synapses, by key."""
        sizes = {key: self.sizes[self.ids[key]] for key in self.carried}
        return {key: size for key, size in sizes.items() if size is not None}

    def _delays(self, task: Task) -> None:
        """Write the delays of projections, and the values that their sources had before the run."""
        delays = delay_steps(task.protocol)
        self._integers(len(delays))
        for steps, values in zip(delays, delayed_values(task.carried, task.protocol), strict=True):
            self._integers(steps, len(values))
            self.file.write_state(np.ascontiguousarray(values, self.number).data)

    def _flying(self, task: Task) -> None:
        """Write the spikes on their way."""
        for name in self.bundles:
            table, counts = task.synapses[name], elements_at(task.protocol, name)
            effects = task.protocol.circuit.pathway(name).effects
            longest = longest_delays(table, task.protocol.time_step)
            self._integers(len(effects))
            for trigger in effects:
                side = trigger.side
                spikes = flying(task.carried, name, trigger, longest[side], counts[side])
                self._integers(len(spikes))
                self.file.write_state(np.ascontiguousarray(spikes).data)

    def _connections(self, task: Task) -> None:
        self._integers(len(self.sparse))
        for name in self.sparse:
            self._list(task.connections[name].starts)
            self._list(task.connections[name].pre, np.int32)

    def _fills(self, task: Task, data: list[str]) -> None:
        self._integers(len(task.line.fills))
        for fills in task.line.fills:
            self._integers(len(fills))
            for fill in fills:
                index = self.ids[fill.key]
                size = self.sizes[index]
                assert size is not None  # inputs and gates are no arrays of synapses
                self._integers(index, max(1, size // fill.constant.size))
                self._list(fill.constant, np.float64)
                self._list([data.index(name) for name in fill.samples])
                self._integers(len(fill.tables))
                for values, interval, linear in fill.tables:
                    self._doubles(interval)
                    self._integers(int(linear))
                    self._matrix(values)

    def _tapes(self, task: Task) -> None:
        protocol = task.protocol
        recorded = protocol.recordings_by_name()
        self._integers(len(recorded))
        for index, (label, recording) in enumerate(recorded.items()):
            name = path_of(label)
            with self.open(steps_file(index)) as steps:
                for piece in record_pieces(task.protocol, recording, task.begin):
                    steps.write(piece.data)
            self._integers(self.ids[recorded_key(protocol.circuit, name)])
            self._list(recorded_elements(task, name, recording))

    def _noises(self, task: Task) -> None:
        self._integers(len(task.line.noises))
        for noise in task.line.noises:
            key = noise.key - 2**64 if noise.key >= 2**63 else noise.key
            self._integers(self.ids[f"{noise.group}.{noise.base}"], key)

    def _synapses(self, task: Task) -> None:
        self._integers(len(self.bundles))
        for name, values in self.bundles.items():
            table = task.synapses[name]
            self._list(table.pre, np.int32)
            self._list(table.post, np.int32)
            self._list(table.delays, np.float64)
            self._list(np.zeros(1) if table.post_delays is None else table.post_delays, np.float64)
            for value in values:
                start = (
                    update_times(task.carried, name, table)
                    if value == UPDATE
                    else table.values[value]
                )
                self._list(start, np.float64)

    def _reels(self, task: Task) -> None:
        recorded = task.protocol.recordings_of_spikes()
        self._integers(task.spike_limit, len(recorded))
        for name, recording in recorded.items():
            windows = spike_windows(task.protocol, recording, task.begin)
            self._integers(len(windows), *(number for window in windows for number in window))
            self._list(kept_elements(task, event_path(name).owner, recording), np.int8)

    def _given_spikes(self, task: Task) -> None:
        tables = task.protocol.spike_tables()
        self._integers(len(tables))
        for table in tables:
            self._list(table.steps)
            self._list(table.elements, np.int32)
            self._integers(table.repeat)

    def _integers(self, *values: int) -> None:
        self.file.write(np.array(values, dtype=np.int64).tobytes())

    def _doubles(self, *values: float) -> None:
        self.file.write(np.array(values, dtype=np.float64).tobytes())

    def _list(self, values: Any, dtype: Any = np.int64) -> None:
        array = np.ascontiguousarray(values, dtype=dtype)
        self._integers(array.size)
        self.file.write(array.data)

    def _matrix(self, values: NDArray[np.float64]) -> None:
        self._integers(*values.shape)
        self.file.write(np.ascontiguousarray(values, dtype=np.float64).data)


def steps_file(index: int) -> str:
    """Return the name of the file with the steps in which a recording keeps the state."""
    return f"steps{index}.bin"


def recorded_elements(task: Task, name: str, recording: Recording) -> NDArray[np.int64]:
    """Return the flat indices of the elements that a recording keeps; an empty array means all."""
    shape = task.shape(name)
    if not is_variable(name) or recorded_shape(task, name, recording) == shape:
        return np.zeros(0, dtype=np.int64)
    elements, samples = recorded_indices(task, name, recording)
    return np.add.outer(np.array(elements) * shape[1], np.array(samples)).ravel()


def write_task(folder: Path, task: Task, manifest: dict[str, Any]) -> None:
    """Write the files of a task into the folder of its run."""
    Writer(lambda name: _Written((folder / name).open("wb")), manifest).write(task)


def check_task(folder: Path, task: Task, manifest: dict[str, Any]) -> None:
    """Check that the folder of an interrupted run has the files that `write_task` would write for its protocol.

    A program trusts its task, for instance the indices in it, so that a task from somebody else must not reach it.
    Only the numbers of the start state may differ, because that can come from another run.

    Raises
    ------
    ResumeError
        If a file is missing or differs.
    """
    Writer(lambda name: _Compared(folder / name), manifest).write(task)


class _Written:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.write = self.write_state = file.write

    def __enter__(self) -> "_Written":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


class _Compared:
    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.file = path.open("rb")
        except OSError:
            raise self._differs() from None

    def __enter__(self) -> "_Compared":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self.file:
            if kind is None and self.file.read(1):
                raise self._differs()

    def write(self, data: Any) -> None:
        data = memoryview(data).cast("B")
        for begin in range(0, len(data), _PIECE):
            piece = data[begin : begin + _PIECE]
            if self.file.read(len(piece)) != piece:
                raise self._differs()

    def write_state(self, data: Any) -> None:
        size = memoryview(data).nbytes
        if len(self.file.read(size)) != size:
            raise self._differs()

    def _differs(self) -> ResumeError:
        return ResumeError(
            f"cannot resume {self.path.parent.parent}: {self.path} is not the file that this version of dendrosim "
            f"writes for the protocol in that folder; delete {self.path.parent} and run the protocol anew"
        )
