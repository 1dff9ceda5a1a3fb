"""Multiplexed target propagation: basal dendrites carry activity up, apical ones carry targets down, on one axon.

Each unit sends two bounded signals, an event rate that reads out its somatic rate s(a^b) and a burst probability
that reads out its apical voltage a^a; the units above and below decode them, and learning uses what was decoded.

    tau_b da^b_i/dt = -a^b_i + W_i h_(i-1),           i = 1 .. L
    tau_a da^a_i/dt = -a^a_i + Q_i s^-1(hh_(i+1)),    i = 1 .. L-1   (feedback=layerwise)
    tau_a da^a_i/dt = -a^a_i + Q_i hh_L,              i = 1 .. L-1   (feedback=direct)
    h_i = decoded event rate, s(a^b_i) within its range;  hh_i = decoded burst probability, a^a_i within its range
    hh_L = h_L - eta_hat (h_L - y) while the gate `teach` is open, else h_L
    dW_i/dt = -eta_i s'(a^b_i) o (hh_i^free - hh_i) h_(i-1)^T,   eta_i = eta/eta_hat

hh^free is held by a slow variable, which follows hh while the gate `hold` is open. The two pathways do not act on
each other, so the signal does not fall towards the bottom.

Apical weights (`inverse`):

    exact      Q_i is the inverse of W_(i+1) at all times
    fixed      Q_i = (1 + inverse_error) W_(i+1)^-1 of the initial weights (pseudo-inverse where not square)
    transpose  Q_i = W_(i+1)^T at all times
    learned    by layer-wise reconstruction, while the gate `sleep` is open:
               dQ_i/dt = -eta_q ((Q_i t_i - h_i) t_i^T/(1 + |t_i|^2) + decay_q Q_i),  t_i = s^-1(h_(i+1))
    drl        by the difference reconstruction loss, while `noise` of standard deviation `sigma` perturbs h_i (and
               no other layer), hh_L = h_L, and the gate `sleep{i}` is open; D is the difference to the free phase:
               dQ_i/dt = -eta_q ((D hh_i - noise_i) D t_(i+1)^T/sigma^2 + decay_q Q_i)

Where they learn by reconstruction, one unit `pool{i}` sums |t_i|^2 over layer i + 1 and gives it back to that
layer, whose signal it divides.

D t_(i+1) is that of s^-1(hh_(i+1)), or of hh_L with direct feedback. Averaged over small noise, direct feedback
follows dQ_i/dt = -eta_q ((Q_i J_i - I) J_i^T + decay_q Q_i), J_i the Jacobian from layer i to the output, to
the damped pseudo-inverse J_i^T (J_i J_i^T + decay_q I)^-1: the targets are those of Gauss and Newton.

The range of a signal is -span to span: event rate 0 to `rate_max`, burst probability 0 to 1. What lies outside is
cut off; `saturated` says which units are there.

Sources
-------
Thesis, chapter 6, eq. 6.43-6.59; conventions as corrected there. Difference reconstruction loss and direct linear
feedback: Meulemans et al. (2020), A theoretical framework for target propagation, eq. 10-12. Event rate and burst
probability as two signals of one axon: Naud & Sprekeler (2018), PNAS 115:E6329.

Errata applied
--------------
Eq. 6.43-6.44: time constants added. Eq. 6.46, 6.50: the apical voltage is Q_i s^-1(.), form 6.23, since s^-1(Q .)
cannot invert s(W .). Eq. 6.56: the nudge is -eta_hat times the error. Eq. 6.58: the difference is taken of layer
i, not of layer i-1; `rule=printed` takes it as printed, for study: the loss explodes, and W_1 stays as it is.
Eq. 10 of Meulemans et al.: 1/sigma^2 applies to both terms, the second of which is weight decay, as in the
experiments of that paper.
"""

from typing import Literal

import dendrosim as ds

