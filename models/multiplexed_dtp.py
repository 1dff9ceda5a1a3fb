"""Multiplexed target propagation: one axon carries activity up to basal and targets down to apical dendrites.

Each unit sends two bounded signals, an event rate that reads out its somatic rate s(a^b) and a burst probability
that reads out its apical voltage a^a. Units above and below decode them, and learning uses the decoded values.

    tau_b da^b_i/dt = -a^b_i + W_i h_(i-1),           i = 1 .. L
    tau_a da^a_i/dt = -a^a_i + Q_i s^-1(hh_(i+1)),    i = 1 .. L-1   (feedback=layerwise)
    tau_a da^a_i/dt = -a^a_i + Q_i hh_L,              i = 1 .. L-1   (feedback=direct)
    h_i = decoded event rate, s(a^b_i) within its range;  hh_i = decoded burst probability, a^a_i within its range
    hh_L = h_L - eta_hat (h_L - y) while the gate `teach` is open, else h_L
    dW_i/dt = -eta_i p_i h_(i-1)^T,   eta_i = eta/eta_hat
    p_i = e_i/sqrt(1 + (e_i/reach)^2),   e_i = s'(a^b_i) o (hh_i^free - hh_i)   (rule=bounded)
    p_i = e_i                                                                   (rule=difference)

hh^free is held by a slow variable, which follows hh while the gate `hold` is open. The basal and the apical
pathway do not act on each other, so the learning signal does not fall towards the bottom.

The learning signal e_i is the plateau potential of an apical dendrite, and plateaus saturate: no plateau is
larger than `reach`. Without this bound (`rule=difference`, as in the thesis) the signal J_i^-1 e has no limit
where a weight matrix becomes ill-conditioned, and many nonlinear networks diverge.

Apical dendrites receive t_(i+1) (`decoder`): s^-1(hh_(i+1)) (`inverse`), as written above, or hh_(i+1) itself
(`linear`). s^-1 multiplies the signal by 1/s', which is 10 for leaky_relu; a dendrite that adds up rates does not.
The decoder is linear if the rule is bounded and Q learns.

Apical weights (`inverse`):

    exact      Q_i is the inverse of W_(i+1) at all times
    fixed      Q_i = (1 + inverse_error) W_(i+1)^-1 of the initial weights (pseudo-inverse where not square)
    transpose  Q_i = W_(i+1)^T at all times
    learned    by layer-wise reconstruction, while the gate `sleep` is open:
               dQ_i/dt = -eta_q ((Q_i t_i - h_i) t_i^T/(1 + |t_i|^2) + decay_q Q_i),  t_i is t_(i+1) of h_(i+1)
    drl        by the difference reconstruction loss, while the gate `sleep{i}` is open. Noise of the standard
               deviation `sigma` then perturbs h_i alone; hh_L = h_L. D means the difference from the free phase:
               dQ_i/dt = -eta_q ((D hh_i - noise_i) D t_(i+1)^T/sigma^2 + decay_q Q_i)

With `inverse=learned`, a unit `pool{i}` adds up the squares of t_i over layer i + 1 and sends the sum |t_i|^2 back
to that layer, because the rule of Q_i divides by 1 + |t_i|^2.

D t_(i+1) is the difference in t_(i+1) or, with direct feedback, in hh_L. Averaged over small noise, direct
feedback gives dQ_i/dt = -eta_q ((Q_i J_i - I) J_i^T + decay_q Q_i), where J_i is the Jacobian from layer i to the
output. Q_i tends to the damped pseudo-inverse J_i^T (J_i J_i^T + decay_q I)^-1, so targets are Gauss-Newton ones.

Both signals range from -span to span; they are sent as an event rate from 0 to `rate_max` and a burst probability
from 0 to 1. Values outside the range are clipped; `saturated` is 1 in units whose values are clipped.

Sources
-------
Thesis, chapter 6, eq. 6.43-6.59, with the conventions as corrected there. Difference reconstruction loss and
direct linear feedback: Meulemans et al. (2020), A theoretical framework for target propagation, eq. 10-12. Event
rate and burst probability as two signals of one axon: Naud & Sprekeler (2018), PNAS 115:E6329.

Errata applied
--------------
Eq. 6.43-6.44: time constants added. Eq. 6.46, 6.50: the apical voltage is Q_i s^-1(.), as in 6.23; s^-1(Q .)
cannot invert s(W .). Eq. 6.56: the nudge is -eta_hat times the error. Eq. 6.58: W_i learns from the difference of
layer i, not of layer i-1; `rule=printed` is the equation as printed, for study: the loss explodes, and W_1 does
not change. Eq. 10 of Meulemans et al.: 1/sigma^2 applies to both terms, and the second term is replaced by weight
decay, as in the experiments of that paper.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.mechanisms.apical_inverse import apical_inverse, check_inverse
from dendrosim.mechanisms.layer_chain import chain_weights, count_layers, input_layer

UNIT = """
dbasal/dt = (-basal + bottom_up)/tau_basal                     : 1    # basal dendrite
event_rate = rate_max*(0.5 + 0.5*clip(soma/span, -1, 1))       : Hz   # sent
h = span*(2*event_rate/rate_max - 1)                           : 1    # decoded above
goal = span*(2*burst_probability - 1)                          : 1    # decoded below: hh
bottom_up                                                      : 1    # fed by w
"""
HIDDEN = """
dapical/dt = (-apical + top_down)/tau_apical                   : 1    # apical dendrite
burst_probability = 0.5 + 0.5*clip(apical/span, -1, 1)         : 1    # sent
saturated = int(abs(soma) > span or abs(apical) > span)        : 1
top_down                                                       : 1    # fed by q
"""
TOP = """
burst_probability = 0.5 + 0.5*clip((h - teach*eta_hat*(h - target))/span, -1, 1) : 1 # sent
saturated = int(abs(soma) > span or abs(h - teach*eta_hat*(h - target)) > span) : 1
target                                                         : 1    # input
"""
HELD = "dheld/dt = hold*(goal - held)/tau_hold : 1   # hh of the free phase\n"
SOMA = "soma = s(basal)                      : 1   # somatic rate\n"
PERTURBED = """
soma = s(basal) + noise                      : 1   # somatic rate
noise                                        : 1   # input: perturbation while apical weights learn
"""
TARGET = {
    "inverse": "preimage = inv_s(goal)         : 1   # what the apical dendrites below get\n",
    "linear": "preimage = goal                 : 1   # what the apical dendrites below get\n",
}
CAUSE = {
    "inverse": "cause = inv_s(h)                : 1   # what they learn to invert\n",
    "linear": "cause = h                       : 1   # what they learn to invert\n",
}
POOLED = """
power = cause**2                             : 1
cause_power                                  : 1   # fed back by the pool: |cause|^2 of this layer
"""
POOL = "power : 1   # fed by ones: summed over the layer"
RECONSTRUCTION = "reconstruction               : 1   # fed by q from the cause above\n"
SHIFT = {
    "inverse": "shift = preimage - inv_s(held)  : 1   # what the perturbation changes above\n",
    "linear": "shift = goal - held              : 1   # what the perturbation changes above, or at the output\n",
}
DEVIATION = "deviation = goal - held            : 1\n"
BELOW = "below                                 : 1   # fed by one from the deviation of the layer below\n"
PLATEAU = """
error = ds(basal)*(goal - held)              : 1
plateau = error/sqrt(1 + (error/reach)**2)   : 1   # saturates
"""
RULES = {
    "bounded": "dw/dt = learn*eta*plateau_post*h_pre : 1",
    "difference": "dw/dt = learn*eta*ds(basal_post)*(goal_post - held_post)*h_pre : 1",
}
PRINTED = "dw/dt = learn*eta*ds(basal_post)*below_post*h_pre : 1"
APICAL = "dw/dt = sleep*eta_q*((h_post - reconstruction_post)*cause_pre/(1 + cause_power_pre) - decay_q*w) : 1"
DIFFERENCE = "dw/dt = sleep{i}*eta_q*((noise_post - (goal_post - held_post))*shift_pre/sigma**2 - decay_q*w) : 1"

LEARNING = ds.learning.Network(
    layers=("layer{i}.h",),
    weights=("w{i}",),
    feedback=("q{i}",),
    targets=("layer{i}.h + layer{i}.goal - layer{i}.held",),
    apical=("layer{i}.apical",),
)


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((5, 4, 4, 3), "units per layer, input first", least=1)
    tau_basal: ds.Quantity = ds.parameter("10 ms", "time constant of basal dendrites", above=0)
    tau_apical: ds.Quantity = ds.parameter("10 ms", "time constant of apical dendrites", above=0)
    tau_hold: ds.Quantity = ds.parameter("10 ms", "time constant of the held variable", above=0)
    transfer: str = ds.parameter("linear", "transfer function: linear, smooth_leaky or leaky_relu")
    eta_hat: float = ds.parameter(0.5, "size of the nudge towards the target", above=0)
    inverse: Literal["exact", "learned", "fixed", "transpose", "drl"] = ds.parameter(
        "learned", "kind of apical weights, as listed above"
    )
    inverse_error: float = ds.parameter(0.0, "relative error of fixed apical weights")
    feedback: Literal["layerwise", "direct"] = ds.parameter(
        "layerwise", "source of targets: the layer above or, with inverse=drl, the output"
    )
    rule: Literal["bounded", "difference", "printed"] = ds.parameter(
        "bounded",
        "signal from which basal weights learn; difference is eq. 6.58, printed has its misprint",
    )
    reach: float = ds.parameter(
        0.3,
        "largest learning signal, with rule=bounded",
        above=0,
        only={"rule": ("bounded", "printed")},
    )
    decoder: Literal["inverse", "linear"] | None = ds.parameter(
        None, "what apical dendrites receive (default: linear if the rule is bounded and Q learns)"
    )
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate of basal weights", above=0)
    eta_q: ds.Quantity = ds.parameter(
        "2 Hz",
        "learning rate of learned apical weights",
        above=0,
        only={"inverse": ("learned", "drl")},
    )
    decay_q: float = ds.parameter(
        1e-4,
        "decay of apical weights, relative to eta_q",
        least=0,
        only={"inverse": ("learned", "drl")},
    )
    sigma: float = ds.parameter(
        0.1, "sd of the noise, with inverse=drl", above=0, only={"inverse": "drl"}
    )
    span: float = ds.parameter(50.0, "largest rate and voltage that signals carry", above=0)
    rate_max: ds.Quantity = ds.parameter("20 Hz", "largest event rate", above=0)
    gain: float = ds.parameter(1.4, "largest singular value of initial basal weights", above=0)
    condition: float = ds.parameter(2.0, "condition number of initial basal weights")


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    ds.bijection(p.transfer)
    _check(p, last)
    reconstructs, drl = p.inverse == "learned" and last > 1, p.inverse == "drl" and last > 1
    populations = [input_layer(p.sizes[0])]
    for i in range(1, last + 1):
        inputs = {"noise": 0.0} if drl and i < last else ["target"] if i == last else ()
        text = _equations(i, last, p, reconstructs, drl)
        populations.append(
            ds.Population(f"layer{i}", p.sizes[i], text, transfer=p.transfer, inputs=inputs)
        )
    printed = p.rule == "printed"
    rules = [None] + [PRINTED] * (last - 1) if printed else [RULES[p.rule]] * last
    initial = ds.WellConditioned(p.gain, p.condition)
    matrices, projections = chain_weights(initial, rules, "bottom_up")
    for i in range(2, last + 1) if printed else ():
        layer, below = f"layer{i}", f"layer{i - 1}"
        matrices.append(ds.Matrix(f"one{i}", layer, below, ds.Identity()))
        projections.append(ds.Projection(f"{below}.deviation", f"one{i}", f"{layer}.below"))
    for i in range(1, last):
        projections += _apical(i, last, p, matrices)
        if reconstructs:
            above, pool, ones = f"layer{i + 1}", f"pool{i}", f"ones{i}"
            populations.append(ds.Population(pool, 1, POOL))
            matrices.append(ds.Matrix(ones, post=pool, pre=above, initial=1.0))
            projections += [
                ds.Projection(f"{above}.power", ones, f"{pool}.power"),
                ds.Projection(f"{pool}.power", ones, f"{above}.cause_power", transpose=True),
            ]
    gates = {"learn": 0.0, "teach": 0.0, "hold": 1.0}
    gates |= {"sleep": 0.0} if reconstructs else {}
    gates |= {f"sleep{i}": 0.0 for i in range(1, last)} if drl else {}
    eta = ds.Quantity(float(p.eta.value) / p.eta_hat, p.eta.dimension)
    return ds.Circuit(populations, matrices, projections, p.with_values(eta=eta), gates)


def _equations(i, last, p, reconstructs, drl):
    """Return the equations of layer i."""
    layerwise, decoder = p.feedback == "layerwise", _decoder(p)
    text = UNIT + (TOP if i == last else HIDDEN) + HELD + (PERTURBED if drl and i < last else SOMA)
    text += TARGET[decoder] if i > 1 and layerwise else ""
    text += CAUSE[decoder] + POOLED if i > 1 and reconstructs else ""
    text += RECONSTRUCTION if i < last and reconstructs else ""
    shift = decoder if layerwise else "linear"
    text += SHIFT[shift] if drl and (i == last or (i > 1 and layerwise)) else ""
    text += PLATEAU if p.rule == "bounded" else ""
    if p.rule == "printed":
        text += (DEVIATION if i < last else "") + (BELOW if i > 1 else "")
    return text


def _decoder(p):
    """Return what apical dendrites receive: `linear` or `inverse`."""
    learns = p.inverse in ("learned", "drl")
    return p.decoder or ("linear" if p.rule == "bounded" and learns else "inverse")


def _apical(i, last, p, matrices):
    """Add the apical weights of layer i to `matrices`, and return their projections."""
    layer, above = f"layer{i}", f"layer{i + 1}"
    source, target, q = f"{above}.preimage", f"{layer}.top_down", f"q{i}"
    if p.inverse == "transpose":
        return [ds.Projection(source, f"w{i + 1}", target, transpose=True)]
    rule = {"learned": APICAL, "drl": DIFFERENCE.format(i=i)}.get(p.inverse)
    if p.feedback == "direct":
        matrices.append(ds.Matrix(q, layer, f"layer{last}", plasticity=rule))
        return [ds.Projection(f"layer{last}.goal", q, target)]
    matrices.append(apical_inverse(i, p.inverse, p.inverse_error, rule))
    projections = [ds.Projection(source, q, target)]
    if p.inverse == "learned":
        projections.append(ds.Projection(f"{above}.cause", q, f"{layer}.reconstruction"))
    return projections


def _check(p, last):
    """Refuse parameters that do not fit together."""
    sizes = p.sizes
    check_inverse(sizes, p.inverse, p.inverse_error)
    if p.feedback == "direct" and p.inverse != "drl":
        raise ds.errors.ParameterError(
            f"feedback is direct and inverse is {p.inverse}; only inverse=drl learns direct feedback"
        )
    if p.rule == "printed" and last < 2:
        raise ds.errors.ShapeError(
            f"sizes is {sizes}; by the rule as printed layer 1 does not learn, so there must be a layer 2"
        )
    if p.rule == "printed" and len(set(sizes[1:])) > 1:
        raise ds.errors.ShapeError(
            f"sizes is {sizes}; the rule as printed subtracts activities of the layer below, so layers 1 to "
            f"{last} must have one size"
        )
