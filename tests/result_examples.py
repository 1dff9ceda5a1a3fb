"""Small results made by hand, for tests of what reads them."""

import numpy as np

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.protocol.phases import Block, Phase, Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.result import Result
from dendrosim.results.result_data import Trace

SOMA = """
dv/dt = (-v + drive)/tau : volt   # membrane voltage
du/dt = -u/tau       : 1      # adaptation
drive                : volt   # fed by projection w
"""
SOURCE = "x : 1"
W_RULE = "dw/dt = (v_post*x_pre - w)/tau : volt"


def circuit(units: int = 3, inputs: int = 4) -> Circuit:
    return Circuit(
        populations=(
            Population("source", inputs, SOURCE, inputs={"x": 0.0}),
            Population("soma", units, SOMA),
        ),
        matrices=(Matrix("w", "soma", "source", plasticity=W_RULE, initial="0 mV"),),
        projections=(Projection("source.x", "w", "soma.drive"),),
        parameters={"tau": "20 ms"},
    )


def protocol(
    units: int = 3, inputs: int = 4, batch: int = 1, trials: int = 2, kept=None
) -> Protocol:
    free, learning = Phase("free", "5 ms"), Phase("learning", "15 ms")
    return Protocol(
        circuit(units, inputs),
        blocks=(Block("train", (free, learning), trials=trials),),
        dt="1 ms",
        recordings=(
            Recording("soma.*", every="1 ms", **(kept or {})),
            Recording("w", every="phase"),
        ),
        batch=batch,
        name="example",
        parameters={"units": units},
    )


def result(
    units=3, inputs=4, batch=1, trials=2, dtype=float, kept_units=None, kept_samples=None, **options
) -> Result:
    """Return a result with random numbers of the shapes that a run would have given."""
    rng = np.random.default_rng(0)
    rows, columns = len(kept_units or range(units)), len(kept_samples or range(batch))
    kept = {"units": kept_units, "samples": kept_samples}
    plan = protocol(units, inputs, batch, trials, kept)
    time = np.arange(20 * trials) * 1e-3
    ends = np.sort([20e-3 * k + t for k in range(trials) for t in (4e-3, 19e-3)])

    def numbers(*shape):
        return rng.normal(size=shape).astype(dtype)

    traces = {
        f"soma.{v}": Trace(time, 0.01 * numbers(len(time), rows, columns))
        for v in ("v", "u", "drive")
    }
    traces["w"] = Trace(ends, numbers(len(ends), units, inputs))
    final = {"soma.v": numbers(units, batch), "soma.u": numbers(units, batch)}
    final["w"] = numbers(units, inputs)
    return Result(plan, traces, final, **options)
