"""Dimensions, coordinates, units and names of what a result holds."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dendrosim.arrays import AnyArray
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.circuit.population import LAST_SPIKE, Population
from dendrosim.protocol.phases import Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.units import unit, unit_name

if TYPE_CHECKING:
    from xarray import DataArray


class Labels(NamedTuple):
    """Dimensions, coordinates and attributes of an object's values, without time."""

    name: str
    coordinates: Mapping[str, AnyArray]
    attributes: dict[str, str]

    def array(self, values: AnyArray, time: AnyArray | None = None) -> "DataArray":
        """Return values as a DataArray."""
        import xarray

        axes = self.axes(time)
        coordinates = {
            k: (k, v, TIME_ATTRIBUTES if k == "time" else INDEX_ATTRIBUTES) for k, v in axes.items()
        }
        values = drop_sample_axis(values, len(axes))
        return xarray.DataArray(values, coordinates, list(axes), self.name, self.attributes)

    def axes(self, time: AnyArray | None = None) -> dict[str, AnyArray]:
        """Return the coordinates by dimension, time first if there is one."""
        return ({} if time is None else {"time": time}) | dict(self.coordinates)


def drop_sample_axis(values: AnyArray, dimensions: int) -> AnyArray:
    """Drop the sample axis, which has no name where there is no batch."""
    return values[..., 0] if values.ndim > dimensions else values


TIME_ATTRIBUTES = {"units": "s", "long_name": "simulated time"}
INDEX_ATTRIBUTES = {"units": "1"}


def label(protocol: Protocol, name: str, recording: Recording | None) -> Labels:
    """Return the labels of a state variable or matrix, of what a recording kept if there is one."""
    circuit = protocol.circuit
    if not is_variable(name):
        matrix = circuit.matrix(name)
        post, pre = circuit.shape(matrix)
        long_name = f"weights {name} from {matrix.pre} to {matrix.post}"
        axes = {"post": np.arange(post), "pre": np.arange(pre)}
        return Labels(name, axes, {"units": _si(matrix.unit), "long_name": long_name})
    population, text, long_name = _described(circuit, name)
    units = recording.units if recording else None
    samples = recording.samples if recording else None
    axes = {"unit": np.arange(population.size) if units is None else np.array(units)}
    if protocol.batch > 1:
        axes["sample"] = np.arange(protocol.batch) if samples is None else np.array(samples)
    return Labels(name, axes, {"units": _si(text), "long_name": long_name})


def _described(circuit: Circuit, name: str) -> tuple[Population, str, str]:
    """Return the population of a variable, its unit, and what it is called in a figure."""
    owner, variable = VariablePath.parse(name)
    if variable == LAST_SPIKE:
        return circuit.population(owner), "s", f"last spike of {owner}, before the end"
    population, declared = circuit.variable(name)
    return population, declared.unit, f"{variable} of {owner}"


def _si(text: str) -> str:
    return unit_name(unit(text)[0])