LAYER = """
dbasal/dt = (-basal + bottom_up)/tau_basal                     : 1    # basal dendrite
dapical/dt = (-apical + top_down)/tau_apical                   : 1    # apical dendrite
event_rate = rate_max*(0.5 + 0.5*clip(soma/span, -1, 1))       : Hz   # sent
burst_probability = 0.5 + 0.5*clip(apical/span, -1, 1)         : 1    # sent
h = span*(2*event_rate/rate_max - 1)                           : 1    # decoded above
goal = span*(2*burst_probability - 1)                          : 1    # decoded below: hh
saturated = int(abs(soma) > span or abs(apical) > span)        : 1
dheld/dt = hold*(goal - held)/tau_hold                         : 1    # hh of the free phase
bottom_up                                                      : 1    # fed by w
top_down                                                       : 1    # fed by q
"""
TOP = """
dbasal/dt = (-basal + bottom_up)/tau_basal                     : 1    # basal dendrite
event_rate = rate_max*(0.5 + 0.5*clip(soma/span, -1, 1))       : Hz   # sent
burst_probability = 0.5 + 0.5*clip((h - teach*eta_hat*(h - target))/span, -1, 1) : 1 # sent
h = span*(2*event_rate/rate_max - 1)                           : 1    # decoded, the output
goal = span*(2*burst_probability - 1)                          : 1    # decoded below: hh
saturated = int(abs(soma) > span or abs(h - teach*eta_hat*(h - target)) > span) : 1
dheld/dt = hold*(goal - held)/tau_hold                         : 1    # hh of the free phase
bottom_up                                                      : 1    # fed by w
target                                                         : 1    # input
"""
SOMA = "soma = s(basal)                      : 1   # somatic rate\n"
PERTURBED = """
soma = s(basal) + noise                      : 1   # somatic rate
noise                                        : 1   # input: perturbation while apical weights learn
"""
TARGET = "preimage = inv_s(goal)             : 1   # what the apical dendrites below get\n"
CAUSE = "cause = inv_s(h)                    : 1   # what they learn to invert\n"
POOLED = """
power = cause**2                             : 1
cause_power                                  : 1   # fed back by the pool: |cause|^2 of this layer
"""
POOL = "power : 1   # fed by ones: summed over the layer"
RECONSTRUCTION = "reconstruction               : 1   # fed by q from the cause above\n"
SHIFT = {
    "layerwise": "shift = preimage - inv_s(held) : 1   # what the perturbation changes above\n",
    "direct": "shift = goal - held               : 1   # what the perturbation changes at the output\n",
}
DEVIATION = "deviation = goal - held            : 1\n"
BELOW = "below                                 : 1   # fed by one from the deviation of the layer below\n"
BASAL = "dw/dt = learn*eta*ds(basal_post)*(goal_post - held_post)*h_pre : 1"
PRINTED = "dw/dt = learn*eta*ds(basal_post)*below_post*h_pre : 1"
APICAL = "dw/dt = sleep*eta_q*((h_post - reconstruction_post)*cause_pre/(1 + cause_power_pre) - decay_q*w) : 1"
DIFFERENCE = "dw/dt = sleep{i}*eta_q*((noise_post - (goal_post - held_post))*shift_pre/sigma**2 - decay_q*w) : 1"


