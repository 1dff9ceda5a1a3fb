"""BMVR: a microcircuit of pyramidal cells and SST interneurons that learns reduced-rank regression.

Pyramidal cells receive inputs x on basal dendrites (matrix w1) and targets y on the apical tuft (matrix
b, the transpose of the paper's W2). SST interneurons n, driven by the somata, inhibit the tuft through q.
The calcium plateau, apical minus inhibition, teaches the basal synapses; all other synapses are Hebbian.
The circuit is the ODE form of the stochastic rules: every compartment has a time constant of its own and
only the plateau is algebraic.

Sources
-------
"A biologically plausible neural network from a bound on multivariate regression" (BMVR), workshop
abstract, NeurIPS 2020, "Beyond Backpropagation": eq. 5 (w1), 6 (b), 7 (q), 9 (nonlinear), 21-22
(decoupled), 24 (mean-subtracted ReLU).

Errata applied
--------------
Eq. 9 prints f'(z); the derivative stands at the pre-activation W1 x, here the basal voltage, element by
element. Eq. 21-22 need n redefined as R z when the interneuron synapses are decoupled. Eq. 24 lacks
the factor epsilon: zbar <- zbar + epsilon (z - zbar). Eq. 3-4 mean I, not T I, inside the average over
samples; the rule for q is as in eq. 7.
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


def circuit(
    *,
    inputs: int = 10,
    outputs: int = 3,
    hidden: int = 2,
    transfer: Literal["linear", "relu", "mean_subtracted_relu", "tanh"] = "linear",
    decoupled: bool = False,
    eta: ds.Quantity = "1 Hz",
    rho: float = 1.0,
    tau_ratio: float = 0.5,
    tau_basal: ds.Quantity = "2 ms",
    tau_apical: ds.Quantity = "2 ms",
    tau_soma: ds.Quantity = "2 ms",
    tau_interneuron: ds.Quantity = "2 ms",
    tau_mean: ds.Quantity = "1 s",
    gain: float = 1.0,
) -> ds.Circuit:
    """Return the BMVR microcircuit.

    Parameters
    ----------
    inputs
        Number of inputs x, on basal dendrites.
    outputs
        Number of targets y, on the apical tuft.
    hidden
        Number k of pyramidal cells, and of interneurons.
    transfer
        Somatic rate against basal voltage. `mean_subtracted_relu` is eq. 24.
    decoupled
        Whether pyramidal-to-interneuron synapses are a matrix r of their own (eq. 21-22).
    eta
        Learning rate of w1.
    rho
        Learning rate of b over that of w1.
    tau_ratio
        Learning rate of w1 over that of q and r (the paper's tau).
    tau_basal
        Time constant of the basal dendrite.
    tau_apical
        Time constant of the apical tuft.
    tau_soma
        Time constant of the soma.
    tau_interneuron
        Time constant of the interneurons.
    tau_mean
        Time constant of the running mean of eq. 24 (the paper's dt/epsilon).
    gain
        Initial w1 is normal with standard deviation gain/sqrt(inputs).
    """
    ds.positive(inputs=inputs, outputs=outputs, hidden=hidden, rho=rho, tau_ratio=tau_ratio)
    ds.positive(tau_basal=tau_basal, tau_apical=tau_apical, tau_soma=tau_soma)
    ds.positive(tau_interneuron=tau_interneuron, tau_mean=tau_mean, eta=eta)
    centred = transfer == "mean_subtracted_relu"
    populations = [
        ds.Population("input", inputs, "x : 1", inputs=["x"]),
        ds.Population("target", outputs, "y : 1", inputs=["y"]),
        ds.Population(
            "pyramidal",
            hidden,
            PYRAMIDAL,
            transfer="relu" if centred else transfer,
            parameters={} if centred else {"mean": 0.0},
        ),
        ds.Population("interneuron", hidden, INTERNEURON),
    ]
    near_identity = ds.Identity(1.0, noise=0.1 / hidden**0.5)
    matrices = [
        ds.Matrix(
            "w1",
            post="pyramidal",
            pre="input",
            initial=ds.Normal(gain / inputs**0.5),
            plasticity=W1,
        ),
        ds.Matrix("b", post="pyramidal", pre="target", initial=ds.Normal(0.3), plasticity=B),
        ds.Matrix(
            "q",
            post="pyramidal",
            pre="interneuron",
            initial=near_identity,
            plasticity=Q,
        ),
    ]
    excitation = ds.Projection("pyramidal.soma", "q", "interneuron.excitation", transpose=True)
    if decoupled:
        r = ds.Matrix(
            "r",
            post="interneuron",
            pre="pyramidal",
            initial=near_identity,
            plasticity=R,
        )
        matrices.append(r)
        excitation = ds.Projection("pyramidal.soma", "r", "interneuron.excitation")
    projections = [
        ds.Projection("input.x", "w1", "pyramidal.bottom_up"),
        ds.Projection("target.y", "b", "pyramidal.top_down"),
        excitation,
        ds.Projection("interneuron.n", "q", "pyramidal.inhibition"),
    ]
    parameters = {
        "eta": eta,
        "rho": rho,
        "tau_ratio": tau_ratio,
        "tau_basal": tau_basal,
        "tau_apical": tau_apical,
        "tau_soma": tau_soma,
        "tau_interneuron": tau_interneuron,
    }
    if centred:
        populations.append(ds.Population("always_on", 1, "one : 1", parameters={"one": 1.0}))
        matrices.append(
            ds.Matrix("m", post="pyramidal", pre="always_on", initial=0.4, plasticity=MEAN)
        )
        projections.append(ds.Projection("always_on.one", "m", "pyramidal.mean"))
        parameters["tau_mean"] = tau_mean
    return ds.Circuit(populations, matrices, projections, parameters, gates={"learn": 1.0})
