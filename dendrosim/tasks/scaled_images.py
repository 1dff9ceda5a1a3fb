"""Images to learn and to test, shipped or of the user, centred and scaled to unit variance."""

from dataclasses import dataclass

import numpy as np

from dendrosim.arrays import AnyArray, Array, Integers
from dendrosim.display.short import ShortRepr
from dendrosim.errors import DataError, ParameterError
from dendrosim.tasks.dataset import DataSet, one_hot
from dendrosim.tasks.digits import load_digits
from dendrosim.tasks.image_folder import load_image_folder

DIGITS = "digits"
"""Name of the shipped images."""


@dataclass(frozen=True, eq=False)
class ScaledImages(ShortRepr):
    """Images less the mean training image, divided by one root mean square of all training pixels.

    Attributes
    ----------
    x, fresh : ndarray, shape (samples, pixels)
        Training and test images.
    labels, fresh_labels : ndarray of int, shape (samples,)
        Their classes, from 0 on.
    shape : tuple of int
        Height, width and channels of an image.
    classes : int
        Number of classes.
    """

    x: Array
    fresh: Array
    labels: Integers
    fresh_labels: Integers
    shape: tuple[int, ...]
    classes: int


def load_scaled_images(images: str = DIGITS, seed: int = 0, *, swap: bool = False) -> ScaledImages:
    """Load training and test images and scale both in the same way.

    Parameters
    ----------
    images : str, default "digits"
        "digits" for the shipped ones, or a folder as in `load_image_folder`.
    seed : int, default 0
        Seed of the division of the shipped digits; a folder has a division of its own.
    swap : bool, default False
        Whether to train on the test images and to test on the training images.

    Raises
    ------
    DataError
        If a folder has no images, images of different sizes in both sets, or training images that are all the
        same; or if files cannot be read.
    """
    if images == DIGITS:
        train, test = (load_digits(part, seed=seed) for part in ("train", "test"))
    else:
        train, test = load_image_folder(images, "train"), load_image_folder(images, "test")
        _check(images, train, test)
    if swap:
        train, test = test, train
    mean = train.images.mean(axis=0)
    scale = np.sqrt(np.mean((train.images - mean) ** 2))
    if not scale:
        raise DataError(f"images: all training images of {images} are the same")
    x, fresh = ((part.images - mean) / scale for part in (train, test))
    classes = int(max(train.labels.max(), test.labels.max())) + 1
    return ScaledImages(x, fresh, train.labels, test.labels, train.shape, classes)


def classification_arrays(
    images: str, seed: int, *, batch: int, samples: int, swap: bool = False
) -> tuple[dict[str, AnyArray], int]:
    """Return images and labels for networks without biases that learn labels as a regression.

    Parameters
    ----------
    images, seed, swap
        See `load_scaled_images`.
    batch : int
        Number of images in a batch.
    samples : int
        Largest number of images to learn, and to test; the first ones are taken.

    Returns
    -------
    arrays : dict of str to ndarray
        `x` and `fresh`, images to learn and to test with one more input that is always 1, shape
        (samples, pixels + 1); `y`, labels to learn, one-hot, less their mean for equally frequent classes and in
        units of their standard deviation, shape (samples, classes); `labels` and `fresh_labels`.
    classes : int
        Number of classes.

    Raises
    ------
    ParameterError
        If there are fewer images to learn than in a batch.
    DataError
        See `load_scaled_images`.
    """
    loaded = load_scaled_images(images, seed, swap=swap)
    labels, fresh_labels = (a[:samples] for a in (loaded.labels, loaded.fresh_labels))
    x, fresh = (
        np.column_stack([a[:samples], np.ones(len(a[:samples]))]) for a in (loaded.x, loaded.fresh)
    )
    if len(x) < batch:
        raise ParameterError(
            f"batch is {batch}, but there are only {len(x)} training images; choose less"
        )
    part = 1 / loaded.classes
    y = (one_hot(labels, loaded.classes) - part) / np.sqrt(part * (1 - part))
    arrays = {"x": x, "y": y, "fresh": fresh, "labels": labels, "fresh_labels": fresh_labels}
    return arrays, loaded.classes


def _check(images: str, train: DataSet, test: DataSet) -> None:
    if train.shape != test.shape:
        one, other = (" x ".join(map(str, part.shape)) for part in (train, test))
        raise DataError(
            f"{images}: training images have {one} values and test images {other}; images must be of equal size"
        )
    if not len(train.labels) or not len(test.labels):
        raise DataError(f"{images}: there are no images in the training or the test set")
