"""`load_image_folder` finds out which files a folder has."""

import numpy as np
import pytest
from image_files import pictures, write_cifar, write_idx

import dendrosim as ds
from dendrosim.errors import DataError, ParameterError


def test_idx_and_cifar_files_are_found(tmp_path):
    idx, ten, hundred = (tmp_path / n for n in ("idx", "ten", "hundred"))
    for folder in (idx, ten, hundred):
        folder.mkdir()
    images = pictures(6, 4, 3)
    write_idx(idx, "train", images[:4], [0, 1, 2, 1])
    write_idx(idx, "t10k", images[4:], [2, 0])
    found = ds.tasks.load_image_folder(idx, "test")
    assert found.shape == (4, 3, 1)
    assert np.array_equal(found.images, images[4:].reshape(2, 12) / 255)
    assert ds.tasks.load_image_folder(idx).labels.tolist() == [0, 1, 2, 1]
    colours = pictures(2, 32, 32, 3)
    for k in range(1, 6):
        write_cifar(ten, f"data_batch_{k}.bin", [[k], [0]], colours)
    write_cifar(hundred, "test.bin", [[1, 7], [0, 9]], colours)
    found = ds.tasks.load_image_folder(ten)
    assert found.labels.tolist() == [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]
    assert found.shape == (32, 32, 3)
    assert ds.tasks.load_image_folder(hundred, "test").labels.tolist() == [7, 9]


def test_folders_without_such_files_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no images")
    with pytest.raises(DataError, match="holds neither IDX files, such as train-images-idx3-ubyte"):
        ds.tasks.load_image_folder(tmp_path)
    with pytest.raises(DataError, match="missing: there is no such folder"):
        ds.tasks.load_image_folder(tmp_path / "missing")
    with pytest.raises(ParameterError, match="'t10k' is none of train, test"):
        ds.tasks.load_image_folder(tmp_path, "t10k")
    write_idx(tmp_path, "train", pictures(2, 4, 4), [0, 1])
    with pytest.raises(DataError, match="holds none of t10k-images-idx3-ubyte"):
        ds.tasks.load_image_folder(tmp_path, "test")
