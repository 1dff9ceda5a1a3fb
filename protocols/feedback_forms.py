"""Errors that replace activities against errors that are there at once: how much the updates differ.

Circuits of the model `feedback_alignment` start from the same weights, see the same batch, and learn one step. In
one circuit errors replace activities layer by layer (`form=phases`). In the others the apical dendrite adds
`coupling` times the error to the somatic rate (`form=compartments`), so that the rates of all layers move with the
errors: the activity below from which weights learn, and the output from which errors follow.

Measured per coupling and layer:

    difference    |dW - dW_phases|/|dW_phases|
    angle         degrees between dW and dW_phases
    size_ratio    |dW|/|dW_phases|

`order` is the slope of log difference against log coupling between the two smallest couplings, per layer. It is 1:
the difference is of first order in the coupling, and without coupling the forms agree. (With a transfer function
that has corners, such as saturated_linear, the difference also jumps where a coupling moves a unit across one.)

Sources
-------
Amit (2021), Deep learning with asymmetric connections and Hebbian updates: remark 1, and the discussion of models
that combine the two signals. The comparison is not in the paper.
"""

from typing import Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis.vector_angles import angle
from dendrosim.errors import ParameterError
from dendrosim.learning.feedback_cycle import feedback_cycle
from dendrosim.plot import style

BATCH = 64
LEFT = 1e-10  # part of the way that cascades of filters have still to go
ROUNDS = 8  # times that signals go up and down before circuits with both signals learn


class Parameters(ds.Parameters):
    couplings: tuple[float, ...] = ds.parameter(
        (0.01, 0.03, 0.1, 0.3), "effects of errors on somata", above=0, most=0.5
    )
    sizes: tuple[int, ...] = ds.parameter((8, 6, 6, 4), "units per layer, input first", least=1)
    rule: Literal["bp", "frfb", "urfb", "dfa"] = ds.parameter("urfb", "feedback weights")
    transfer: str = ds.parameter("tanh", "transfer function of the hidden layers")
    dt: ds.Quantity | None = ds.parameter(None, "time step (default: 0.5 tau)", unit="s", above=0)
    data_seed: int = ds.parameter(0, "seed of inputs and targets, not of weights", least=0)
    circuit = ds.parameters_of(
        "feedback_alignment",
        without=(
            "form", "coupling", "eps", "decay", "symmetric", "pruned", "eta_r", "sigma", "loss", "balance", "gain",
            "output",
        ),
    )  # fmt: skip


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if len(p.couplings) < 2 or list(p.couplings) != sorted(set(p.couplings)):
        raise ParameterError(
            f"couplings is {list(p.couplings)}; give at least two, in ascending order"
        )
    if len(p.sizes) < 3:
        raise ParameterError(
            f"sizes is {list(p.sizes)}; give at least one layer between input and output: errors act on hidden "
            "layers, so without them there is nothing to compare"
        )
    given = {"sizes": p.sizes, "rule": p.rule, "transfer": p.transfer, **p.circuit}
    circuits = {"phases": ds.load_circuit("feedback_alignment", **given)}
    for k, coupling in enumerate(p.couplings):
        circuits[f"both{k}"] = ds.load_circuit(
            "feedback_alignment", form="compartments", coupling=coupling, **given
        )
    joined = ds.Circuit.join(**circuits)
    matrices = []
    for m in joined.matrices:
        owner, own = m.name.split("_", 1)
        copied = owner != "phases" and own[0] in "wrb"
        matrices.append(m.replace(initial=ds.Copy(f"phases_{own}")) if copied else m)
    tau, sizes = float(p.circuit["tau"].value), p.sizes
    step = 0.5 * tau if p.dt is None else float(p.dt.value)
    cycle = feedback_cycle(circuits, dt=step, tau=tau, left=LEFT, rounds=ROUNDS)
    rng = np.random.default_rng(p.data_seed)
    x, y = rng.normal(size=(BATCH, sizes[0])), rng.normal(size=(BATCH, sizes[-1]))
    names = tuple(f"{c}_w{i}" for c in circuits for i in range(1, len(sizes)))
    return ds.Protocol(
        joined.replace(matrices=matrices),
        (ds.Block("train", cycle),),
        dt=f"{step!r} s",
        signals={f"{c}_layer0.h": ds.Samples("x") for c in circuits}
        | {f"{c}_layer{len(sizes) - 1}.target": ds.Samples("y") for c in circuits},
        data={"x": x, "y": y},
        recordings=(ds.Recording(names, every="phase", phases="train/forward"),),
        batch=BATCH,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the updates."""
    p = Parameters(**result.protocol.parameters)
    layers = range(1, len(p.sizes))

    def update(circuit, i):
        name = f"{circuit}_w{i}"
        return result.final[name].values - result[name].values[0]

    phases = [update("phases", i) for i in layers]
    both = [[update(f"both{k}", i) for i in layers] for k in range(len(p.couplings))]

    def compare(measure_pair):
        return np.array(
            [[measure_pair(b, a) for a, b in zip(phases, row, strict=True)] for row in both]
        )

    norm = np.linalg.norm
    difference = compare(lambda b, a: norm(b - a) / norm(a))
    first, second = np.log(difference[:2])
    metrics = {
        "difference": difference,
        "angle": compare(angle),
        "size_ratio": compare(lambda b, a: norm(b) / norm(a)),
        "order": (second - first) / np.log(p.couplings[1] / p.couplings[0]),
    }

    def draw():
        drawn = {f"layer {i}": difference[:, i - 1] for i in layers}
        title = "Updates of both signals at once differ from those of phases"
        ax = ds.plot.curve(
            np.array(p.couplings), drawn, title=title, xlabel="coupling of errors to somata",
            ylabel="relative difference of updates", log=True,
        )  # fmt: skip
        style.logarithmic(ax, "x")
        return ax.figure

    references = {
        "order": ds.Reference(1.0, 0.1, reason="the order holds in the limit of no coupling")
    }
    return ds.Measurement(metrics, {"difference": draw}, references=references)
