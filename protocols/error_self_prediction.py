"""Interneurons learn to predict what comes down: apical dendrites fall silent.

The lateral weights of a microcircuit `dendritic_error` begin at random, or in the self-predicting state
(`self_predicting`). Normally distributed inputs are shown side by side, without a target. When the circuit has
settled, lateral weights learn all the time. (If they learned while it settles, they would learn from voltages that
follow the inputs at different speeds, and leave the self-predicting state by about 1e-3.)

Measured:

    apical                  largest |apical voltage| at the end, over all layers and inputs
    interneuron_mismatch    largest difference of voltage between an interneuron and the pyramidal cell that
                            teaches it, at the end
    initial_apical, initial_interneuron_mismatch   the same after a tenth of the duration

In the self-predicting state both are zero to rounding errors. From random weights, they fall exponentially in the
end, at the rate of the slowest mode that the model's file gives.

Sources
-------
Sacramento, Costa, Bengio & Senn (2018), Dendritic cortical microcircuits approximate the backpropagation
algorithm, NeurIPS 31: the experiment in which interneurons learn to predict, without its noise.
"""

from typing import Any

import numpy as np

import dendrosim as ds
from dendrosim.mechanisms.error_compartments import check_time_step

KEPT = 50  # times at which voltages are kept
SETTLING = 60  # time in units of tau in which the circuit settles: e^-60 is below rounding errors


class Parameters(ds.Parameters):
    samples: int = ds.parameter(24, "inputs that are shown side by side", least=1)
    duration: ds.Quantity = ds.parameter("20 s", "time for which lateral weights learn", above=0)
    dt: ds.Quantity = ds.parameter("0.2 ms", "time step", above=0)
    spread: float = ds.parameter(1.0, "standard deviation of the inputs", above=0)
    data_seed: int = ds.parameter(0, "seed of the inputs, not of initial weights", least=0)
    self_predicting: bool = ds.parameter(
        False, "whether lateral weights begin in the self-predicting state"
    )
    circuit = ds.parameters_of("dendritic_error", without=("nudging", "eta", "teaching"))


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    sizes = p.circuit["sizes"]
    if len(sizes) < 3:
        raise ds.errors.ParameterError(
            f"sizes is {sizes}; there must be a hidden layer, whose apical dendrites receive the layer above"
        )
    circuit = ds.load_circuit("dendritic_error", self_predicting=p.self_predicting, **p.circuit)
    _check(p, circuit)
    step, total = float(p.dt.value), float(p.duration.value)
    steps = max(KEPT, round(total / step))
    x = p.spread * np.random.default_rng(p.data_seed).normal(size=(p.samples, sizes[0]))
    settling = max(1, round(SETTLING * float(p.circuit["tau"].value) / step))
    phases = (
        ds.Phase("settle", f"{settling * step!r} s"),
        ds.Phase("learn", f"{steps * step!r} s", gates={"sleep": 1.0}),
    )
    kept = tuple(
        f"{q.name}.{v}" for q in circuit.populations for v in ("u", "apical") if v in q.variables
    )
    return ds.Protocol(
        circuit,
        (ds.Block("predict", phases),),
        dt=p.dt,
        signals={"layer0.h": ds.Samples("x")},
        data={"x": x},
        recordings=(
            ds.Recording(kept, every=f"{steps // KEPT * step!r} s", phases="predict/learn"),
        ),
        batch=p.samples,
        batch_fixed=True,
    )


def _check(p, circuit):
    """Refuse a time step at which a compartment is unstable."""
    values: Any = {n: float(q.value) for n, q in circuit.parameters.items()}
    current = p.circuit["form"] == "current"
    dendrite = 0.0 if current else values["g_dendrite"]
    hidden = 1.0 if current else 1.0 + values["g_basal"] + values["g_apical"]
    totals = {
        "somata of pyramidal cells": hidden,
        "somata of interneurons": 1.0 + dendrite + values["g_teaching"],
    }
    check_time_step(totals, p.circuit["tau"], float(p.dt.value))


def measure(result: ds.Result) -> ds.Measurement:
    """Return how silent apical dendrites are, and how well interneurons predict."""
    apical, mismatch = _courses(result)
    early = len(apical) // 10
    metrics = {
        "apical": float(apical[-1]),
        "interneuron_mismatch": float(mismatch[-1]),
        "initial_apical": float(apical[early]),
        "initial_interneuron_mismatch": float(mismatch[early]),
    }
    names = [q.name for q in result.circuit.populations if q.name.startswith("inter")]
    time = result[f"{names[0]}.u"].time.values

    def draw() -> Any:
        curves = {
            "largest apical voltage": np.maximum(apical, 1e-17),
            "largest mismatch of interneurons": np.maximum(mismatch, 1e-17),
        }
        axes: Any = {"xlabel": "time (s)", "ylabel": "voltage", "log": True}
        return ds.plot.curve(time, curves, title="Interneurons learn to predict", **axes).figure

    return ds.Measurement(metrics, {"prediction": draw})


def _courses(result):
    """Return the largest apical voltage and the largest mismatch of interneurons at each kept time."""
    apical, mismatch = [], []
    for q in result.circuit.populations:
        if not q.name.startswith("inter"):
            continue
        i = int(q.name.removeprefix("inter"))
        apical.append(_largest(result[f"layer{i}.apical"].values))
        difference = result[f"inter{i}.u"].values - result[f"layer{i + 1}.u"].values
        mismatch.append(_largest(difference))
    return np.max(apical, axis=0), np.max(mismatch, axis=0)


def _largest(values):
    return abs(values).reshape(len(values), -1).max(axis=1)
