"""BMVR: a microcircuit of pyramidal cells and SST interneurons that learns reduced-rank regression.

Pyramidal cells receive inputs x on basal dendrites (matrix w1) and targets y on the apical tuft (matrix
b, the transpose of the paper's W2). SST interneurons n, driven by the somata, inhibit the tuft through q.
The calcium plateau, the apical voltage minus the inhibition, teaches the basal synapses; all other synapses
are Hebbian. The circuit states the stochastic rules as differential equations: every compartment has a time
constant of its own, and only the plateau follows its inputs without delay.

Rates
-----
W1, b and q learn at the rates eta, rho eta and eta/tau_ratio. The last two may be given as `eta_b` and `eta_q`
instead. With `decay_w1`, `decay_b` or `decay_q`, a rate falls as 1/(1 + t/decay) with the time t of the run, as in
table 2; table 3 has constant rates.

The constraint
--------------
W1 Cxx W1^T <= 1 is an inequality, and Q Q^T is its multiplier. Where the targets depend on k or more directions of
the inputs, it is saturated at the optimum. Where they depend on fewer, the other hidden units have slack:
eigenvalues below 1, which depend on initial weights, and no inhibition (`dendrosim.analysis.bmvr_slack`).

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
should be I; the rule for q is as in eq. 7. Appendix A says "Cxy has k non-zero eigenvalues"; Cxy is not square,
and its rank is meant.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.mechanisms.bmvr_microcircuit import (
    APICAL,
    BASAL,
    FROM_INTERNEURONS,
    MEAN,
    TO_INTERNEURONS,
    decaying,
    interneuron_equations,
    pyramidal_equations,
)


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
    eta_b: ds.Quantity | None = ds.parameter(
        None, "learning rate of b, in place of rho (default: rho eta)", unit="Hz", above=0
    )
    eta_q: ds.Quantity | None = ds.parameter(
        None, "rate of q, r, in place of tau_ratio (default: eta/tau_ratio)", unit="Hz", above=0
    )
    decay_w1: ds.Quantity | None = ds.parameter(
        None,
        "time after which the rate of w1 has halved (default: it is constant)",
        unit="s",
        above=0,
    )
    decay_b: ds.Quantity | None = ds.parameter(
        None, "time after which the rate of b has halved (default: constant)", unit="s", above=0
    )
    decay_q: ds.Quantity | None = ds.parameter(
        None, "time after which the rate of q, r has halved (default: constant)", unit="s", above=0
    )
    tau_basal: ds.Quantity = ds.parameter("2 ms", "time constant of basal dendrites", above=0)
    tau_apical: ds.Quantity = ds.parameter("2 ms", "time constant of apical tufts", above=0)
    tau_soma: ds.Quantity = ds.parameter("2 ms", "time constant of somata", above=0)
    tau_interneuron: ds.Quantity = ds.parameter("2 ms", "time constant of interneurons", above=0)
    tau_mean: ds.Quantity = ds.parameter(
        "1 s",
        "time constant of the mean (dt/epsilon)",
        above=0,
        only={"transfer": "mean_subtracted_relu"},
    )
    gain: float = ds.parameter(1.0, "standard deviation of initial w1 times sqrt(inputs)", least=0)


def circuit(p: Parameters) -> ds.Circuit:
    """Return the BMVR microcircuit."""
    centred = p.transfer == "mean_subtracted_relu"
    pyramidal = ds.Population(
        "pyramidal",
        p.hidden,
        pyramidal_equations(),
        transfer="relu" if centred else p.transfer,
        parameters={} if centred else {"mean": 0.0},
    )
    populations = [
        ds.Population("input", p.inputs, "x : 1", inputs=["x"]),
        ds.Population("target", p.outputs, "y : 1", inputs=["y"]),
        pyramidal,
        ds.Population("interneuron", p.hidden, interneuron_equations()),
    ]
    rules = _rules(p)
    near_identity = ds.Identity(1.0, noise=0.1 / p.hidden**0.5)
    matrices = [
        ds.Matrix("w1", "pyramidal", "input", ds.Normal(p.gain / p.inputs**0.5), rules["w1"]),
        ds.Matrix("b", "pyramidal", "target", ds.Normal(0.3), rules["b"]),
        ds.Matrix("q", "pyramidal", "interneuron", near_identity, rules["q"]),
    ]
    up = ds.Projection("pyramidal.soma", "q", "interneuron.excitation", transpose=True)
    if p.decoupled:
        matrices.append(ds.Matrix("r", "interneuron", "pyramidal", near_identity, rules["r"]))
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
    values = p.with_values(**_rates(p))
    return ds.Circuit(populations, matrices, projections, values, gates={"learn": 1.0})


def _rates(p):
    """Return rho and tau_ratio, if the rates of b or q are given in their place."""
    found = {}
    for rate, ratio, default in (("eta_b", "rho", 1.0), ("eta_q", "tau_ratio", 0.5)):
        given, eta = getattr(p, rate), float(p.eta.value)
        if given is None:
            continue
        if getattr(p, ratio) != default:
            raise ds.errors.ParameterError(
                f"{rate} is {given} and {ratio} is {getattr(p, ratio):g}, but both say how fast the same weights "
                "learn; leave one of them out"
            )
        found[ratio] = float(given.value) / eta if rate == "eta_b" else eta / float(given.value)
    return found


def _rules(p):
    """Return the plasticity of all matrices by name; rates fall with time where a decay is given."""
    rules = {
        "w1": BASAL.format(pre="x"),
        "b": APICAL.format(soma="soma", pre="y"),
        "q": FROM_INTERNEURONS.format(soma="soma"),
        "r": TO_INTERNEURONS.format(soma="soma"),
    }
    for name, symbol in (("w1", "w1"), ("b", "b"), ("q", "q"), ("r", "q")):
        if getattr(p, f"decay_{symbol}") is not None:
            rules[name] = decaying(rules[name], f"decay_{symbol}")
    return rules
