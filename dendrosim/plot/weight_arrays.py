"""Weights of matrices and variables of synapses, as figures need them: at one time, as an image, and by name."""

from typing import TYPE_CHECKING

import numpy as np

from dendrosim.arrays import Array
from dendrosim.checks import as_text
from dendrosim.circuit.matrix import Matrix
from dendrosim.circuit.paths import VariablePath, is_variable, path_of
from dendrosim.circuit.pathway import Pathway
from dendrosim.errors import UnknownNameError
from dendrosim.plot.style import si_label
from dendrosim.results.result import Result
from dendrosim.units import quantity

if TYPE_CHECKING:
    from xarray import DataArray

_PIXELS = 1000
"""Largest number of rows and columns of the image of a pathway or of a sparse matrix."""


def weights_at(
    result: Result, name: str, when: str | float, sample: int = 0
) -> tuple["DataArray", str]:
    """Return the weights of a matrix, or a variable of synapses in one sample, at a time; and the time as text."""
    _check_name(result, name)
    if when == "end" and name in result.final:
        return _of_sample(result.final[name], sample), "at the end"
    course = _of_sample(result[name], sample)
    if when in ("start", "end"):
        return course.isel(time=0 if when == "start" else -1), f"at the {when}"
    array = course.sel(time=float(quantity(when).value), method="nearest")
    scale, _ = si_label("", "s", array["time"].values)
    return array, f"at {scale * float(array['time']):.4g} {'ms' if scale > 1 else 's'}"


def weight_courses(result: Result, name: str, sample: int = 0) -> tuple["DataArray", list[str]]:
    """Return recorded weights against time, shape (time, weights), and the name of each weight.

    A weight of a matrix is called `[post, pre]`, and one of a synapse or of a sparse matrix `pre → post`.
    """
    _check_name(result, name)
    course = _of_sample(result[name], sample)
    if not _has_places(course):
        course = course.stack(weight=("post", "pre"))
        return course, [f"[{post}, {pre}]" for post, pre in course["weight"].values]
    pairs = zip(course["pre"].values, course["post"].values, strict=True)
    return course, [f"{pre} → {post}" for pre, post in pairs]


def weight_image(result: Result, name: str, weights: "DataArray") -> tuple[Array, str, str]:
    """Return weights as an image of postsynaptic x presynaptic units, and the names of both populations.

    Where units have no synapse or connection, the image is NaN; where several share a pixel, it is their mean.
    """
    circuit = result.circuit
    path = path_of(name)
    owner: Matrix | Pathway = (
        circuit.pathway(VariablePath.parse(path).owner)
        if is_variable(path)
        else circuit.matrix(path)
    )
    if not _has_places(weights):
        return weights.values, owner.pre, owner.post
    sizes = [circuit.population(side).size for side in (owner.post, owner.pre)]
    shape = tuple(min(size, _PIXELS) for size in sizes)
    rows, columns = (
        weights[side].values.astype(np.int64) * pixels // size
        for side, size, pixels in zip(("post", "pre"), sizes, shape, strict=True)
    )
    places = rows * shape[1] + columns
    length = shape[0] * shape[1]
    counts = np.bincount(places, minlength=length)
    total = np.bincount(places, weights.values.astype(float), minlength=length)
    mean = np.full(length, np.nan)
    np.divide(total, counts, out=mean, where=counts > 0)
    return mean.reshape(shape), owner.pre, owner.post


def _has_places(weights: "DataArray") -> bool:
    """Return whether weights are a list, with the two units of each as coordinates."""
    return "synapse" in weights.dims or "connection" in weights.dims


def _check_name(result: Result, name: str) -> None:
    """Raise UnknownNameError if a name is neither a matrix nor a variable of synapses."""
    circuit = result.circuit
    known = [m.name for m in circuit.matrices]
    known += [f"{p.name}.{v}" for p in circuit.pathways for v in p.synaptic_units]
    if path_of(as_text("name of the weights", name)) not in known:
        raise UnknownNameError("weights", name, known)


def _of_sample(array: "DataArray", sample: int) -> "DataArray":
    return array.sel(sample=sample) if "sample" in array.dims else array
