"""Images in the binary files of CIFAR-10 and CIFAR-100, from a folder of the user.

Each image is a record: its label (in CIFAR-100 the coarse label, then the fine one), one byte each, then 1,024
bytes of red, 1,024 of green and 1,024 of blue, each 32 x 32 pixels row by row (A. Krizhevsky, Learning multiple
layers of features from tiny images, 2009).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.errors import DataError, ParameterError
from dendrosim.machine.file_paths import AnyPath, as_path, open_regular
from dendrosim.machine.memory import available_memory, format_bytes
from dendrosim.tasks.dataset import DataSet

SIDE, CHANNELS = 32, 3
PIXELS = SIDE * SIDE * CHANNELS


@dataclass(frozen=True)
class _Format:
    """File names of both splits, number of classes by label of a record, and which label counts."""

    files: dict[str, tuple[str, ...]]
    classes: tuple[int, ...]

    @property
    def record(self) -> int:
        return len(self.classes) + PIXELS


_TEN = _Format(
    {"train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)), "test": ("test_batch.bin",)}, (10,)
)
_HUNDRED = _Format({"train": ("train.bin",), "test": ("test.bin",)}, (20, 100))


def load_cifar_folder(folder: AnyPath, split: Literal["train", "test"] = "train") -> DataSet:
    """Load images and labels of CIFAR-10 or CIFAR-100 in their binary version.

    Parameters
    ----------
    folder : str or path
        Folder of `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin` (CIFAR-10), or of `train.bin` and
        `test.bin` (CIFAR-100, of which the fine labels are taken).
    split : {"train", "test"}, default "train"
        Training or test set.

    Returns
    -------
    DataSet
        `images` of shape (samples, 3072) with values from 0 to 1, and `labels` of shape (samples,). The colours of
        a pixel are side by side: value (row * 32 + column) * 3 + colour, as `LocalPatches` numbers its units.

    Raises
    ------
    ParameterError
        If `split` is unknown.
    UsageError
        If `folder` cannot be a path.
    DataError
        If files are missing or cannot be read, have no whole records or labels out of range, or are too large for
        the memory.
    """
    if split not in ("train", "test"):
        raise ParameterError(f"load_cifar_folder.split: {split!r} is none of train, test")
    home = as_path("folder of the CIFAR files", folder)
    found = _TEN if os.path.isfile(home / _TEN.files[split][0]) else _HUNDRED
    missing = [n for n in found.files[split] if not os.path.isfile(home / n)]
    if missing:
        wanted = missing if found is _TEN else [*_TEN.files[split], *_HUNDRED.files[split]]
        raise DataError(f"{home}: holds none of {', '.join(wanted)}")
    records = [_read(home / name, found) for name in found.files[split]]
    samples = sum(map(len, records))
    needed = 9 * PIXELS * samples  # bytes as they are read, and numbers of eight bytes
    if needed > available_memory():
        raise DataError(
            f"{home}: {samples:,} images need {format_bytes(needed)}, which do not fit into the free memory"
        )
    joined = np.concatenate(records)
    first = len(found.classes)
    planes = joined[:, first:].reshape(samples, CHANNELS, SIDE * SIDE)
    images = planes.transpose(0, 2, 1).reshape(samples, PIXELS) / 255
    labels = joined[:, first - 1].astype(np.int64)
    return DataSet(images, labels, (SIDE, SIDE, CHANNELS))


def _read(path: Path, form: _Format) -> AnyArray:
    """Return the records of a file, shape (images, bytes)."""
    try:
        with open_regular(path) as file:
            content = file.read(int(available_memory() / 4))
            if file.read(1):
                raise DataError(f"{path}: it does not fit into the free memory")
    except OSError as cause:
        raise DataError(f"{path}: cannot be read ({cause.strerror or cause})") from cause
    if not content or len(content) % form.record:
        raise DataError(
            f"{path}: has {len(content):,} bytes, which are not whole records of {form.record:,} bytes "
            f"({len(form.classes)} of labels, {PIXELS:,} of pixels); it is truncated, or no binary CIFAR file"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, form.record)
    for k, classes in enumerate(form.classes):
        wrong = np.flatnonzero(records[:, k] >= classes)
        if wrong.size:
            raise DataError(
                f"{path}: the label of image {wrong[0]} is {records[wrong[0], k]}, but there are {classes} "
                "classes; the file is damaged, or no binary CIFAR file"
            )
    return records
