"""Labelled images, the common form of all data sets for classification."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array, Integers
from dendrosim.display.short import ShortRepr
from dendrosim.errors import ParameterError


@dataclass(frozen=True, eq=False)
class DataSet(ShortRepr):
    """Images with their labels.

    Attributes
    ----------
    images : ndarray, shape (samples, pixels)
        Pixel values from 0 to 1, row by row of an image.
    labels : ndarray of int, shape (samples,)
        Class of each image, from 0 on.
    shape : tuple of int
        Height, width and channels of each image, whose product is the number of pixels; empty if not known.
    """

    images: Array
    labels: Integers
    shape: tuple[int, ...] = ()


def one_hot(labels: ArrayLike, classes: int = 10) -> Array:
    """Return a row for each label that is 1 at the index of the label and 0 elsewhere.

    Parameters
    ----------
    labels : array_like of int, shape (samples,)
        Classes from 0 to `classes` - 1.
    classes : int, default 10
        Number of classes.

    Returns
    -------
    ndarray, shape (samples, classes)

    Raises
    ------
    ParameterError
        If a label is not an integer between 0 and `classes` - 1.

    Examples
    --------
    >>> one_hot([1, 0], classes=2)
    array([[0., 1.],
           [1., 0.]])
    """
    index = np.asarray(labels)
    if index.ndim != 1 or not np.issubdtype(index.dtype, np.integer):
        raise ParameterError(
            f"one_hot.labels: must be one-dimensional and of integers, "
            f"not {index.ndim}-dimensional and of {index.dtype}"
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
