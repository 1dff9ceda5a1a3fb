"""A valid circuit and protocol, and the same with some fields changed."""

import numpy as np

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.signals.samples import Samples

CELL = {
    "name": "cell",
    "size": 2,
    "equations": "dv/dt = (E - v + R*current)/tau : volt\nrate = s(v/mV) : 1\ncurrent : amp\nx : 1",
    "inputs": ["x"],
    "initial": {"v": "-70 mV"},
    "parameters": {"R": ["100 Mohm", "120 Mohm"]},
    "transfer": "softplus",
}
WEIGHT = {
    "name": "w",
    "post": "cell",
    "pre": "cell",
    "initial": "1 pA",
    "plasticity": "dw/dt = learn*(eta*rate_post*x_pre - w)/tau_w : amp",
    "parameters": {"eta": "2 pA"},
}
LINK = {"source": "cell.x", "matrix": "w", "target": "cell.current"}
REST = {"parameters": {"E": "-70 mV", "tau": "20 ms", "tau_w": "1 s"}, "gates": {"learn": 1.0}}
TIMES = {
    "blocks": (Block("train", (Phase("free", "2 ms"), Phase("learning", "3 ms"))),),
    "dt": "1 ms",
    "recordings": (Recording("cell.*", "1 ms"),),
    "signals": {"cell.x": Samples("rows")},
    "data": {"rows": np.ones((3, 2))},
    "batch": 2,
}


def circuit(cell=None, weight=None, link=None, extra=(), **rest):
    """The valid circuit with some fields changed."""
    return Circuit(
        (Population(**{**CELL, **(cell or {})}), *extra),
        (Matrix(**{**WEIGHT, **(weight or {})}),),
        (Projection(**{**LINK, **(link or {})}),),
        **{**REST, **rest},
    )


def protocol(**changes):
    """The valid protocol with some fields changed."""
    return Protocol(**{"circuit": circuit(), **TIMES, **changes})


def parameters(**changes):
    """The circuit's parameters with changes; None takes one out."""
    new = {**REST["parameters"], **changes}
    return {"parameters": {k: v for k, v in new.items() if v is not None}}


def equations(old, new):
    """The population with a piece of its equations replaced."""
    assert old in CELL["equations"]
    return {"cell": {"equations": CELL["equations"].replace(old, new)}}


def rule(text):
    """The matrix with another plasticity rule."""
    return {"weight": {"plasticity": text}}


def phase(**changes):
    """One block with one phase."""
    return {
        "blocks": (Block("train", (Phase(**{"name": "free", "duration": "2 ms", **changes}),)),)
    }
