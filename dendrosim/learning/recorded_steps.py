"""Recordings of networks that learn in single steps: weights before each step, their changes, and samples."""

from collections.abc import Sequence

import numpy as np

from dendrosim.arrays import Array
from dendrosim.results.result import Result


def split_steps(traces: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    """Return weights before each step of learning, and their changes, from what was recorded before and after it.

    Parameters
    ----------
    traces : sequence of ndarray, shapes (rows, post, pre)
        Weights of each layer; rows are before and after a step in turn. An interrupted run may lack the last row.

    Returns
    -------
    weights, changes : lists of ndarray, shapes (rows // 2, post, pre)
    """
    end = len(traces[0]) // 2 * 2
    weights = [trace[:end:2] for trace in traces]
    return weights, [trace[1:end:2] - w for trace, w in zip(traces, weights, strict=True)]


def recorded_samples(result: Result, name: str) -> Array:
    """Return the recording of a variable, shape (trials, units, samples), also if there is one sample."""
    values: Array = np.asarray(result.traces[name].values, dtype=np.float64)
    return values if values.ndim == 3 else values[:, :, None]
