"""IDX files that the tests write are read back; broken ones are refused by name."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dendrosim.errors import DataError, ParameterError
from dendrosim.tasks import load_idx_folder, read_idx
from dendrosim.tasks.idx import TYPES

CODES = {np.dtype(name).newbyteorder("="): code for code, name in TYPES.items()}


def idx_bytes(array):
    header = struct.pack(f">HBB{array.ndim}I", 0, CODES[array.dtype], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def images():
    return np.arange(3 * 4 * 2, dtype=np.uint8).reshape(3, 4, 2)


@pytest.fixture
def labels():
    return np.array([7, 0, 9], dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("idx")


@given(data=st.data(), dtype=st.sampled_from(list(CODES)), compressed=st.booleans())
def test_every_type_and_shape_comes_back(folder, data, dtype, compressed):
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    array = data.draw(arrays.arrays(dtype, shape))
    content = idx_bytes(array)
    path = folder / "any"
    path.write_bytes(gzip.compress(content) if compressed else content)
    read = read_idx(path)
    assert read.dtype == dtype
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("split", ["train", "t10k"])
def test_folder_is_found_by_the_usual_names(tmp_path, images, labels, split, mark, end):
    for part, kind, array in (("images", "idx3", images), ("labels", "idx1", labels)):
        content = idx_bytes(array)
        path = tmp_path / f"{split}-{part}{mark}{kind}-ubyte{end}"
        path.write_bytes(gzip.compress(content) if end else content)
    data = load_idx_folder(tmp_path, split)
    np.testing.assert_array_equal(data.images, images.reshape(3, 8) / 255)
    if split == "t10k":
        np.testing.assert_array_equal(load_idx_folder(tmp_path, "test").images, data.images)
    assert data.labels.tolist() == [7, 0, 9]


BROKEN = {
    "empty": (b"", "not an IDX file; it starts with nothing"),
    "foreign": (b"\x89PNG\r\n", "not an IDX file; it starts with 89 50 4e 47"),
    "unknown_type": (b"\0\0\x0a\x01\0\0\0\0", "not an IDX file"),
    "short_header": (b"\0\0\x08\x03\0\0\0\x01", "truncated within the sizes of its 3 dimensions"),
    "short_data": (b"\0\0\x0c\x01\0\0\0\x02" + bytes(7), "truncated; 2 of 4 bytes are 8 bytes"),
    "long_data": (
        b"\0\0\x08\x01\0\0\0\x02" + bytes(3),
        "too long; 2 of 1 bytes are 2 bytes, and more",
    ),
    "dimensions": (b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + bytes(1), "are no array"),
    "overflow": (b"\0\0\x08\x09" + b"\xff" * 32 + bytes(4), "are no array"),
    "huge_claim": (b"\0\0\x08\x03" + b"\xff" * 12 + bytes(3), "truncated"),
    "cut_gzip": (
        gzip.compress(b"\0\0\x08\x01\0\0\0\x64" + bytes(100))[:-9],
        "compressed data is damaged or truncated",
    ),
    "bad_gzip": (b"\x1f\x8b\x08" + bytes(20), "compressed data is damaged or truncated"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named(tmp_path, name):
    content, message = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: .*{message}"):
        read_idx(path)


def test_what_is_no_file_is_named(tmp_path):
    with pytest.raises(DataError, match="absent: cannot be read"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)


def test_of_a_small_file_that_decompresses_to_much_only_what_it_declares_is_read(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x02" + bytes(2**28)))
    tracemalloc.start()
    with pytest.raises(DataError, match="too long; 2 of 1 bytes are 2 bytes, and more follow"):
        read_idx(path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_values_that_do_not_fit_into_the_memory_are_refused(tmp_path, monkeypatch, images):
    monkeypatch.setattr("dendrosim.tasks.idx.available_memory", lambda: 4 * images.size - 1)
    (tmp_path / "large").write_bytes(idx_bytes(images))
    with pytest.raises(DataError, match="large: its values do not fit"):
        read_idx(tmp_path / "large")


def write_folder(folder, images, labels):
    (folder / "train-images-idx3-ubyte").write_bytes(idx_bytes(images))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))


def test_images_and_labels_must_be_as_many(tmp_path, images, labels):
    write_folder(tmp_path, images, labels[:2])
    with pytest.raises(DataError, match="2 labels do not fit the 3 images"):
        load_idx_folder(tmp_path)


def test_images_and_labels_must_be_bytes_of_the_right_dimensions(tmp_path, images, labels):
    write_folder(tmp_path, images.astype(np.float32), labels)
    with pytest.raises(DataError, match=r"images.*not 3 of float32"):
        load_idx_folder(tmp_path)
    write_folder(tmp_path, images, labels[:, None])
    with pytest.raises(DataError, match=r"labels.*not 2 of uint8"):
        load_idx_folder(tmp_path)


def test_a_missing_half_is_named(tmp_path, images):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(images))
    with pytest.raises(DataError, match="holds none of train-labels-idx1-ubyte"):
        load_idx_folder(tmp_path)


def test_an_unknown_split_is_named(tmp_path):
    with pytest.raises(ParameterError, match="'valid' is none of train, test, t10k"):
        load_idx_folder(tmp_path, "valid")