def circuit(
    *,
    sizes: tuple[int, ...] = (5, 4, 4, 3),
    tau_basal: ds.Quantity = "10 ms",
    tau_apical: ds.Quantity = "10 ms",
    tau_hold: ds.Quantity = "10 ms",
    transfer: str = "linear",
    eta_hat: float = 0.5,
    inverse: Literal["exact", "learned", "fixed", "transpose", "drl"] = "learned",
    inverse_error: float = 0.0,
    feedback: Literal["layerwise", "direct"] = "layerwise",
    rule: Literal["difference", "printed"] = "difference",
    eta: ds.Quantity = "1 Hz",
    eta_q: ds.Quantity = "2 Hz",
    decay_q: float = 1e-4,
    sigma: float = 0.1,
    span: float = 50.0,
    rate_max: ds.Quantity = "20 Hz",
    gain: float = 1.4,
    condition: float = 2.0,
) -> ds.Circuit:
    """Return a chain of layers, learning by multiplexed target propagation.

    Parameters
    ----------
    sizes
        Units per layer, input first; `layer0.h` and the last layer's `target` are inputs.
    tau_basal
        Time constant of basal dendrites.
    tau_apical
        Time constant of apical dendrites.
    tau_hold
        Time constant with which the held variable follows in the free phase.
    transfer
        A bijection of the real line: linear, smooth_leaky or leaky_relu.
    eta_hat
        Size of the nudge towards the target.
    inverse
        Kind of apical weights.
    inverse_error
        Relative error of fixed apical weights.
    feedback
        Whether targets come from the layer above, or from the output directly (with inverse=drl).
    rule
        What the basal weights learn from: `printed` is eq. 6.58 with its misprint, which explodes.
    eta
        Learning rate of basal weights.
    eta_q
        Learning rate of learned apical weights.
    decay_q
        Their decay, relative to that rate; with inverse=drl the damping of the pseudo-inverse.
    sigma
        Standard deviation of the noise with which apical weights learn (with inverse=drl).
    span
        Largest size of rates and apical voltages that the two signals can carry.
    rate_max
        Largest event rate.
    gain
        Largest singular value of the initial basal weights.
    condition
        Their condition number.
    """
    if len(sizes) < 2:
        raise ds.errors.ParameterError(
            f"sizes is {sizes}; there must be an input and an output layer"
        )
    ds.positive(sizes=sizes, tau_basal=tau_basal, tau_apical=tau_apical, tau_hold=tau_hold)
    ds.positive(eta=eta, eta_q=eta_q, eta_hat=eta_hat, span=span, rate_max=rate_max, gain=gain)
    ds.positive(sigma=sigma)
    ds.not_negative(decay_q=decay_q)
    ds.bijection(transfer)
    last = len(sizes) - 1
    _check(sizes, inverse, inverse_error, feedback, rule)
    reconstructs, drl = inverse == "learned" and last > 1, inverse == "drl" and last > 1
    populations = [ds.Population("layer0", sizes[0], "h : 1", inputs=["h"])]
    matrices, projections = [], []
    for i in range(1, last + 1):
        text = (TOP if i == last else LAYER) + (PERTURBED if drl and i < last else SOMA)
        text += TARGET if i > 1 and feedback == "layerwise" else ""
        text += CAUSE + POOLED if i > 1 and reconstructs else ""
        text += RECONSTRUCTION if i < last and reconstructs else ""
        text += (
            SHIFT[feedback] if drl and (i == last or (i > 1 and feedback == "layerwise")) else ""
        )
        plasticity = BASAL
        if rule == "printed":
            text += (DEVIATION if i < last else "") + (BELOW if i > 1 else "")
            plasticity = PRINTED if i > 1 else None
        inputs = {"noise": 0.0} if drl and i < last else ["target"] if i == last else ()
        populations.append(
            ds.Population(f"layer{i}", sizes[i], text, transfer=transfer, inputs=inputs)
        )
        matrices.append(
            ds.Matrix(
                f"w{i}",
                post=f"layer{i}",
                pre=f"layer{i - 1}",
                initial=ds.WellConditioned(gain, condition),
                plasticity=plasticity,
            )
        )
        projections.append(ds.Projection(f"layer{i - 1}.h", f"w{i}", f"layer{i}.bottom_up"))
        if rule == "printed" and i > 1:
            one = ds.Matrix(f"one{i}", post=f"layer{i}", pre=f"layer{i - 1}", initial=ds.Identity())
            matrices.append(one)
            projections.append(
                ds.Projection(f"layer{i - 1}.deviation", f"one{i}", f"layer{i}.below")
            )
    for i in range(1, last):
        add = _direct if feedback == "direct" else _layerwise
        projections += add(i, last, inverse, inverse_error, matrices)
        if reconstructs:
            above, pool, ones = f"layer{i + 1}", f"pool{i}", f"ones{i}"
            populations.append(ds.Population(pool, 1, POOL))
            matrices.append(ds.Matrix(ones, post=pool, pre=above, initial=1.0))
            projections += [
                ds.Projection(f"{above}.power", ones, f"{pool}.power"),
                ds.Projection(f"{pool}.power", ones, f"{above}.cause_power", transpose=True),
            ]
    parameters = {
        "tau_basal": tau_basal, "tau_hold": tau_hold, "eta_hat": eta_hat, "span": span,
        "rate_max": rate_max, "eta": ds.Quantity(float(eta.value) / eta_hat, eta.dimension),
    }  # fmt: skip
    parameters |= {"tau_apical": tau_apical} if last > 1 else {}
    parameters |= {"eta_q": eta_q, "decay_q": decay_q} if reconstructs or drl else {}
    parameters |= {"sigma": sigma} if drl else {}
    gates = {"learn": 0.0, "teach": 0.0, "hold": 1.0}
    gates |= {"sleep": 0.0} if reconstructs else {}
    gates |= {f"sleep{i}": 0.0 for i in range(1, last)} if drl else {}
    return ds.Circuit(populations, matrices, projections, parameters, gates)


