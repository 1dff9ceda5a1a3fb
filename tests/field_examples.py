"""Every shipped model in small, with inputs and states at random, and one step of it on a back end."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dendrosim as ds
from dendrosim.circuit.start_values import LONG_AGO, draw_start_value
from dendrosim.equations.transfer.lookup import transfer_functions
from dendrosim.errors import SpecError
from dendrosim.library.catalogue import find_entry, list_entries
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.parameter_types import Boolean, Choice, OrNone, Text
from dendrosim.signals.samples import Samples
from dendrosim.units import unit, unit_name

SMALL = {
    "sizes": (3, 2, 2, 2), "inputs": 4, "outputs": 3, "hidden": 2, "cells": 2, "interneurons": 2,
}  # fmt: skip
"""What makes a circuit small, by the name of the parameter."""
RECTANGULAR = {"sizes": (3, 4, 2, 3)}
"""Layers of different sizes, where a model takes them."""
TYPICAL = {"V": 1e-3, "A": 1e-11, "S": 1e-10, "1": 0.3}
"""Spread of random numbers of a unit."""

MODELS = [entry.name for entry in list_entries() if entry.file_kind == "model"]


def gap(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Largest difference relative to the largest number."""
    return float(np.max(np.abs(found - expected)) / (np.max(np.abs(expected)) or 1.0))


# -- circuits -------------------------------------------------------------------------------------------


def options(model: str) -> dict[str, tuple[Any, ...]]:
    """The choices of a model: parameters that take one of a few values."""
    known = {
        parameter.name: parameter.type
        for parameter in parameters_of_file(find_entry(model, "model"))
    }
    known = {n: t.inner if isinstance(t, OrNone) else t for n, t in known.items()}
    found = {
        n: value_type.options for n, value_type in known.items() if isinstance(value_type, Choice)
    }
    found |= (
        {"transfer": tuple(transfer_functions())} if isinstance(known.get("transfer"), Text) else {}
    )
    return found | {
        n: (False, True) for n, value_type in known.items() if isinstance(value_type, Boolean)
    }


@cache
def circuits(model: str) -> tuple[tuple[str, ds.Circuit], ...]:
    """Small circuits of a model: every choice by itself, and with a transfer function that has a kink.

    A choice that the model refuses stands beside the first other one that makes it possible. Pathways are
    left out: below threshold they do nothing.
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
            settings += [way for way in ways if _possible(model, way)][:1]
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
    small = {name: value for name, value in SMALL.items() if name in _known(model)}
    return ds.load_circuit(model, **{**small, **changes}).replace(pathways=())


# -- numbers --------------------------------------------------------------------------------------------


def inputs(circuit: ds.Circuit, samples: int, seed: int = 0) -> dict[str, ds.Quantity]:
    """Every input at random, units x samples; conductances are not negative."""
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
    """Every gate neither closed nor at one."""
    return {gate: 0.4 + 0.3 * i for i, gate in enumerate(circuit.gates)}


def weights(circuit: ds.Circuit, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """The initial weights of every matrix that has some of its own."""
    own = [m for m in circuit.matrices if m.inverse_of is None]
    return {m.name: draw_start_value(circuit, m.name, circuit.shape(m), seed) for m in own}


def state(flow: Any, seed: int = 1) -> NDArray[np.float64]:
    """A state at random around the start, every number by a part of the typical one of its unit."""
    return flow.start + spread(flow) * np.random.default_rng(seed).normal(size=flow.size)


def spread(flow: Any) -> NDArray[np.float64]:
    """By how much each state may be moved: TYPICAL, and little of what is bounded by nature."""
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
    """(x_1 - x_0)/dt of every state and plastic matrix in a run of one step that starts from `values`."""
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
