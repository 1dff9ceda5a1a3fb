"""Reads what a program leaves for a run that continues the clock of its run."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.engine.plan.carried import delay_key, delay_shapes, flying_key
from dendrosim.engine.task import Task
from dendrosim.machine.mapped_arrays import map_file

FLYING = "flying.bin"
"""File of the values of delayed projections and of the spikes on their way; `runtime.cpp` writes it."""


def read_carried(
    task: Task, manifest: dict[str, Any], rest: NDArray[np.uint8], folder: Path
) -> dict[str, NDArray[Any]]:
    """Return the arrays by name (see `plan.carried`).

    Parameters
    ----------
    task : Task
        The task of the run.
    manifest : dict
        Manifest of the program.
    rest : array of bytes
        The part of the file of the final state that follows the final state.
    folder : Path
        Folder of the run.
    """
    found: dict[str, NDArray[Any]] = {}
    for key in manifest["carried"]:
        index = manifest["keys"].index(key)
        size, dtype = manifest["sizes"][index], np.dtype(manifest["dtypes"][index])
        if size is None:  # an array of synapses
            size = math.prod(task.shape(key))
        found[key] = rest[: size * dtype.itemsize].view(dtype)
        rest = rest[size * dtype.itemsize :]
    raw = map_file(folder / FLYING, np.uint8)
    number = np.dtype(np.float32 if task.settings.precision == "single" else np.float64)
    for line, shape in enumerate(delay_shapes(task.protocol)):
        size = math.prod(shape) * number.itemsize
        found[delay_key(line)] = raw[:size].view(number).reshape(shape)
        raw = raw[size:]
    flying = np.frombuffer(raw.tobytes(), np.int64)
    for name in manifest["bundles"]:
        for trigger in task.protocol.circuit.pathway(name).effects:
            count = 2 * int(flying[0])
            found[flying_key(name, trigger)] = flying[1 : 1 + count].reshape(-1, 2)
            flying = flying[1 + count :]
    return found
