"""Single-phase target propagation in continuous time: each layer settles between its basal and its apical input.

    tau dh_i/dt = -h_i + (1 - mu) f_i + mu g_i,   f_i = s(W_i h_(i-1)) (basal),   i = 1 .. L
    g_i = Q_i s^-1(h_(i+1)) (apical),   Q_i = W_(i+1)^-1 or near it;   g_L = target
    dW_i/dt = -eta_i p_i h_(i-1)^T,   e_i = s'(W_i h_(i-1)) o (f_i - h_i)
    p_i = e_i/sqrt(1 + (e_i/reach_i)^2)   (rule=bounded)
    p_i = e_i                             (rule=difference)

Target at the top (`target`):

    clamped   g_L = y
    nudged    g_L = h_L - eta_hat (h_L - y), where h_L is the current activity
    free      g_L = h_L

The gate `teach` is 1 for `nudged` and 0 for `free`, so that a protocol can switch between the two.

Apical weights (`inverse`):

    exact      Q_i is the inverse of W_(i+1) at all times
    fixed      Q_i = (1 + inverse_error) W_(i+1)^-1 of the initial weights (pseudo-inverse where not square)
    transpose  Q_i = W_(i+1)^T at all times
    learned    dQ_i/dt = -eta_q ((Q_i t_i - h_i) t_i^T/(1 + |t_i|^2) + decay_q Q_i), t_i = s^-1(h_(i+1)),
               while the gate `sleep` is open

What apical dendrites receive (`decoder`): s^-1 of the rates above (`inverse`), these rates (`linear`), or learning
signals (`error`). With learning signals,

    g_i = h_i - Q_i e_(i+1)

so that an error of Q_i moves no layer while there is no target. With Q_i = W_(i+1)^T the circuit then has an
energy, whatever the weights and slopes,

    E = sum_i 1/2 |h_i - f_i|^2/r^(L-i) + r eta_hat/2 |h_L - y|^2,   tau dh_i/dt = -(1 - mu) r^(L-i) dE/dh_i

and rule=difference is dW_i/dt = -eta_i r^(L-i) dE/dW_i: settling and learning descend the same function, which
for a small nudge is r eta_hat times the loss. It is the energy of predictive coding. With exact inverses no such
function is known, and the update may increase the loss (see `tp_descent`).

With learned inverses, a unit `pool{i}` adds up the squares of t_i over layer i + 1 and sends the sum |t_i|^2 back
to that layer, because the rule of Q_i divides by 1 + |t_i|^2.

The learning signal p_i saturates as a plateau potential does, at reach_i = reach r^(L+1-i), so that the bound
falls towards the bottom as the signal itself. Without it (`rule=difference`, as in the thesis) the signal has no
limit where a weight matrix becomes ill-conditioned, and many nonlinear networks diverge.

`compensate` gives layer i the learning rate eta_i = eta/(eta_hat r^(L+1-i)), where r = mu/(1 - mu) (clamped:
without eta_hat). This undoes the fall of the learning signal towards the bottom; without `compensate` eta_i = eta.

Sources
-------
Thesis, chapter 6, eq. 6.1-6.17 and 6.26, with the conventions as corrected in that chapter. Energy: Whittington &
Bogacz (2017), An approximation of the error backpropagation algorithm in a predictive coding network, with weights
r^(i-L) of layers, derived here.

Errata applied
--------------
Eq. 6.4: the apical rate is W_(i+1)^-1 s_(i+1)^-1(.), not W_i^-1 s_i^-1(.). The derivative is taken at the
pre-activation. Eq. 6.37: the decay of Q is multiplied by the learning rate of Q. Unlike in the thesis, the
learning of Q is divided by 1 + |t_i|^2, so that it cannot diverge with large inputs.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.errors import ParameterError
from dendrosim.mechanisms.apical_inverse import apical_inverse, check_inverse
from dendrosim.mechanisms.layer_chain import count_layers, input_layer

LAYER = """
dh/dt = (-h + (1 - mu)*f + mu*g)/tau : 1   # somatic rate
f = s(basal)                         : 1   # basal dendrite
basal                                : 1   # fed by w
"""
APICAL_DENDRITE = {
    "rates": "g                      : 1   # apical dendrite, fed by q\n",
    "error": """
g = h + correction                   : 1   # apical dendrite
correction                           : 1   # fed by q
""",
}
TOP = {
    "clamped": """
dh/dt = (-h + (1 - mu)*f + mu*target)/tau : 1
""",
    "live": """
