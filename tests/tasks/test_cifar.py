"""Binary CIFAR files that the tests write are read back; broken ones are refused by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import pictures, write_cifar

from dendrosim.errors import DataError, ParameterError
from dendrosim.tasks import load_cifar_folder

TEN = [*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"]


def test_images_and_labels_of_cifar_10_come_back_in_the_order_of_files(tmp_path):
    images = pictures(12, 32, 32, 3)
    for k, name in enumerate(TEN):
        write_cifar(tmp_path, name, [[2 * k % 10], [(2 * k + 1) % 10]], images[2 * k : 2 * k + 2])
    train = load_cifar_folder(tmp_path)
    assert train.labels.tolist() == [*range(10)]
    assert np.array_equal(train.images, images[:10].reshape(10, -1) / 255)
    test = load_cifar_folder(str(tmp_path), "test")
    assert test.labels.tolist() == [0, 1]
    # the unit of row 3, column 5, green, as LocalPatches numbers it
    assert test.images[1, (3 * 32 + 5) * 3 + 1] == images[11, 3, 5, 1] / 255


def test_fine_labels_of_cifar_100_are_taken(tmp_path):
    images = pictures(3, 32, 32, 3)
    write_cifar(tmp_path, "train.bin", [[19, 99], [0, 5], [3, 0]], images)
    found = load_cifar_folder(tmp_path, "train")
    assert found.labels.tolist() == [99, 5, 0]
    assert np.array_equal(found.images[2], images[2].ravel() / 255)


@given(st.binary(max_size=7000))
def test_any_other_content_is_refused_by_name(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("cifar")
    (folder / "test.bin").write_bytes(content)
    valid = content and len(content) % 3074 == 0 and all(
        content[k] < 20 and content[k + 1] < 100 for k in range(0, len(content), 3074)
    )  # fmt: skip
    if valid:
        assert len(load_cifar_folder(folder, "test").labels) == len(content) // 3074
    else:
        with pytest.raises(DataError, match=r"test\.bin"):
            load_cifar_folder(folder, "test")


@pytest.mark.parametrize("cut", [1, 3000, 3072])
def test_a_truncated_file_is_named(tmp_path, cut):
    for name in TEN:
        write_cifar(tmp_path, name, [[1], [2]], pictures(2, 32, 32, 3))
    (tmp_path / TEN[3]).write_bytes((tmp_path / TEN[3]).read_bytes()[:-cut])
    with pytest.raises(
        DataError, match=r"data_batch_4\.bin: has [\d,]+ bytes, which are not whole records"
    ):
        load_cifar_folder(tmp_path)


def test_a_label_out_of_range_is_named(tmp_path):
    write_cifar(tmp_path, "test_batch.bin", [[3], [10]], pictures(2, 32, 32, 3))
    with pytest.raises(DataError, match=r"test_batch\.bin: the label of image 1 is 10"):
        load_cifar_folder(tmp_path, "test")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"holds none of data_batch_1\.bin, .* train\.bin"):
        load_cifar_folder(tmp_path)
    write_cifar(tmp_path, TEN[0], [[1]], pictures(1, 32, 32, 3))
    with pytest.raises(DataError, match=r"holds none of data_batch_2\.bin, data_batch_3\.bin"):
        load_cifar_folder(tmp_path)
    with pytest.raises(ParameterError, match="'t10k' is none of train, test"):
        load_cifar_folder(tmp_path, "t10k")
    (tmp_path / "test.bin").mkdir()
    with pytest.raises(DataError, match="holds none of test_batch"):
        load_cifar_folder(tmp_path, "test")
