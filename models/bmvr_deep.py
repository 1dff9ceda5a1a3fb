"""Layers of BMVR microcircuits: every layer's calcium plateau teaches it from targets above.

Each hidden layer is the microcircuit of `bmvr`: basal dendrites receive the layer below (w), the apical tuft a
target (b), interneurons n inhibit the tuft (q), and the plateau, what is left, teaches basal synapses.

    basal_i -> w_i h_(i-1),   h_i -> s(basal_i),   n_i -> q_i^T h_i,           i = 1 .. L-1
    apical_i -> b_i t_i,      plateau_i = apical_i - q_i n_i
    h_L -> w_L h_(L-1)                                                        the output, linear

    dw_i/dt = learn eta (ds(basal_i) o plateau_i) h_(i-1)^T
    db_i/dt = learn rho eta (h_i t_i^T - b_i)
    dq_i/dt = learn eta/tau_ratio (h_i n_i^T - q_i)

(-> is a low-pass filter of time constant `tau`.) No errors are computed and no forward weights are sent back. With
the targets t_i (`teaching`):

    label       t_i = target: the label is broadcast to the tufts of all layers
    targets     t_i = apical_(i+1), and target for the last hidden layer: each layer predicts the apical potentials
                of the layer above, so that targets are passed down through apical weights

and the output weights (`readout`):

    hebbian     dw_L/dt = learn rho eta (target h_(L-1)^T - w_L), the rule of b: the read-out of the abstract
    delta       dw_L/dt = learn rho eta (target - h_L) h_(L-1)^T: least squares, by an error that the output has

With `centred`, somata lose their running mean, as in eq. 24.

Linear layers
-------------
Given the layer below, the fixed point of layer i is the reduced-rank regression of t_i on h_(i-1), as for one
layer. With both forms of targets, all layers are at rest where the output is the regression of the rank of the
narrowest layer. Let s_j be the singular values of Cxx^(-1/2) Cxy. The eigenvalues of q_i q_i^T are then s_j^2 in
all layers with teaching=label, and s_j^(2^(L-i)) with teaching=targets (`dendrosim.analysis.bmvr_layers`).

With teaching=label, layers depend on those below them only, and the spectrum at the optimum consists of the
spectra of single layers. With teaching=targets, a layer and the targets that it gets from the layer above scale
each other up, and the optimum is stable only if apical weights are slow (rho) and inhibition is fast (tau_ratio).
The largest real part of an eigenvalue, in units of eta, for chains of one unit in each layer and s = 0.9:

    rho, tau_ratio            0.1, 0.5    0.3, 0.1    0.3, 0.5    0.3, 2    1, 0.1    1, 0.5
    one hidden layer            -0.10       -0.30       -0.31      -0.36     -0.39     -0.34
    two hidden layers           -0.10       -0.30       -0.17      -0.12     -0.05      0.10
    three hidden layers         -0.10       -0.16       -0.03       0.02      0.24      0.37

From random weights, with singular values 0.9, 0.7, 0.5 and tau_ratio 0.5, eight networks each (a loop over the
averaged equations with steps of 0.03/eta, for 300 to 600/eta): with labels and rho up to 0.3, all end within 3e-4
of the optimum, with hidden layers of 4, 2 and of 3, 3, 3 units; with rho = 1, those of 3, 3, 3 units do not, and
one diverges. With passed targets, all with 4, 2 units do for rho up to 0.1; with rho = 0.3, one diverges and six
stay 0.001 to 0.5 above it; with rho = 1, all diverge. With 3, 3, 3 units no network with passed targets does at
any rho: the last gain is 0.5^8 in the lowest layer, and of eight with rho = 0.03 six lose this direction (their
loss is 0.25 too large).

Sources
-------
"A biologically plausible neural network from a bound on multivariate regression" (BMVR), workshop abstract,
NeurIPS 2020, section 5, "Deep extension": announces a hierarchy of such networks, without equations. Both forms of
targets, the equations above and the closed forms are choices and derivations made here.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.mechanisms.bmvr_microcircuit import (
    APICAL,
    BASAL,
    FROM_INTERNEURONS,
    MEAN,
    interneuron_equations,
    pyramidal_equations,
)
from dendrosim.mechanisms.layer_chain import chain_weights, count_layers, input_layer

OUTPUT = """
dh/dt = (-h + bottom_up)/tau                 : 1   # linear read-out
bottom_up                                    : 1   # fed from below
target                                       : 1   # input
"""
READOUT = {
    "hebbian": "dw/dt = learn*rho*eta*(target_post*h_pre - w) : 1",
    "delta": "dw/dt = learn*rho*eta*(target_post - h_post)*h_pre : 1",
}

LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("b{i}",),
    rules={
        "bmvr_deep_label": {"teaching": "label", "readout": "delta", "rho": 0.3},
        "bmvr_deep_targets": {"teaching": "targets", "readout": "delta", "rho": 0.3},
    },
)


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((10, 4, 3, 3), "units per layer, input first", least=1)
    teaching: Literal["label", "targets"] = ds.parameter(
        "label", "targets of the tufts, as listed above"
    )
    readout: Literal["hebbian", "delta"] = ds.parameter("hebbian", "rule of the output weights")
    transfer: Literal["linear", "relu", "leaky_relu", "smooth_leaky", "tanh", "sigmoid"] = (
        ds.parameter("linear", "somatic rate of hidden layers as a function of the basal voltage")
    )
    centred: bool = ds.parameter(False, "whether somata lose their running mean (eq. 24)")
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate of basal weights", above=0)
    rho: float = ds.parameter(1.0, "rate of b and of the output weights over eta", above=0)
    tau_ratio: float = ds.parameter(0.5, "rate of basal weights over that of q", above=0)
    tau: ds.Quantity = ds.parameter("2 ms", "time constant of all compartments", above=0)
    tau_mean: ds.Quantity = ds.parameter(
        "1 s", "time constant of the running mean, with centred", above=0, only={"centred": True}
    )
    gain: float = ds.parameter(
        1.0, "standard deviation of initial basal weights times sqrt(units below)", least=0
    )


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    populations = [input_layer(p.sizes[0])]
    given = {} if p.centred else {"mean": 0.0}
    for i, units in enumerate(p.sizes[1:], 1):
        if i == last:
            populations.append(ds.Population(f"layer{i}", units, OUTPUT, inputs=["target"]))
            continue
        text = pyramidal_equations("h", "tau")
        populations.append(
            ds.Population(f"layer{i}", units, text, transfer=p.transfer, parameters=given)
        )
        populations.append(ds.Population(f"inter{i}", units, interneuron_equations("tau")))
    initial = [ds.Normal(p.gain / units**0.5) for units in p.sizes[:-1]]
    rules = [BASAL.format(pre="h")] * (last - 1) + [READOUT[p.readout]]
    matrices, projections = chain_weights(initial, rules, "bottom_up")
    for i in range(1, last):
        parts = _microcircuit(p, i, last)
        matrices += [m for m in parts if isinstance(m, ds.Matrix)]
        projections += [m for m in parts if isinstance(m, ds.Projection)]
    if p.centred and last > 1:
        populations.append(ds.Population("always_on", 1, "one : 1", parameters={"one": 1.0}))
    return ds.Circuit(populations, matrices, projections, p, gates={"learn": 1.0})


def _microcircuit(p, i, last):
    """Return the matrices and projections of hidden layer i but those from the layer below."""
    layer, inter, units = f"layer{i}", f"inter{i}", p.sizes[i]
    top = p.teaching == "label" or i == last - 1
    above, sent = (f"layer{last}", "target") if top else (f"layer{i + 1}", "apical")
    parts = [
        ds.Matrix(f"b{i}", layer, above, ds.Normal(0.3), APICAL.format(soma="h", pre=sent)),
        ds.Projection(f"{above}.{sent}", f"b{i}", f"{layer}.top_down"),
        ds.Matrix(
            f"q{i}",
            layer,
            inter,
            ds.Identity(1.0, noise=0.1 / units**0.5),
            FROM_INTERNEURONS.format(soma="h"),
        ),
        ds.Projection(f"{layer}.h", f"q{i}", f"{inter}.excitation", transpose=True),
        ds.Projection(f"{inter}.n", f"q{i}", f"{layer}.inhibition"),
    ]
    if p.centred:
        parts.append(ds.Matrix(f"m{i}", layer, "always_on", 0.0, MEAN))
        parts.append(ds.Projection("always_on.one", f"m{i}", f"{layer}.mean"))
    return parts
