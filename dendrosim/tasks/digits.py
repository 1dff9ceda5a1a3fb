"""The shipped handwritten digits: 1,797 real images of 8 x 8 pixels.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository (1998), DOI 10.24432/C50P49, CC BY 4.0; see data/ATTRIBUTION.md.
"""

import zipfile
from pathlib import Path

import numpy as np

from dendrosim.arrays import Booleans, Integers
from dendrosim.errors import DataError, ParameterError
from dendrosim.tasks.dataset import DataSet

FILE = Path(__file__).with_name("data") / "digits.npz"
FULL_INK = 16
"""Largest value of a pixel in the file; the value is the number of inked dots in a 4 x 4 block of the scan."""

SPLITS = ("train", "test", "all")


def load_digits(split: str = "train", test_fraction: float = 0.25, seed: int = 0) -> DataSet:
    """Return the shipped handwritten digits, or one part of a stratified split.

    Parameters
    ----------
    split : {"train", "test", "all"}, default "train"
        The part to return. With the same `seed` and `test_fraction`, "train" and "test" have no image in common
        and together contain all images.
    test_fraction : float, default 0.25
        Fraction of each class in the test set, rounded to whole images.
    seed : int, default 0
        Seed of the split, not negative.

    Returns
    -------
    DataSet
        `images` of shape (samples, 64) with values from 0 to 1, and `labels` of shape (samples,) from 0 to 9, in
        the order of the source.

    Raises
    ------
    ParameterError
        If an argument is out of its range.
    DataError
        If the shipped file is missing or damaged.

    References
    ----------
    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998),
    DOI 10.24432/C50P49.
    """
    if split not in SPLITS:
        raise ParameterError(f"load_digits.split: {split!r} is none of {', '.join(SPLITS)}")
    digits = _read(FILE)
    if split == "all":
        return digits
    in_test = _stratified(digits.labels, test_fraction, seed)
    chosen = in_test if split == "test" else ~in_test
    return DataSet(digits.images[chosen], digits.labels[chosen], digits.shape)


def _read(path: Path) -> DataSet:
    try:
        with np.load(path, allow_pickle=False) as file:
            labels = file["labels"].astype(np.int64)
            return DataSet(file["images"] / FULL_INK, labels, (8, 8, 1))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as cause:
        raise DataError(
            f"{path}: the shipped digits cannot be read ({cause}); install dendrosim again"
        ) from cause


def _stratified(labels: Integers, test_fraction: float, seed: int) -> Booleans:
    """Return which images are in the test set: the same fraction of each class, drawn at random."""
    if not 0 < test_fraction < 1:
        raise ParameterError(
            f"load_digits.test_fraction: {test_fraction} is not between 0 and 1 (both excluded)"
        )
    if seed < 0:
        raise ParameterError(f"load_digits.seed: {seed} is negative")
    rng = np.random.default_rng([seed, *b"digits split"])
    in_test = np.zeros(labels.size, dtype=bool)
    for label in np.unique(labels):
        indices = rng.permutation(np.flatnonzero(labels == label))
        count = round(test_fraction * indices.size)
        if not 0 < count < indices.size:
            raise ParameterError(
                f"load_digits.test_fraction: {test_fraction} leaves digit {label} without images "
                "in one of the two parts; choose a value further from 0 and 1"
            )
        in_test[indices[:count]] = True
    return in_test
