"""Images in IDX files, the format of MNIST and similar data sets, from a folder of the user.

The format is: two zero bytes, a type code, the number of dimensions, the size of each dimension as a big-endian
32-bit integer, then the values, big-endian, with the last dimension varying fastest (Y. LeCun, C. Cortes and C.
Burges, The MNIST database of handwritten digits).
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.errors import DataError, ParameterError
from dendrosim.tasks.dataset import DataSet

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
SPLITS = ("train", "t10k")


def read_idx(path: str | Path) -> AnyArray:
    """Read one IDX file, plain or compressed with gzip.

    Parameters
    ----------
    path : str or Path
        The file. Its content, not its name, decides whether it is read as compressed.

    Returns
    -------
    ndarray
        Values with the shape and type that the file declares, in the byte order of this machine.

    Raises
    ------
    DataError
        If the file is missing, unreadable, truncated, too long or not an IDX file.
    """
    content = _content(Path(path))
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES:
        raise DataError(
            f"{path}: not an IDX file; it starts with {content[:4].hex(' ') or 'nothing'} instead of "
            "00 00, a type (08, 09, 0b, 0c, 0d or 0e) and the number of dimensions"
        )
    dtype, dimensions = np.dtype(TYPES[content[2]]), content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"{path}: truncated within the sizes of its {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    expected, found = math.prod(shape) * dtype.itemsize, len(content) - start
    if found != expected:
        what = "truncated" if found < expected else "too long"
        sizes = " x ".join(map(str, shape)) or "a single value"
        raise DataError(
            f"{path}: {what}; {sizes} of {dtype.itemsize} bytes are {expected} bytes, "
            f"and {found} follow the header"
        )
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def load_idx_folder(folder: str | Path, split: str = "train") -> DataSet:
    """Load images and labels from files with the names that MNIST uses.

    Parameters
    ----------
    folder : str or Path
        Folder of `train-images-idx3-ubyte` and `train-labels-idx1-ubyte` (or `t10k-...`). Names with a dot instead
        of the dash before `idx`, or with `.gz` at the end, are found too.
    split : {"train", "t10k"}, default "train"
        First part of the file names: training or test set.

    Returns
    -------
    DataSet
        `images` of shape (samples, pixels) with values from 0 to 1, and `labels` of shape (samples,).

    Raises
    ------
    ParameterError
        If `split` is unknown.
    DataError
        If a file is missing or cannot be read, or images and labels do not fit together.
    """
    if split not in SPLITS:
        raise ParameterError(f"load_idx_folder.split: {split!r} is none of {', '.join(SPLITS)}")
    images_path = _find(Path(folder), f"{split}-images", "idx3-ubyte")
    labels_path = _find(Path(folder), f"{split}-labels", "idx1-ubyte")
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
    return DataSet(images.reshape(len(images), pixels) / 255, labels.astype(np.int64))


def _content(path: Path) -> bytes:
    """Return the content of a file, decompressed if it is compressed."""
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as cause:
        raise DataError(f"{path}: the compressed data is damaged or truncated ({cause})") from cause
    except OSError as cause:
        raise DataError(f"{path}: cannot be read ({cause.strerror or cause})") from cause


def _find(folder: Path, stem: str, ending: str) -> Path:
    """Return the file in a folder whose name is one of the usual names."""
    names = [f"{stem}{mark}{ending}{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder}: holds none of {', '.join(names)}")
