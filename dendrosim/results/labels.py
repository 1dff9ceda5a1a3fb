"""Labels of the arrays of a result: dimensions, coordinates, units and names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.circuit.population import LAST_SPIKE, Population
from dendrosim.circuit.sparse_matrices import MatrixConnections
from dendrosim.protocol.phases import Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.units import unit, unit_name

if TYPE_CHECKING:
    from xarray import DataArray


class Labels(NamedTuple):
    """Name, coordinates by dimension (without time) and attributes of an array.

    `more` has further coordinates by name: the dimension of each and its values.
    """

    name: str
    coordinates: Mapping[str, AnyArray]
    attributes: dict[str, str]
    more: Mapping[str, tuple[str, AnyArray]] = {}

    def array(self, values: AnyArray, time: AnyArray | None = None) -> "DataArray":
        """Return values as a DataArray; `time` in seconds, if given, is its first dimension."""
        import xarray

        axes = self.axes(time)
        coordinates = {
            k: (k, v, TIME_ATTRIBUTES if k == "time" else INDEX_ATTRIBUTES) for k, v in axes.items()
        }
        coordinates |= {k: (of, v, INDEX_ATTRIBUTES) for k, (of, v) in self.more.items()}
        values = drop_sample_axis(values, len(axes))
        return xarray.DataArray(values, coordinates, list(axes), self.name, self.attributes)

    def axes(self, time: AnyArray | None = None) -> dict[str, AnyArray]:
        """Return the coordinates by dimension; if `time` is given, it comes first."""
        return ({} if time is None else {"time": time}) | dict(self.coordinates)


def drop_sample_axis(values: AnyArray, dimensions: int) -> AnyArray:
    """Return values without their last axis, the sample, if they have more axes than there are `dimensions`."""
    return values[..., 0] if values.ndim > dimensions else values


TIME_ATTRIBUTES = {"units": "s", "long_name": "simulated time"}
INDEX_ATTRIBUTES = {"units": "1"}


def label(
    protocol: Protocol,
    name: str,
    recording: Recording | None,
    connections: MatrixConnections | None = None,
) -> Labels:
    """Return the labels of a variable or matrix.

    Parameters
    ----------
    protocol : Protocol
        The protocol of the result.
    name : str
        `population.variable` or the name of a matrix.
    recording : Recording or None
        The recording, whose `units` and `samples` were kept; None means that all were kept.
    connections : MatrixConnections, optional
        The connections, if the name is that of a sparse matrix.
    """
    circuit = protocol.circuit
    if not is_variable(name):
        matrix = circuit.matrix(name)
        post, pre = circuit.shape(matrix)
        long_name = f"weights {name} from {matrix.pre} to {matrix.post}"
        attributes = {"units": _si(matrix.unit), "long_name": long_name}
        if connections is not None:
            axis, pairs = "connection", {"post": connections.post, "pre": connections.pre}
            more = {k: (axis, v) for k, v in pairs.items()}
            return Labels(name, {axis: np.arange(connections.count)}, attributes, more)
        axes = {"post": np.arange(post), "pre": np.arange(pre)}
        return Labels(name, axes, attributes)
    population, text, long_name = _describe(circuit, name)
    units = recording.units if recording else None
    samples = recording.samples if recording else None
    axes = {"unit": np.arange(population.size) if units is None else np.array(units)}
    if protocol.batch > 1:
        axes["sample"] = np.arange(protocol.batch) if samples is None else np.array(samples)
    return Labels(name, axes, {"units": _si(text), "long_name": long_name})


def array_shape(
    protocol: Protocol,
    name: str,
    recording: Recording | None,
    connections: MatrixConnections | None = None,
) -> tuple[int, ...]:
    """Return the lengths of the axes that `label` returns; no coordinates are made."""
    circuit = protocol.circuit
    if connections is not None:
        return (connections.count,)
    if not is_variable(name):
        return circuit.shape(circuit.matrix(name))
    population, _, _ = _describe(circuit, name)
    units = recording.units if recording else None
    samples = recording.samples if recording else None
    unit_count = population.size if units is None else len(units)
    if protocol.batch == 1:
        return (unit_count,)
    return (unit_count, protocol.batch if samples is None else len(samples))


def _describe(circuit: Circuit, name: str) -> tuple[Population, str, str]:
    """Return the population of a variable, the variable's unit, and its name in figures."""
    owner, variable = VariablePath.parse(name)
    if variable == LAST_SPIKE:
        return circuit.population(owner), "s", f"last spike of {owner}, before the end"
    population, declared = circuit.variable(name)
    return population, declared.unit, f"{variable} of {owner}"


def _si(text: str) -> str:
    return unit_name(unit(text)[0])
