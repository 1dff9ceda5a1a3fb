"""Weights of a result as dense arrays, with zeros where a sparse matrix has no connections."""

import numpy as np

from dendrosim.arrays import Array
from dendrosim.results.result import Result


def dense_trace(result: Result, name: str) -> Array:
    """Return the recording of a matrix, shape (times, post, pre)."""
    return _fill(result, name, np.asarray(result[name].values, dtype=np.float64))


def dense_final(result: Result, name: str) -> Array:
    """Return a matrix at the end, shape (post, pre)."""
    return _fill(result, name, np.asarray(result.final[name].values, dtype=np.float64)[None])[0]


def _fill(result: Result, name: str, values: Array) -> Array:
    """Return values (times, post, pre) or (times, connections) as an array (times, post, pre)."""
    if values.ndim == 3:
        return values
    places = result.final[name]
    shape = result.circuit.shape(result.circuit.matrix(name))
    found = np.zeros((len(values), *shape))
    found[:, places.post.values, places.pre.values] = values
    return found
