"""The shipped digits are the source's; a split is stratified, disjoint and repeatable."""

import numpy as np
import pytest

from dendrosim.errors import DataError, ParameterError
from dendrosim.tasks import digits, load_digits, one_hot

# Images per digit in the test part, from the source's own description of the data set.
PER_CLASS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def rows(images):
    return sorted(map(tuple, images))


def test_the_whole_set_is_the_source():
    data = load_digits("all")
    assert data.images.shape == (1797, 64)
    assert np.bincount(data.labels).tolist() == PER_CLASS
    assert data.images.min() == 0
    assert data.images.max() == 1
    assert np.all(data.images * 16 == np.round(data.images * 16))


def test_an_image_stands_upright_row_by_row():
    # The first image is a zero: ink on a ring, none in its middle nor in the corners.
    data = load_digits("all")
    image = data.images[0].reshape(8, 8)
    assert data.labels[0] == 0
    assert image[3:5, 3:5].max() < 0.1 < image[3:5, 2].min()
    assert image[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_split_is_a_stratified_partition(fraction):
    train, test = load_digits("train", fraction), load_digits("test", fraction)
    assert rows(np.vstack([train.images, test.images])) == rows(load_digits("all").images)
    assert np.all(np.bincount(train.labels) + np.bincount(test.labels) == PER_CLASS)
    assert np.all(np.abs(np.bincount(test.labels) - fraction * np.array(PER_CLASS)) <= 0.5)


def test_no_image_occurs_twice_so_that_train_and_test_are_disjoint():
    assert len(set(rows(load_digits("all").images))) == 1797


def test_seed_chooses_the_split():
    first, again, other = (load_digits("test", seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "validation"}, "'validation' is none of train, test, all"),
        ({"test_fraction": 0.0}, "test_fraction: 0.0"),
        ({"test_fraction": 1.5}, "test_fraction: 1.5"),
        ({"test_fraction": float("nan")}, "test_fraction: nan"),
        ({"test_fraction": 0.001}, "leaves digit 0 without images"),
        ({"seed": -1}, "seed: -1"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ParameterError, match=message):
        load_digits(**arguments)


def test_a_damaged_file_is_named(tmp_path, monkeypatch):
    for name, content in (("missing.npz", None), ("cut.npz", digits.FILE.read_bytes()[:1000])):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        monkeypatch.setattr(digits, "FILE", path)
        with pytest.raises(DataError, match=name):
            load_digits()


def test_one_hot_marks_the_label():
    assert one_hot([2, 0], classes=3).tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize("labels", [[3], [-1], [0.5], [[0]]])
def test_one_hot_refuses_what_is_no_label(labels):
    with pytest.raises(ParameterError, match=r"one_hot\.labels"):
        one_hot(labels, classes=3)
