"""Lateral synapses learn to predict what comes down: apical dendrites fall silent.

The lateral weights of a microcircuit `dendritic_error`, which has interneurons, or `dendritic_predictive`, which
has none, begin at random, or in the self-predicting state (`self_predicting`).
Normally distributed inputs are shown side by side, without a target. When the circuit has settled, lateral weights
learn all the time. (If they learned while it settles, they would learn from voltages that follow the inputs at
different speeds, and leave the self-predicting state by about 1e-3.)

Measured:

    apical                  largest |apical voltage| at the end, over all layers and inputs
    interneuron_mismatch    largest difference of voltage between an interneuron and the pyramidal cell that
                            teaches it, at the end (dendritic_error)
    initial_apical, initial_interneuron_mismatch   the same after a tenth of the duration

In the self-predicting state both are zero to rounding errors. From random weights, they fall exponentially in the
end, at the rate of the slowest mode that the model's file gives. (20 s, the default, is a few time constants of
this mode.)

A `dt` at which a compartment, or a loop among the neurons, is unstable with the initial weights is refused. With
random lateral weights, a loop may grow at any dt, until units saturate; then a warning says so, and another one if
loops are unstable with the weights at the end.

Sources
-------
Sacramento, Costa, Bengio & Senn (2018), Dendritic cortical microcircuits approximate the backpropagation
algorithm, NeurIPS 31: the experiment in which interneurons learn to predict, without its noise.
"""

from typing import Any, Literal

import numpy as np

import dendrosim as ds
from dendrosim.learning.loop_stability import check_loop, loop_at_end, loop_at_rest, warn_of_loop
from dendrosim.mechanisms.error_compartments import check_time_step, total_conductances

KEPT = 50  # times at which voltages are kept
LOOPS = 4  # inputs for which loops are analysed at the end
WEAKER = "a smaller g_apical or gain"
SETTLING = 60  # time in units of tau in which the circuit settles: e^-60 is below rounding errors


class Parameters(ds.Parameters):
    samples: int = ds.parameter(24, "inputs that are shown side by side", least=1)
    duration: ds.Quantity = ds.parameter("20 s", "time for which lateral weights learn", above=0)
    dt: ds.Quantity = ds.parameter("0.2 ms", "time step", above=0)
    spread: float = ds.parameter(1.0, "standard deviation of the inputs", above=0)
    data_seed: int = ds.parameter(0, "seed of the inputs, not of initial weights", least=0)
    seed: int = ds.parameter(0, "seed of the run, and of initial weights", least=0)
    self_predicting: bool = ds.parameter(
        False, "whether lateral weights begin in the self-predicting state"
    )
    model: Literal["dendritic_error", "dendritic_predictive"] = ds.parameter(
        "dendritic_error", "model of the circuit"
    )
    circuit = ds.parameters_of(
        "dendritic_error", "dendritic_predictive", without=("nudging", "eta", "teaching"), optional=True
    )  # fmt: skip


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    circuit = ds.load_circuit(p.model, self_predicting=p.self_predicting, **p.circuit)
    sizes = [q.size for q in circuit.populations if q.name.startswith("layer")]
    if len(sizes) < 3:
        raise ds.errors.ParameterError(
            f"sizes is {sizes}; there must be a hidden layer, whose apical dendrites receive the layer above"
        )
    tau = circuit.parameters["tau"]
    step, total = float(p.dt.value), float(p.duration.value)
    check_time_step(total_conductances(circuit), tau, step)
    # With random lateral weights, loops may grow until units saturate. Learning can end that.
    check_loop(loop_at_rest(circuit, {}, p.seed), step, WEAKER, settles=p.self_predicting)
    steps = max(KEPT, round(total / step))
    x = p.spread * np.random.default_rng(p.data_seed).normal(size=(p.samples, sizes[0]))
    settling = max(1, round(SETTLING * float(tau.value) / step))
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


def measure(result: ds.Result) -> ds.Measurement:
    """Return how silent apical dendrites are, and how well interneurons predict."""
    courses = {
        "apical": _course(result, _apical),
        "interneuron_mismatch": _course(result, _mismatch),
    }
    courses = {name: values for name, values in courses.items() if values is not None}
    metrics = {name: float(values[-1]) for name, values in courses.items()}
    metrics |= {f"initial_{n}": float(values[len(values) // 10]) for n, values in courses.items()}
    time = result["layer1.apical"].time.values
    loop = loop_at_end(result, LOOPS, result.protocol.parameters["seed"])
    warn_of_loop(loop, result.protocol.time_step, WEAKER)

    def draw() -> Any:
        labels = {
            "apical": "largest apical voltage",
            "interneuron_mismatch": "largest mismatch of interneurons",
        }
        curves = {labels[n]: np.maximum(values, 1e-17) for n, values in courses.items()}
        axes: Any = {"xlabel": "time (s)", "ylabel": "voltage", "log": True}
        return ds.plot.curve(time, curves, title="Lateral synapses learn to predict", **axes).figure

    references = {}
    if result.protocol.parameters["self_predicting"]:
        silent = ds.Reference(0.0, 1e-12, reason="rounding")
        references = {n: silent for n in ("apical", "interneuron_mismatch") if n in metrics}
    return ds.Measurement(metrics, {"prediction": draw}, references=references)


def _course(result, voltages):
    """Return the largest of the voltages of all layers at each kept time, or None if there are none."""
    found = [voltages(result, i) for i in range(1, len(result.circuit.populations))]
    found = [abs(v).reshape(len(v), -1).max(axis=1) for v in found if v is not None]
    return np.max(found, axis=0) if found else None


def _apical(result, i):
    name = f"layer{i}.apical"
    return result[name].values if name in result else None


def _mismatch(result, i):
    name = f"inter{i}.u"
    return result[name].values - result[f"layer{i + 1}.u"].values if name in result else None
