"""Metrics of a dataset over parameters and seeds: their names, and their mean and spread over seeds."""

from typing import TYPE_CHECKING

import numpy as np

from dendrosim.arrays import Array

if TYPE_CHECKING:
    from xarray import Dataset

SEED, STATUS = "seed", "status"
"""Dimension of the seeds, and the variable that says of each point how it has ended."""


def metric_names(dataset: "Dataset") -> list[str]:
    """Return the names of the metrics that are one number or flag at each point."""
    points = dataset[STATUS].dims
    return [
        str(name)
        for name, values in dataset.data_vars.items()
        if values.dims == points and values.dtype.kind in "biuf"
    ]


def mean_and_spread(dataset: "Dataset", name: str) -> tuple[Array, Array]:
    """Return mean and standard deviation of a metric over the seeds, without points that have no value.

    The standard deviation is that of a sample (divided by n - 1), and NaN where fewer than two seeds have a value.
    """
    values = dataset[name].transpose(..., SEED).values.astype(float)
    known = np.isfinite(values)
    count = known.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0.0).sum(-1) / count
        squares = np.where(known, values - mean[..., None], 0.0) ** 2
        return mean, np.sqrt(squares.sum(-1) / np.where(count > 1, count - 1.0, np.nan))
