"""Arrays that stay in files: the system reads the parts that are used, and drops them when memory is short."""

import mmap
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE = 2**20
"""Number of bytes that are processed at a time."""
_SMALL = 2**24  # bytes; smaller files are read into memory


def map_file(path: Path, dtype: Any) -> NDArray[Any]:
    """Return the numbers in a file, without an incomplete number at its end; a large file is mapped read-only.

    The file may be deleted while the array is in use: its content is kept until the array is freed.
    """
    size = path.stat().st_size
    if size <= _SMALL:
        return np.fromfile(path, dtype)
    return np.asarray(np.memmap(path, dtype, "r", shape=(size // np.dtype(dtype).itemsize,)))


def map_elements(
    array: NDArray[Any], function: Callable[[NDArray[Any]], NDArray[Any]], folder: Path | None
) -> NDArray[Any]:
    """Apply an element-wise function to a flat array; a large result is kept in an unnamed file in a folder."""
    if array.nbytes <= _SMALL:
        return function(array)
    with tempfile.TemporaryFile(dir=folder) as file:
        for piece in iterate_pieces(array):
            computed = function(piece)
            file.write(np.ascontiguousarray(computed).data)
        file.flush()
        return np.asarray(np.memmap(file, computed.dtype, "r", shape=array.shape))


def iterate_pieces(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the rows of an array in pieces; after each piece, release its memory if it is mapped from a file."""
    rows = rows_at_once(array)
    for first in range(0, len(array), rows):
        piece = array[first : first + rows]
        yield piece
        _drop_pages(piece)


def rows_at_once(array: NDArray[Any]) -> int:
    """Return the number of rows of an array that are processed at a time."""
    return max(1, PIECE * len(array) // max(1, array.nbytes))


def _drop_pages(piece: NDArray[Any]) -> None:
    """Tell the system that the memory of a piece is not needed now, if the piece is mapped from a file."""
    whole: Any = piece
    base: Any = piece.base
    while isinstance(base, np.ndarray):
        whole, base = base, base.base
    if isinstance(base, mmap.mmap):
        start = piece.ctypes.data - whole.ctypes.data
        first = start // mmap.PAGESIZE * mmap.PAGESIZE
        base.madvise(mmap.MADV_DONTNEED, first, start + piece.nbytes - first)
