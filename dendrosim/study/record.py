"""The record of a point: how its run has ended, its metrics and its recordings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from dendrosim.checks import as_any_text, as_plain, mapping_of, number, whole
from dendrosim.spec import Spec

Status = Literal["done", "diverged", "failed"]
"""How a point can have ended."""

DONE: Status = "done"
DIVERGED: Status = "diverged"
FAILED: Status = "failed"
MISSING = "missing"
"""Status of a point that has no record yet."""


def _as_array(where: str, value: Any) -> Any:
    array = np.array(value, order="C")
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class RecordedArray(Spec):
    """A recording of one point.

    Parameters
    ----------
    dimensions : tuple of str
        Dimensions of the values, `time` first.
    time : array, shape (n,)
        Times in seconds.
    values : array, shape (n, ...)
        Values in SI units.
    unit : str
        SI unit of the values.
    """

    dimensions: tuple[str, ...]
    time: Annotated[Any, _as_array]
    values: Annotated[Any, _as_array]
    unit: str


@dataclass(frozen=True, eq=False)
class Record(Spec):
    """How the run of one point has ended.

    Parameters
    ----------
    index : int
        Number of the point.
    seed : int
        Seed of the run.
    parameters : mapping
        Plain values of the parameters that were given.
    status : {"done", "diverged", "failed"}
        `diverged` means that a state became infinite or NaN, `failed` that there was an error.
    error, message : str
        Type and message of the error, empty if the run is done.
    metrics : mapping
        Metrics of the protocol.
    units : mapping of str to str
        SI units of metrics.
    recordings : mapping of str to RecordedArray
        The recordings that the sweep keeps.
    code : str
        Hash of the version of the code that computed the point.
    seconds : float
        Time that the point took.
    stepping : float
        Time that its time steps took.
    """

    index: Annotated[int, whole()]
    seed: Annotated[int, whole(0, 2**63 - 1)]
    parameters: Annotated[Mapping[str, Any], mapping_of(as_plain)]
    status: Status
    error: Annotated[str, as_any_text]
    message: Annotated[str, as_any_text]
    metrics: Annotated[Mapping[str, Any], mapping_of(as_plain, as_any_text)]
    units: Annotated[Mapping[str, str], mapping_of(as_any_text, as_any_text)]
    recordings: Mapping[str, RecordedArray]
    code: str
    seconds: Annotated[float, number("not negative", lambda n: n >= 0)]
    stepping: Annotated[float, number("not negative", lambda n: n >= 0)]
