"""BMVR: a microcircuit of pyramidal cells and SST interneurons that learns reduced-rank regression.

Pyramidal cells receive inputs x on basal dendrites (matrix w1) and targets y on the apical tuft (matrix
b, the transpose of the paper's W2). SST interneurons n, driven by the somata, inhibit the tuft through q.
The calcium plateau, the apical voltage minus the inhibition, teaches the basal synapses; all other synapses
are Hebbian. The circuit states the stochastic rules as differential equations: every compartment has a time
constant of its own, and only the plateau follows its inputs without delay.

Sources
-------
"A biologically plausible neural network from a bound on multivariate regression" (BMVR), workshop
abstract, NeurIPS 2020, "Beyond Backpropagation": eq. 5 (w1), 6 (b), 7 (q), 9 (nonlinear), 21-22
(decoupled), 24 (mean-subtracted ReLU).

Errata applied
--------------
Eq. 9 prints f'(z); here the derivative is taken at the pre-activation W1 x, the basal voltage, element by
element. Eq. 21-22 need n redefined as R z when the interneuron synapses are decoupled. Eq. 24 lacks
the factor epsilon: zbar <- zbar + epsilon (z - zbar). In eq. 3-4, T I inside the average over samples
should be I; the rule for q is as in eq. 7.
"""

from typing import Literal

import dendrosim as ds

PYRAMIDAL = """
dbasal/dt = (-basal + bottom_up)/tau_basal   : 1   # basal dendrite, W1 x
dapical/dt = (-apical + top_down)/tau_apical : 1   # apical tuft, a = W2^T y
dsoma/dt = (-soma + s(basal) - mean)/tau_soma : 1  # somatic rate z
plateau = apical - inhibition                : 1   # calcium plateau, a - Q n
bottom_up                                    : 1   # fed by w1
top_down                                     : 1   # fed by b
inhibition                                   : 1   # fed by q
mean                                         : 1   # 0, or fed by m (eq. 24)
"""

INTERNEURON = """
dn/dt = (-n + excitation)/tau_interneuron : 1   # SST rate
excitation                                : 1   # fed by q transposed, or by r
"""

W1 = "dw/dt = learn*eta*ds(basal_post)*plateau_post*x_pre : 1"  # eq. 5, 9
B = "dw/dt = learn*rho*eta*(soma_post*y_pre - w) : 1"  # eq. 6
Q = "dw/dt = learn*eta/tau_ratio*(soma_post*n_pre - w) : 1"  # eq. 7, 21
R = "dw/dt = learn*eta/tau_ratio*(n_post*soma_pre - w) : 1"  # eq. 22
MEAN = "dw/dt = learn*(s(basal_post)*one_pre - w)/tau_mean : 1"  # eq. 24


class Parameters(ds.Parameters):
    inputs: int = ds.parameter(10, "number of inputs x, on basal dendrites", least=1)
    outputs: int = ds.parameter(3, "number of targets y, on the apical tuft", least=1)
    hidden: int = ds.parameter(2, "number k of pyramidal cells and of interneurons", least=1)
    transfer: Literal["linear", "relu", "mean_subtracted_relu", "tanh"] = ds.parameter(
        "linear", "somatic rate as a function of the basal voltage; mean_subtracted_relu is eq. 24"
    )
    decoupled: bool = ds.parameter(False, "whether a matrix r drives interneurons (eq. 21-22)")
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate of w1", above=0)
    rho: float = ds.parameter(1.0, "learning rate of b over learning rate of w1", above=0)
    tau_ratio: float = ds.parameter(0.5, "rate of w1 over that of q, r (the paper's tau)", above=0)
    tau_basal: ds.Quantity = ds.parameter("2 ms", "time constant of basal dendrites", above=0)
    tau_apical: ds.Quantity = ds.parameter("2 ms", "time constant of apical tufts", above=0)
    tau_soma: ds.Quantity = ds.parameter("2 ms", "time constant of somata", above=0)
    tau_interneuron: ds.Quantity = ds.parameter("2 ms", "time constant of interneurons", above=0)
    tau_mean: ds.Quantity = ds.parameter("1 s", "time constant of the mean (dt/epsilon)", above=0)
    gain: float = ds.parameter(1.0, "standard deviation of initial w1 times sqrt(inputs)", least=0)


def circuit(p: Parameters) -> ds.Circuit:
    """Return the BMVR microcircuit."""
    centred = p.transfer == "mean_subtracted_relu"
    pyramidal = ds.Population(
        "pyramidal",
        p.hidden,
        PYRAMIDAL,
        transfer="relu" if centred else p.transfer,
        parameters={} if centred else {"mean": 0.0},
    )
    populations = [
        ds.Population("input", p.inputs, "x : 1", inputs=["x"]),
        ds.Population("target", p.outputs, "y : 1", inputs=["y"]),
        pyramidal,
        ds.Population("interneuron", p.hidden, INTERNEURON),
    ]
    near_identity = ds.Identity(1.0, noise=0.1 / p.hidden**0.5)
    matrices = [
        ds.Matrix("w1", "pyramidal", "input", ds.Normal(p.gain / p.inputs**0.5), W1),
        ds.Matrix("b", "pyramidal", "target", ds.Normal(0.3), B),
        ds.Matrix("q", "pyramidal", "interneuron", near_identity, Q),
    ]
    up = ds.Projection("pyramidal.soma", "q", "interneuron.excitation", transpose=True)
    if p.decoupled:
        matrices.append(ds.Matrix("r", "interneuron", "pyramidal", near_identity, R))
        up = ds.Projection("pyramidal.soma", "r", "interneuron.excitation")
    projections = [
        ds.Projection("input.x", "w1", "pyramidal.bottom_up"),
        ds.Projection("target.y", "b", "pyramidal.top_down"),
        up,
        ds.Projection("interneuron.n", "q", "pyramidal.inhibition"),
    ]
    if centred:
        populations.append(ds.Population("always_on", 1, "one : 1", parameters={"one": 1.0}))
        matrices.append(ds.Matrix("m", "pyramidal", "always_on", 0.4, MEAN))
        projections.append(ds.Projection("always_on.one", "m", "pyramidal.mean"))
    return ds.Circuit(populations, matrices, projections, p, gates={"learn": 1.0})
