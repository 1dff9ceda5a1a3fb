"""Exact Gauss-Newton targets: what target propagation approximates, as a rule of its own for comparison.

With e = eta_hat (y - h_L) while the gate `teach` is open, else 0, D_i = diag(s'(W_i h_(i-1))) and J_i = dh_L/dh_i
= D_L W_L ... D_(i+1) W_(i+1), the target of layer i is, for each sample by itself,

    hh_i = h_i + J_i^T (J_i J_i^T + damping I)^-1 e      i = 1 .. L, with J_L = I

Activities settle at the feed-forward values, tau dh_i/dt = -h_i + s(W_i h_(i-1)) (last layer: `output`). Weights
learn by one gradient step towards the target, as in target propagation:

    dW_i/dt = eta/eta_hat D_i (hh_i - h_i) h_(i-1)^T

How the circuit finds the targets (`solution`):

    inverse  layers 1 to L have one size, and damping is 0, so that J_i can be inverted layer by layer: with the
             change c_i = hh_i - h_i, c_L = e, and Q_i the inverse of W_(i+1) at all times,
             tau dc_i/dt = -c_i + Q_i D_(i+1)^-1 c_(i+1).
             Target propagation does the same with s^-1(hh) - s^-1(h) in place of D^-1 (hh - h).
    flow     layers of any sizes. The output has a vector u_i for each layer i < L, which goes down through
             transposed weights, c_i = J_i^T u_i, and up again: lag tau du_i/dt = e - damping u_i - J_i c_i.
             It settles at (J_i J_i^T + damping I)^-1 e with the rates (damping + sigma^2)/(lag tau), for the
             singular values sigma of J_i. The signals c_i and J_i c_i pass all layers at once, without delay. Time
             steps must be shorter than 2 lag tau/(damping + sigma^2) for the largest sigma.

Neither is meant as biology: feedback weights are those of the way up, and errors of each layer have paths of their
own.

Sources
-------
Meulemans et al. (2020), A theoretical framework for target propagation, eq. 5 (damping) and section 3.4, condition
2 (Gauss-Newton targets). Thesis (dynamical target propagation), section 4.2 (exact inverses).

Errata applied
--------------
None needed.

Claims that fail
----------------
Meulemans et al., theorem 6: linear networks of any architecture converge to the global minimum. Weights of 0 are a
fixed point of the rule if there is a hidden layer, whatever the targets: nothing reaches the output, and nothing
comes back. That updates are within 90 degrees of gradient descent holds.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.mechanisms.apical_inverse import apical_inverse
from dendrosim.mechanisms.layer_chain import chain_weights, count_layers, input_layer

RATE = """
dh/dt = (-h + s(bottom_up))/tau                     : 1   # rate
slope = ds(bottom_up)                               : 1
"""
READ_OUT = """
dh/dt = (-h + bottom_up)/tau                        : 1   # linear read-out
slope = 1                                           : 1
"""
SHARED = """
bottom_up                                           : 1   # fed by w
goal = h + change                                   : 1   # target of the layer
"""
TOP = """
error = -teach*eta_hat*(h - target)                 : 1
target                                              : 1   # input
"""
STEP = {
    "inverse": "change = error                      : 1   # of the output, towards the target\n",
    "flow": "change = error/(1 + damping)           : 1   # of the output, towards the target\n",
}
CHANGE = """
dchange/dt = (-change + top_down)/tau               : 1   # of the rate, towards its target
top_down                                            : 1   # fed by q
"""
SENT = "sent = change/slope                         : 1   # to the layer below\n"
SOLVED = """
du{i}/dt = (error - damping*u{i} - slope*up{i})/(lag*tau) : 1 # what layer {i} must cause
down{i} = slope*u{i}                                : 1   # sent down
up{i}                                               : 1   # fed by w: what the change of layer {i} causes
"""
PASSED = """
down{i} = slope*pulled{i}                           : 1   # passed on from above to layer {i}
pulled{i}                                           : 1   # fed by w, transposed
pushed{i} = slope*up{i}                             : 1   # passed on from layer {i} to above
up{i}                                               : 1   # fed by w
"""
OWN = """
change = pulled{i}                                  : 1   # of the rate, towards its target
pulled{i}                                           : 1   # fed by w, transposed
pushed{i} = pulled{i}                               : 1   # sent up
"""
BASAL = "dw/dt = learn*eta*slope_post*(goal_post - h_post)*h_pre : 1"

LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("q{i}",),
    targets=("layer{i}.goal",),
    rules={
        "gauss_newton": {"solution": "inverse"},
        "damped_gauss_newton": {"solution": "flow"},
    },
)


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((5, 4, 4, 3), "units per layer, input first", least=1)
    transfer: str = ds.parameter("smooth_leaky", "transfer function of the hidden layers")
    output: Literal["linear", "transfer"] = ds.parameter(
        "linear", "output of the last layer (the same with transfer=linear)"
    )
    solution: Literal["inverse", "flow"] = ds.parameter("flow", "how targets are found")
    damping: float | None = ds.parameter(
        None, "damping of the targets, with solution=flow (default: 0.1)", least=0
    )
    eta_hat: float = ds.parameter(0.5, "size of the step of the output towards the target", above=0)
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate", above=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of activities and targets", above=0)
    lag: float = ds.parameter(2.0, "time constant of u over tau, with solution=flow", above=0)
    gain: float = ds.parameter(1.4, "largest singular value of initial weights", above=0)
    condition: float = ds.parameter(2.0, "condition number of initial weights", least=1)


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    last, exact = count_layers(p.sizes), p.solution == "inverse"
    if exact:
        _check(p)
    populations = [input_layer(p.sizes[0])]
    for i, units in enumerate(p.sizes[1:], 1):
        linear = i == last and p.output == "linear"
        text = (
            (READ_OUT if linear else RATE) + SHARED + (TOP + STEP[p.solution] if i == last else "")
        )
        text += _inverted(i, last) if exact else _solved(i, last)
        inputs, transfer = {"target": 0.0} if i == last else {}, None if linear else p.transfer
        populations.append(ds.Population(f"layer{i}", units, text, inputs, transfer=transfer))
    initial = ds.WellConditioned(p.gain, p.condition)
    matrices, projections = chain_weights(initial, [BASAL] * last, "bottom_up")
    for i in range(1, last):
        layer, above, w = f"layer{i}", f"layer{i + 1}", f"w{i + 1}"
        if exact:
            matrices.append(apical_inverse(i, "exact", 0.0, None))
            projections.append(ds.Projection(f"{above}.sent", f"q{i}", f"{layer}.top_down"))
            continue
        for k in range(1, i + 1):
            down, up = f"{layer}.pulled{k}", f"{above}.up{k}"
            projections.append(ds.Projection(f"{above}.down{k}", w, down, transpose=True))
            projections.append(ds.Projection(f"{layer}.pushed{k}", w, up))
    eta = ds.Quantity(float(p.eta.value) / p.eta_hat, p.eta.dimension)
    values = {"eta": eta}
    if not exact:
        values["damping"] = 0.1 if p.damping is None else p.damping
    gates = {"learn": 0.0, "teach": 0.0}
    return ds.Circuit(populations, matrices, projections, p.with_values(**values), gates)


def _inverted(i, last):
    """Return the equations by which layer i takes part in `solution=inverse`."""
    return (CHANGE if i < last else "") + (SENT if i > 1 else "")


def _solved(i, last):
    """Return the equations by which layer i takes part in `solution=flow`."""
    through = SOLVED if i == last else PASSED
    own = "" if i == last else OWN.format(i=i)
    return own + "".join(through.format(i=k) for k in range(1, i))


def _check(p):
    """Refuse layers whose weights have no inverse, and transfer functions whose slope may vanish."""
    if len(set(p.sizes[1:])) > 1:
        raise ds.errors.ShapeError(
            f"sizes is {p.sizes}; for exact inverses, layers 1 to {len(p.sizes) - 1} must have one size (layer 0 "
            "may differ); otherwise choose solution=flow"
        )
    if p.damping is not None:
        raise ds.errors.ParameterError(
            f"damping is {p.damping}, but it has a meaning only with solution=flow; leave it out"
        )
    if p.transfer != "linear":
        ds.bijection(p.transfer)
