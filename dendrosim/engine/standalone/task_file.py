"""The task file: all data of one run for a compiled program, in the order in which `task.h` reads them."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.paths import is_variable
from dendrosim.engine.plan.state_arrays import WEIGHT, all_values, final_keys, state_shape
from dendrosim.engine.plan.timeline import CIRCUIT
from dendrosim.engine.task import Task, kept_elements
from dendrosim.protocol.phases import Recording
from dendrosim.protocol.schedule import record_pieces, spike_windows

_MAGIC = 0x6473696D32
ORDER = "order.bin"
"""File of the rows of the data sets, as int32, in the order in which they are shown."""


class Writer:
    """Writes the task file of a program."""

    def __init__(self, file: BinaryIO, folder: Path, manifest: dict[str, Any]) -> None:
        self.file, self.folder = file, folder
        self.ids = {key: i for i, key in enumerate(manifest["keys"])}
        self.sizes: list[int] = manifest["sizes"]
        self.dtypes: list[str] = manifest["dtypes"]
        self.ones: list[str] = manifest["ones"]
        self.layout: list[int] = manifest["layout"]
        self.bundles: dict[str, list[str]] = manifest["bundles"]

    def write(self, task: Task) -> None:
        """Write a whole task."""
        protocol, line = task.protocol, task.line
        self._integers(_MAGIC, *self.layout, task.settings.threads or 1)
        self._doubles(protocol.time_step, task.interval)
        self._integers(
            line.steps, self.ids[f"{CIRCUIT}.ds_t_phase"], self.ids[f"{CIRCUIT}.ds_t_block"]
        )
        values = all_values(protocol, line, task.state(), self.ones)
        self._integers(len(values))
        for key, value in values.items():
            index = self.ids[key]
            flat = np.ascontiguousarray(value, dtype=self.dtypes[index]).ravel()
            self._integers(index, flat.size)
            self.file.write(flat.data)
        data = list(protocol.data)
        self._integers(len(data))
        for name in data:
            self._matrix(protocol.data[name])
        self._integers(len(line.stretches))
        for s in line.stretches:
            self._integers(s.start, s.cycle, s.trials, s.first_phase, s.row, s.per_trial)
            self._list(s.offsets)
        with (self.folder / ORDER).open("wb") as order:
            for piece in line.order():
                order.write(piece.data)
        self._fills(task, data)
        self._tapes(task)
        self._list([self.ids[k] for k in task.guarded()])
        self._list([self.ids[k] for k in final_keys(protocol.circuit).values()])
        self._noises(task)
        self._synapses(task)
        self._reels(task)

    def _fills(self, task: Task, data: list[str]) -> None:
        self._integers(len(task.line.fills))
        for fills in task.line.fills:
            self._integers(len(fills))
            for fill in fills:
                index = self.ids[fill.key]
                self._integers(index, max(1, self.sizes[index] // fill.constant.size))
                self._list(fill.constant, np.float64)
                self._list([data.index(name) for name in fill.samples])
                self._integers(len(fill.tables))
                for values, interval, linear in fill.tables:
                    self._doubles(interval)
                    self._integers(int(linear))
                    self._matrix(values)

    def _tapes(self, task: Task) -> None:
        recorded = task.protocol.recordings_by_name()
        self._integers(len(recorded))
        for index, (name, recording) in enumerate(recorded.items()):
            with (self.folder / steps_file(index)).open("wb") as steps:
                for piece in record_pieces(task.protocol, recording):
                    steps.write(piece.data)
            self._integers(self.ids[name if is_variable(name) else f"{name}.{WEIGHT}"])
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
            for value in values:
                self._list(table.values[value], np.float64)

    def _reels(self, task: Task) -> None:
        recorded = task.protocol.recordings_of_spikes()
        self._integers(task.spike_limit, len(recorded))
        for name, recording in recorded.items():
            windows = spike_windows(task.protocol, recording)
            self._integers(len(windows), *(number for window in windows for number in window))
            self._list(kept_elements(task, name, recording), np.int8)

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


def recorded_indices(task: Task, name: str, recording: Recording) -> tuple[list[int], list[int]]:
    """Return which units and samples a recording keeps."""
    units, samples = state_shape(task.protocol, name)
    return (
        list(range(units) if recording.units is None else recording.units),
        list(range(samples) if recording.samples is None else recording.samples),
    )


def recorded_elements(task: Task, name: str, recording: Recording) -> NDArray[np.int64]:
    """Return the flat indices of the elements that a recording keeps; an empty array means all."""
    if not is_variable(name) or (recording.units is None and recording.samples is None):
        return np.zeros(0, dtype=np.int64)
    units, samples = recorded_indices(task, name, recording)
    return np.add.outer(np.array(units) * task.protocol.batch, np.array(samples)).ravel()


def write_task(path: Path, task: Task, manifest: dict[str, Any]) -> None:
    """Write the task file of one run; the file appears only when it is complete."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        Writer(file, path.parent, manifest).write(task)
    fresh.replace(path)