def _check(sizes, inverse, inverse_error, feedback, rule):
    last = len(sizes) - 1
    if inverse == "exact" and len(set(sizes[1:])) > 1:
        raise ds.errors.ShapeError(
            f"sizes is {sizes}; exact inverses need layers 1 to {last} of one size (layer 0 may differ), or "
            "choose inverse=learned or inverse=fixed"
        )
    if inverse_error and inverse != "fixed":
        raise ds.errors.ParameterError(
            f"inverse_error is {inverse_error}, but has a meaning with inverse=fixed only; leave it out"
        )
    if feedback == "direct" and inverse != "drl":
        raise ds.errors.ParameterError(
            f"feedback is direct and inverse is {inverse}; direct feedback is learned by inverse=drl only"
        )
    if rule == "printed" and last < 2:
        raise ds.errors.ShapeError(
            f"sizes is {sizes}; by the rule as printed layer 1 does not learn, so there must be a second one"
        )
    if rule == "printed" and len(set(sizes[1:])) > 1:
        raise ds.errors.ShapeError(
            f"sizes is {sizes}; the rule as printed subtracts activities of the layer below, so layers 1 to "
            f"{last} must have one size"
        )


def _direct(i, last, inverse, inverse_error, matrices):
    """Add apical weights from the output to layer i and return their projection."""
    top = f"layer{last}"
    matrices.append(
        ds.Matrix(f"q{i}", post=f"layer{i}", pre=top, plasticity=DIFFERENCE.format(i=i))
    )
    return [ds.Projection(f"{top}.goal", f"q{i}", f"layer{i}.top_down")]


def _layerwise(i, last, inverse, inverse_error, matrices):
    """Add apical weights from the layer above to layer i and return what they take part in."""
    name, above = f"q{i}", f"layer{i + 1}"
    source, target = f"{above}.preimage", f"layer{i}.top_down"
    if inverse == "transpose":
        return [ds.Projection(source, f"w{i + 1}", target, transpose=True)]
    more, options = [], {}
    if inverse == "exact":
        options["inverse_of"] = f"w{i + 1}"
    else:
        options["initial"] = ds.PseudoInverse(f"w{i + 1}", 1 + inverse_error)
    if inverse == "drl":
        options["plasticity"] = DIFFERENCE.format(i=i)
    if inverse == "learned":
        options["plasticity"] = APICAL
        more = [ds.Projection(f"{above}.cause", name, f"layer{i}.reconstruction")]
    matrices.append(ds.Matrix(name, post=f"layer{i}", pre=above, **options))
    return [ds.Projection(source, name, target), *more]
