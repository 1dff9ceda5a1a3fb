"""Small circuits of every shipped model, random inputs and states for them, and one step on a back end."""

from collections.abc import Mapping
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dendrosim as ds
from dendrosim.circuit.start_values import LONG_AGO, draw_start_value
from dendrosim.equations.transfer.lookup import transfer_functions
from dendrosim.errors import SpecError
from dendrosim.experiments.file_check.runs import without_pathways
from dendrosim.library.catalogue import find_entry, list_entries
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.parameter_types import Boolean, Choice, OrNone, Text
from dendrosim.signals.samples import Samples
from dendrosim.units import unit, unit_name

SMALL = {
    "sizes": (3, 2, 2, 2), "inputs": 4, "outputs": 3, "hidden": 2, "cells": 2, "interneurons": 2,
}  # fmt: skip
"""Values of the parameters that make a circuit small."""

SMALL_IF = {("form", "network"): {"pyramidal_cells": 4, "interneurons_per_type": 3}}
"""Further such values, which circuits with a certain choice have."""

RECTANGULAR = {"sizes": (3, 4, 2, 3)}
"""Layers of different sizes, for models that allow them."""

TYPICAL = {"V": 1e-3, "A": 1e-11, "S": 1e-10, "Hz": 1.0, "1": 0.3}
"""Spread of random numbers by unit, in SI units."""

MODELS = [entry.name for entry in list_entries() if entry.file_kind == "model"]


# -- circuits -------------------------------------------------------------------------------------------


def options(model: str) -> dict[str, tuple[Any, ...]]:
    """Return the parameters of a model that take one of a few values, with these values."""
    declared = parameters_of_file(find_entry(model, "model"))
    types = {p.name: p.type.inner if isinstance(p.type, OrNone) else p.type for p in declared}
    found: dict[str, tuple[Any, ...]] = {
        name: choice.options for name, choice in types.items() if isinstance(choice, Choice)
    }
    if isinstance(types.get("transfer"), Text):
        found["transfer"] = tuple(transfer_functions())
    return found | {name: (False, True) for name, t in types.items() if isinstance(t, Boolean)}


@cache
def circuits(model: str) -> tuple[tuple[str, ds.Circuit], ...]:
    """Return small circuits of a model by name: each choice by itself, and with a transfer function with a kink.

    A choice that the model refuses is combined with the first other one that makes it possible. Pathways are left
    out, since they have no effect below threshold.
    """
    choices = options(model)
    single = [{name: choice} for name in choices for choice in choices[name]]
    if "sizes" in _known(model):
        single += [RECTANGULAR]
    settings: list[dict[str, Any]] = [{}]
    kinked = [{"transfer": name} for name in choices.get("transfer", ()) if "relu" in name]
    for base in ({}, *[way for way in kinked if _possible(model, way)][-1:]):
        for changes in single:
            ways = [{**base, **changes}, *({**other, **base, **changes} for other in single)]
            settings += islice((way for way in ways if _possible(model, way)), 1)
    found: dict[str, ds.Circuit] = {}
    for changes in settings:
        circuit = _circuit(model, changes)
        if circuit not in found.values():
            name = ", ".join(f"{k}={v}" for k, v in changes.items())
            found[f"{model}({name})"] = circuit
    return tuple(found.items())


def _possible(model: str, changes: Mapping[str, Any]) -> bool:
    try:
        _circuit(model, changes)
    except SpecError:
        return False
    return True


@cache
def _known(model: str) -> frozenset[str]:
    return frozenset(parameter.name for parameter in parameters_of_file(find_entry(model, "model")))


def _circuit(model: str, changes: Mapping[str, Any]) -> ds.Circuit:
    declared = {p.name: p for p in parameters_of_file(find_entry(model, "model"))}
    chosen = {name: parameter.default for name, parameter in declared.items()} | dict(changes)
    small = {
        name: value
        for name, value in SMALL.items()
        if name in declared and all(chosen[n] in some for n, some in declared[name].only.items())
    }
    for (name, choice), values in SMALL_IF.items():
        if changes.get(name) == choice:
            small |= values
    return without_pathways(ds.load_circuit(model, **{**small, **changes}))


# -- numbers --------------------------------------------------------------------------------------------


def inputs(circuit: ds.Circuit, samples: int, seed: int = 0) -> dict[str, ds.Quantity]:
    """Return random values of every input, units x samples; conductances are not negative."""
    rng = np.random.default_rng(seed)
    found = {}
    for path in circuit.inputs:
        population, declared = circuit.variable(path)
        dimension = unit(declared.unit)[0]
        numbers = TYPICAL[unit_name(dimension)] * rng.normal(size=(population.size, samples))
        numbers = 0.1 * abs(numbers) if "background" in path else numbers
        found[path] = ds.Quantity(numbers, dimension)
    return found


def gates(circuit: ds.Circuit) -> dict[str, float]:
    """Return values of all gates at which none is closed or fully open."""
    return {gate: 0.4 + 0.3 * i for i, gate in enumerate(circuit.gates)}


def weights(circuit: ds.Circuit, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Return the initial weights of every matrix that is not the inverse of another."""
    own = [m for m in circuit.matrices if m.inverse_of is None]
    return {m.name: draw_start_value(circuit, m.name, circuit.shape(m), seed) for m in own}


def state(flow: Any, seed: int = 1) -> NDArray[np.float64]:
    """Return a random state around the start."""
    return flow.start + spread(flow) * np.random.default_rng(seed).normal(size=flow.size)


def spread(flow: Any) -> NDArray[np.float64]:
    """Return by how much each state may be moved: `TYPICAL` of its unit, or a tenth of its start."""
    typical = np.array([TYPICAL.get(u, 0.0) for u in flow.units])
    return np.where(typical > 0.0, typical, 0.1 * abs(flow.start))


# -- one step -------------------------------------------------------------------------------------------


def one_step(
    circuit: ds.Circuit,
    values: Mapping[str, NDArray[Any]],
    drives: Mapping[str, ds.Quantity],
    opened: Mapping[str, float],
    backend: str,
    dt: float = 1e-4,
) -> dict[str, NDArray[np.float64]]:
    """Return (x_1 - x_0)/dt of every state and plastic matrix, from a run of one step that starts from
    `values`."""
    samples = max((d.value.shape[1] for d in drives.values()), default=1)
    step = ds.Quantity(dt, unit("s")[0])
    protocol = ds.Protocol(
        circuit,
        (ds.Block("step", (ds.Phase("only", step, gates=opened),)),),
        dt=step,
        signals={path: Samples(path.replace(".", "_")) for path in drives},
        data={path.replace(".", "_"): drive.value.T for path, drive in drives.items()},
        batch=samples,
    )
    start = dict(values)
    for population in circuit.populations:
        if population.refractory_text is not None:
            start[f"{population.name}.lastspike"] = np.full((population.size, samples), LONG_AGO)
    final = ds.run(protocol, backend=backend, initial=start).state
    return {name: (final[name] - x.reshape(final[name].shape)) / dt for name, x in values.items()}
