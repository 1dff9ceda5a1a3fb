"""Labels of the arrays of a result: dimensions, coordinates, units and names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.circuit.paths import VariablePath, is_variable, path_of
from dendrosim.circuit.population import IN_REFRACTORY, LAST_SPIKE
from dendrosim.circuit.sparse_matrices import MatrixConnections
from dendrosim.protocol.phases import Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.synapses import Synapses

if TYPE_CHECKING:
    from xarray import DataArray


class Labels(NamedTuple):
    """Name, coordinates by dimension (without time) and attributes of an array.

    `beside` has further coordinates of the first of these dimensions: of synapses, or of connections.
    """

    name: str
    coordinates: Mapping[str, AnyArray]
    attributes: dict[str, str]
    beside: Mapping[str, AnyArray] = {}

    def array(self, values: AnyArray, time: AnyArray | None = None) -> "DataArray":
        """Return values as a DataArray; `time` in seconds, if given, is its first dimension."""
        import xarray

        axes = self.axes(time)
        coordinates = {k: (k, v, coordinate_attributes(k)) for k, v in axes.items()}
        of = next(iter(self.coordinates))
        coordinates |= {k: (of, v, coordinate_attributes(k)) for k, v in self.beside.items()}
        values = drop_sample_axis(values, len(axes))
        return xarray.DataArray(values, coordinates, list(axes), self.name, self.attributes)

    def axes(self, time: AnyArray | None = None) -> dict[str, AnyArray]:
        """Return the coordinates by dimension; if `time` is given, it comes first."""
        return ({} if time is None else {"time": time}) | dict(self.coordinates)


def drop_sample_axis(values: AnyArray, dimensions: int) -> AnyArray:
    """Return values without their last axis, the sample, if they have more axes than there are `dimensions`."""
    return values[..., 0] if values.ndim > dimensions else values


SYNAPSE = "synapse"
"""Dimension of the arrays of synapses."""

CONNECTION = "connection"
"""Dimension of the weights of a sparse matrix."""

_ATTRIBUTES = {
    "time": {"units": "s", "long_name": "simulated time"},
    "delay": {"units": "s", "long_name": "delay from a presynaptic spike to its effect"},
    "post_delay": {"units": "s", "long_name": "delay from a postsynaptic spike to its effect"},
    "pre": {"units": "1", "long_name": "presynaptic unit"},
    "post": {"units": "1", "long_name": "postsynaptic unit"},
}


def coordinate_attributes(name: str) -> Mapping[str, str]:
    """Return unit and long name of a coordinate."""
    return _ATTRIBUTES.get(name, {"units": "1"})


def label(
    protocol: Protocol,
    name: str,
    recording: Recording | None,
    synapses: Mapping[str, Synapses],
    connections: Mapping[str, MatrixConnections],
) -> Labels:
    """Return the labels of a variable or matrix.

    Parameters
    ----------
    protocol : Protocol
        The protocol of the result.
    name : str
        `owner.variable` or the name of a matrix, after `name/` for a recording that has a name.
    recording : Recording or None
        The recording, whose units, synapses and samples were kept; None means that all were kept.
    synapses : mapping
        The synapses that the result keeps, by pathway.
    connections : mapping
        The connections of sparse matrices, by name.
    """
    circuit = protocol.circuit
    units = {"units": circuit.unit_of(name)}
    if not is_variable(name):
        matrix = circuit.matrix(path_of(name))
        post, pre = circuit.shape(matrix)
        long_name = f"weights {matrix.name} from {matrix.pre} to {matrix.post}"
        attributes = {**units, "long_name": long_name}
        if matrix.name in connections:
            at = connections[matrix.name]
            places = {CONNECTION: np.arange(at.count)}
            return Labels(name, places, attributes, {"post": at.post, "pre": at.pre})
        sides = {"post": np.arange(post), "pre": np.arange(pre)}
        return Labels(name, sides, attributes)
    owner, variable = VariablePath.parse(name)
    long_name = f"{variable} of {owner}"
    axes: dict[str, AnyArray] = {}
    beside: dict[str, AnyArray] = {}
    if circuit.is_synaptic(name):
        beside = synapses[owner].coordinates(recording.synapses if recording else None)
        axes[SYNAPSE] = beside.pop(SYNAPSE)
    else:
        chosen = recording.units if recording else None
        size = circuit.population(owner).size
        axes["unit"] = np.arange(size) if chosen is None else np.array(chosen)
        if variable == LAST_SPIKE:
            long_name = f"last spike of {owner}, before the end"
        if variable == IN_REFRACTORY:
            long_name = f"whether {owner} is refractory"
    if protocol.batch > 1:
        samples = recording.samples if recording else None
        axes["sample"] = np.arange(protocol.batch) if samples is None else np.array(samples)
    return Labels(name, axes, {**units, "long_name": long_name}, beside)


def array_shape(
    protocol: Protocol,
    name: str,
    recording: Recording | None,
    synapses: Mapping[str, Synapses],
    connections: Mapping[str, MatrixConnections],
) -> tuple[int, ...]:
    """Return the lengths of the axes that `label` returns; no coordinates are made."""
    circuit = protocol.circuit
    circuit.unit_of(name)  # raises UnknownMemberError
    if not is_variable(name):
        matrix = circuit.matrix(path_of(name))
        if matrix.connect is not None:
            return (connections[matrix.name].count,)
        return circuit.shape(matrix)
    owner = VariablePath.parse(name).owner
    if circuit.is_synaptic(name):
        size, chosen = len(synapses[owner].pre), recording.synapses if recording else None
    else:
        size, chosen = circuit.population(owner).size, recording.units if recording else None
    count = size if chosen is None else len(chosen)
    if protocol.batch == 1:
        return (count,)
    samples = recording.samples if recording else None
    return (count, protocol.batch if samples is None else len(samples))
