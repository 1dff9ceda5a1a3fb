"""Images in IDX files, the format of MNIST and similar data sets, from a folder of the user.

The format is: two zero bytes, a type code, the number of dimensions, the size of each dimension as a big-endian
32-bit integer, then the values, big-endian, with the last dimension varying fastest (Y. LeCun, C. Cortes and C.
Burges, The MNIST database of handwritten digits).
"""

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.errors import DataError, ParameterError
from dendrosim.machine.file_paths import AnyPath, as_path, open_regular
from dendrosim.machine.memory import available_memory
from dendrosim.tasks.dataset import DataSet

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
SPLITS = {"train": "train", "test": "t10k", "t10k": "t10k"}
"""Beginning of the file names by the name of the part."""
_PIECE = 2**20  # bytes that are read at a time


def read_idx(path: AnyPath) -> AnyArray:
    """Read one IDX file, plain or compressed with gzip.

    Parameters
    ----------
    path : str or path
        The file. Its content, not its name, decides whether it is read as compressed.

    Returns
    -------
    ndarray
        Values with the shape and type that the file declares, in the byte order of this machine.

    Raises
    ------
    UsageError
        If `path` cannot be a path.
    DataError
        If the file is missing, unreadable, truncated, too long, too large for the memory or not an IDX file.
    """
    path = as_path("path of the IDX file", path)
    with _opened(path) as file:
        return _read(path, file)


def _read(path: Path, file: BinaryIO) -> AnyArray:
    """Read an opened file; no more is decompressed than the header declares, as a small file can become large."""
    content = file.read(4)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES:
        raise DataError(
            f"{path}: not an IDX file; it starts with {content[:4].hex(' ') or 'nothing'} instead of "
            "00 00, a type (08, 09, 0b, 0c, 0d or 0e) and the number of dimensions"
        )
    dtype, dimensions = np.dtype(TYPES[content[2]]), content[3]
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError(f"{path}: truncated within the sizes of its {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", sizes)
    expected = math.prod(shape) * dtype.itemsize
    declared = " x ".join(map(str, shape)) or "a single value"
    declared += f" of {dtype.itemsize} bytes"
    values = _read_at_most(path, file, expected + 1)
    if len(values) != expected:
        what, found = ("truncated", len(values)) if len(values) < expected else ("too long", "more")
        raise DataError(
            f"{path}: {what}; {declared} are {expected} bytes, and {found} follow the header"
        )
    try:
        array = np.frombuffer(values, dtype).reshape(shape)
    except ValueError as cause:  # more dimensions than an array can have
        raise DataError(f"{path}: {declared} are no array ({cause})") from cause
    return array.astype(dtype.newbyteorder("="))


def load_idx_folder(folder: AnyPath, split: str = "train") -> DataSet:
    """Load images and labels from files with the names that MNIST uses.

    Parameters
    ----------
    folder : str or path
        Folder of `train-images-idx3-ubyte` and `train-labels-idx1-ubyte` (or `t10k-...`). Names with a dot instead
        of the dash before `idx`, or with `.gz` at the end, are found too.
    split : {"train", "test", "t10k"}, default "train"
        Training or test set; the files of the test set begin with `t10k`, which is a name for it too.

    Returns
    -------
    DataSet
        `images` of shape (samples, pixels) with values from 0 to 1, and `labels` of shape (samples,).

    Raises
    ------
    ParameterError
        If `split` is unknown.
    UsageError
        If `folder` cannot be a path.
    DataError
        If a file is missing or cannot be read, or images and labels do not fit together.
    """
    if split not in SPLITS:
        raise ParameterError(f"load_idx_folder.split: {split!r} is none of {', '.join(SPLITS)}")
    home = as_path("folder of the IDX files", folder)
    images_path = _find(home, f"{SPLITS[split]}-images", "idx3-ubyte")
    labels_path = _find(home, f"{SPLITS[split]}-labels", "idx1-ubyte")
    images, labels = read_idx(images_path), read_idx(labels_path)
    for path, array, dimensions in ((images_path, images, 3), (labels_path, labels, 1)):
        if array.ndim != dimensions or array.dtype != np.uint8:
            raise DataError(
                f"{path}: must have {dimensions} dimensions of unsigned bytes, "
                f"not {array.ndim} of {array.dtype}"
            )
    if len(images) != len(labels):
        raise DataError(
            f"{labels_path}: {len(labels)} labels do not fit the {len(images)} images "
            f"in {images_path.name}"
        )
    pixels = math.prod(images.shape[1:])
    shape = (*images.shape[1:], 1)
    return DataSet(images.reshape(len(images), pixels) / 255, labels.astype(np.int64), shape)


def _read_at_most(path: Path, file: BinaryIO, most: int) -> bytes:
    # A quarter, because the pieces are joined, and the array is copied into the byte order of this machine.
    pieces, count, limit = [], 0, available_memory() / 4
    while count < most and (piece := file.read(min(_PIECE, most - count))):
        pieces.append(piece)
        count += len(piece)
        if count > limit:
            raise DataError(f"{path}: its values do not fit into the free memory")
    return b"".join(pieces)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, through a decompressor if its content is compressed; errors name the file."""
    try:
        with open_regular(path) as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if compressed:
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield unpacked  # type: ignore[misc]
            else:
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as cause:
        raise DataError(f"{path}: the compressed data is damaged or truncated ({cause})") from cause
    except OSError as cause:
        raise DataError(f"{path}: cannot be read ({cause.strerror or cause})") from cause


def _find(folder: Path, stem: str, ending: str) -> Path:
    """Return the file in a folder whose name is one of the usual names."""
    names = [f"{stem}{mark}{ending}{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if os.path.isfile(folder / name):
            return folder / name
    raise DataError(f"{folder}: holds none of {', '.join(names)}")