dh/dt = (-h + (1 - mu)*f + mu*g)/tau : 1
g = h - teach*eta_hat*(h - target)   : 1
""",
}
SHARED = """
f = s(basal)                         : 1
basal                                : 1   # fed by w
target                               : 1   # input
"""
PREIMAGE = {
    "inverse": "preimage = inv_s(h) : 1   # what the apical dendrites below get\n",
    "linear": "preimage = h         : 1   # what the apical dendrites below get\n",
    "error": "preimage = ds(basal)*(h - f) : 1 # what the apical dendrites below get\n",
}
POOLED = """
power = preimage**2                  : 1
preimage_power                       : 1   # fed back by the pool: |preimage|^2 of this layer
"""
POOL = "power : 1   # fed by ones: summed over the layer"
PLATEAU = """
error = ds(basal)*(h - f)                    : 1
plateau = error/sqrt(1 + (error/reach)**2)   : 1   # saturates
"""
RULES = {
    "bounded": "dw/dt = learn*eta*plateau_post*h_pre : 1",
    "difference": "dw/dt = learn*eta*ds(basal_post)*(h_post - f_post)*h_pre : 1",
}
APICAL = (
    "dw/dt = sleep*eta_q*((h_post - g_post)*preimage_pre/(1 + preimage_power_pre) - decay_q*w) : 1"
)

LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("q{i}",),
    targets=("layer{i}.h",),
    apical=("layer{i}.g",),
)


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((4, 4, 4, 4), "units per layer, input first", least=1)
    mu: float = ds.parameter(0.2, "weight of the apical dendrite", above=0, below=1)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of all rates", above=0)
    transfer: str = ds.parameter("linear", "transfer function: linear, smooth_leaky or leaky_relu")
    target: Literal["clamped", "free", "nudged"] = ds.parameter("nudged", "target at the top")
    eta_hat: float = ds.parameter(
        0.5, "size of the nudge towards the target", above=0, only={"target": ("nudged", "free")}
    )
    inverse: Literal["exact", "learned", "fixed", "transpose"] = ds.parameter(
        "exact", "kind of apical weights, as listed above"
    )
    inverse_error: float = ds.parameter(0.0, "relative error of fixed apical weights")
    rule: Literal["bounded", "difference"] = ds.parameter(
        "bounded", "signal from which basal weights learn; difference is eq. 6.17, without a bound"
    )
    reach: float = ds.parameter(
        0.3, "largest learning signal, with rule=bounded", above=0, only={"rule": "bounded"}
    )
    decoder: Literal["inverse", "linear", "error"] = ds.parameter(
        "inverse",
        "what apical dendrites receive from above: s^-1 of rates, rates, or learning signals",
    )
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate of basal weights", above=0)
    compensate: bool = ds.parameter(True, "whether learning rates undo the fall of the signal")
    eta_q: ds.Quantity = ds.parameter(
        "2 Hz", "learning rate of learned apical weights", above=0, only={"inverse": "learned"}
    )
    decay_q: float = ds.parameter(
        1e-4, "decay of apical weights, relative to eta_q", least=0, only={"inverse": "learned"}
    )
    gain: float = ds.parameter(1.4, "largest singular value of initial basal weights", above=0)
    condition: float = ds.parameter(2.0, "condition number of initial basal weights")


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    ds.bijection(p.transfer)
    check_inverse(p.sizes, p.inverse, p.inverse_error)
    if p.decoder == "error" and p.inverse == "learned":
        raise ParameterError(
            "decoder is error and inverse is learned; without a target there is no error from which apical "
            "weights could learn; choose inverse=transpose, or another decoder"
        )
    live, learned = p.target != "clamped", p.inverse == "learned"
    populations = [input_layer(p.sizes[0])]
    matrices, projections = [], []
    start = ds.WellConditioned(p.gain, p.condition)
    for i in range(1, last + 1):
        text, inputs = _layer(i, last, p), ["target"] if i == last else []
        here, below = f"layer{i}", f"layer{i - 1}"
        fall = (p.mu / (1 - p.mu)) ** (last + 1 - i)
        own = {"reach": p.reach * fall} if p.rule == "bounded" else {}
        populations.append(
            ds.Population(here, p.sizes[i], text, inputs, transfer=p.transfer, parameters=own)
        )
        fall *= p.eta_hat if live else 1.0
        eta = f"{p.eta.value * (1 / fall)!r} Hz" if p.compensate else p.eta
        matrices.append(ds.Matrix(f"w{i}", here, below, start, RULES[p.rule], {"eta": eta}))
        projections.append(ds.Projection(f"{below}.h", f"w{i}", f"{here}.basal"))
    for i in range(1, last):
        more, projection = _apical(i, p)
        matrices += more
        projections.append(projection)
        if learned:
            above, pool, ones = f"layer{i + 1}", f"pool{i}", f"ones{i}"
            populations.append(ds.Population(pool, 1, POOL))
            matrices.append(ds.Matrix(ones, post=pool, pre=above, initial=1.0))
            projections += [
                ds.Projection(f"{above}.power", ones, f"{pool}.power"),
                ds.Projection(f"{pool}.power", ones, f"{above}.preimage_power", transpose=True),
            ]
    gates = {"learn": 0.0}
    gates |= {"teach": float(p.target == "nudged")} if live else {}
    gates |= {"sleep": 0.0} if learned and last > 1 else {}
    return ds.Circuit(populations, matrices, projections, p, gates)


def _layer(i: int, last: int, p: Parameters) -> str:
    """Return the equations of layer i."""
    live = p.target != "clamped"
    dendrite = APICAL_DENDRITE["error" if p.decoder == "error" else "rates"]
    text = LAYER + dendrite if i < last else TOP["live" if live else "clamped"] + SHARED
    text += PREIMAGE[p.decoder] if i > 1 else ""
    text += POOLED if i > 1 and p.inverse == "learned" else ""
    return text + (PLATEAU if p.rule == "bounded" else "")


def _apical(i: int, p: Parameters) -> tuple[list[ds.Matrix], ds.Projection]:
    """Return the apical matrix of layer i, if it has one, and the projection to its apical dendrite."""
    source = f"layer{i + 1}.preimage"
    target = f"layer{i}.correction" if p.decoder == "error" else f"layer{i}.g"
    if p.inverse == "transpose":
        return [], ds.Projection(source, f"w{i + 1}", target, transpose=True)
    rule = APICAL if p.inverse == "learned" else None
    matrix = apical_inverse(i, p.inverse, p.inverse_error, rule)
    return [matrix], ds.Projection(source, matrix.name, target)
