"""Spikes that a protocol gives to a source, and their checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dendrosim.arrays import Integers
from dendrosim.checks import optional
from dendrosim.circuit.circuit import Circuit
from dendrosim.errors import (
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
    abbreviate,
    prefix_errors,
)
from dendrosim.protocol.time_steps import nearest_steps
from dendrosim.spec import Spec, freeze_array
from dendrosim.units import DIMENSIONLESS, TIME, as_floats, quantity

_NEVER = 2.0**62
"""A step that no run reaches; later spikes count as spikes in this step."""


def _as_indices(where: str, value: Any) -> NDArray[np.int32]:
    with prefix_errors(where):
        numbers = as_floats(value)
    if numbers.ndim != 1 or np.any(numbers != np.floor(numbers)):
        raise ParameterError(f"{where} is {abbreviate(value)}; it must be a list of whole numbers")
    if np.any(abs(numbers) >= 2**31):
        raise ParameterError(f"{where} has numbers that are larger than any number of units")
    return freeze_array(numbers, np.int32)


def _as_times(where: str, value: Any) -> NDArray[np.float64]:
    with prefix_errors(where):
        given = quantity(value)
    times = np.asarray(given.value)
    if given.dimension not in (TIME, DIMENSIONLESS):
        raise UnitError(f"{where} is in {given.unit}; it must be times, or numbers in seconds")
    if times.ndim != 1:
        raise ShapeError(f"{where} has shape {times.shape}; it must be a list of times")
    for k in np.flatnonzero(~np.isfinite(times) | (times < 0))[:1]:
        raise ParameterError(f"{where}[{k}] is {times[k]:g} s; it must be finite and not negative")
    for k in np.flatnonzero(np.diff(times) < 0)[:1]:
        raise ParameterError(
            f"{where} is not sorted: {times[k + 1]:g} s at place {k + 1} follows {times[k]:g} s; sort the spikes"
        )
    return freeze_array(times)


@dataclass(frozen=True, eq=False)
class GivenSpikes(Spec):
    """Spikes in the order of their times: of each, the unit, the time in seconds and perhaps the sample.

    Without `sample`, the spikes are the same in all samples of a batch. Times become the nearest time steps, one
    half up.
    """

    unit: Annotated[Any, _as_indices]
    time: Annotated[Any, _as_times]
    sample: Annotated[Any, optional(_as_indices)] = None

    def __post_init__(self) -> None:
        lengths = [len(x) for x in (self.unit, self.time, self.sample) if x is not None]
        if len(set(lengths)) > 1:
            raise ShapeError(f"there are {lengths[0]} units for {lengths[1]} times; give one each")


class SpikeTable(NamedTuple):
    """Spikes in the order of steps and, within a step, of elements (units x samples).

    Each stands for `repeat` spikes: those of `element` and of the elements that follow it.
    """

    steps: Integers
    elements: NDArray[np.int32]
    repeat: int


def as_spikes(where: str, value: Any) -> GivenSpikes:
    """Return a value as spikes; raises SpecError.

    Parameters
    ----------
    where : str
        Name of the value in messages.
    value : tuple
        Units and times, and perhaps samples; the spikes of a result are such a tuple.
    """
    if isinstance(value, GivenSpikes):
        return value
    if not isinstance(value, tuple | list) or len(value) not in (2, 3):
        raise SpecError(
            f"{where} is {abbreviate(value)}; it must be the spikes of a result, as result.spikes['cell'], or two "
            "lists: the unit and the time of each spike"
        )
    with prefix_errors(where):
        return GivenSpikes(*value)


def check_spikes(
    circuit: Circuit, spikes: Mapping[str, GivenSpikes], batch: int, dt: float
) -> None:
    """Check that each source that needs spikes has some that fit it, and that no other object has.

    Raises
    ------
    ParameterError, UnknownMemberError
        If spikes are missing, belong to no such source, or cannot be those of its units.
    """
    for name in spikes:
        if name not in circuit.given_spikes:
            raise UnknownMemberError(
                "source of given spikes in Protocol.spikes", name, circuit.given_spikes
            )
    for name in circuit.given_spikes:
        source = circuit.source(name)
        if name not in spikes:
            raise ParameterError(
                f"Protocol: {source} has no spikes; give them as spikes={{{name!r}: ...}}, which may be empty, "
                "as in ([], [])"
            )
        _check_fit(f"Protocol: spikes of {source}", circuit, name, spikes[name], batch, dt)


def _check_fit(
    where: str, circuit: Circuit, name: str, spikes: GivenSpikes, batch: int, dt: float
) -> None:
    size = circuit.population(name).size
    for what, numbers, count in (("unit", spikes.unit, size), ("sample", spikes.sample, batch)):
        if numbers is None:
            continue
        for k in np.flatnonzero((numbers < 0) | (numbers >= count))[:1]:
            raise ParameterError(
                f"{where}: {what}[{k}] is {numbers[k]}; it must be from 0 to {count - 1}"
            )
    steps, elements, _ = spike_table(spikes, batch, dt)
    for k in np.flatnonzero((np.diff(steps) == 0) & (np.diff(elements) == 0))[:1]:
        raise ParameterError(
            f"{where}: unit {elements[k] // batch} has two spikes in the time step at {steps[k] * dt:g} s; a unit "
            "spikes at most once in a step"
        )


def no_spikes(circuit: Circuit) -> dict[str, GivenSpikes]:
    """Return an empty list of spikes for each source that needs spikes."""
    return {name: GivenSpikes((), ()) for name in circuit.given_spikes}


def spike_table(spikes: GivenSpikes, batch: int, dt: float) -> SpikeTable:
    """Return spikes as steps and elements, for a batch and a time step in seconds."""
    steps = np.minimum(nearest_steps(spikes.time, dt), _NEVER).astype(np.int64)
    elements = spikes.unit.astype(np.int32) * np.int32(batch)
    if spikes.sample is not None:
        elements = elements + spikes.sample
    order = np.lexsort((elements, steps))
    return SpikeTable(steps[order], elements[order], batch if spikes.sample is None else 1)
