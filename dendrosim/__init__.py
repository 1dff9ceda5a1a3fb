"""dendrosim: dendritic circuits in continuous time, on Brian2.

Public names are looked up when first used, so that `import dendrosim` imports nothing else.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dendrosim import analysis, errors, plot, tasks
    from dendrosim.circuit.circuit import Circuit
    from dendrosim.circuit.connectivity import AllToAll, InDegree, OneToOne, Pairings, Probability
    from dendrosim.circuit.initial_values import (
        Copy,
        Fixed,
        Identity,
        Normal,
        PseudoInverse,
        Uniform,
        WellConditioned,
    )
    from dendrosim.circuit.matrix import Matrix, Projection
    from dendrosim.circuit.pathway import Pathway
    from dendrosim.circuit.population import Population
    from dendrosim.circuit.short_term_plasticity import ShortTerm
    from dendrosim.equations.transfer import bijection
    from dendrosim.experiments.basin import basin, end_state
    from dendrosim.experiments.run import run
    from dendrosim.library.loading import load_circuit, load_protocol, measure
    from dendrosim.library.parameters import parameters_of
    from dendrosim.protocol.phases import Block, Phase, Recording
    from dendrosim.protocol.protocol import Protocol
    from dendrosim.results.measurement import Measurement
    from dendrosim.results.result import Result, open_result
    from dendrosim.signals.biexponential import BiExponential
    from dendrosim.signals.constant import Constant
    from dendrosim.signals.held_noise import HeldNoise
    from dendrosim.signals.hyperbolic import Hyperbolic
    from dendrosim.signals.ornstein_uhlenbeck import OrnsteinUhlenbeck
    from dendrosim.signals.pulse import Pulse
    from dendrosim.signals.pulse_train import PulseTrain
    from dendrosim.signals.ramp import Ramp
    from dendrosim.signals.samples import Samples
    from dendrosim.signals.shot_noise import ShotNoise
    from dendrosim.signals.sine import Sine
    from dendrosim.signals.step import Step
    from dendrosim.signals.table import Table
    from dendrosim.stability.continuation.continuation import continuation
    from dendrosim.stability.fixed_points.fixed_point import fixed_point
    from dendrosim.stability.stability_map import stability_map
    from dendrosim.stability.vector_field.vector_field import vector_field
    from dendrosim.units import Quantity, not_negative, positive, quantity

    __version__: str

__all__ = [
    "AllToAll",
    "BiExponential",
    "Block",
    "Circuit",
    "Constant",
    "Copy",
    "Fixed",
    "HeldNoise",
    "Hyperbolic",
    "Identity",
    "InDegree",
    "Matrix",
    "Measurement",
    "Normal",
    "OneToOne",
    "OrnsteinUhlenbeck",
    "Pairings",
    "Pathway",
    "Phase",
    "Population",
    "Probability",
    "Projection",
    "Protocol",
    "PseudoInverse",
    "Pulse",
    "PulseTrain",
    "Quantity",
    "Ramp",
    "Recording",
    "Result",
    "Samples",
    "ShortTerm",
    "ShotNoise",
    "Sine",
    "Step",
    "Table",
    "Uniform",
    "WellConditioned",
    "__version__",
    "analysis",
    "basin",
    "bijection",
    "continuation",
    "end_state",
    "errors",
    "fixed_point",
    "load_circuit",
    "load_protocol",
    "measure",
    "not_negative",
    "open_result",
    "parameters_of",
    "plot",
    "positive",
    "quantity",
    "run",
    "stability_map",
    "tasks",
    "vector_field",
]

_MODULES = ("analysis", "errors", "plot", "tasks")
_HOMES = {
    "circuit.circuit": ("Circuit", "Matrix", "Pathway", "Population", "Projection"),
    "circuit.connectivity": ("AllToAll", "InDegree", "OneToOne", "Pairings", "Probability"),
    "experiments.run": ("run",),
    "experiments.basin": ("basin", "end_state"),
    "circuit.initial_values": (
        "Copy",
        "Fixed",
        "Identity",
        "Normal",
        "PseudoInverse",
        "Uniform",
        "WellConditioned",
    ),
    "library.loading": ("load_circuit", "load_protocol", "measure"),
    "results.measurement": ("Measurement",),
    "library.parameters": ("parameters_of",),
    "protocol.protocol": ("Block", "Phase", "Protocol", "Recording"),
    "results.result": ("Result", "open_result"),
    "circuit.short_term_plasticity": ("ShortTerm",),
    "stability.vector_field.vector_field": ("vector_field",),
    "stability.continuation.continuation": ("continuation",),
    "stability.fixed_points.fixed_point": ("fixed_point",),
    "stability.stability_map": ("stability_map",),
    "equations.transfer": ("bijection",),
    "units": ("Quantity", "quantity"),
    "circuit.validation": ("not_negative", "positive"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    elif name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    elif name[:1].isupper():  # kinds of signals, of which a new file may add one
        value = getattr(importlib.import_module(f"{__name__}.signals"), name, None)
    else:
        value = None
    if value is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(__name__)
    except PackageNotFoundError:
        return "0+unknown"
