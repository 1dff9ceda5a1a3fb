"""Labelled images, the common form of every classification data set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array, Integers
from dendrosim.errors import ParameterError


@dataclass(frozen=True, eq=False)
class DataSet:
    """Images with their labels.

    Attributes
    ----------
    images : array, shape (samples, pixels)
        Pixel values between 0 and 1; rows of the image one after the other.
    labels : array of int, shape (samples,)
        Class of each image, from 0.
    """

    images: Array
    labels: Integers


def one_hot(labels: ArrayLike, classes: int = 10) -> Array:
    """Encode each label as a row with a single 1.

    Parameters
    ----------
    labels : array_like of int, shape (samples,)
        Classes from 0 to `classes` - 1.
    classes : int
        Number of classes.

    Returns
    -------
    array, shape (samples, classes)

    Raises
    ------
    ParameterError
        If a label is not an integer between 0 and `classes` - 1.
    """
    index = np.asarray(labels)
    if index.ndim != 1 or not np.issubdtype(index.dtype, np.integer):
        raise ParameterError(
            f"one_hot.labels: one dimension of integers is due, not {index.ndim} of {index.dtype}"
        )
    outside = index[(index < 0) | (index >= classes)]
    if outside.size:
        raise ParameterError(
            f"one_hot.labels: label {outside[0]} is outside of 0 to {classes - 1}; "
            "raise `classes` to the number of classes"
        )
    rows = np.zeros((index.size, classes))
    rows[np.arange(index.size), index] = 1.0
    return rows
