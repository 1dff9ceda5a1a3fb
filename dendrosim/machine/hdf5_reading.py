"""Reads arrays and texts of an HDF5 file that anybody may have written.

Nothing outside the file is read: links to other places, external storage and virtual data sets are refused.
Compressed chunks are decompressed here, so that a file cannot make HDF5 load a filter, and no chunk becomes larger
than the file declares. Sizes are compared with the size of the file and with the free memory before memory is
allocated.
"""

import itertools
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.machine.decompression import decompress
from dendrosim.machine.memory import available_memory, format_bytes

_LARGE = 2**24  # bytes; only larger arrays are compared with the free memory
_SHORTEST_CHUNK = 512  # bytes of data per chunk; many tiny chunks take long to read


class FormatError(ValueError):
    """The file is damaged, or contains something that this module does not read."""


class Hdf5File:
    """A file that is open for reading; `open_hdf5` returns it."""

    def __init__(self, root: Any, number: int) -> None:
        self.root, self.number = root, number
        self.size = os.fstat(number).st_size

    def has(self, path: str) -> bool:
        """Return whether a path such as `recordings/w` exists; raise FormatError if a part is not a hard link."""
        try:
            self._find(path)
        except KeyError:
            return False
        return True

    def names(self, path: str) -> list[str]:
        """Return the names in a group, in the order in which they were made; an empty list without the group."""
        import h5py

        if not self.has(path):
            return []
        group = self._find(path)
        found: list[bytes] = []
        if not isinstance(group, h5py.h5g.GroupID):
            raise FormatError(f"{path} is no group")
        made = group.get_create_plist().get_link_creation_order() & h5py.h5p.CRT_ORDER_TRACKED
        order = h5py.h5.INDEX_CRT_ORDER if made else h5py.h5.INDEX_NAME
        group.links.iterate(found.append, idx_type=order)
        return [name.decode() for name in found]

    def attribute(self, name: str) -> Any:
        """Return an attribute of the file, which must be one number or text; None if it does not exist."""
        import h5py

        if not h5py.h5a.exists(self.root, name.encode()):
            return None
        stored = h5py.h5a.open(self.root, name.encode())
        if stored.shape not in ((), (1,)) or stored.get_storage_size() > self.size:
            raise FormatError(f"attribute {name} has the shape {stored.shape}")
        value = h5py.Group(self.root).attrs[name]
        value = value[0] if stored.shape else value
        return value.decode() if isinstance(value, bytes) else value

    def text(self, path: str) -> str:
        """Return a text."""
        import h5py

        dataset = self._dataset(path)
        kind, space = dataset.get_type(), dataset.get_space()
        if not isinstance(kind, h5py.h5t.TypeStringID) or space.get_simple_extent_ndims():
            raise FormatError(f"{path} is no text")
        if kind.get_size() > self.size or dataset.get_create_plist().get_nfilters():
            raise FormatError(f"{path} is stored in an unknown way")
        value = h5py.Dataset(dataset)[()]
        return value.decode() if isinstance(value, bytes) else str(value)

    def array(self, path: str, kinds: str, shape: tuple[int | None, ...]) -> AnyArray:
        """Return an array of numbers.

        Parameters
        ----------
        path : str
            Path of the data set in the file.
        kinds : str
            Allowed kinds of NumPy data types, such as `"f"`.
        shape : tuple of int or None
            Shape that the array must have; None allows any length of an axis.
        """
        dataset = self._dataset(path)
        dims, dtype = dataset.shape, _number_type(path, dataset, kinds)
        if len(dims) != len(shape) or any(
            w not in (None, d) for w, d in zip(shape, dims, strict=True)
        ):
            wanted = ", ".join("any" if length is None else str(length) for length in shape)
            raise FormatError(f"{path} has the shape {dims}; by the protocol it is ({wanted})")
        size = math.prod(dims) * dtype.itemsize
        if not size:
            return np.empty(dims, dtype)
        self._check_memory(path, size)
        return self._read(path, dataset, dims, dtype)

    def _check_memory(self, path: str, size: int) -> None:
        if size > _LARGE and size > (free := available_memory()):
            needed, left = format_bytes(size), format_bytes(free)
            raise FormatError(f"{path} needs {needed} of memory, and {left} are free")

    def _read(
        self, path: str, dataset: Any, dims: tuple[int, ...], dtype: np.dtype[Any]
    ) -> AnyArray:
        import h5py

        layout, stored = dataset.get_create_plist(), dataset.get_storage_size()
        if layout.get_layout() == h5py.h5d.CHUNKED:
            return self._read_chunks(path, dataset, dims, dtype)
        if stored != math.prod(dims) * dtype.itemsize or stored > self.size:
            raise FormatError(f"{path} has {stored} bytes in the file, fewer or more than it needs")
        array = np.empty(dims, dtype)
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, array)
        return array

    def _read_chunks(
        self, path: str, dataset: Any, dims: tuple[int, ...], dtype: np.dtype[Any]
    ) -> AnyArray:
        layout = dataset.get_create_plist()
        chunk = layout.get_chunk()
        filters = [layout.get_filter(k)[0] for k in range(layout.get_nfilters())]
        length = math.prod(chunk) * dtype.itemsize
        count = math.prod(-(-d // c) for d, c in zip(dims, chunk, strict=True))
        if any(c > d for c, d in zip(chunk, dims, strict=True)):
            raise FormatError(f"{path} has chunks that are larger than itself")
        if count > 1 + math.prod(dims) * dtype.itemsize // _SHORTEST_CHUNK or count > self.size:
            raise FormatError(f"{path} has {count} chunks, too many for its size")
        self._check_memory(path, 2 * length)
        array = None
        for corner in itertools.product(
            *(range(0, d, c) for d, c in zip(dims, chunk, strict=True))
        ):
            info = dataset.get_chunk_info_by_coord(corner)
            if info.byte_offset is None or info.byte_offset + info.size > self.size:
                raise FormatError(f"a chunk of {path} is missing")
            packed = os.pread(self.number, info.size, info.byte_offset)
            values = _unpack(path, packed, filters, info.filter_mask, length, dtype).reshape(chunk)
            if array is None:  # only after a first chunk was found undamaged
                array = np.empty(dims, dtype)
            target = array[tuple(slice(at, at + c) for at, c in zip(corner, chunk, strict=True))]
            target[...] = values[tuple(slice(n) for n in target.shape)]
        assert array is not None
        return array

    def _dataset(self, path: str) -> Any:
        import h5py

        found = self._find(path)
        if not isinstance(found, h5py.h5d.DatasetID):
            raise FormatError(f"{path} is no data set")
        layout = found.get_create_plist()
        if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
            raise FormatError(f"{path} keeps its numbers in another file, which is not read")
        return found

    def _find(self, path: str) -> Any:
        """Return the group or data set at a path; raise KeyError if the path does not exist."""
        import h5py

        place = self.root
        for part in path.split("/"):
            name = part.encode()
            if not isinstance(place, h5py.h5g.GroupID) or not place.links.exists(name):
                raise KeyError(path)
            if place.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                raise FormatError(f"{path} is a link to another place, which is not followed")
            place = h5py.h5o.open(place, name)
        return place


@contextmanager
def open_hdf5(path: Path) -> Iterator[Hdf5File]:
    """Open a file for reading.

    Raises
    ------
    OSError
        If it cannot be read, or is not an HDF5 file.
    """
    import h5py

    with path.open("rb") as raw, h5py.File(path, "r") as file:
        yield Hdf5File(h5py.h5g.open(file.id, b"/"), raw.fileno())


def _number_type(path: str, dataset: Any, kinds: str) -> np.dtype[Any]:
    """Return the data type of numbers; raise FormatError if NumPy stores them differently."""
    import h5py

    stored = dataset.get_type()
    if isinstance(stored, (h5py.h5t.TypeIntegerID, h5py.h5t.TypeFloatID)):
        dtype: np.dtype[Any] = stored.dtype
        if dtype.kind in kinds and stored.equal(h5py.h5t.py_create(dtype)):
            return dtype
    raise FormatError(f"{path} has another data type than dendrosim writes")


def _unpack(
    path: str, packed: bytes, filters: list[int], mask: int, length: int, dtype: np.dtype[Any]
) -> AnyArray:
    """Return the numbers of a chunk of `length` bytes; bit k of `mask` is set if filter k was not applied."""
    from h5py import h5z

    allowed = [
        f for f in (h5z.FILTER_SHUFFLE, h5z.FILTER_DEFLATE, h5z.FILTER_FLETCHER32) if f in filters
    ]
    if filters != allowed:
        raise FormatError(f"{path} is packed by a filter that dendrosim does not use")
    content: Any = packed
    for number, kind in reversed(list(enumerate(filters))):
        if mask >> number & 1:
            continue
        if kind == h5z.FILTER_FLETCHER32:
            content = content[:-4]  # the checksum of the whole file covers the chunk
        elif kind == h5z.FILTER_DEFLATE:
            try:
                content = decompress(content, length)
            except ValueError as error:
                raise FormatError(f"a chunk of {path} cannot be read: {error}") from None
        elif len(content) == length:
            content = _unshuffle(content, dtype.itemsize)
    if len(content) != length:
        raise FormatError(f"a chunk of {path} has another length than it says")
    return np.frombuffer(content, dtype)


def _unshuffle(content: bytes, width: int) -> memoryview:
    """Return the numbers; `content` has the first bytes of all of them, then all second bytes, and so on."""
    planes = np.frombuffer(content, np.uint8).reshape(width, -1)
    numbers = np.empty((planes.shape[1], width), np.uint8)
    for k in range(width):  # ten times as fast as a transposition by NumPy
        numbers[:, k] = planes[k]
    return numbers.data.cast("B")
