"""Circuits and protocols with which `benchmarks/gpu.py` compares and times the back end cuda."""

from dataclasses import dataclass
from typing import Any

import numpy as np

STEPS, DT = 1000, 1e-4
"""Number of time steps of a comparison, and their length in seconds."""

LAYER = """
dh/dt = (-h + (1 - mu)*f + mu*g)/tau : 1
f = s(basal) + x                     : 1
basal                                : 1
x                                    : 1
g                                    : 1
"""
PLASTICITY = "dw/dt = eta*ds(basal_post)*(h_post - f_post)*h_pre : 1"


@dataclass(frozen=True)
class Case:
    """A protocol to run with a precision.

    Attributes
    ----------
    workload : str
        `D` (dense network), `S` (spiking cells), `synapses`, `rules`, `model` or `protocol`.
    arguments : tuple
        Arguments of the function that makes the workload, such as a number of units.
    precision : {"single", "double"}
    """

    workload: str
    arguments: tuple[Any, ...]
    precision: str

    def protocol(self, steps: int) -> Any:
        """Return a protocol of `steps` time steps; a protocol of the library keeps its own number."""
        import dendrosim as ds

        makers = {
            "D": _dense, "S": _cells, "synapses": _synapses, "rules": _rules, "model": _model,
            "protocol": ds.load_protocol,
        }  # fmt: skip
        made = makers[self.workload](*self.arguments)
        if self.workload == "protocol":
            return made
        circuit, options = made
        block = ds.Block("run", (ds.Phase("on", f"{steps * DT:.10g} s"),))
        return ds.Protocol(circuit, (block,), dt=f"{DT} s", **options)


AGREEING = [
    Case(workload, arguments, precision)
    for workload, arguments, precisions in (
        ("D", (60, 8, 2), ("double", "single")),
        ("model", ("dynamical_tp",), ("double", "single")),
        ("model", ("bmvr",), ("double", "single")),
        # Double precision only: rounding in single precision may shift a spike by a step.
        ("model", ("pyramidal_burst",), ("double",)),
        ("synapses", (100,), ("double",)),
        ("rules", (50, 1), ("double", "single")),
        ("rules", (50, 3), ("double", "single")),
    )
    for precision in precisions
]
"""Cases in which cuda and cpp must have the same states."""

BURSTS = Case("protocol", ("burst_coding",), "single")
"""The case in which cuda and cpp must have the same statistics of bursts."""


def _dense(units: int, batch: int, layers: int = 1) -> tuple[Any, dict[str, Any]]:
    """Return layers whose matrices learn and are used forward and transposed: three products in a step."""
    import dendrosim as ds

    names = [f"layer{i}" for i in range(layers + 1)]
    populations = [
        ds.Population(
            name, units, LAYER, transfer="tanh",
            inputs=[v for v, at in (("x", 0), ("basal", 0), ("g", layers)) if at == i]
            + (["x"] if i else []),
        )
        for i, name in enumerate(names)
    ]  # fmt: skip
    matrices, projections = [], []
    for i in range(1, layers + 1):
        weights = ds.Normal(0.0, units**-0.5)
        matrices.append(ds.Matrix(f"w{i}", names[i], names[i - 1], weights, PLASTICITY))
        projections.append(ds.Projection(f"{names[i - 1]}.h", f"w{i}", f"{names[i]}.basal"))
        back = ds.Projection(f"{names[i]}.h", f"w{i}", f"{names[i - 1]}.g", transpose=True)
        projections.append(back)
    circuit = ds.Circuit(
        populations, matrices, projections, {"mu": 0.1, "tau": "10 ms", "eta": "0.1 Hz"}
    )
    rng = np.random.default_rng(2)
    signals: dict[str, Any] = dict.fromkeys(circuit.inputs, 0)
    signals |= {"layer0.x": ds.Samples("x"), f"{names[-1]}.g": ds.Samples("y")}
    data = {name: rng.normal(size=(batch, units)) for name in "xy"}
    return circuit, {"signals": signals, "data": data, "batch": batch}


def _cells(cells: int) -> tuple[Any, dict[str, Any]]:
    """Return bursting pyramidal cells with noise."""
    import dendrosim as ds

    means = {"soma": "400 pA", "apical": "-100 pA"}
    signals = {
        f"pyramidal.current_{place}": ds.OrnsteinUhlenbeck(mean, "450 pA", "2 ms")
        for place, mean in means.items()
    }
    return ds.load_circuit("pyramidal_burst", cells=cells), {"signals": signals}


def _synapses(cells: int) -> tuple[Any, dict[str, Any]]:
    """Return cells that inhibit each other with random delays."""
    import dendrosim as ds

    cell = ds.Population(
        "cell", cells, "dv/dt = (x - v)/(10*ms) : 1\nx : 1", inputs=["x"], threshold="v > 1", reset="v = 0"
    )  # fmt: skip
    inhibition = ds.Pathway(
        "inhibition", "cell", "cell", "v_post -= weight", ds.Probability(0.2), ds.Uniform(0.01, 0.05),
        ds.Uniform("0.1 ms", "5 ms"),
    )  # fmt: skip
    recordings = (ds.Recording("cell.v", "1 ms"), ds.Recording("cell.spike", every="spike"))
    signals = {"cell.x": np.linspace(0.8, 3, cells)}
    return ds.Circuit((cell,), pathways=(inhibition,)), {
        "signals": signals,
        "recordings": recordings,
    }


def _rules(units: int, batch: int) -> tuple[Any, dict[str, Any]]:
    """Return units with a matrix that decays, one that learns element by element, and one that is an inverse."""
    import dendrosim as ds

    population = ds.Population(
        "unit", units, "dv/dt = (tanh(r) + x - v)/(10*ms) : 1\nr : 1\nx : 1", inputs=["x"],
        initial={"v": ds.Uniform(-1, 1)},
    )  # fmt: skip
    rules = {
        "hebb": "dw/dt = (v_post*v_pre - w)/second : 1",
        "cubic": "dw/dt = (tanh(v_post*v_pre*w) + v_post*v_pre*w - w**3)/second : 1",
        "inverted": "dw/dt = v_post*v_pre/(10*second) : 1",
    }
    start = ds.Identity(1.0, 0.1)
    matrices = [ds.Matrix(name, "unit", "unit", start, rule) for name, rule in rules.items()]
    matrices.append(ds.Matrix("inverse", "unit", "unit", inverse_of="inverted"))
    projections = [ds.Projection("unit.v", m.name, "unit.r") for m in matrices]
    signals = {"unit.x": ds.Samples("x")}
    data = {"x": np.random.default_rng(3).normal(size=(batch, units))}
    circuit = ds.Circuit((population,), matrices, projections)
    return circuit, {"signals": signals, "data": data, "batch": batch}


def _model(name: str) -> tuple[Any, dict[str, Any]]:
    """Return a model of the library with constant inputs: currents of 600 pA, other variables 0.3."""
    import dendrosim as ds

    circuit = ds.load_circuit(name)
    recordings = tuple(
        ds.Recording(f"{p.name}.{s}", "1 ms") for p in circuit.populations for s in p.states
    )
    signals = {
        f"{p.name}.{n}": "600 pA" if p.variables[n].unit == "amp" else 0.3
        for p in circuit.populations
        for n in p.inputs
    }
    return circuit, {"signals": signals, "recordings": recordings}
