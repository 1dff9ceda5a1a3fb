"""Checks, order and selection of spike trains."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dendrosim.arrays import AnyArray, Booleans, Integers
from dendrosim.checks import as_whole_number
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.results.result_data import Spikes

INSTANT = 1e-9
"""Times that differ by less than this number of seconds count as equal; rounding errors of `n * dt` are
smaller."""


def train_order(train: Integers, time: NDArray[np.floating]) -> Integers:
    """Return the indices that sort spikes by train and then by time."""
    if np.all(
        time[1:] >= time[:-1]
    ):  # recordings are sorted by time, so a stable sort, which is fast, is enough
        return np.argsort(train, kind="stable")
    return np.lexsort((time, train))


def instant_of(time: NDArray[np.floating]) -> float:
    """Return the difference in seconds below which two times count as equal, given the precision of their type."""
    largest = np.abs(time).max(initial=0.0)
    return INSTANT + 2.0 * float(np.spacing(largest))


def check_spikes(spikes: Spikes) -> tuple[Integers, NDArray[np.floating], Integers]:
    """Return unit, time and sample of each spike, with sample 0 in a run without batch.

    Raises ShapeError or ParameterError if the arrays cannot be those of spikes.
    """
    time = np.asarray(spikes.time)
    if time.dtype.kind != "f":
        time = time.astype(np.float64)
    if time.ndim != 1:
        raise ShapeError(
            f"Spikes.time has shape {time.shape}; it must have one axis, with one time per spike"
        )
    if not np.isfinite(time).all():
        raise ParameterError("Spikes.time holds a value that is not finite")
    unit = _indices("unit", spikes.unit, len(time))
    if spikes.sample is None:
        return unit, time, np.zeros(len(time), dtype=np.int64)
    return unit, time, _indices("sample", spikes.sample, len(time))


def _indices(field: str, given: AnyArray, spikes: int) -> Integers:
    values = np.asarray(given)
    if values.shape != (spikes,):
        raise ShapeError(
            f"Spikes.{field} has shape {values.shape}; with {spikes} spikes it must be ({spikes},)"
        )
    if values.size and (values.dtype.kind not in "iu" or values.min() < 0):
        raise ParameterError(f"Spikes.{field} must hold integers of at least 0")
    return values.astype(np.int64)


def check_below(field: str, values: Integers, limit: str, size: int) -> None:
    """Raise ParameterError unless all indices are below `size`, the value of the argument called `limit`."""
    largest = int(values.max(initial=-1))
    if largest >= size:
        raise ParameterError(
            f"Spikes.{field} holds {largest}, but {limit} is {size}: give the size of the whole "
            "population and batch"
        )


def group_labels(
    cells: int, samples: int, units: ArrayLike | None, groups: ArrayLike | None
) -> Integers:
    """Return the group of each train, shape (cells, samples), negative for trains that are left out."""
    for name, size in (("cells", cells), ("samples", samples)):
        as_whole_number(name, size, 1)
    label = np.zeros((cells, samples), dtype=np.int64)
    if groups is not None:
        given = np.asarray(groups)
        if given.shape not in ((cells,), (cells, samples)):
            raise ShapeError(
                f"groups has shape {given.shape}; it must be ({cells},), one label per cell, or "
                f"({cells}, {samples}), one per cell and sample"
            )
        if given.dtype.kind not in "iu":
            raise ParameterError(
                "groups must hold integers: labels from 0 up, or a negative number to leave a train out"
            )
        label[:] = given.reshape(cells, -1)
    if units is not None:
        label[~_selected(np.asarray(units), cells)] = -1
    if label.max() < 0:
        raise ParameterError("groups and units leave out every cell: keep at least one")
    return label


def _selected(units: AnyArray, cells: int) -> Booleans:
    """Return, for each cell, whether it is in `units`, an array of indices or of Boolean values."""
    if units.dtype == bool and units.shape == (cells,):
        return units
    if units.ndim != 1 or units.dtype.kind not in "iu":
        raise ShapeError(
            f"units has shape {units.shape} and type {units.dtype}; it must be a one-dimensional array of "
            f"cell indices, or of {cells} bools"
        )
    if units.size and (units.min() < 0 or units.max() >= cells):
        raise ParameterError(
            f"units goes from {units.min()} to {units.max()}; indices lie from 0 to {cells - 1}"
        )
    return np.isin(np.arange(cells), units)


def check_positive(name: str, value: float) -> None:
    """Raise ParameterError unless a time in seconds is positive and finite."""
    if not (np.isfinite(value) and value > 0.0):
        raise ParameterError(f"{name} is {value} s; it must be positive and finite")
